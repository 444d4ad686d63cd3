"""Inputs on their way to a model: made ready block by block, ahead of its answers."""
