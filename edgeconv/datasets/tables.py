"""Datasets as a table: a CSV or parquet file with a row a picture."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from edgeconv.datasets.listing import SPLITS, Listed
from edgeconv.errors import DatasetError, MissingDependency

CSV, PARQUET = ".csv", ".parquet"

TABLES = (CSV, PARQUET)

PATH, LABEL, SPLIT, EMBEDDING = "path", "label", "split", "embedding"


def listed_in_table(file: Path) -> list[Listed]:
    """The pictures of a table, in its order. Paths are relative to the table's own folder.

    Raises:
        DatasetError: it cannot be read, lacks a column, or has a row without path or label.
        MissingDependency: it is a parquet file, and pyarrow is not installed.
    """
    rows: Iterable[Mapping[str, Any]] = (
        _csv_rows(file) if file.suffix == CSV else parquet_columns(file, (PATH, LABEL)).to_pylist()
    )
    return [_listed(row, number, file) for number, row in enumerate(rows, start=1)]


def parquet_columns(file: Path, needed: tuple[str, ...]) -> Any:
    """A ``pyarrow.Table`` of the needed columns, and of the split where there is one.

    Raises:
        DatasetError: it cannot be read, or lacks a column.
        MissingDependency: pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingDependency("pyarrow", f"reading {file.name}", extra="data") from error
    try:
        names = parquet.read_schema(file).names
        _refuse_without(needed, names, file)
        return parquet.read_table(file, columns=[*needed, *({SPLIT} & set(names))])
    except (OSError, pyarrow.ArrowException) as error:
        raise DatasetError(f"cannot read {file}", got=str(error).splitlines()[0]) from error


def split_of(said: Any, where: str) -> Any:
    """``train`` or ``test`` as a table says it; None where it says nothing.

    Raises:
        DatasetError: it says something else.
    """
    if said in {None, ""}:
        return None
    if said not in SPLITS:
        raise DatasetError(
            f"{where} is of an unknown split", got=str(said), expected=" or ".join(SPLITS)
        )
    return said


def _csv_rows(file: Path) -> list[dict[str, Any]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            _refuse_without((PATH, LABEL), reader.fieldnames or (), file)
            return list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"cannot read {file}", got=str(error)) from error


def _refuse_without(needed: Iterable[str], names: Iterable[str], file: Path) -> None:
    if missing := set(needed) - set(names):
        raise DatasetError(
            f"{file} has no column {', '.join(sorted(missing))}",
            got="columns " + (", ".join(names) or "none"),
            expected="columns " + ", ".join(needed) + f", and {SPLIT} where it is known",
        )


def _listed(row: Mapping[str, Any], number: int, file: Path) -> Listed:
    path, label = row[PATH], row[LABEL]
    where = f"{file}, row {number},"
    if path in {None, ""} or label in {None, ""}:
        raise DatasetError(f"{where} has no {LABEL if path else PATH}")
    # A path that is absolute stays so.
    place = file.parent / str(path)
    return Listed(str(place), str(label), split_of(row.get(SPLIT), where), place)
