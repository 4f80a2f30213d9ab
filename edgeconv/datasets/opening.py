"""A dataset as a model takes it: pictures or rows, whatever the form they come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from edgeconv.datasets import rows, sources
from edgeconv.datasets.listing import Listed
from edgeconv.datasets.splits import PictureSplit, Rows, RowSplit
from edgeconv.spec import Embedding, Preprocessing

Takes = Preprocessing | Embedding


def forms(how: Takes) -> tuple[str, ...]:
    """The forms a dataset may come in, for messages."""
    return rows.FORMS if isinstance(how, Embedding) else sources.FORMS


def listed_inputs(
    source: Path, how: Takes, labels: Sequence[str]
) -> tuple[list[Listed], dict[Path, Rows]]:
    """All that a dataset lists; and where it is of embeddings, the rows of each of its files.

    Args:
        source: one of :func:`forms`.
        how: what the model takes.
        labels: those of the model. Where one is called like a split, folders are labels.

    Raises:
        UsageError: it is none of them, or not there.
        DatasetError: it lists nothing, or what it lists cannot be understood.
        EmbeddingError: rows cannot be read, or are not what the model takes.
        MissingDependency: it is a parquet file, and pyarrow is not installed.
    """
    if isinstance(how, Embedding):
        return rows.listed_rows(source, how, labels)
    return sources.listed(source, labels), {}


def opened(
    listed: Sequence[Listed], labels: Sequence[str], how: Takes, files: Mapping[Path, Rows]
) -> PictureSplit | RowSplit:
    """What is listed, to be read one by one.

    Args:
        listed: of no other labels than these.
        labels: those of the model, in its order.
        how: what the model takes.
        files: the rows of each file, for embeddings.
    """
    numbers = [labels.index(one.label) for one in listed]
    if isinstance(how, Embedding):
        return RowSplit(listed, numbers, files, how)
    return PictureSplit(listed, numbers, how)
