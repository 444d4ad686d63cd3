"""Judging generators: the bound on held-out images, and measures of the images that each generator makes."""
