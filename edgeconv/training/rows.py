"""Embeddings to learn from: ``.npy`` files in folders by label, or a parquet file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.embeddings import SUFFIX, checked, mapped_rows, refuse_other_rows
from edgeconv.errors import EmbeddingError, UsageError
from edgeconv.spec import Embedding
from edgeconv.training import sources
from edgeconv.training.listing import Listed
from edgeconv.training.tables import EMBEDDING, LABEL, PARQUET, SPLIT, parquet_columns, split_of

FORMS = (
    f"a folder with train/<label>/*{SUFFIX} and test/<label>/*{SUFFIX}, or with <label>/*{SUFFIX}",
    f"a {PARQUET} with columns {EMBEDDING} and {LABEL}, and {SPLIT} where it is known",
)

Rows = NDArray[Any]


@dataclass
class RowSplit:
    """Rows of files. Those of ``.npy`` files stay on the disk until they are asked for.

    ``files`` has the rows of each file, (N, length) of any float type.
    """

    listed: Sequence[Listed]
    labels: Sequence[int]
    files: Mapping[Path, Rows]
    expected: Embedding
    unreadable: dict[str, str] = field(default_factory=dict)
    changes = False

    @property
    def names(self) -> list[str]:
        """File and number of each row, from 0."""
        return [one.name for one in self.listed]

    def inputs(self, index: int, epoch: int) -> NDArray[np.float32] | None:  # noqa: ARG002
        """The row, (length,), where it is what the model takes."""
        one = self.listed[index]
        with np.errstate(over="ignore"):
            row = self.files[one.path][one.row].astype(np.float32)
        try:
            return checked(row, self.expected, one.name)
        except EmbeddingError as error:
            self.unreadable[one.name] = "; ".join([error.message, *error.got])
            return None


def listed_rows(source: Path, expected: Embedding) -> tuple[list[Listed], dict[Path, Rows]]:
    """All rows that a dataset lists, and the rows of each of its files.

    Args:
        source: one of :data:`FORMS`.
        expected: what the model takes.

    Raises:
        UsageError: it is none of them, or not there.
        TrainingError, EmbeddingError: it cannot be read, or holds other rows.
        MissingDependency: it is a parquet file, and pyarrow is not installed.
    """
    if source.is_file() and source.suffix == PARQUET:
        return _of_parquet(source, expected)
    if not source.is_dir():
        raise UsageError(f"{source} holds no embeddings to learn from", expected=FORMS)
    listed, files = [], {}
    for file in sources.listed_in_folders(source):
        files[file.path] = mapped_rows(file.path, expected)
        listed += [
            Listed(f"{file.name}[{row}]", file.label, file.split, file.path, row=row)
            for row in range(len(files[file.path]))
        ]
    return listed, files


def _of_parquet(source: Path, expected: Embedding) -> tuple[list[Listed], dict[Path, Rows]]:
    table = parquet_columns(source, (EMBEDDING, LABEL))
    column, labels = table[EMBEDDING].combine_chunks(), table[LABEL].to_pylist()
    splits = table[SPLIT].to_pylist() if SPLIT in table.column_names else [None] * len(labels)
    try:
        lengths = set(column.value_lengths().to_pylist())
        length = lengths.pop() if len(lengths) == 1 else None
        rows = column.flatten().to_numpy(zero_copy_only=False).reshape(len(labels), length or -1)
    except (AttributeError, ValueError) as error:
        raise EmbeddingError(
            f"the column {EMBEDDING} of {source} holds no embeddings",
            got=str(column.type),
            expected=f"lists of {expected.length} floats",
        ) from error
    refuse_other_rows(rows, expected, str(source))
    listed = [
        Listed(
            f"{source}[{row}]",
            str(label),
            split_of(split, f"{source}, row {row},"),
            source,
            row=row,
        )
        for row, (label, split) in enumerate(zip(labels, splits, strict=True))
    ]
    return listed, {source: rows}
