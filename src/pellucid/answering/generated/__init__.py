"""Answers of a trained generator: new images, and the oddest of a data set."""
