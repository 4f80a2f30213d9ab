"""What an exported file takes, as its contract says it."""

from __future__ import annotations

from typing import Literal

from edgeconv.contract import EmbeddingTensor, InputTensor
from edgeconv.spec import Embedding, Input


def described_input(
    given: Input | Embedding,
    *,
    name: str,
    shape: tuple[int, ...],
    dtype: Literal["uint8", "float32"],
    layout: Literal["NHWC", "NCHW"],
) -> InputTensor | EmbeddingTensor:
    """The input tensor of a file: the spec's preprocessing, and the tensor as the file has it.

    Args:
        given: what the model takes. An embedding is a float32 row, and has no layout.
        name: of the tensor in the file.
        shape: of the tensor in the file.
        dtype: of pixels.
        layout: of pixels.
    """
    if isinstance(given, Embedding):
        return EmbeddingTensor(**dict(given.preprocessing), name=name, shape=shape)
    return InputTensor(
        **dict(given.preprocessing), name=name, shape=shape, dtype=dtype, layout=layout
    )
