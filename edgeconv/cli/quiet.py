"""Keeps the chatter of tensorflow and the converters off the terminal.

Their C++ writes straight to file descriptor 2, and no log level stops it all. What edgeconv itself
says goes to a copy of that descriptor. ``EDGECONV_VERBOSE=1`` lets everything through.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings

VERBOSE = "EDGECONV_VERBOSE"


def quieten_libraries() -> None:
    """From now on only Python's ``sys.stderr`` reaches the terminal, and no foreign warning."""
    if os.environ.get(VERBOSE):
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read when tensorflow is imported
    warnings.simplefilter("ignore")
    logging.getLogger("absl").setLevel(logging.ERROR)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    terminal = os.dup(2)
    sys.stderr = os.fdopen(terminal, "w", buffering=1, encoding="utf-8", errors="replace")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
