"""N-grams and their TF-IDF weights."""
