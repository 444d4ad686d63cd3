"""Measures of made images: distances, coverage, memorisation, and a plain generator beside."""
