"""Fetching files from publishers: only where a source may go, only so much, only so long."""
