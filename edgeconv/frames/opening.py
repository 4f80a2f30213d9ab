"""Whether a file moves, told by its content."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgeconv.frames.animation import may_move, open_animation
from edgeconv.frames.frame import Moving
from edgeconv.frames.video import demuxer_of, open_video
from edgeconv.images import open_stream

_ENOUGH = 16
"""Bytes that tell every format."""


@contextmanager
def open_moving(source: Path | bytes, background: str, name: str) -> Iterator[Moving | None]:
    """Open an animation or a video; None for a file that is neither.

    Args:
        source: a file, or its content.
        background: what shows through transparency, ``#rrggbb``.
        name: what errors call it.

    Raises:
        ImageError: the file cannot be opened, or is a video of which nothing can be decoded.
        MissingDependency: it is a video, and PyAV is not installed.
    """
    with open_stream(source, name) as stream:
        start = stream.read(_ENOUGH)
    if demuxer := demuxer_of(start):
        with open_video(source, demuxer, name) as video:
            yield video
    elif may_move(start):
        with open_animation(source, background, name) as animation:
            yield animation
    else:
        yield None
