"""safetensors: tensors by name. Also how edgeconv itself keeps weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from edgeconv.checkpoints.checkpoint import Checkpoint
from edgeconv.checkpoints.fitting import weighted_layers
from edgeconv.checkpoints.strict_json import parse_object
from edgeconv.errors import CorruptCheckpoint
from edgeconv.files import write_atomically

_LENGTH_BYTES = 8


def recognises(path: Path) -> bool:
    """Whether this is a ``.safetensors`` file, by its name: the format has no magic number."""
    return path.is_file() and path.suffix == ".safetensors"


def read(path: Path) -> Checkpoint:
    """Read all tensors.

    Raises:
        CorruptCheckpoint: it is truncated or malformed, a key stands twice in its header, or a
            tensor is neither float16 nor float32.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    data = path.read_bytes()
    _check_header(data, path.name)
    try:
        return Checkpoint(path, "safetensors", load(data))
    except SafetensorError as error:
        raise CorruptCheckpoint(
            f"{path.name} is no sound safetensors file",
            got=str(error),
            do="it may be truncated: copy or download it again",
        ) from error


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


def _check_header(data: bytes, where: str) -> None:
    """What the safetensors library lets pass: keys that stand twice, and types we do not read."""
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    header = data[_LENGTH_BYTES : _LENGTH_BYTES + length]
    if len(data) < _LENGTH_BYTES or len(header) < length:
        raise CorruptCheckpoint(
            f"{where} is no sound safetensors file",
            got=f"{len(data):,} bytes",
            expected=f"a header of {length:,} bytes",
            do="it may be truncated: copy or download it again",
        )
    for name, entry in parse_object(header, f"the header of {where}").items():
        dtype = entry.get("dtype") if isinstance(entry, dict) else None
        if name != "__metadata__" and dtype not in {"F16", "F32"}:
            raise CorruptCheckpoint(
                f"{where} holds a tensor that cannot be read",
                got=f"{name} of {dtype}",
                expected="F16 or F32",
            )
