"""Pretrained word vectors out of local files."""
