"""TensorFlow.js layers models: ``model.json`` and the shards beside it, quantised or not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.checkpoints.checkpoint import Checkpoint
from edgeconv.checkpoints.keras_config import read_config
from edgeconv.checkpoints.strict_json import parse_object
from edgeconv.errors import CheckpointError, CorruptCheckpoint, FileError, UnsafeCheckpoint
from edgeconv.files import inside

MODEL_FILE = "model.json"

_LARGEST_MODEL_FILE = 64 << 20
_STORED_AS = {"uint8": "<u1", "uint16": "<u2", "float16": "<f2", "float32": "<f4"}


def recognises(path: Path) -> bool:
    """Whether this is a folder with a ``model.json``, or a JSON file."""
    return (path / MODEL_FILE).is_file() if path.is_dir() else path.suffix == ".json"


def read(path: Path) -> Checkpoint:
    """Read a layers model.

    Args:
        path: the folder, or its ``model.json``.

    Returns:
        The checkpoint; its path is the folder.

    Raises:
        UnsafeCheckpoint: it carries code, or a shard lies outside the folder.
        CorruptCheckpoint: the shards' bytes are not those the manifest lists.
        CheckpointError: it is a graph model.
    """
    folder, file = (path, path / MODEL_FILE) if path.is_dir() else (path.parent, path)
    where = f"{folder.name}/{file.name}"
    if file.stat().st_size > _LARGEST_MODEL_FILE:
        raise CorruptCheckpoint(f"{where} is absurdly large")
    model = parse_object(file.read_bytes(), where)
    _refuse_graph_model(model, where)
    try:
        topology = read_config(_model_config(model), where)
        tensors = {}
        for group in model["weightsManifest"]:
            for name, tensor in _tensors(group, folder, where):
                key = topology.tensor_name(name)
                if key in tensors:
                    raise CorruptCheckpoint(f"{where} lists the tensor {key} twice")
                tensors[key] = tensor
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorruptCheckpoint(
            f"{where} is no sound layers model", got=f"{type(error).__name__}: {error}"
        ) from error
    return Checkpoint(folder, "tfjs", tensors, topology)


def _refuse_graph_model(model: Mapping[str, Any], where: str) -> None:
    topology = model.get("modelTopology")
    if model.get("format") == "graph-model" or (isinstance(topology, dict) and "node" in topology):
        raise CheckpointError(
            f"{where} is a TensorFlow.js graph model",
            got="a frozen graph, which has no layers",
            expected="a layers model",
            do="convert the Keras model it was made from: tensorflowjs_converter "
            "--output_format=tfjs_layers_model, or give its .h5 or .keras",
        )


def _model_config(model: Mapping[str, Any]) -> Mapping[str, Any]:
    topology = model["modelTopology"]
    config: Mapping[str, Any] = topology.get("model_config", topology)
    return config


def _tensors(
    group: Mapping[str, Any], folder: Path, where: str
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """The tensors of one group of the manifest, in its order."""
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
    if weight["dtype"] != "float32" or stored_as not in _STORED_AS:
        raise ValueError(f"{weight['name']} is {weight['dtype']}, stored as {stored_as}")
    return np.dtype(_STORED_AS[stored_as])


def _widened(stored: NDArray[Any], weight: Mapping[str, Any]) -> NDArray[np.float32]:
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
