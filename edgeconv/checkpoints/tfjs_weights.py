"""The weights of TensorFlow.js: a manifest that lists them, and shards of bytes beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import CorruptCheckpoint, FileError, UnsafeCheckpoint
from edgeconv.files import inside

_STORED_AS = {
    "float32": {"uint8": "<u1", "uint16": "<u2", "float16": "<f2", "float32": "<f4"},
    "int32": {"int32": "<i4"},
    "bool": {"bool": "?"},
}


def tensors(
    manifest: Sequence[Mapping[str, Any]], folder: Path, where: str
) -> Iterator[tuple[str, NDArray[Any]]]:
    """All tensors by name, in the manifest's order; quantised ones widened to float32.

    Args:
        manifest: the ``weightsManifest`` of a ``model.json``.
        folder: where the shards lie.
        where: the ``model.json``, for the errors.

    Raises:
        UnsafeCheckpoint: a shard lies outside the folder.
        CorruptCheckpoint: the shards' bytes are not those the manifest lists.
        KeyError, TypeError, ValueError, AttributeError: the manifest is not of that form.
    """
    for group in manifest:
        weights = group["weights"]
        sizes = [_stored_dtype(weight).itemsize * _count(weight) for weight in weights]
        data = _shards(group["paths"], sum(sizes), folder, where)
        offset = 0
        for weight, size in zip(weights, sizes, strict=True):
            stored = np.frombuffer(data[offset : offset + size], _stored_dtype(weight))
            yield str(weight["name"]), _widened(stored, weight).reshape(weight["shape"])
            offset += size


def _count(weight: Mapping[str, Any]) -> int:
    shape = weight["shape"]
    if not all(type(side) is int and side >= 0 for side in shape):
        raise ValueError(f"{weight['name']} has the shape {shape}")
    return math.prod(shape)


def _stored_dtype(weight: Mapping[str, Any]) -> np.dtype[Any]:
    stored_as = weight.get("quantization", weight)["dtype"]
    if stored_as not in _STORED_AS.get(weight["dtype"], {}):
        raise ValueError(f"{weight['name']} is {weight['dtype']}, stored as {stored_as}")
    return np.dtype(_STORED_AS[weight["dtype"]][stored_as])


def _widened(stored: NDArray[Any], weight: Mapping[str, Any]) -> NDArray[Any]:
    if weight["dtype"] != "float32":
        return stored
    if stored.dtype.kind == "f":
        return stored.astype(np.float32)
    quantization = weight["quantization"]
    # TensorFlow.js computes in double and rounds once.
    values = stored.astype(np.float64) * float(quantization["scale"]) + float(quantization["min"])
    return values.astype(np.float32)


def _shards(names: list[str], size: int, folder: Path, where: str) -> bytes:
    """The bytes of all shards of one group, which must be ``size`` in all."""
    files = [_shard(folder, name, where) for name in names]
    found = sum(file.stat().st_size for file in files)
    if found != size:
        raise CorruptCheckpoint(
            f"the shards of {where} are too {'short' if found < size else 'long'}",
            got=f"{found:,} bytes in {', '.join(names)}",
            expected=f"{size:,} bytes",
            do="fetch the checkpoint again",
        )
    return b"".join(file.read_bytes() for file in files)


def _shard(folder: Path, name: str, where: str) -> Path:
    try:
        file = inside(folder, name)
    except FileError as error:
        raise UnsafeCheckpoint(
            f"{where} names a shard outside its folder", got=name, expected="a plain file name"
        ) from error
    if not file.is_file():
        raise CorruptCheckpoint(
            f"a shard of {where} is missing", got=name, do="fetch the checkpoint again"
        )
    if file.resolve().parent != folder.resolve():
        raise UnsafeCheckpoint(
            f"a shard of {where} is a link out of its folder",
            got=f"{name} -> {file.resolve()}",
            do="copy the files themselves into one folder",
        )
    return file
