"""Features of images and texts for classical models."""
