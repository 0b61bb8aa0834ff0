"""One module per upstream: where it lives, its licence and lag, and how its payload is read."""
