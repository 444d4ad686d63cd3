"""Sources: whatever form data has, all of it is read with its labels, or row by row without them."""
