"""Data sets in many files or in one container: archives, shards, saved data sets, tables beside images."""
