"""What a run is, written down before it begins, so that a killed one goes on where it stopped."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgeconv.errors import ScoringError
from edgeconv.scoring.chunks import Chunk
from edgeconv.scoring.location import Location

PLAN = "plan.json"
CHUNKS = "chunks.jsonl.gz"
PARTS = "scores"
"""The folder of parts; nothing else is in it, so that any parquet reader takes it whole."""


@dataclass(frozen=True)
class Plan:
    """``asked`` is what the user asked for, and another run may not differ in it; ``decided`` is
    what was measured then, and holds for the rest of the run."""

    asked: dict[str, Any]
    decided: dict[str, Any]
    chunks: tuple[Chunk, ...]

    @property
    def count(self) -> int:
        """Inputs in all."""
        return sum(chunk.count for chunk in self.chunks)

    def write(self, out: Location) -> None:
        """The list of chunks first: ``plan.json`` vouches for it.

        Raises:
            FileError: the folder cannot be written.
        """
        chunks = _packed(self.chunks)
        (out / CHUNKS).write(chunks)
        document = {
            "asked": self.asked,
            "decided": self.decided,
            "inputs": self.count,
            "chunks": len(self.chunks),
            "sha256": hashlib.sha256(chunks).hexdigest(),
        }
        (out / PLAN).write(json.dumps(document, indent=1).encode())


def read_plan(out: Location, asked: dict[str, Any]) -> Plan | None:
    """The plan of a run that was begun in a folder; None where there is none.

    Raises:
        ScoringError: it is another run's, or damaged.
    """
    if not (out / PLAN).exists():
        return None
    try:
        document = json.loads(_content(out / PLAN))
        chunks = _content(out / CHUNKS)
        plan = Plan(document["asked"], document["decided"], tuple(_unpacked(chunks)))
        sound = hashlib.sha256(chunks).hexdigest() == document["sha256"]
    except (ValueError, KeyError, TypeError, OSError, EOFError) as error:
        raise _foreign(out, str(error)) from error
    if not sound:
        raise _foreign(out, f"{CHUNKS} is not the one that was written")
    differing = [key for key in asked if document["asked"].get(key) != asked[key]]
    if differing:
        raise _foreign(
            out,
            *(f"{key}: {document['asked'].get(key)}, and now {asked[key]}" for key in differing),
        )
    return plan


def _content(place: Location) -> bytes:
    with place.open() as stream:
        return stream.read()


def _packed(chunks: Sequence[Chunk]) -> bytes:
    stream = io.BytesIO()
    with gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=1, mtime=0) as lines:
        for chunk in chunks:
            lines.write(chunk.to_json().encode() + b"\n")
    return stream.getvalue()


def _unpacked(content: bytes) -> list[Chunk]:
    return [Chunk.from_json(line) for line in gzip.decompress(content).splitlines()]


def _foreign(out: Location, *got: str) -> ScoringError:
    return ScoringError(
        f"{out.name} holds a run that is not this one",
        got=got,
        do="choose another folder for --out, or delete this one to begin anew",
    )
