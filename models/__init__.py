"""What is learned from the panel: targets, baselines, boosting, calibration, explanations."""
