"""Judging: candidates are calibrated, recommended and tested once, and the run says what it found."""
