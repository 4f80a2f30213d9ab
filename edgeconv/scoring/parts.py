"""A part: the rows of one chunk as a parquet file, with their counts in its footer."""

from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import FileError
from edgeconv.policy import Policy
from edgeconv.scoring.batches import Batch
from edgeconv.scoring.columns import texts, values
from edgeconv.scoring.location import Location
from edgeconv.scoring.tables import parquet
from edgeconv.scoring.verdicts import judge_rows

FOOTER = b"edgeconv.counts"


@dataclass(frozen=True)
class Counts:
    """What the rows of one part or several are."""

    rows: int = 0
    errors: int = 0
    unsafe: int = 0
    labels: dict[str, int] = field(default_factory=dict)

    def __add__(self, other: Counts) -> Counts:
        labels = Counter(self.labels)
        labels.update(other.labels)
        return Counts(
            self.rows + other.rows,
            self.errors + other.errors,
            self.unsafe + other.unsafe,
            dict(sorted(labels.items())),
        )

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Counts:
        return cls(**json.loads(text))


class PartWriter:
    """Collects the batches of a chunk.

    Columns: ``key``; ``score_<label>``, float32; ``label``; ``unsafe``; ``error``, which says why
    the others are empty, or is so itself.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._keys: list[Any] = []
        self._places: list[NDArray[Any]] = []
        self._scores: list[NDArray[np.float32]] = []
        self._errors: dict[int, str] = {}
        self._count = 0

    def add(self, batch: Batch, scores: NDArray[np.float32]) -> None:
        """Add a batch; ``scores`` is (N, labels), a row for each of ``batch.places``."""
        self._keys.append(batch.keys)
        self._places.append(batch.places + self._count)
        self._scores.append(scores)
        self._errors.update((place + self._count, text) for place, text in batch.errors.items())
        self._count += len(batch.keys)

    def finish(self) -> tuple[bytes, Counts]:
        """The file: the same rows give the same bytes."""
        import pyarrow

        labels, places = self._policy.labels, np.concatenate(self._places)
        scores = np.concatenate(self._scores)
        best, flagged = judge_rows(self._policy, scores)
        missing = np.ones(self._count, bool)
        missing[places] = False
        columns = {"key": pyarrow.concat_arrays(self._keys)}
        for index, label in enumerate(labels):
            columns[f"score_{label}"] = _spread(scores[:, index], places, missing)
        columns["label"] = pyarrow.DictionaryArray.from_arrays(
            _spread(best.astype(np.int32), places, missing), texts(labels)
        )
        columns["unsafe"] = _spread(flagged, places, missing)
        columns["error"] = (
            texts([self._errors.get(place) for place in range(self._count)])
            if self._errors
            else pyarrow.nulls(self._count, pyarrow.string())
        )
        found = np.bincount(best, minlength=len(labels)).tolist()
        counts = Counts(
            self._count,
            self._count - len(places),
            int(flagged.sum()),
            {label: number for label, number in zip(labels, found, strict=True) if number},
        )
        return _file(columns, counts), counts


def _file(columns: dict[str, Any], counts: Counts) -> bytes:
    import pyarrow

    table, stream = pyarrow.table(columns), io.BytesIO()
    # Labels are coded as numbers; a stored schema would have every reader keep them so.
    options = {"use_dictionary": ["label", "error"], "store_schema": False}
    with parquet().ParquetWriter(stream, table.schema, **options) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({FOOTER: counts.to_json()})
    return stream.getvalue()


def read_counts(part: Location) -> Counts:
    """The counts in a part's footer.

    Raises:
        FileError: it is none of ours.
    """
    try:
        with part.open() as stream:
            return Counts.from_json(parquet().read_metadata(stream).metadata[FOOTER])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileError(
            f"{part.name} is no part of a run", got=str(error), do="choose another folder for --out"
        ) from error


def _spread(given: NDArray[Any], places: NDArray[Any], missing: NDArray[np.bool_]) -> Any:
    """The values at their places, null elsewhere."""
    whole = np.zeros(len(missing), given.dtype)
    whole[places] = given
    return values(whole, missing)
