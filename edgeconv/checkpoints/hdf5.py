"""HDF5 from strangers: hard links and plain datasets inside the one file, nothing else.

HDF5 can point into other files (external links, virtual datasets, raw external storage) and can
declare far more data than it holds; both are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, takewhile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import CorruptCheckpoint, UnsafeCheckpoint

MAGIC = b"\x89HDF\r\n\x1a\n"

_LARGEST_RATIO = 1000
_MOST_OBJECTS = 50_000
_DEEPEST_PATH = 32
# Fletcher32, shuffle, deflate and lzf: what h5py brings itself. Others would load plugins.
_FILTERS = frozenset({1, 2, 3, 32000})


@contextmanager
def opened(source: Path | BinaryIO, where: str) -> Iterator[Any]:
    """The root group of an HDF5 file, open for reading.

    Args:
        source: the file, or its bytes as a stream.
        where: the checkpoint, for the errors.

    Raises:
        CorruptCheckpoint: it is no HDF5 file or is damaged; also for errors inside the block.
    """
    import h5py

    try:
        with h5py.File(source, "r") as file:
            yield file
    except (OSError, LookupError, RuntimeError, ValueError, TypeError) as error:
        raise CorruptCheckpoint(
            f"{where} is no sound HDF5 file",
            got=str(error).splitlines()[:3],
            do="it may be truncated: copy or download it again",
        ) from error


def at(group: Any, path: str, where: str) -> Any:
    """The group or dataset at a path, every step of it a hard link.

    Raises:
        UnsafeCheckpoint: a step leads out of the file, or is a soft link.
        KeyError: there is no such object.
    """
    import h5py

    for name in filter(None, path.split("/")):
        link = group.get(name, getlink=True)
        if link is not None and not isinstance(link, h5py.HardLink):
            raise UnsafeCheckpoint(
                f"{where} holds a link where data belongs; it was not followed",
                got=f"{group.name.rstrip('/')}/{name} is a {type(link).__name__}",
            )
        group = group[name]
    return group


def values(dataset: Any, where: str) -> NDArray[Any]:
    """All values of a plain dataset.

    Raises:
        UnsafeCheckpoint: the data lie in other files, or need a filter plugin.
        CorruptCheckpoint: far more data are declared than the file holds.
        TypeError: it is no dataset.
    """
    import h5py

    if not isinstance(dataset, h5py.Dataset):
        raise TypeError(f"{dataset.name} is no dataset")
    properties = dataset.id.get_create_plist()
    filters = {properties.get_filter(i)[0] for i in range(properties.get_nfilters())}
    if dataset.is_virtual or dataset.external or not filters <= _FILTERS:
        raise UnsafeCheckpoint(
            f"{where} holds a dataset whose data lie elsewhere; it was not read",
            got=f"{dataset.name}: virtual, external or behind a filter plugin",
        )
    stored = dataset.id.get_storage_size()
    if dataset.nbytes > stored * (_LARGEST_RATIO if filters else 1):
        raise CorruptCheckpoint(
            f"{where} declares more data than it holds",
            got=f"{dataset.name} {dataset.shape}: {dataset.nbytes:,} bytes from {stored:,}",
        )
    return np.asarray(dataset[()])


def names(group: Any, attribute: str) -> list[str]:
    """A list of names kept as an attribute; Keras splits long ones into numbered parts.

    Raises:
        KeyError: there is no such attribute.
    """
    parts = [attribute]
    if attribute not in group.attrs:
        numbered = takewhile(group.attrs.__contains__, (f"{attribute}{i}" for i in count()))
        parts = list(numbered) or parts
    return [text(name) for part in parts for name in group.attrs[part]]


def text(value: Any) -> str:
    """A string attribute, which h5py gives as str or as bytes."""
    return value.decode() if isinstance(value, bytes) else str(value)


def datasets(group: Any, where: str) -> Iterator[tuple[str, Any]]:
    """(path, dataset) of every dataset at or below a group.

    Raises:
        UnsafeCheckpoint: a link that is not a hard one.
        CorruptCheckpoint: absurdly many objects, or groups that contain themselves.
    """
    import h5py

    waiting = [("", group)]
    seen = 0
    while waiting:
        prefix, parent = waiting.pop()
        for name in sorted(parent):
            seen += 1
            path = f"{prefix}{name}"
            if seen > _MOST_OBJECTS or path.count("/") > _DEEPEST_PATH:
                raise CorruptCheckpoint(f"{where} holds absurdly many objects")
            child = at(parent, name, where)
            if isinstance(child, h5py.Dataset):
                yield path, child
            else:
                waiting.append((f"{path}/", child))
