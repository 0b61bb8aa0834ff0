"""What is known, and when: catalogue, sources, datasets, store, signals, panel."""
