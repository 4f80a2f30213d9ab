"""``.keras`` archives: a configuration and a ``.weights.h5`` in a zip."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from edgeconv.checkpoints import hdf5, keras_h5
from edgeconv.checkpoints.checkpoint import Checkpoint
from edgeconv.checkpoints.keras_config import read_config
from edgeconv.checkpoints.strict_json import parse_object
from edgeconv.errors import CorruptCheckpoint, UnsafeCheckpoint

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_LARGEST = {_CONFIG: 64 << 20, _WEIGHTS: 4 << 30}
_LARGEST_RATIO = 100
_SMALL = 1 << 20


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
    try:
        with zipfile.ZipFile(path) as archive:
            _check_names(archive, where)
            config = parse_object(_content(archive, _CONFIG, where), f"{where}:{_CONFIG}")
            topology = read_config(config, where)
            weights = io.BytesIO(_content(archive, _WEIGHTS, where))
    except (
        zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError
    ) as error:  # fmt: skip
        raise CorruptCheckpoint(
            f"{where} is no sound zip archive",
            got=str(error),
            do="it may be truncated: copy or download it again",
        ) from error
    state = keras_h5.read_state(weights, f"{where}:{_WEIGHTS}")
    return Checkpoint(path, "keras", state, topology, "structural")


def _check_names(archive: zipfile.ZipFile, where: str) -> None:
    seen = set()
    for member in archive.infolist():
        # The name as it stands in the file: zipfile itself cuts names at a NUL.
        name = member.orig_filename
        path = PurePosixPath(name)
        linked = stat.S_ISLNK(member.external_attr >> 16)
        if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or linked:
            raise UnsafeCheckpoint(
                f"{where} holds a name that leads out of the archive; nothing was unpacked",
                got=f"{name!r}{' (a link)' if linked else ''}",
            )
        if name in seen:
            raise CorruptCheckpoint(f"{where} holds {name!r} twice")
        seen.add(name)


def _content(archive: zipfile.ZipFile, name: str, where: str) -> bytes:
    try:
        member = archive.getinfo(name)
    except KeyError as error:
        raise CorruptCheckpoint(
            f"{where} is no Keras model",
            got=", ".join(archive.namelist()[:10]) or "an empty archive",
            expected=f"{_CONFIG} and {_WEIGHTS}",
        ) from error
    size, packed = member.file_size, member.compress_size
    if size > _LARGEST[name] or size > max(_SMALL, packed * _LARGEST_RATIO):
        raise CorruptCheckpoint(
            f"{where} claims an absurd size", got=f"{name}: {size:,} bytes from {packed:,}"
        )
    with archive.open(member) as stream:
        # One byte more than declared, so that a lie about the size shows.
        content = stream.read(size + 1)
    if len(content) != size:
        raise CorruptCheckpoint(f"{name} in {where} is not as long as the archive says")
    return content
