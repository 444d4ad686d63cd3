"""Architectures: one file for each network family."""
