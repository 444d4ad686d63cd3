"""Safety: untrusted files read within limits of size, time and memory, and files written atomically."""
