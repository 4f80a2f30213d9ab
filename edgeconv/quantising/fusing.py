"""A network as integer runtimes see it: one layer for each operation whose result they round.

Batch normalisation goes into the convolution before it (Jacob et al. 2018, section 3.2), a ReLU
becomes its activation, and zeros that "same" would add are no layer of their own: ONNX Runtime
cannot move a padding into a convolution once integers stand between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.folding import only_source, scale_and_shift


@dataclass(frozen=True)
class _Chain:
    """A convolution and what goes into it; None where there is no such layer."""

    padding: Any
    norm: Any
    activation: Any

    @property
    def absorbed(self) -> list[str]:
        """Names of the layers that do nothing afterwards."""
        layers = (self.padding, self.norm, self.activation)
        return [layer.name for layer in layers if layer is not None]


def fused(model: Any) -> Any:
    """A copy of a model with padding, normalisation and ReLU inside its convolutions.

    Args:
        model: a functional ``tf_keras.Model``; it is left as it is.

    Returns:
        A model with the same layer names and, but for rounding, the same scores. Layers that went
        into others are linear activations.
    """
    import tf_keras

    chains = {layer.name: _chain(layer) for layer in model.layers if is_convolution(layer)}
    idle = {name for chain in chains.values() for name in chain.absorbed}

    def copied(layer: Any) -> Any:
        if layer.name in idle:
            return tf_keras.layers.Activation("linear", name=layer.name)
        config = layer.get_config()
        if layer.name in chains:
            config |= _changes(chains[layer.name])
        return layer.__class__.from_config(config)

    copy = tf_keras.models.clone_model(model, clone_function=copied)
    for layer in model.layers:
        if layer.name in chains:
            copy.get_layer(layer.name).set_weights(_weights(layer, chains[layer.name].norm))
        elif layer.name not in idle:
            copy.get_layer(layer.name).set_weights(layer.get_weights())
    return copy


def is_convolution(layer: Any) -> bool:
    """Whether a layer is a plain or depthwise convolution, of pictures and without groups."""
    import tf_keras

    kinds = (tf_keras.layers.Conv2D, tf_keras.layers.DepthwiseConv2D)
    return type(layer) in kinds and layer.groups == 1 and layer.data_format == "channels_last"


def is_depthwise(layer: Any) -> bool:
    """Whether each channel of a convolution has filters of its own."""
    import tf_keras

    return isinstance(layer, tf_keras.layers.DepthwiseConv2D)


def same_padding(layer: Any, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """What "same" adds to a picture: ((top, bottom), (left, right)) zeros."""
    sides = []
    for side, kernel, stride, rate in zip(
        (height, width), layer.kernel_size, layer.strides, layer.dilation_rate, strict=True
    ):
        total = max((-(-side // stride) - 1) * stride + (kernel - 1) * rate + 1 - side, 0)
        sides.append((total // 2, total - total // 2))
    return sides[0], sides[1]


def _chain(convolution: Any) -> _Chain:
    import tf_keras

    after = _only_consumer(convolution)
    if convolution.activation.__name__ != "linear":
        after = None
    norm = after if isinstance(after, tf_keras.layers.BatchNormalization) else None
    activation = _only_consumer(norm) if norm is not None else after
    return _Chain(
        _padding(convolution), norm, activation if _relu(activation) is not None else None
    )


def _only_consumer(layer: Any) -> Any:
    if len(layer.outbound_nodes) != 1:
        return None
    consumer = layer.outbound_nodes[0].layer
    return consumer if only_source(consumer) is layer else None


def _padding(convolution: Any) -> Any:
    """The layer of zeros before a convolution, if it adds what "same" would."""
    import tf_keras

    before = only_source(convolution)
    if not isinstance(before, tf_keras.layers.ZeroPadding2D) or convolution.padding != "valid":
        return None
    _, height, width, _ = before.input_shape
    same = same_padding(convolution, height, width)
    return before if tuple(map(tuple, before.padding)) == same else None


def _relu(layer: Any) -> str | None:
    """``relu`` or ``relu6``, where a layer is nothing else."""
    import tf_keras

    if isinstance(layer, tf_keras.layers.ReLU) and not layer.negative_slope and not layer.threshold:
        most = None if layer.max_value is None else float(layer.max_value)
        return {None: "relu", 6.0: "relu6"}.get(most)
    if isinstance(layer, tf_keras.layers.Activation):
        name = layer.activation.__name__
        return name if name in ("relu", "relu6") else None
    return None


def _changes(chain: _Chain) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if chain.padding is not None:
        changes["padding"] = "same"
    if chain.norm is not None:
        changes["use_bias"] = True
    if chain.activation is not None:
        changes["activation"] = _relu(chain.activation)
    return changes


def _weights(convolution: Any, norm: Any) -> list[NDArray[np.float32]]:
    weights: list[NDArray[np.float32]] = convolution.get_weights()
    if norm is None:
        return weights
    scale, shift = scale_and_shift(norm)
    kernel = np.float64(weights[0])
    bias = np.float64(weights[1]) if convolution.use_bias else 0.0
    by_channel = scale.reshape(kernel.shape[2:]) if is_depthwise(convolution) else scale
    return [(kernel * by_channel).astype(np.float32), (bias * scale + shift).astype(np.float32)]
