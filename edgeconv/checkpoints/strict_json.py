"""JSON from strangers: one object, no key twice."""

from __future__ import annotations

import json
from typing import Any

from edgeconv.errors import CorruptCheckpoint


def parse_object(text: str | bytes, where: str) -> dict[str, Any]:
    """Read one JSON object.

    A key that stands twice is refused, at any depth: readers disagree on which of the two counts.

    Args:
        text: the JSON, as text or UTF-8.
        where: what it was read from, for the error.

    Raises:
        CorruptCheckpoint: it is no JSON object, or has a key twice.
    """
    try:
        value = json.loads(text, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise CorruptCheckpoint(f"{where} is not sound JSON", got=str(error)) from error
    if not isinstance(value, dict):
        raise CorruptCheckpoint(
            f"{where} is not sound JSON", got=type(value).__name__, expected="an object"
        )
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for key, value in pairs:
        if key in table:
            raise ValueError(f"the key {key!r} stands twice")
        table[key] = value
    return table
