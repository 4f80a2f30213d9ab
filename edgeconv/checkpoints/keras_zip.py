"""``.keras`` archives: a configuration and a ``.weights.h5`` in a zip."""

from __future__ import annotations

import io
from pathlib import Path

from edgeconv.checkpoints import hdf5, keras_h5, zip_archive
from edgeconv.checkpoints.checkpoint import Checkpoint
from edgeconv.checkpoints.keras_config import read_config
from edgeconv.checkpoints.strict_json import parse_object
from edgeconv.errors import CorruptCheckpoint

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_LARGEST_CONFIG, _LARGEST_WEIGHTS = 64 << 20, 4 << 30


def recognises(path: Path) -> bool:
    """Whether this is a zip archive, or is called ``.keras``."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        magic = stream.read(len(hdf5.MAGIC))
    return magic.startswith(b"PK") or (path.suffix == ".keras" and magic != hdf5.MAGIC)


def read(path: Path) -> Checkpoint:
    """Read a model saved by Keras 3 or by tf.keras 2.12 and later.

    Raises:
        UnsafeCheckpoint: it carries code, or names that lead out of the archive.
        CorruptCheckpoint: it is truncated, malformed, or claims absurd sizes.
    """
    where = path.name
    with zip_archive.opened(path, where) as archive:
        _check_members(archive.namelist(), where)
        text = zip_archive.content(archive, _CONFIG, where, _LARGEST_CONFIG)
        topology = read_config(parse_object(text, f"{where}:{_CONFIG}"), where)
        weights = io.BytesIO(zip_archive.content(archive, _WEIGHTS, where, _LARGEST_WEIGHTS))
    state = keras_h5.read_state(weights, f"{where}:{_WEIGHTS}")
    return Checkpoint(path, "keras", state, topology, "structural")


def _check_members(names: list[str], where: str) -> None:
    if not {_CONFIG, _WEIGHTS} <= set(names):
        raise CorruptCheckpoint(
            f"{where} is no Keras model",
            got=", ".join(names[:10]) or "an empty archive",
            expected=f"{_CONFIG} and {_WEIGHTS}",
        )
