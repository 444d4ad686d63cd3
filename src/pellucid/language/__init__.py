"""Language: the language of what people read, and the catalogue of its sentences."""
