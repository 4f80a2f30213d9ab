"""TensorFlow.js layers models: ``model.json`` and the shards beside it, quantised or not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgeconv.checkpoints import tfjs_weights
from edgeconv.checkpoints.checkpoint import Checkpoint
from edgeconv.checkpoints.keras_config import read_config
from edgeconv.checkpoints.strict_json import parse_object
from edgeconv.errors import CheckpointError, CorruptCheckpoint

MODEL_FILE = "model.json"

_LARGEST_MODEL_FILE = 64 << 20


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
    folder, where, model = opened(path)
    _refuse_graph_model(model, where)
    try:
        topology = read_config(_model_config(model), where)
        tensors = {}
        for name, tensor in tfjs_weights.tensors(model["weightsManifest"], folder, where):
            key = topology.tensor_name(name)
            if key in tensors:
                raise CorruptCheckpoint(f"{where} lists the tensor {key} twice")
            tensors[key] = tensor
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorruptCheckpoint(
            f"{where} is no sound layers model", got=f"{type(error).__name__}: {error}"
        ) from error
    return Checkpoint(folder, "tfjs", tensors, topology)


def opened(path: Path) -> tuple[Path, str, dict[str, Any]]:
    """The folder, what to call its ``model.json`` in errors, and what that says.

    Args:
        path: the folder, or its ``model.json``.

    Raises:
        CorruptCheckpoint: it is absurdly large, or no JSON object.
    """
    folder, file = (path, path / MODEL_FILE) if path.is_dir() else (path.parent, path)
    where = f"{folder.name}/{file.name}"
    if file.stat().st_size > _LARGEST_MODEL_FILE:
        raise CorruptCheckpoint(f"{where} is absurdly large")
    return folder, where, parse_object(file.read_bytes(), where)


def is_graph_model(model: Mapping[str, Any]) -> bool:
    """Whether a ``model.json`` holds a graph instead of layers."""
    topology = model.get("modelTopology")
    return model.get("format") == "graph-model" or (
        isinstance(topology, dict) and "node" in topology
    )


def _refuse_graph_model(model: Mapping[str, Any], where: str) -> None:
    if is_graph_model(model):
        raise CheckpointError(
            f"{where} is a TensorFlow.js graph model",
            got="a frozen graph, which has no layers",
            expected="a layers model",
            do='take it as it is, by a TOML with kind = "graph" under [architecture]',
        )


def _model_config(model: Mapping[str, Any]) -> Mapping[str, Any]:
    topology = model["modelTopology"]
    config: Mapping[str, Any] = topology.get("model_config", topology)
    return config
