"""Embeddings with labels: ``.npy`` files in folders by label, or a parquet file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgeconv.datasets import sources
from edgeconv.datasets.listing import Listed
from edgeconv.datasets.splits import Rows
from edgeconv.datasets.tables import EMBEDDING, LABEL, PARQUET, SPLIT, parquet_columns, split_of
from edgeconv.embeddings import SUFFIX, mapped_rows, refuse_other_rows
from edgeconv.errors import EmbeddingError, UsageError
from edgeconv.spec import Embedding

FORMS = (
    f"a folder with train/<label>/*{SUFFIX} and test/<label>/*{SUFFIX}, or with <label>/*{SUFFIX}",
    f"the same with <label>{SUFFIX} in place of a folder",
    f"a {PARQUET} with columns {EMBEDDING} and {LABEL}, and {SPLIT} where it is known",
)


def listed_rows(
    source: Path, expected: Embedding, labels: Sequence[str]
) -> tuple[list[Listed], dict[Path, Rows]]:
    """All rows that a dataset lists, and the rows of each of its files.

    Args:
        source: one of :data:`FORMS`.
        expected: what the model takes.
        labels: those of the model. Where one is called like a split, folders are labels.

    Raises:
        UsageError: it is none of them, or not there.
        DatasetError, EmbeddingError: it cannot be read, or holds other rows.
        MissingDependency: it is a parquet file, and pyarrow is not installed.
    """
    if source.is_file() and source.suffix == PARQUET:
        return _of_parquet(source, expected)
    if not source.is_dir():
        raise UsageError(f"there are no embeddings in {source}", expected=FORMS)
    listed, files = [], {}
    for file in sources.listed_in_folders(source, labels, SUFFIX):
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
