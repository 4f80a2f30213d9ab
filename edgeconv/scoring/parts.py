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
from edgeconv.scoring.location import Location
from edgeconv.scoring.names import text_of, texts_of
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
        self._tables: list[Any] = []
        self._counts = Counts()

    def add(self, batch: Batch, scores: NDArray[np.float32]) -> None:
        """Add a batch; ``scores`` is (N, labels), a row for each of ``batch.places``."""
        import pyarrow

        labels = self._policy.labels
        best, flagged = judge_rows(self._policy, scores)
        count, places = len(batch.keys), batch.places
        missing = np.ones(count, bool)
        missing[places] = False
        columns: dict[str, Any] = {"key": pyarrow.array(texts_of(batch.keys))}
        for index, label in enumerate(labels):
            columns[f"score_{label}"] = _spread(scores[:, index], places, missing)
        named = pyarrow.array(labels, pyarrow.string())
        columns["label"] = named.take(_spread(best, places, missing))
        columns["unsafe"] = _spread(flagged, places, missing)
        errors = [batch.errors.get(place) for place in range(count)] if batch.errors else None
        columns["error"] = (
            pyarrow.array([e and text_of(e) for e in errors], pyarrow.string())
            if errors
            else pyarrow.nulls(count, pyarrow.string())
        )
        self._tables.append(pyarrow.table(columns))
        found = np.bincount(best, minlength=len(labels)).tolist()
        self._counts += Counts(
            count,
            count - len(places),
            int(flagged.sum()),
            {label: number for label, number in zip(labels, found, strict=True) if number},
        )

    def finish(self) -> tuple[bytes, Counts]:
        """The file: the same rows give the same bytes."""
        import pyarrow

        table = pyarrow.concat_tables(self._tables).combine_chunks()
        footer = {FOOTER: self._counts.to_json()}
        stream = io.BytesIO()
        parquet().write_table(
            table.replace_schema_metadata(footer), stream, use_dictionary=["label", "error"]
        )
        return stream.getvalue(), self._counts


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


def _spread(values: NDArray[Any], places: NDArray[Any], missing: NDArray[np.bool_]) -> Any:
    """The values at their places, null elsewhere."""
    import pyarrow

    if len(places) == len(missing):
        return pyarrow.array(values)
    whole = np.zeros(len(missing), values.dtype)
    whole[places] = values
    return pyarrow.array(whole, mask=missing)
