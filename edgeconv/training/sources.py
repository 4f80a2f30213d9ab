"""The forms a dataset may come in: folders by label, a table, or tar shards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edgeconv.errors import TrainingError, UsageError
from edgeconv.training.listing import SPLITS, Listed, SplitName
from edgeconv.training.shards import SHARD, listed_in_shards
from edgeconv.training.tables import TABLES, listed_in_table

FORMS = (
    "a folder with train/<label>/* and test/<label>/*, or with <label>/*",
    "a .csv or .parquet with columns path and label, and split where it is known",
    "WebDataset shards: a .tar, or a folder of train*.tar and test*.tar",
)


def listed(source: Path) -> list[Listed]:
    """All that a dataset lists, in an order that stays.

    Args:
        source: one of :data:`FORMS`.

    Raises:
        UsageError: it is none of them, or not there.
        TrainingError: it lists nothing, or what it lists cannot be understood.
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
    return listed_in_shards(shards) if shards else listed_in_folders(source)


def listed_in_folders(root: Path) -> list[Listed]:
    """The files of ``train/<label>/*`` and ``test/<label>/*``, or of ``<label>/*``, by name.

    Raises:
        TrainingError: there is no such folder, or nothing in one.
    """
    names = {folder.name for folder in _visible(root) if folder.is_dir()}
    if names.isdisjoint(SPLITS):
        return _listed_by_label(root, None)
    return [
        one for split in SPLITS if split in names for one in _listed_by_label(root / split, split)
    ]


def _listed_by_label(folder: Path, split: SplitName | None) -> list[Listed]:
    found = []
    for place in sorted(_visible(folder)):
        if not place.is_dir():
            continue
        files = sorted(path for path in _visible(place) if path.is_file())
        if not files:
            raise TrainingError(f"{place} holds no picture", expected="at least one")
        found += [Listed(str(file), place.name, split, file) for file in files]
    if not found:
        raise TrainingError(f"{folder} holds no folder of pictures", expected=FORMS)
    return found


def _visible(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if not path.name.startswith("."))
