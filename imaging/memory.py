"""Memory that is given back to the system as soon as an array is let go."""

from __future__ import annotations

import ctypes
import sys

MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD, source: glibc, malloc.h
LEAST_BYTES = 4 << 20  # larger arrays get pages of their own


def give_back_large_arrays() -> None:
    """Have freed arrays above 4 MB returned to the system at once; does so with glibc only.

    By itself the C library raises the limit to 32 MB as the program runs, and holes that smaller
    arrays leave are kept: a sixth of the peak of finding structures.
    """
    if not sys.platform.startswith("linux"):
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(MMAP_THRESHOLD, LEAST_BYTES)
