"""Warnings: rules, the state of each warning, texts, channels, and who is told in which order."""
