"""What was tried to forecast better, each idea on the same rows as the reference, kept with what it gave."""
