"""Parquet: pictures as bytes, or embeddings as lists, a row each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from edgeconv.errors import InputError, MissingDependency, UsageError
from edgeconv.scoring.chunks import Piece
from edgeconv.scoring.columns import places_in, texts
from edgeconv.scoring.location import Location

SUFFIXES = (".parquet", ".pq")


class Columns(NamedTuple):
    """What the user said of a table: which column is scored, and which one names the rows."""

    payload: str | None = None
    key: str | None = None


def survey(table: Location, columns: Columns, rows: bool) -> Iterator[Piece]:
    """Its row groups; one piece for a file that is none.

    Args:
        table: the file.
        columns: as the user named them.
        rows: whether embeddings are wanted, and not pictures.

    Raises:
        UsageError: a column is not there, or it is not clear which one is meant.
    """
    try:
        with table.open() as stream:
            file = parquet().ParquetFile(stream)
            payload_column(file.schema_arrow, columns, rows, table.name)
            counts = [
                file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)
            ]
    except (OSError, ValueError) as error:  # what pyarrow raises is one of them
        if isinstance(error, UsageError):
            raise
        counts = [1]
    start = 0
    for number, count in enumerate(counts):
        if count:
            yield Piece(table.name, start, start + count, number)
        start += count


def read(piece: Piece, columns: Columns, rows: bool, at_once: int) -> Iterator[tuple[Any, Any]]:
    """Keys and payload of a piece, ``at_once`` rows at a time: pyarrow arrays both.

    Raises:
        InputError: it is no parquet file.
    """
    try:
        with Location(piece.file).open() as stream:
            file = parquet().ParquetFile(stream)
            name = payload_column(file.schema_arrow, columns, rows, piece.file)
            wanted = [name] if columns.key in {None, name} else [name, columns.key]
            start = piece.start
            for batch in file.iter_batches(at_once, row_groups=[piece.at], columns=wanted):
                yield _keys(batch, columns, piece.file, start), _payload(batch, name)
                start += batch.num_rows
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {piece.file}", got=str(error), expected="parquet") from error


def parquet() -> Any:
    """``pyarrow.parquet``.

    Raises:
        MissingDependency: it is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDependency("pyarrow", "edgeconv score", extra="data") from error
    return pyarrow.parquet


def payload_column(schema: Any, columns: Columns, rows: bool, where: str) -> str:
    """The column that is scored: the one named, or the only one that can be.

    Raises:
        UsageError: it is not there, or there are several.
    """
    if columns.key is not None and columns.key not in schema.names:
        raise UsageError(
            f"{where} has no column {columns.key!r}", expected=f"one of {', '.join(schema.names)}"
        )
    fits = [field.name for field in schema if (_holds_rows if rows else _holds_bytes)(field.type)]
    named = columns.payload
    if named is not None and named in fits:
        return named
    what = "lists of floats" if rows else "bytes of pictures"
    if named is not None or len(fits) != 1:
        raise UsageError(
            f"it is not clear which column of {where} is to be scored",
            got=[f"{field.name}: {field.type}" for field in schema][:20],
            expected=f"one column of {what}",
            do="name it: --column NAME",
        )
    return str(fits[0])


def _holds_rows(kind: Any) -> bool:
    from pyarrow import types

    lists = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return bool(lists) and bool(types.is_floating(kind.value_type))


def _holds_bytes(kind: Any) -> bool:
    """Binary, or Hugging Face's ``{bytes, path}``."""
    from pyarrow import types

    if types.is_struct(kind):
        index = kind.get_field_index("bytes")
        return index >= 0 and _holds_bytes(kind.field(index).type)
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _keys(batch: Any, columns: Columns, file: str, start: int) -> Any:
    unnamed = places_in(file, start, start + batch.num_rows)
    if columns.key is None:
        return unnamed
    named = batch.column(columns.key).to_pylist()
    return texts(
        [
            str(key) if key is not None else place.as_py()
            for key, place in zip(named, unnamed, strict=True)
        ]
    )


def _payload(batch: Any, name: str) -> Any:
    column = batch.column(name)
    from pyarrow import compute, types

    return compute.struct_field(column, "bytes") if types.is_struct(column.type) else column
