"""Matrix products (``iOS15/linear.py``) and attention (``iOS18/transformers.py``)."""

# numpy gives Any for arithmetic on arrays of any element type
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.numpy_operations.activation import softmax
from edgeconv.runtimes.coreml_reference.numpy_operations.operations import operation


@operation("linear")
def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """``x @ weight.T + bias``; ``weight`` is ``(D_out, D_in)``."""
    y: Array = x @ weight.T
    return y if bias is None else y + bias


@operation("matmul")
def matmul(x: Array, y: Array, *, transpose_x: bool = False, transpose_y: bool = False) -> Array:
    """Batched matrix product, either side transposed in its last two axes."""
    left = x.swapaxes(-1, -2) if transpose_x else x
    right = y.swapaxes(-1, -2) if transpose_y else y
    product: Array = left @ right
    return product


@operation("einsum")
def einsum(*values: Array, equation: str) -> Array:
    """A sum of products in Einstein's notation."""
    result: Array = np.einsum(equation, *values)
    return result


@operation("scaled_dot_product_attention")
def scaled_dot_product_attention(
    query: Array, key: Array, value: Array, attn_mask: Array | None = None
) -> Array:
    """``softmax(query @ key.T / sqrt(E) + attn_mask) @ value``.

    A boolean mask keeps what is true.
    """
    similarity = query @ key.swapaxes(-1, -2) / np.sqrt(np.float32(query.shape[-1]))
    if attn_mask is not None and attn_mask.dtype == np.bool_:
        similarity = np.where(attn_mask, similarity, np.float32(-np.inf))
    elif attn_mask is not None:
        similarity = similarity + attn_mask
    attended: Array = softmax(similarity) @ value
    return attended
