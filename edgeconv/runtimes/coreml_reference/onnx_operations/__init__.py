"""Translations of MIL operations to ONNX nodes, one small function each.

A translation takes the graph, then the parameters of the operation of its name in coremltools'
MIL documentation, and gives the tensor or tensors of its result. It shares nothing with the numpy
operations but the documentation: the two are held against each other.
"""

from edgeconv.runtimes.coreml_reference.onnx_operations import (
    activation,
    convolution,
    elementwise,
    indexing,
    linear,
    normalization,
    pooling,
    quantization,
    reduction,
    resizing,
    shaping,
    slicing,
)
from edgeconv.runtimes.coreml_reference.onnx_operations.operations import TRANSLATIONS

__all__ = [
    "TRANSLATIONS",
    "activation",
    "convolution",
    "elementwise",
    "indexing",
    "linear",
    "normalization",
    "pooling",
    "quantization",
    "reduction",
    "resizing",
    "shaping",
    "slicing",
]
