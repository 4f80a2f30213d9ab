"""What a dataset lists: each picture's place, label and split, before any is read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from edgeconv.errors import UnreadableImage

SplitName = Literal["train", "test"]

SPLITS: tuple[SplitName, SplitName] = ("train", "test")


class Span(NamedTuple):
    """A part of a file, in bytes."""

    start: int
    length: int


@dataclass(frozen=True)
class Listed:
    """One picture or row, with the label that its dataset gives it.

    ``split`` is None where the dataset does not say. ``span`` is where in the file a picture lies,
    None for the whole file; ``row`` is the number of an embedding in its file, from 0.
    """

    name: str
    label: str
    split: SplitName | None
    path: Path
    span: Span | None = None
    row: int | None = None

    @property
    def source(self) -> Path | bytes:
        """What a decoder takes: the file, or the content of the span.

        Raises:
            UnreadableImage: the span cannot be read.
        """
        if self.span is None:
            return self.path
        try:
            with self.path.open("rb") as stream:
                stream.seek(self.span.start)
                return stream.read(self.span.length)
        except OSError as error:
            raise UnreadableImage(f"cannot read {self.name}", got=error.strerror) from error

    def content(self) -> bytes:
        """All of the picture's bytes.

        Raises:
            UnreadableImage, OSError: they cannot be read.
        """
        source = self.source
        return source if isinstance(source, bytes) else source.read_bytes()

    @property
    def size(self) -> int:
        """Bytes; 0 for a file that is not there."""
        if self.span is not None:
            return self.span.length
        return self.path.stat().st_size if self.path.is_file() else 0


def identity_of(listed: Iterable[Listed], root: Path) -> dict[str, Any]:
    """Tells one dataset from another by names, labels, splits and sizes, wherever it lies.

    Args:
        root: what the dataset's paths are relative to.
    """
    digest, count = hashlib.sha256(), 0
    for one in listed:
        name = one.name.removeprefix(f"{root}/")
        digest.update(repr((name, one.label, one.split, one.size)).encode())
        count += 1
    return {"files": count, "sha256": digest.hexdigest()}


def of_split(listed: Sequence[Listed], split: SplitName) -> list[Listed]:
    """Those of one split."""
    return [one for one in listed if one.split == split]
