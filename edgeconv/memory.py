"""Freed memory that the C library keeps for itself."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Hand freed memory back to the operating system, where glibc is the C library.

    Converters free gigabytes in small pieces, which glibc would keep: some 5 GB after Core ML's for
    CLIP ViT-L/14. Source: ``malloc_trim(3)``.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)
