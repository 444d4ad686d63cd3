"""From texts to numbers: tokens, n-grams and TF-IDF, fitted on training texts and saved as JSON."""
