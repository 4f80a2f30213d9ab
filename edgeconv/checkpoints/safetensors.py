"""safetensors: tensors by name. Also how edgeconv itself keeps weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgeconv.checkpoints import bfloat16
from edgeconv.checkpoints.checkpoint import Checkpoint
from edgeconv.checkpoints.fitting import weighted_layers
from edgeconv.checkpoints.strict_json import parse_object
from edgeconv.errors import CorruptCheckpoint
from edgeconv.files import write_atomically

_LENGTH_BYTES = 8
_STORED_AS = {
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "U8": "u1",
    "BOOL": "?",
}


def recognises(path: Path) -> bool:
    """Whether this is a ``.safetensors`` file, by its name: the format has no magic number."""
    return path.is_file() and path.suffix == ".safetensors"


def read(path: Path) -> Checkpoint:
    """Read all tensors, as :func:`read_tensors`."""
    return Checkpoint(path, "safetensors", read_tensors(path))


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """All tensors by name; bfloat16 as float32.

    Raises:
        CorruptCheckpoint: it is truncated or malformed, a key stands twice in its header, or a
            tensor is of a type that no weight or buffer of a checkpoint has.
    """
    from safetensors import SafetensorError, safe_open

    data = path.read_bytes()
    header, start = _header(data, path.name)
    try:
        # That offsets fit shapes, and together cover the data, is for the library to check.
        with safe_open(path, framework="np"):
            pass
    except SafetensorError as error:
        raise CorruptCheckpoint(
            f"{path.name} is no sound safetensors file",
            got=str(error),
            do="it may be truncated: copy or download it again",
        ) from error
    return {name: _tensor(data, start, entry) for name, entry in header.items()}


def write(model: Any, path: Path, dtype: Literal["float16", "float32"] = "float32") -> None:
    """Save the weights of a model, as ``layer/weight``; the same weights give the same bytes.

    Args:
        model: a flat ``tf_keras.Model``.
        path: where to; what was there is replaced in one step.
        dtype: of the kernels and biases. What normalises stays float32: moving variances leave
            the range of float16.

    Raises:
        FileError: the file cannot be written.
    """
    from safetensors.numpy import save

    tensors = {}
    for layer in weighted_layers(model):
        kept = "float32" if layer.kind.endswith("Normalization") else dtype
        values = model.get_layer(layer.name).get_weights()
        for (name, _), value in zip(layer.weights, values, strict=True):
            tensors[f"{layer.name}/{name}"] = np.ascontiguousarray(value, dtype=kept)
    write_atomically(path, save(tensors))


def _header(data: bytes, where: str) -> tuple[dict[str, Any], int]:
    """What is said of each tensor, and where their data start.

    The safetensors library lets keys pass that stand twice.
    """
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    start = _LENGTH_BYTES + length
    if len(data) < start:
        raise CorruptCheckpoint(
            f"{where} is no sound safetensors file",
            got=f"{len(data):,} bytes",
            expected=f"a header of {length:,} bytes",
            do="it may be truncated: copy or download it again",
        )
    header = parse_object(data[_LENGTH_BYTES:start], f"the header of {where}")
    header.pop("__metadata__", None)
    for name, entry in header.items():
        dtype = entry.get("dtype") if isinstance(entry, dict) else None
        if dtype not in _STORED_AS:
            raise CorruptCheckpoint(
                f"{where} holds a tensor that cannot be read",
                got=f"{name} of {dtype}",
                expected="one of " + ", ".join(_STORED_AS),
            )
    return header, start


def _tensor(data: bytes, start: int, entry: Mapping[str, Any]) -> NDArray[Any]:
    begin, end = entry["data_offsets"]
    dtype = np.dtype(_STORED_AS[entry["dtype"]])
    count = (end - begin) // dtype.itemsize
    values: NDArray[Any] = np.frombuffer(data, dtype, count, start + begin)
    if entry["dtype"] == "BF16":
        values = bfloat16.widened(values)
    tensor: NDArray[Any] = values.reshape(entry["shape"])
    return tensor
