"""Matrix products."""

from __future__ import annotations

import numpy as np

from edgeconv.networks.onnx_to_tf.registry import operation
from edgeconv.networks.onnx_to_tf.values import Value, aligned, reshaped


@operation("Gemm")
def gemm(
    a: Value,
    b: Value,
    c: Value | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,  # noqa: N803  (ONNX's names)
    transB: int = 0,  # noqa: N803
) -> Value:
    import tensorflow as tf

    right = b.arranged().T if transB and b.is_constant else b.arranged()
    turn = bool(transB) and not b.is_constant
    product = tf.matmul(a.arranged(), right, transpose_a=bool(transA), transpose_b=turn)
    if alpha != 1:
        product = product * np.float32(alpha)
    if c is None:
        return Value.plain(product)
    (added, summand), order = aligned(Value.plain(product), c)
    return Value(added + (summand if beta == 1 else summand * np.float32(beta)), order)


@operation("MatMul")
def matmul(a: Value, b: Value) -> Value:
    """A product with one constant matrix is computed at rank 2: a fully connected layer."""
    import tensorflow as tf

    left, right = a.arranged(), b.arranged()
    if not (b.is_constant and b.rank == 2 and a.rank > 2):
        return Value.plain(tf.matmul(left, right))
    rows = tf.matmul(reshaped(left, (-1, a.shape[-1])), right)
    return Value.plain(reshaped(rows, (*a.shape[:-1], b.shape[-1])))
