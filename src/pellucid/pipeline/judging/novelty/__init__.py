"""Novelty of inputs: detectors for every model of a run, and how well they tell synthetic outliers."""
