"""Columns of parquet, out of numpy arrays and text.

Not by ``pyarrow.array``: to learn whether a list may be a series it imports pandas, where that is
installed, and each process that scores would start half a second later.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.scoring.names import text_of


def values(given: NDArray[Any], missing: NDArray[np.bool_] | None = None) -> Any:
    """(N,) numbers or booleans as a pyarrow array, null where ``missing``, (N,), says so."""
    import pyarrow

    kind = pyarrow.from_numpy_dtype(given.dtype)
    data = _bits(given) if given.dtype == bool else pyarrow.py_buffer(given)
    return pyarrow.Array.from_buffers(kind, len(given), [_validity(missing), data])


def texts(given: Sequence[str | None]) -> Any:
    """Strings as a pyarrow array, null where there is none."""
    import pyarrow

    encoded = [b"" if text is None else text_of(text).encode() for text in given]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    missing = np.array([text is None for text in given], bool)
    data = [pyarrow.py_buffer(ends), pyarrow.py_buffer(b"".join(encoded))]
    return pyarrow.Array.from_buffers(pyarrow.string(), len(given), [_validity(missing), *data])


def places_in(file: str, start: int, stop: int) -> Any:
    """``file[start]`` to ``file[stop - 1]`` as a pyarrow array of strings."""
    from pyarrow import compute

    before, after, nothing = texts([f"{file}[", "]", ""])
    numbers = values(np.arange(start, stop)).cast("string")
    return compute.binary_join_element_wise(before, numbers, after, nothing)


def _validity(missing: NDArray[np.bool_] | None) -> Any:
    return None if missing is None or not missing.any() else _bits(~missing)


def _bits(given: NDArray[np.bool_]) -> Any:
    import pyarrow

    return pyarrow.py_buffer(np.packbits(given, bitorder="little"))
