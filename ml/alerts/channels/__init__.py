"""The ways a message leaves: one module per kind of channel."""
