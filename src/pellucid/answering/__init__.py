"""Answering: everything that uses a finished model; nothing here trains one."""
