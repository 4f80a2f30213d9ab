"""From features to scores, as a spec's ``[output]`` says."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras

from edgeconv.architectures import BOTH_SCORES, SCORES
from edgeconv.architectures.forms import Form
from edgeconv.spec import ONE_LOGIT, ModelSpec, OutputKind

_ACTIVATIONS: dict[OutputKind, str] = {
    "softmax": "softmax",
    "multi-label": "sigmoid",
    "sigmoid": "sigmoid",
    "linear": "linear",
}


class WithComplement(tf_keras.layers.Layer):  # type: ignore[misc]
    """The score of the second label, (N, 1), to both labels' scores ``[1 - s, s]``, (N, 2)."""

    def call(self, score: Any) -> Any:
        return tf.concat([1.0 - score, score], axis=1)


def scores(spec: ModelSpec, features: Any, form: Form) -> Any:
    """Scores (N, labels) of features (N, width), by one dense layer called :data:`SCORES`.

    It starts as Keras starts a dense layer: a head is trained, whatever its body's weights are.
    """
    kind = spec.output.kind
    one_logit = kind in ONE_LOGIT
    units = 1 if one_logit else len(spec.labels)
    dense = form.layer(tf_keras.layers.Dense, SCORES, units=units, activation=_ACTIVATIONS[kind])
    found = dense(features)
    return form.layer(WithComplement, BOTH_SCORES)(found) if one_logit else found
