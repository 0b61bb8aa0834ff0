"""The data that ships inside oresight; ATTRIBUTION.md says whose they are."""
