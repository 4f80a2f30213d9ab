"""Reads weights in somebody else's format, as data: nothing in them is ever run.

A reader is a module with ``recognises(path)``, which looks at names and first bytes only, and
``read(path)``. Adding a format is adding its module and its line in :data:`READERS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from edgeconv.checkpoints import (
    clip_with_head,
    huggingface,
    keras_h5,
    keras_zip,
    onnx,
    open_clip,
    safetensors,
    saved_model,
    tfjs,
    tfjs_graph,
    timm,
    torch_mlp,
    torch_zip,
)
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
    "saved_model": saved_model,
    "tfjs_graph": tfjs_graph,
    "tfjs": tfjs,
    "timm": timm,
    "clip_with_head": clip_with_head,
    "huggingface": huggingface,
    "open_clip": open_clip,
    "onnx": onnx,
    "safetensors": safetensors,
    "torch_mlp": torch_mlp,
    "torch": torch_zip,
    "keras": keras_zip,
    "keras_h5": keras_h5,
}
"""In the order in which they are asked: one that knows more of a file comes first."""


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
        _refuse_pickles(path)
        found = [name for name, reader in READERS.items() if reader.recognises(path)]
        welcome = [name for name in found if name in formats]
        if not welcome:
            raise CheckpointError(
                f"{path} is in no format that fits",
                got=", ".join(found) or "no checkpoint format known here",
                expected="one of " + ", ".join(formats),
            )
        return sound(READERS[welcome[0]].read(path))
    except OSError as error:
        raise CheckpointError(f"cannot read {path}", got=error.strerror or str(error)) from error


def _refuse_pickles(path: Path) -> None:
    if path.suffix in {".pkl", ".pickle"}:
        raise UnsafeCheckpoint(
            f"{path} was refused; nothing of it was run",
            got="a Python pickle, which carries code",
            expected="weights as data",
            do="load it where you trust it, and save it as .h5, .keras or .safetensors",
        )
