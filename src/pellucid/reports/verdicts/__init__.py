"""Verdicts at the head of a report: on models of classes, of numbers and on those that make images."""
