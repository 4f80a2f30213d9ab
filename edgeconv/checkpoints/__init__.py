"""Reads weights in somebody else's format, as data: nothing in them is ever run.

A reader is a module with ``recognises(path)``, which looks at names and first bytes only, and
``read(path)``. Adding a format is adding its module and its line in :data:`READERS`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from edgeconv.checkpoints import keras_h5, keras_zip, safetensors, tfjs
from edgeconv.checkpoints.checkpoint import Checkpoint, sound
from edgeconv.errors import CheckpointError, UnsafeCheckpoint

__all__ = ["READERS", "Checkpoint", "Reader", "read"]


class Reader(Protocol):
    """One checkpoint format."""

    def recognises(self, path: Path, /) -> bool:
        """Whether the file or folder looks like this format."""

    def read(self, path: Path, /) -> Checkpoint:
        """Read it whole.

        Raises:
            CheckpointError: it is unsafe, corrupt, or not for us.
        """


READERS: Mapping[str, Reader] = {
    "tfjs": tfjs,
    "safetensors": safetensors,
    "keras": keras_zip,
    "keras_h5": keras_h5,
}


def read(path: Path, formats: Sequence[str] = tuple(READERS)) -> Checkpoint:
    """Read a checkpoint whose format is found out from the file itself.

    Args:
        path: a file, or a folder for formats of more than one file.
        formats: those that are welcome.

    Returns:
        The checkpoint, all its tensors float32 and finite.

    Raises:
        UnsafeCheckpoint: it carries code, or reaches outside its folder.
        CorruptCheckpoint: it is truncated or malformed, or holds NaN or infinite weights.
        CheckpointError: there is no such file, or it is in no welcome format.
    """
    if not path.exists():
        raise CheckpointError(f"there is no checkpoint {path}", do="check the path")
    try:
        _refuse_code_formats(path)
        found = next((name for name, reader in READERS.items() if reader.recognises(path)), None)
        if found is None or found not in formats:
            raise CheckpointError(
                f"{path} is in no format that fits",
                got=found or "no checkpoint format known here",
                expected="one of " + ", ".join(formats),
            )
        return sound(READERS[found].read(path))
    except OSError as error:
        raise CheckpointError(f"cannot read {path}", got=error.strerror or str(error)) from error


def _refuse_code_formats(path: Path) -> None:
    """Formats that are programs: they are told apart by their files, and never opened."""
    names = _names_inside(path)
    if any(name.rpartition("/")[2] in {"saved_model.pb", "saved_model.pbtxt"} for name in names):
        what = "a TensorFlow SavedModel"
    elif any(name.endswith("data.pkl") for name in names) or path.suffix in {".pkl", ".pickle"}:
        what = "a Python pickle (torch.save)"
    else:
        return
    raise UnsafeCheckpoint(
        f"{path} was refused; nothing of it was run",
        got=f"{what}, which carries code",
        expected="weights as data",
        do="load it where you trust it, and save it as .h5, .keras or .safetensors",
    )


def _names_inside(path: Path) -> list[str]:
    if path.is_dir():
        return [file.name for file in path.iterdir()]
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                return archive.namelist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError):
            return []
    return [path.name]
