"""Features: what classical models see of images and texts."""
