"""A setting of the C library: memory that a step frees is kept, because the next step needs it again."""

import ctypes
import sys

# Names of glibc's <malloc.h>; the values are part of its ABI.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


def keep_freed_memory() -> bool:
    """Keep large freed blocks in the process instead of giving them back after every step.

    By default glibc maps every block above 32 MB afresh, and each page of it faults when it is
    first touched: activations of large images or batches pay that in every step. The setting
    holds for the whole process; numbers do not change. False on systems without glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        library = ctypes.CDLL("libc.so.6")
        return bool(library.mallopt(_TRIM_THRESHOLD, 2**31 - 1) and library.mallopt(_MMAP_THRESHOLD, 2**30))
    except (OSError, AttributeError):
        return False
