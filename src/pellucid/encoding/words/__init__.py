"""Words: their positions in texts of any script, worked out on whole arrays."""
