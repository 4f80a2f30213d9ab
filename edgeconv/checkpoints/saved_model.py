"""TensorFlow SavedModels, of which one kind can be read as data: a perceptron by AutoKeras.

A SavedModel is a program, and none of it is run. The graph is read, and weights are taken out of it
where every operation is one that is known (:mod:`edgeconv.checkpoints.autokeras`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeconv.checkpoints import autokeras, model_folder, zip_archive
from edgeconv.checkpoints.checkpoint import Checkpoint
from edgeconv.checkpoints.saved_graph import SavedGraph, Unexpected
from edgeconv.checkpoints.tensor_bundle import TensorBundle
from edgeconv.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint

MODEL_FILE = "saved_model.pb"

_INDEX = "variables/variables.index"
_DATA = "variables/variables.data-00000-of-00001"
_LARGEST = 256 << 20


@dataclass(frozen=True)
class _Files:
    """The contents of a SavedModel's files."""

    model: bytes
    index: bytes
    data: bytes


def recognises(path: Path) -> bool:
    """Whether this is a folder with a ``saved_model.pb``, or a zip archive of one."""
    if path.is_dir():
        return (path / MODEL_FILE).is_file()
    return any(_is_model(name) for name in zip_archive.names(path))


def read(path: Path) -> Checkpoint:
    """Read a perceptron that AutoKeras saved.

    Args:
        path: the folder, or a zip archive of it.

    Returns:
        A checkpoint that declares architecture, input and output, and whose tensors have the names
        that :mod:`edgeconv.architectures.embedding_mlp` gives them.

    Raises:
        UnsafeCheckpoint: the graph is any other, or a file lies elsewhere.
        CorruptCheckpoint: the archive, the graph or the variables are damaged.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    where = path.name
    files = _of_folder(path) if path.is_dir() else _of_archive(path)
    try:
        graph = SavedGraph(saved_model_pb2.SavedModel.FromString(files.model))
        found = autokeras.perceptron(graph, TensorBundle(files.index, files.data, where))
    except DecodeError as error:
        raise CorruptCheckpoint(f"{MODEL_FILE} of {where} is damaged", got=str(error)) from error
    except (Unexpected, RecursionError) as error:
        raise UnsafeCheckpoint(
            f"{where} was refused; nothing of it was run",
            got=f"a TensorFlow SavedModel, which carries code: {error}",
            expected="weights as data, or the one kind of SavedModel that is known: a perceptron "
            "by AutoKeras, as LAION's heads are",
            do="load it where you trust it, and save it as .h5, .keras or .safetensors",
        ) from error
    return Checkpoint(path, "saved_model", found.tensors, declared=found.declared)


def _of_folder(folder: Path) -> _Files:
    def content(name: str) -> bytes:
        inner, _, file = name.rpartition("/")
        found = model_folder.member(folder / inner, file)
        if found.stat().st_size > _LARGEST:
            raise CorruptCheckpoint(f"{folder.name}/{name} is absurdly large")
        return found.read_bytes()

    if (folder / "variables").is_symlink():
        raise UnsafeCheckpoint(f"a folder of {folder.name} is a link", got="variables")
    return _Files(content(MODEL_FILE), content(_INDEX), content(_DATA))


def _of_archive(path: Path) -> _Files:
    where = path.name
    with zip_archive.opened(path, where) as archive:
        models = [name for name in archive.namelist() if _is_model(name)]
        if len(models) != 1:
            raise CheckpointError(f"{where} holds more than one SavedModel", got=models)
        root = models[0].removesuffix(MODEL_FILE)
        return _Files(
            *(
                zip_archive.content(archive, root + name, where, _LARGEST)
                for name in (MODEL_FILE, _INDEX, _DATA)
            )
        )


def _is_model(name: str) -> bool:
    return name.rpartition("/")[2] == MODEL_FILE
