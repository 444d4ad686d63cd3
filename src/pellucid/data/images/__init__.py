"""Images: decoded, resized, cached and varied."""
