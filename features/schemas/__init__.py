"""The typed tables by subject; `features/datasets.py` has them all by name."""
