"""The inputs of a run, cut into chunks: what is scored, committed and repeated as a whole."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from math import ceil

CHUNKS_WANTED = 64
"""Enough for any number of workers to share; fewer inputs make smaller chunks, not fewer."""


@dataclass(frozen=True)
class Piece:
    """Neighbouring inputs of one file.

    ``start`` and ``stop`` count inputs within the file; ``at`` is where reading begins, in the
    units of its kind: a byte of a tar shard, a row group of a parquet file.
    """

    file: str
    start: int = 0
    stop: int = 1
    at: int = 0

    @property
    def count(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Chunk:
    """Scored by one worker and committed as one part, named by its number."""

    number: int
    pieces: tuple[Piece, ...]

    @property
    def count(self) -> int:
        return sum(piece.count for piece in self.pieces)

    @property
    def part(self) -> str:
        """The name of its file."""
        return f"part-{self.number:06d}.parquet"

    def to_json(self) -> str:
        """One line; names that are no text are kept."""
        return json.dumps([self.number, [astuple(piece) for piece in self.pieces]])

    @classmethod
    def from_json(cls, text: str | bytes) -> Chunk:
        number, pieces = json.loads(text)
        return cls(number, tuple(Piece(*piece) for piece in pieces))


def chunk_size(total: int, step: int, largest: int) -> int:
    """Inputs a chunk: a multiple of ``step``, and a function of the inputs alone.

    Were it one of the workers as well, two engines would cut batches differently, and the last
    bits of scores may depend on that.
    """
    return min(largest, max(1, ceil(total / CHUNKS_WANTED / step)) * step)


def pack(pieces: Iterable[Piece], size: int) -> Iterator[Chunk]:
    """Pieces in order, in chunks of ``size`` inputs; a piece that is larger is a chunk alone."""
    held: list[Piece] = []
    number = count = 0
    for piece in pieces:
        if held and count + piece.count > size:
            yield Chunk(number, tuple(held))
            number, held, count = number + 1, [], 0
        held.append(piece)
        count += piece.count
    if held:
        yield Chunk(number, tuple(held))
