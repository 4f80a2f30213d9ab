"""Folds a batch normalisation into the convolution before it.

ONNX Runtime does so when it runs a file, but what is quantised is the file itself: a normalisation
left between would be computed in float, and its convolution rounded at another scale.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

_EPSILON = 1e-5


def fold_batch_norms(graph: Any) -> None:
    """Fold every normalisation that is the only one to read a convolution of constant weights.

    Args:
        graph: an ``onnx.GraphProto``; changed in place. Constants that nobody reads any more stay.
    """
    import onnx

    constants = {tensor.name: tensor for tensor in graph.initializer}
    convolutions = {node.output[0]: node for node in graph.node if node.op_type == "Conv"}
    readers = Counter(name for node in graph.node for name in node.input)
    for node in list(graph.node):
        before = convolutions.get(node.input[0]) if node.op_type == "BatchNormalization" else None
        if before is None or readers[node.input[0]] != 1:
            continue
        if not {*before.input[1:], *node.input[1:]} <= set(constants):
            continue
        kernel, *bias = (
            onnx.numpy_helper.to_array(constants[name]).astype(np.float64)
            for name in before.input[1:]
        )
        gamma, beta, mean, variance = (
            onnx.numpy_helper.to_array(constants[name]).astype(np.float64)
            for name in node.input[1:]
        )
        epsilon = next((a.f for a in node.attribute if a.name == "epsilon"), _EPSILON)
        factor = gamma / np.sqrt(variance + epsilon)
        folded = {
            f"{node.output[0]}.kernel": kernel * factor[:, None, None, None],
            f"{node.output[0]}.bias": ((bias[0] if bias else 0) - mean) * factor + beta,
        }
        graph.initializer.extend(
            onnx.numpy_helper.from_array(values.astype(np.float32), name)
            for name, values in folded.items()
        )
        before.input[1:] = list(folded)
        before.output[0] = node.output[0]
        graph.node.remove(node)
