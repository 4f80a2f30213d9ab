"""New files in folders, as they come: by looking again and again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from edgeconv.frames.finding import find_media

POLL_SECONDS = 1.0

_Stamp = tuple[int, int]
"""Size in bytes, and time of the last change in nanoseconds."""


def settled_files(
    folders: Sequence[Path],
    poll_seconds: float = POLL_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Path]:
    """Pictures and videos in the folders, each once it is written: those there are, then new ones.

    A file counts as written when size and time are the same at two looks, and it is not empty. One
    that changes afterwards comes again. This does not end by itself.

    Raises:
        FileError: a folder cannot be read.
    """
    seen: dict[Path, _Stamp] = {}
    given: dict[Path, _Stamp] = {}
    while True:
        stamps = _stamps(folders)
        for path, stamp in stamps.items():
            if seen.get(path) == stamp != given.get(path):
                given[path] = stamp
                yield path
        seen = stamps
        given = {path: stamp for path, stamp in given.items() if path in stamps}
        sleep(poll_seconds)


def _stamps(folders: Sequence[Path]) -> dict[Path, _Stamp]:
    found = {}
    for path in find_media(folders):
        try:
            status = path.stat()
        except OSError:
            continue  # gone since
        if status.st_size:
            found[path] = (status.st_size, status.st_mtime_ns)
    return found
