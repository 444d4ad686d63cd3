"""Sections on how far the answers can be trusted: probabilities, novelty, abstention, and weak groups."""
