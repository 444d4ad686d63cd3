"""Pretrained backbones: which take part, what they cost, and the models on them."""
