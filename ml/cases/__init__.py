"""Known crises, looked at again: what the signals showed in the weeks before, and how long after."""
