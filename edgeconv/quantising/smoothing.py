"""Shares the reach of a transformer's rows with the matrices that they are multiplied by.

All channels of a row are rounded with one step, which those that reach farthest set. What goes into
dense layers is scaled down channel by channel, and their matrices are scaled up, whose columns have
a step each (SmoothQuant: Xiao et al. 2023, equation 4; RepQ-ViT: Li et al. 2023). The scores stay
the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BATCH = 16

LEAST = 1e-5
"""Of a reach; a channel below it is as good as dead."""

Reach = NDArray[np.float32]
"""The largest magnitude in each channel."""


@dataclass(frozen=True)
class _Rows:
    """What ``layer`` gives to ``readers`` alone, all dense; ``source`` sets its channels' scale."""

    layer: Any
    source: Any
    readers: Sequence[Any]


def smooth(model: Any, inputs: NDArray[np.float32]) -> None:
    """Scale the normalisations and the attention's values of a vision transformer, in place.

    Args:
        model: of the layers of :mod:`edgeconv.architectures.vit_layers`.
        inputs: (N, ...) typical ones, as the model takes them.
    """
    found = list(_rows(model))
    reaches = _reaches(model, [rows.layer for rows in found], inputs)
    for rows, reach in zip(found, reaches, strict=True):
        _share(rows, reach)


def _rows(model: Any) -> Iterator[_Rows]:
    import tf_keras

    from edgeconv.architectures.vit_layers import Attention, LayerNorm

    for layer in model.layers:
        readers = list(_readers(layer))
        if not readers or any(type(reader) is not tf_keras.layers.Dense for reader in readers):
            continue
        if isinstance(layer, LayerNorm):
            yield _Rows(layer, layer, readers)
        elif isinstance(layer, Attention):
            *_, value = layer.inbound_nodes[0].inbound_layers
            yield _Rows(layer, value, readers)


def _readers(layer: Any) -> Iterator[Any]:
    """The layers that read another, or the first of its tokens."""
    from edgeconv.architectures.vit_layers import FirstToken

    for node in layer.outbound_nodes:
        if isinstance(node.layer, FirstToken):
            yield from _readers(node.layer)
        else:
            yield node.layer


def _reaches(model: Any, layers: Sequence[Any], inputs: NDArray[np.float32]) -> list[Reach]:
    import tensorflow as tf
    import tf_keras

    watched = tf_keras.Model(model.input, [layer.output for layer in layers])
    reaches: list[Reach] = [np.float32(0)] * len(layers)
    for start in range(0, len(inputs), BATCH):
        values = tf.nest.flatten(watched(inputs[start : start + BATCH], training=False))
        reaches = [
            np.maximum(reach, tf.reduce_max(tf.abs(value), axis=0))
            for reach, value in zip(reaches, values, strict=True)
        ]
    return reaches


def _share(rows: _Rows, reach: Reach) -> None:
    """Let rows and matrices reach as far, channel by channel."""
    kernels = [np.abs(reader.get_weights()[0]).max(axis=1) for reader in rows.readers]
    share = np.sqrt(np.maximum(reach, LEAST) / np.maximum(np.max(kernels, axis=0), LEAST))
    rows.source.set_weights([weight / share for weight in rows.source.get_weights()])
    for reader in rows.readers:
        kernel, *bias = reader.get_weights()
        reader.set_weights([kernel * share[:, None], *bias])
