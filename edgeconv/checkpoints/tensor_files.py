"""The tensors of a folder: one file, or several with an index that says which holds what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edgeconv.checkpoints import model_folder, safetensors, torch_zip
from edgeconv.checkpoints.fitting import at_most
from edgeconv.errors import CheckpointError, CorruptCheckpoint

_INDEX = ".index.json"

Tensors = dict[str, NDArray[Any]]


def found(folder: Path, names: Sequence[str]) -> str | None:
    """The first of these files that is in the folder, whole or as an index of its parts."""
    candidates = [file for name in names for file in (name, name + _INDEX)]
    return next((file for file in candidates if (folder / file).is_file()), None)


def read(folder: Path, names: Sequence[str]) -> Tensors:
    """All tensors of a folder, under their own names; bfloat16 as float32.

    Args:
        folder: the checkpoint.
        names: of the file that holds them, the best first; ``NAME.index.json`` stands for a file
            in several parts.

    Raises:
        UnsafeCheckpoint: a pickle names more than tensors, or a part lies outside the folder.
        CorruptCheckpoint: a file is damaged, or holds other tensors than the index says.
        CheckpointError: there is none of the files.
    """
    file = found(folder, names)
    if file is None:
        raise CheckpointError(
            f"there are no weights in {folder.name}",
            got=", ".join(at_most(sorted(path.name for path in folder.iterdir()))) or "no files",
            expected="one of " + ", ".join(names),
        )
    if file.endswith(_INDEX):
        return _sharded(folder, file)
    return _one(model_folder.member(folder, file))


def _one(path: Path) -> Tensors:
    if safetensors.recognises(path):
        return safetensors.read_tensors(path)
    return torch_zip.read_tensors(path)


def _sharded(folder: Path, index: str) -> Tensors:
    where = f"{folder.name}/{index}"
    places = model_folder.json_object(folder, index).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(name, str) for name in places.values()):
        raise CorruptCheckpoint(
            f"{where} is no index of tensors", expected="weight_map: the file of each tensor"
        )
    listed: defaultdict[str, set[str]] = defaultdict(set)
    for tensor, name in places.items():
        listed[name].add(tensor)
    tensors: Tensors = {}
    for name, wanted in sorted(listed.items()):
        part = _one(model_folder.member(folder, name))
        if part.keys() != wanted:
            raise CorruptCheckpoint(
                f"{name} does not hold the tensors that {where} lists",
                got=at_most(sorted(part.keys() - wanted)) or "nothing else",
                expected=at_most(sorted(wanted - part.keys())) or "nothing else",
                do="fetch the checkpoint again",
            )
        tensors |= part
    return tensors
