"""Embeddings as they are uploaded: a ``.npy`` file, or JSON."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, ValidationError

from edgeconv.embeddings import read_rows
from edgeconv.errors import EmbeddingError
from edgeconv.spec import Embedding

MOST_ROWS = 4096
"""Of one JSON document: as Python's numbers they take ten times their room."""


def rows_of(name: str, content: bytes, is_json: bool, how: Embedding) -> NDArray[np.float32]:
    """All rows, (N, length); what the numbers are is still to be checked.

    Raises:
        EmbeddingError: it is neither a ``.npy`` file nor a JSON list of rows of that length.
    """
    if not is_json:
        return read_rows(content, how, name)
    try:
        rows = _adapter(how.length).validate_json(content, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = "".join(f"[{step}]" for step in first["loc"])
        raise EmbeddingError(
            f"cannot read {name}",
            got=f"{place} {first['msg']}".strip(),
            expected=f"a list of at most {MOST_ROWS:,} lists of {how.length} numbers",
        ) from error
    with np.errstate(over="ignore"):
        return np.array(rows, np.float32).reshape(-1, how.length)


@lru_cache(maxsize=1)
def _adapter(length: int) -> TypeAdapter[Any]:
    row = Annotated[list[float], Field(min_length=length, max_length=length)]
    return TypeAdapter(Annotated[list[row], Field(max_length=MOST_ROWS)])
