"""Texts: any number of them in one flat store, and what counts as one."""
