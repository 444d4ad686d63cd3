"""Explanations: what in the input drove the answer, and the tests they have to stand."""
