"""Folds a batch normalisation between two dense layers into both of them, evenly.

Converters fold a normalisation into the convolution before it. One that stands behind an
activation they leave as a multiplication, or push whole into the layer behind it, where a feature
of small variance gets huge weights and integer files round all others away: on the demo that alone
flipped a quarter of all decisions. A ReLU lets positive scales through, ``a relu(x) = relu(a x)``,
so the scale can be shared between the two layers such that each feature's weights have the same
range in both (cross-layer equalisation: Nagel et al. 2019, section 4.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

HOMOGENEOUS = frozenset({"linear", "relu"})
"""Activations with ``f(a x) = a f(x)`` for every positive ``a``."""


@dataclass(frozen=True)
class _Sandwich:
    """``after(norm(before(x)))``, where nothing else looks at what is between."""

    before: Any
    norm: Any
    after: Any


def fold_batch_norms(model: Any) -> Any:
    """The model with every batch normalisation between two dense layers folded into them.

    Args:
        model: a functional ``tf_keras.Model``; it is left as it is.

    Returns:
        A model with the same layer names and, but for rounding, the same scores; ``model`` itself
        where there is nothing to fold.
    """
    import tf_keras

    found = [sandwich for layer in model.layers if (sandwich := _around(layer)) is not None]
    if not found:
        return model
    folded = {sandwich.norm.name for sandwich in found}

    def without_norm(layer: Any) -> Any:
        if layer.name in folded:
            return tf_keras.layers.Activation("linear", name=layer.name)
        return layer.__class__.from_config(layer.get_config())

    copy = tf_keras.models.clone_model(model, clone_function=without_norm)
    for layer in model.layers:
        if layer.name not in folded:
            copy.get_layer(layer.name).set_weights(layer.get_weights())
    for sandwich in found:
        _fold(sandwich, copy.get_layer(sandwich.before.name), copy.get_layer(sandwich.after.name))
    return copy


def _around(after: Any) -> _Sandwich | None:
    """The foldable normalisation in front of a dense layer, dropout passed over."""
    import tf_keras

    if not isinstance(after, tf_keras.layers.Dense) or not after.use_bias:
        return None
    norm = only_source(after)
    while isinstance(norm, tf_keras.layers.Dropout):
        norm = only_source(norm)
    if not isinstance(norm, tf_keras.layers.BatchNormalization):
        return None
    before = only_source(norm)
    if (
        isinstance(before, tf_keras.layers.Dense)
        and before.activation.__name__ in HOMOGENEOUS
        and len(before.output_shape) == 2
    ):
        return _Sandwich(before, norm, after)
    return None


def only_source(layer: Any) -> Any:
    """The layer that feeds this one, if it feeds nothing else and is used once."""
    if len(layer.inbound_nodes) != 1:
        return None
    source = layer.inbound_nodes[0].inbound_layers
    if isinstance(source, list) or len(source.outbound_nodes) != 1:
        return None
    return source


def _fold(sandwich: _Sandwich, before: Any, after: Any) -> None:
    """Set the weights of the two copies, computed in float64.

    With ``norm(x) = a x + b``, and any positive ``s`` for each feature: ``before`` is scaled by
    ``s``, ``after`` by ``a / s``, and ``after`` takes ``b`` into its bias.
    """
    scale, shift = scale_and_shift(sandwich.norm)
    kernel, bias = (np.float64(weights) for weights in after.get_weights())
    scaled = scale[:, None] * kernel
    share = _equalising(np.float64(before.get_weights()[0]), scaled)
    before.set_weights([(np.float64(w) * share).astype(np.float32) for w in before.get_weights()])
    after.set_weights(
        [(scaled / share[:, None]).astype(np.float32), (bias + shift @ kernel).astype(np.float32)]
    )


def scale_and_shift(norm: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``a`` and ``b`` of ``norm(x) = a x + b`` for each channel."""
    scale = 1 / np.sqrt(np.float64(norm.moving_variance) + norm.epsilon)
    if norm.scale:
        scale = scale * np.float64(norm.gamma)
    shift = -np.float64(norm.moving_mean) * scale
    if norm.center:
        shift = shift + np.float64(norm.beta)
    return scale, shift


def _equalising(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    """What to multiply each feature by, so that its weights reach as far in both kernels.

    Args:
        before: (inputs, features) kernel that makes the features.
        after: (features, outputs) kernel that takes them in.
    """
    reach_before = np.abs(before).max(axis=0)
    reach_after = np.abs(after).max(axis=1)
    alive = (reach_before > 0) & (reach_after > 0)
    ones = np.ones(len(alive))
    return np.asarray(np.sqrt(np.divide(reach_after, reach_before, where=alive, out=ones)))
