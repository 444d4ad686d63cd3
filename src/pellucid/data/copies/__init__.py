"""Copies: exact and near ones of images and of texts, and the sets of examples that they hold together."""
