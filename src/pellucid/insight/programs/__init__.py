"""Networks of several parts as programs: what their losses ask, step by step."""
