"""Pictures or rows whose labels are known: a folder a label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edgeconv.embeddings import SUFFIX, checked, read_rows
from edgeconv.errors import InputError, UnknownName, UsageError
from edgeconv.images import load_pixels
from edgeconv.spec import Embedding, Preprocessing

HELD_OUT = "test"
"""Where ``edgeconv train`` keeps the pictures that it does not learn from."""

AT_ONCE = 32
"""How many files are read ahead."""


@dataclass(frozen=True)
class LabelledFile:
    """A file, and the label of all that is in it. ``name`` is its path inside the folder."""

    path: Path
    name: str
    label: str


@dataclass(frozen=True)
class LabelledInput:
    """What a model takes, (H, W, 3) uint8 pixels or a (length,) row, or why there is none.

    ``name`` is that of its file, with the place in it for one row of several.
    """

    file: LabelledFile
    name: str
    given: NDArray[Any] | None
    error: str | None = None


@dataclass(frozen=True)
class LabelledSet:
    """Files in the order of their labels and names.

    ``absent`` are the labels that have no folder.
    """

    place: Path
    files: tuple[LabelledFile, ...]
    absent: tuple[str, ...]


def labelled_set(data: Path, labels: Sequence[str], how: Preprocessing | Embedding) -> LabelledSet:
    """Find the files of each label.

    Args:
        data: ``data/<label>/*`` or ``data/test/<label>/*``; for embeddings a label may also be one
            file, ``<label>.npy``.
        labels: those of the model. One without a folder is left out, and said.
        how: whether pictures or rows are wanted.

    Raises:
        UsageError: there is no such folder, no label in it, or a label without a file.
        UnknownName: a folder is named after no label of the model.
    """
    rows = isinstance(how, Embedding)
    if not data.is_dir():
        raise UsageError(f"there is no folder {data}", expected=_layout(rows))
    held_out = data / HELD_OUT
    place = held_out if held_out.is_dir() and HELD_OUT not in labels else data
    found: dict[str, list[Path]] = {}
    for path in sorted(_visible(place)):
        if path.is_dir():
            found.setdefault(path.name, []).extend(_files_in(path, rows))
        elif rows and path.suffix == SUFFIX:
            found.setdefault(path.stem, []).append(path)
    if not found:
        raise UsageError(f"no labels in {place}", expected=_layout(rows))
    if strangers := [name for name in found if name not in labels]:
        raise UnknownName("label of the model", strangers[0], labels)
    for name, files in found.items():
        if not files:
            raise UsageError(
                f"the label {name} is empty",
                got=f"no files in {place / name}",
                expected=_layout(rows),
            )
    return LabelledSet(
        place,
        tuple(
            LabelledFile(path, path.relative_to(place).as_posix(), label)
            for label in labels
            for path in found.get(label, [])
        ),
        tuple(label for label in labels if label not in found),
    )


def read_inputs(
    files: Sequence[LabelledFile], how: Preprocessing | Embedding
) -> Iterator[list[LabelledInput]]:
    """What is in each file, in order: one picture, or as many rows as it has.

    Pictures are decoded side by side, a few at a time: memory does not grow with their number.
    """
    waiting = iter(files)
    with ThreadPoolExecutor() as pool:
        while block := list(islice(waiting, AT_ONCE)):
            yield from pool.map(lambda file: _read(file, how), block)


def _read(file: LabelledFile, how: Preprocessing | Embedding) -> list[LabelledInput]:
    try:
        if isinstance(how, Preprocessing):
            pixels = load_pixels(file.path, how, file.name)
            return [LabelledInput(file, file.name, pixels)]
        rows = read_rows(file.path, how, file.name)
    except InputError as error:
        return [LabelledInput(file, file.name, None, error.message)]
    return [_row(file, number, row, how) for number, row in enumerate(rows)]


def _row(file: LabelledFile, number: int, row: NDArray[Any], how: Embedding) -> LabelledInput:
    name = f"{file.name}[{number}]"
    try:
        return LabelledInput(file, name, checked(row, how, name))
    except InputError as error:
        return LabelledInput(file, name, None, error.message)


def _files_in(folder: Path, rows: bool) -> list[Path]:
    """As ``edgeconv train`` takes them: every file of a label, and nothing deeper."""
    files = sorted(path for path in _visible(folder) if path.is_file())
    return [path for path in files if path.suffix == SUFFIX] if rows else files


def _visible(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if not path.name.startswith("."))


def _layout(rows: bool) -> str:
    if rows:
        return f"DIR/LABEL/*{SUFFIX} or DIR/LABEL{SUFFIX}, rows of embeddings"
    return f"DIR/LABEL/* or DIR/{HELD_OUT}/LABEL/*"
