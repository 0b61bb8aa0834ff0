"""Feature families: each turns datasets into step functions of knowledge time."""
