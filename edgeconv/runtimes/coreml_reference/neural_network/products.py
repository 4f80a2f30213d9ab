"""Matrix products, embeddings and constants."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.neural_network.lowering import Lowered, Lowering, layer
from edgeconv.runtimes.coreml_reference.program import Operand


@layer("innerProduct")
def inner_product(net: Lowering, params: Any, x: Operand) -> Lowered:
    """``InnerProductLayerParams``: over the last axis; at rank 4 over channel, height and width."""
    channels_out, channels_in = int(params.outputChannels), int(params.inputChannels)
    _refuse_dynamic_quantisation(net, params)
    rank = net.rank(x)
    if rank == 4:
        x = net.op("flatten2d", x=x, axis=1, rank=2)
    inputs: dict[str, Any] = {
        "x": x,
        "weight": net.weights(params.weights, (channels_out, channels_in), "weights"),
    }
    if params.hasBias:
        inputs["bias"] = net.weights(params.bias, (channels_out,), "bias")
    y = net.op("linear", **inputs, rank=min(rank, 3))
    return net.op("expand_dims", x=y, axes=(2, 3), rank=4) if rank == 4 else y


@layer("batchedMatmul")
def batched_matmul(net: Lowering, params: Any, x: Operand, y: Operand | None = None) -> Lowered:
    """``BatchedMatMulLayerParams``: of two inputs, or with weights stored as ``(D_out, D_in)``."""
    _refuse_dynamic_quantisation(net, params)
    if y is not None:
        transposes = {"transpose_x": params.transposeA, "transpose_y": params.transposeB}
        return net.op("matmul", x=x, y=y, **transposes)
    rows, columns = params.weightMatrixFirstDimension, params.weightMatrixSecondDimension
    weights = net.weights(params.weights, (columns, rows), "weights", arrange=_transposed)
    product = net.op("matmul", x=x, y=weights, transpose_x=bool(params.transposeA))
    if not params.hasBias:
        return product
    return net.op("add", x=product, y=net.weights(params.bias, (columns,), "bias"))


@layer("embeddingND")
def embedding_nd(net: Lowering, params: Any, indices: Operand) -> Lowered:
    """``EmbeddingNDLayerParams``: the last axis, of size one, becomes a row of the table."""
    size, vocabulary = int(params.embeddingSize), int(params.vocabSize)
    table = net.weights(params.weights, (size, vocabulary), "weights", arrange=_transposed)
    rank = net.rank(indices)
    numbers = net.op("cast", x=net.op("squeeze", x=indices, axes=(-1,)), dtype="int32")
    rows = net.op("gather", x=table, indices=numbers, axis=0, rank=rank)
    if not params.hasBias:
        return rows
    return net.op("add", x=rows, y=net.weights(params.bias, (size,), "bias"))


@layer("loadConstantND")
def load_constant_nd(net: Lowering, params: Any) -> Lowered:
    """``LoadConstantNDLayerParams``."""
    return net.weights(params.data, params.shape, "data")


@layer("loadConstant")
def load_constant(net: Lowering, params: Any) -> Lowered:
    """``LoadConstantLayerParams``: ``(C, H, W)``, with a batch of one before it."""
    return net.weights(params.data, (1, *params.shape), "data")


def _transposed(values: Array) -> Array:
    return np.transpose(values)


def _refuse_dynamic_quantisation(net: Lowering, params: Any) -> None:
    if params.int8DynamicQuantize:
        raise net.fault("quantises its input as it runs", "int8DynamicQuantize", "float inputs")
