"""Choices among the columns of a table: those asked for, those joined, and the labels."""
