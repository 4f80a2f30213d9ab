"""WebDataset shards: tar files in which ``key.jpg`` has its label in ``key.cls`` or ``key.json``.

https://github.com/webdataset/webdataset. A shard is read where it lies: nothing is extracted, and
no name in it is ever used as a path.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgeconv.datasets.listing import SPLITS, Listed, Span, SplitName
from edgeconv.errors import DatasetError
from edgeconv.images import IMAGE_SUFFIXES

SHARD = ".tar"

LARGEST_LABEL = 1 << 20
"""Bytes of a ``.cls`` or ``.json`` member that are read: captions lie there too."""


def listed_in_shards(shards: Sequence[Path]) -> list[Listed]:
    """The pictures of tar shards, in their order.

    A shard whose name begins with ``train`` or ``test`` is of that split. A label is the text of
    ``key.cls``, or ``label`` or ``cls`` in ``key.json``.

    Raises:
        DatasetError: a shard cannot be read, or a picture in it has no label.
    """
    return [one for shard in shards for one in _listed(shard)]


def _listed(shard: Path) -> list[Listed]:
    pictures: dict[str, Span] = {}
    labels: dict[str, str] = {}
    split = next((name for name in SPLITS if shard.name.startswith(name)), None)
    try:
        # Without compression, so that every member can be found again by its offset.
        with tarfile.open(shard, "r:") as tar:
            for member in tar:
                key, suffix = _parts(member.name)
                if not member.isfile():
                    continue
                if f".{suffix}" in IMAGE_SUFFIXES:
                    pictures[key] = Span(member.offset_data, member.size)
                elif suffix in {"cls", "json"} and member.size <= LARGEST_LABEL:
                    label = _label(tar, member, suffix)
                    if label is not None:
                        labels[key] = label
    except (OSError, tarfile.TarError) as error:
        raise DatasetError(
            f"cannot read {shard}", got=str(error), expected="a tar file without compression"
        ) from error
    _refuse_cut_off(shard, pictures)
    return [_of(shard, split, key, span, labels) for key, span in pictures.items()]


def _parts(name: str) -> tuple[str, str]:
    """Key and suffix: all before and after the first dot of the last part, as WebDataset does."""
    folder, slash, last = name.rpartition("/")
    stem, _, suffix = last.partition(".")
    return f"{folder}{slash}{stem}", suffix.lower()


def _label(tar: tarfile.TarFile, member: tarfile.TarInfo, suffix: str) -> str | None:
    stream = tar.extractfile(member)
    text = b"" if stream is None else stream.read()
    try:
        if suffix == "cls":
            return text.decode().strip()
        said: Any = json.loads(text)
        found = said.get("label", said.get("cls")) if isinstance(said, dict) else None
    except (UnicodeDecodeError, ValueError):
        return None
    return None if found is None else str(found)


def _refuse_cut_off(shard: Path, pictures: dict[str, Span]) -> None:
    """tarfile takes a shard that ends within a member for whole."""
    size = shard.stat().st_size
    if any(span.start + span.length > size for span in pictures.values()):
        raise DatasetError(
            f"{shard} is cut off", got=f"{size:,} bytes", do="copy or download it again"
        )


def _of(
    shard: Path, split: SplitName | None, key: str, span: Span, labels: dict[str, str]
) -> Listed:
    if not labels.get(key):
        raise DatasetError(
            f"{key} in {shard} has no label", expected=f"{key}.cls, or {key}.json with a label"
        )
    return Listed(f"{shard}:{key}", labels[key], split, shard, span)
