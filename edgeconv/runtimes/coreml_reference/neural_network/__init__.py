"""NeuralNetworks (``.mlmodel``), lowered to MIL operations so that the same executors run them.

One small function a layer kind of ``NeuralNetwork.proto``. Importing this package registers them.
"""

from edgeconv.runtimes.coreml_reference.neural_network import (
    activation,
    convolution,
    elementwise,
    normalization,
    products,
    reduction,
    shaping,
)
from edgeconv.runtimes.coreml_reference.neural_network.network import read_neural_network

__all__ = [
    "activation",
    "convolution",
    "elementwise",
    "normalization",
    "products",
    "read_neural_network",
    "reduction",
    "shaping",
]
