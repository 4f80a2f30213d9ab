"""The pictures and videos among files and folders."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from edgeconv.frames.video import VIDEO_SUFFIXES
from edgeconv.images import IMAGE_SUFFIXES, find_images

SUFFIXES = (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES)


def find_media(paths: Iterable[Path]) -> list[Path]:
    """The pictures and videos among files and folders, as :func:`edgeconv.images.find_images`.

    Raises:
        FileError: a folder cannot be read.
    """
    return find_images(paths, SUFFIXES)
