"""How good intervals are: coverage per year and slice, what abstaining would cost, and what alerts stand on."""
