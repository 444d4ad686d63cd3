"""Explanations: parts of the input that drove the answer, and the tests they have to stand."""
