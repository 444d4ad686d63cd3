"""Targets of the fuzzer: what a stranger may hand over, made whole, then changed and tried."""
