"""The page that holds a whole model: what it tells its script, and the script itself."""
