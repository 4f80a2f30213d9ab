"""Keras's HDF5 files: whole models and weights of Keras 2, and ``.weights.h5`` of today."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

from numpy.typing import NDArray

from edgeconv.checkpoints import hdf5
from edgeconv.checkpoints.checkpoint import Checkpoint, Naming
from edgeconv.checkpoints.keras_config import read_config
from edgeconv.checkpoints.strict_json import parse_object
from edgeconv.checkpoints.topology import Topology
from edgeconv.errors import CorruptCheckpoint

_WEIGHTS_OUTSIDE_LAYERS = "top_level_model_weights"
_TRAINING_STATE = frozenset({"optimizer", "metrics", "seed_generator"})


def recognises(path: Path) -> bool:
    """Whether this is an HDF5 file, or is called one."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        magic = stream.read(len(hdf5.MAGIC))
    return magic == hdf5.MAGIC or path.suffix in {".h5", ".hdf5"}


def read(path: Path) -> Checkpoint:
    """Read a whole model (``model_config`` and ``model_weights``), or weights alone.

    Raises:
        UnsafeCheckpoint: it carries code, or links into other files.
        CorruptCheckpoint: it is truncated or malformed.
    """
    where = path.name
    with hdf5.opened(path, where) as file:
        topology = None
        if "model_config" in file.attrs:
            config = parse_object(hdf5.text(file.attrs["model_config"]), f"{where}:model_config")
            topology = read_config(config, where)
        root = hdf5.at(file, "model_weights", where) if "model_weights" in file else file
        if "layer_names" in root.attrs or "layer_names0" in root.attrs:
            tensors = _by_layer_name(root, topology, where)
            naming: Naming = "automatic" if topology is None else "exact"
            return Checkpoint(path, "keras_h5", tensors, topology, naming)
        return Checkpoint(path, "keras_h5", saved_state(file, where), topology, "structural")


def read_state(stream: BinaryIO, where: str) -> dict[str, NDArray[Any]]:
    """The variables of a ``.weights.h5`` given as a stream, by their paths in it.

    Raises:
        UnsafeCheckpoint, CorruptCheckpoint: as :func:`read`.
    """
    with hdf5.opened(stream, where) as file:
        return saved_state(file, where)


def saved_state(file: Any, where: str) -> dict[str, NDArray[Any]]:
    """The variables of an open ``.weights.h5`` by their paths in it, without what only training
    needs."""
    return {
        path: hdf5.values(dataset, where)
        for path, dataset in hdf5.datasets(file, where)
        if _TRAINING_STATE.isdisjoint(path.split("/"))
    }


def _by_layer_name(root: Any, topology: Topology | None, where: str) -> dict[str, NDArray[Any]]:
    """The tensors of the older layout: a group a layer, which lists its weights' names."""
    tensors: dict[str, NDArray[Any]] = {}
    extra = [_WEIGHTS_OUTSIDE_LAYERS] if _WEIGHTS_OUTSIDE_LAYERS in root else []
    for name in hdf5.names(root, "layer_names") + extra:
        group = hdf5.at(root, name, where)
        for path in hdf5.names(group, "weight_names"):
            key = _tensor_name(name, path.removesuffix(":0"), topology)
            if key in tensors:
                raise CorruptCheckpoint(f"{where} lists the tensor {key} twice")
            tensors[key] = hdf5.values(hdf5.at(group, path, where), where)
    return tensors


def _tensor_name(group: str, path: str, topology: Topology | None) -> str:
    """``layer/weight`` for a weight of the group of a layer or of a nested model."""
    if topology is None:
        return path
    if group in topology.layers:
        # Keras 2 made variable names unique in a session: layer dense_1 may hold dense_1_1/kernel.
        return topology.tensor_name(f"{group}/{path.rpartition('/')[2]}")
    return topology.tensor_name(f"{group}/{path}")
