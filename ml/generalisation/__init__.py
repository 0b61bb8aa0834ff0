"""How far the champion carries: what it never saw, crises, large suppliers and re-exporters, each by itself."""
