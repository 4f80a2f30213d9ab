"""A Keras model as a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from edgeconv.architectures import export_form
from edgeconv.frozen import FrozenGraph, trace
from edgeconv.generated_rows import RowStatistics
from edgeconv.networks import halved
from edgeconv.networks.tempering import divide_logits
from edgeconv.spec import ModelSpec


@dataclass(frozen=True)
class KerasNetwork:
    """``model`` is a flat ``tf_keras.Model`` from normalised float32 inputs to scores."""

    model: Any

    library: ClassVar[str] = "Keras"

    def scores(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(self.model.predict_on_batch(inputs), np.float32)

    def with_half_weights(self) -> KerasNetwork:
        import tf_keras

        copy = tf_keras.models.clone_model(self.model)
        copy.set_weights([halved(weights) for weights in self.model.get_weights()])
        return KerasNetwork(copy)

    def with_temperature(self, temperature: float) -> KerasNetwork:
        divide_logits(self.model, temperature)
        return self

    def row_statistics(self, length: int) -> RowStatistics:
        from edgeconv.architectures.row_statistics import row_statistics

        return row_statistics(self.model, length)

    def freeze(self, spec: ModelSpec) -> FrozenGraph:
        model = export_form(spec, self.model)
        return trace(spec, lambda normalised: model(normalised, training=False))
