"""The oracle's operations: numpy, one small function each, written to be obviously right.

Every function is the operation of its name in coremltools' MIL documentation
(``coremltools.converters.mil.mil.ops.defs``), with that documentation's parameters and defaults.
Floats arrive and leave as float32. A value that is not known raises
:class:`~edgeconv.runtimes.coreml_reference.registry.UnknownValue`.
"""

from edgeconv.runtimes.coreml_reference.numpy_operations import (
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
from edgeconv.runtimes.coreml_reference.numpy_operations.operations import OPERATIONS

__all__ = [
    "OPERATIONS",
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
