"""Tokens: texts as ids of words, sub-words, characters or bytes."""
