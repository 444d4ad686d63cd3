"""Labels as text and as numbers, read strictly."""
