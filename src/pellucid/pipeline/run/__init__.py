"""A run: its folder, its settings and journal, and what is shown while it works."""
