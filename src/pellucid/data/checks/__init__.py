"""Checks: copies, leaks and other findings, and the ledger of every example."""
