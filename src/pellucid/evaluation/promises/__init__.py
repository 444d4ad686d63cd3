"""Promises about answers: abstention that keeps an error, and sets that hold the truth."""
