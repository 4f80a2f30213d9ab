"""A network that is tensors and options: drawn in ONNX as it is, and built in Keras when asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from edgeconv.architectures import build, draw
from edgeconv.checkpoints.fitting import fill
from edgeconv.formats.onnx_model import OnnxModel
from edgeconv.frozen import FrozenGraph, FrozenNetwork
from edgeconv.generated_rows import RowStatistics, unknown_statistics
from edgeconv.networks import halved
from edgeconv.networks.keras_network import KerasNetwork
from edgeconv.networks.tempering import divided
from edgeconv.spec import ModelSpec


@dataclass(frozen=True)
class DrawnNetwork:
    """``tensors`` by ``layer/weight`` are just those of the spec's architecture.

    To import tensorflow and to build a ViT-B in Keras takes longer than to write its ONNX file.
    """

    spec: ModelSpec
    tensors: Mapping[str, NDArray[np.float32]]

    library: ClassVar[str] = KerasNetwork.library

    @cached_property
    def keras(self) -> KerasNetwork:
        """The same network in Keras: what its scores come from, and tensorflow's graph."""
        model = build(self.spec)
        fill(model, self.tensors, "the checkpoint", self.spec.name)
        return KerasNetwork(model)

    @property
    def model(self) -> Any:
        """The ``tf_keras.Model``, as :class:`KerasNetwork` has it."""
        return self.keras.model

    def scores(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        return self.keras.scores(inputs)

    def with_half_weights(self) -> DrawnNetwork:
        tensors = {name: halved(tensor) for name, tensor in self.tensors.items()}
        return replace(self, tensors=tensors)

    def with_temperature(self, temperature: float) -> DrawnNetwork:
        return replace(self, tensors=divided(self.tensors, temperature))

    def row_statistics(self, length: int) -> RowStatistics:
        return unknown_statistics(length)

    def freeze(self, spec: ModelSpec) -> FrozenDrawing:
        return FrozenDrawing(spec, self)


@dataclass(frozen=True)
class FrozenDrawing(FrozenNetwork):
    """A drawn network as converters take it; see :class:`edgeconv.networks.Frozen`."""

    network: DrawnNetwork

    @cached_property
    def onnx(self) -> OnnxModel:
        return draw(self.spec, self.network.tensors)

    @property
    def function(self) -> Any:
        return self._graph.function

    def scores(
        self, inputs: NDArray[Any], *, threads: int = 0, optimise: bool = True
    ) -> NDArray[np.float32]:
        return self._graph.scores(inputs, threads=threads, optimise=optimise)

    @cached_property
    def _graph(self) -> FrozenGraph:
        return self.network.keras.freeze(self.spec)
