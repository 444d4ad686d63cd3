"""Reading: DATA in any of its forms becomes a listing, INPUT becomes inputs of a model."""
