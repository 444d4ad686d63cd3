"""Labelling: examples chosen, shown and labelled by keyboard, with an audit that no choice has touched."""
