"""The forms a dataset may come in: folders by label, a table, or tar shards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from edgeconv.datasets.listing import SPLITS, Listed, SplitName
from edgeconv.datasets.shards import SHARD, listed_in_shards
from edgeconv.datasets.tables import TABLES, listed_in_table
from edgeconv.errors import DatasetError, UsageError

FORMS = (
    "a folder with train/<label>/* and test/<label>/*, or with <label>/*",
    "a .csv or .parquet with columns path and label, and split where it is known",
    "WebDataset shards: a .tar, or a folder of train*.tar and test*.tar",
)


def listed(source: Path, labels: Sequence[str]) -> list[Listed]:
    """All that a dataset lists, in an order that stays.

    Args:
        source: one of :data:`FORMS`.
        labels: those of the model. Where one is called like a split, folders are labels.

    Raises:
        UsageError: it is none of them, or not there.
        DatasetError: it lists nothing, or what it lists cannot be understood.
    """
    if not source.exists():
        raise UsageError(f"there is no folder or file {source}", expected=FORMS)
    if source.suffix in TABLES:
        return listed_in_table(source)
    if source.suffix == SHARD and source.is_file():
        return listed_in_shards([source])
    if not source.is_dir():
        raise UsageError(f"{source} is no dataset", expected=FORMS)
    shards = sorted(source.glob(f"*{SHARD}"))
    return listed_in_shards(shards) if shards else listed_in_folders(source, labels)


def listed_in_folders(root: Path, labels: Sequence[str], suffix: str | None = None) -> list[Listed]:
    """The files of ``train/<label>/*`` and ``test/<label>/*``, or of ``<label>/*``, by name.

    Args:
        root: the folder.
        labels: as for :func:`listed`.
        suffix: of the files that are wanted, where others are not; then ``<label>.suffix`` will
            do for a folder.

    Raises:
        DatasetError: there is no such folder, or nothing in one.
    """
    names = {folder.name for folder in _visible(root) if folder.is_dir()}
    if names.isdisjoint(SPLITS) or not set(labels).isdisjoint(SPLITS):
        return _listed_by_label(root, None, suffix)
    return [
        one
        for split in SPLITS
        if split in names
        for one in _listed_by_label(root / split, split, suffix)
    ]


def _listed_by_label(folder: Path, split: SplitName | None, suffix: str | None) -> list[Listed]:
    found = []
    for place in sorted(_visible(folder)):
        if place.is_dir():
            files = sorted(path for path in _visible(place) if path.is_file())
            files = [path for path in files if suffix in {None, path.suffix}]
            if not files:
                what = f"{suffix} file" if suffix else "picture"
                raise DatasetError(f"{place} holds no {what}", expected="at least one")
            found += [Listed(str(file), place.name, split, file) for file in files]
        elif suffix and place.suffix == suffix:
            found.append(Listed(str(place), place.stem, split, place))
    if not found:
        wanted = f"LABEL/*{suffix} or LABEL{suffix}" if suffix else "LABEL/*"
        raise DatasetError(f"{folder} holds no folder of a label", expected=f"{folder}/{wanted}")
    return found


def _visible(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if not path.name.startswith("."))
