"""What there is to score: a folder, a list, tar shards, parquet, ``.npy``; by path or URL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgeconv.errors import UsageError
from edgeconv.images import IMAGE_SUFFIXES
from edgeconv.scoring import arrays, shards, tables
from edgeconv.scoring.chunks import Piece
from edgeconv.scoring.location import Location
from edgeconv.scoring.tables import Columns
from edgeconv.spec import Embedding, Preprocessing

LIST_SUFFIXES = (".txt", ".lst")


@dataclass(frozen=True)
class Reading:
    """How inputs become what the model takes."""

    how: Preprocessing | Embedding
    columns: Columns

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The files that are taken from a folder."""
        if isinstance(self.how, Embedding):
            return (*arrays.SUFFIXES, *tables.SUFFIXES)
        return (*IMAGE_SUFFIXES, *shards.SUFFIXES, *tables.SUFFIXES)


def survey(given: str, reading: Reading) -> list[Piece]:
    """All inputs, in order: a folder's by name, a list's as they stand there, twice if twice.

    Contents are not read, only headers, so that a file is opened twice at most.

    Raises:
        UsageError: there is no such place, or nothing in it.
        FileError: it cannot be read.
    """
    place = Location(given)
    if not place.exists():
        raise UsageError(f"there is no {given}", expected=_expected(reading))
    if place.is_folder():
        files = place.find(reading.suffixes)
    elif given.lower().endswith(LIST_SUFFIXES):
        files = _listed(place)
    else:
        files = [place]
    found = [piece for file in files for piece in _pieces(file, reading)]
    if not found:
        raise UsageError(f"nothing to score in {given}", expected=_expected(reading))
    return found


def _pieces(file: Location, reading: Reading) -> Iterator[Piece]:
    name = file.name.lower()
    rows = isinstance(reading.how, Embedding)
    if name.endswith(tables.SUFFIXES):
        yield from tables.survey(file, reading.columns, rows)
    elif isinstance(reading.how, Embedding):
        yield from arrays.survey(file, reading.how)
    elif name.endswith(shards.SUFFIXES):
        yield from shards.survey(file)
    else:
        yield Piece(file.name)


def _listed(place: Location) -> list[Location]:
    """One path or URL a line. A name that is no text is kept, byte for byte."""
    with place.open() as stream:
        lines = stream.read().decode("utf-8", "surrogateescape").splitlines()
    return [Location(line.strip()) for line in lines if line.strip()]


def _expected(reading: Reading) -> str:
    return (
        f"a folder, a list ({', '.join(LIST_SUFFIXES)}) or a file of {reading.how.noun}s: "
        + ", ".join(reading.suffixes)
    )
