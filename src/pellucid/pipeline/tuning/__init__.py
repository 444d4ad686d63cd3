"""Tuning: settings of a network searched by trials, and the best of them judged against the default."""
