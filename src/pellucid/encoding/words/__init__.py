"""Words: where they lie in texts of any script, worked out on whole arrays."""
