"""Exports of less precision: smaller weights, which have to prove that they are worth it."""
