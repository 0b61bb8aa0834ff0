"""The HTTP service: it reads what was published, answers from memory, and never writes a forecast."""
