"""The pipeline: train and compare models, from DATA to the finished run."""
