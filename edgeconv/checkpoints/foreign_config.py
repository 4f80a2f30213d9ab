"""What JSON configurations of models have in common: checked keys, and labels in order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from edgeconv.errors import CorruptCheckpoint
from edgeconv.spec import explain

Count = Annotated[int, Field(gt=0, le=1 << 16)]
Depth = Annotated[int, Field(gt=0, le=1000)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Colour = tuple[Finite, Finite, Finite]
Scale = tuple[
    Annotated[Finite, Field(gt=0)], Annotated[Finite, Field(gt=0)], Annotated[Finite, Field(gt=0)]
]


def _pair(value: object) -> object:
    return (value, value) if type(value) is int else value


Sides = Annotated[tuple[Count, Count], BeforeValidator(_pair)]
"""(height, width), or one number for both."""


class Configuration(BaseModel):
    """A JSON object of which the keys that are declared must be right; others are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


Checked = TypeVar("Checked", bound=BaseModel)


def checked(kind: type[Checked], table: Mapping[str, Any], where: str) -> Checked:
    """A JSON object as the table that it must be.

    Raises:
        CorruptCheckpoint: a key is missing, or has a value that it cannot have.
    """
    try:
        return kind.model_validate(dict(table))
    except ValidationError as error:
        raise CorruptCheckpoint(f"{where} does not say what it must", got=explain(error)) from error


def labels_in_order(names: Mapping[str, str] | Sequence[str], where: str) -> tuple[str, ...]:
    """Labels by index: a list, or a table whose keys are 0, 1, 2 and so on.

    Raises:
        CorruptCheckpoint: an index is left out, or a label stands twice.
    """
    labels = _by_index(names, where) if isinstance(names, Mapping) else tuple(names)
    repeated = [label for label, times in Counter(labels).items() if times > 1]
    if repeated:
        raise CorruptCheckpoint(
            f"{where} gives a label to several scores", got=", ".join(repeated[:10])
        )
    return labels


def _by_index(names: Mapping[str, str], where: str) -> tuple[str, ...]:
    indices = [str(index) for index in range(len(names))]
    if set(names) != set(indices):
        raise CorruptCheckpoint(
            f"{where} does not number its labels from 0 on",
            got=", ".join(sorted(names, key=_by_number)[:20]),
            expected=f"0 to {len(names) - 1}",
        )
    return tuple(names[index] for index in indices)


def _by_number(text: str) -> tuple[int, str]:
    return (int(text), "") if re.fullmatch("[0-9]{1,9}", text) else (1 << 30, text)
