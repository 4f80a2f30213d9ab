"""Layer after layer, weights on an int8 grid that do to rounded inputs what was done to exact ones.

Each layer is fitted to what the float network gives there, from what the rounded network feeds it
(asymmetric reconstruction: Nagel et al. 2020, section 3.3), so that it makes up for errors of the
layers before it. The bias takes what is left of the mean (bias correction: Nagel et al. 2019,
section 4.2).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.progress import Progress
from edgeconv.quantising.fusing import is_convolution, is_depthwise
from edgeconv.quantising.rounding import round_weights
from edgeconv.quantising.statistics import InputStatistics

BATCH = 16

RIDGE = 1.0
"""Of the inputs' mean variance: how much it costs to move a weight that no input asks about. On
96 other pictures the logits of nsfwjs were off by .081 with it (root mean square), and by .105 to
.116 with a tenth."""

DAMPING = 1e-2
"""The same where weights are rounded and not fitted (Frantar et al. 2022, section 3.3)."""


_Rounding = Callable[[NDArray[np.float64], InputStatistics], NDArray[np.float64]]


@dataclass(frozen=True)
class _Values:
    """What a layer gives in both networks: batches in float16, which is finer than eight bits."""

    exact: list[Any]
    rounded: list[Any]


def reconstruct(
    model: Any, inputs: NDArray[np.float32], progress: Progress, *, all_in_integers: bool = True
) -> None:
    """Round all convolutions and dense layers of a model, in place.

    Args:
        model: as :func:`edgeconv.quantising.fusing.fused` gives it.
        inputs: (N, ...) as the model takes them; some dozens of typical ones at least.
        progress: told of every layer.
        all_in_integers: whether the file will round what every layer gives; otherwise it rounds
            what goes into the dense layers, and computes all else in float.
    """
    through = _through if all_in_integers else _through_in_float
    first, *layers = model.layers
    batches = [inputs[start : start + BATCH] for start in range(0, len(inputs), BATCH)]
    values = {first.name: _Values(batches, batches)}
    uses = Counter(source for layer in layers for source in _sources(layer))
    progress.step("rounding weights to int8", len(layers))
    for layer in layers:
        sources = _sources(layer)
        given = [values[source] for source in sources]
        values[layer.name] = given[0] if _is_idle(layer) else through(layer, given, len(inputs))
        for source in sources:
            uses[source] -= 1
            if not uses[source]:
                del values[source]
        progress.advance()


def _sources(layer: Any) -> list[str]:
    """Names of the layers that feed this one."""
    (node,) = layer.inbound_nodes
    feeding = node.inbound_layers
    return [source.name for source in (feeding if isinstance(feeding, list) else [feeding])]


def _is_idle(layer: Any) -> bool:
    import tf_keras

    if isinstance(layer, tf_keras.layers.Activation):
        return bool(layer.activation.__name__ == "linear")
    return isinstance(layer, tf_keras.layers.Dropout)


def _through(layer: Any, given: list[_Values], pictures: int) -> _Values:
    """What the layer gives, its weights rounded if it has any."""
    import tf_keras

    exact = _run(layer, [values.exact for values in given])
    if is_convolution(layer) or type(layer) is tf_keras.layers.Dense:
        _round(layer, given[0], pictures, _fitted)
    return _Values(exact, _on_grid(_run(layer, [values.rounded for values in given]), exact))


def _through_in_float(layer: Any, given: list[_Values], pictures: int) -> _Values:
    """What the layer gives; a dense one on a grid of its inputs, its weights rounded."""
    import tf_keras

    if type(layer) is tf_keras.layers.Dense:
        (values,) = given
        given = [_Values(values.exact, _on_grid(values.rounded, values.exact))]
    exact = _run(layer, [values.exact for values in given])
    if type(layer) is tf_keras.layers.Dense:
        _round(layer, given[0], pictures, _kept)
    return _Values(exact, _run(layer, [values.rounded for values in given]))


def _run(layer: Any, given: list[list[Any]]) -> list[Any]:
    import tensorflow as tf

    outputs = []
    for together in zip(*given, strict=True):
        taken = [tf.cast(batch, tf.float32) for batch in together]
        outputs.append(tf.cast(layer(taken if len(taken) > 1 else taken[0]), tf.float16))
    return outputs


def _on_grid(values: list[Any], exact: list[Any]) -> list[Any]:
    """Values rounded to the 256 steps between the least and the greatest exact one."""
    import tensorflow as tf

    least = min(0.0, *(float(tf.reduce_min(batch)) for batch in exact))
    greatest = max(0.0, *(float(tf.reduce_max(batch)) for batch in exact))
    if least == greatest:
        return values
    return [
        tf.cast(
            tf.quantization.fake_quant_with_min_max_args(
                tf.cast(batch, tf.float32), least, greatest
            ),
            tf.float16,
        )
        for batch in values
    ]


def _round(layer: Any, given: _Values, pictures: int, made_of: _Rounding) -> None:
    """Put weights on a grid, and correct the bias."""
    import tensorflow as tf

    statistics = InputStatistics(layer, pictures)
    for exact, rounded in zip(given.exact, given.rounded, strict=True):
        statistics.add(tf.cast(exact, tf.float32), tf.cast(rounded, tf.float32))
    kernel, *bias = (np.float64(weight) for weight in layer.get_weights())
    weights = _as_rows(layer, kernel)
    made = made_of(weights, statistics)
    # What a mean of the inputs adds to each row, before and after.
    shift = np.einsum("gri,gi->gr", weights, statistics.exact_mean) - np.einsum(
        "gri,gi->gr", made, statistics.rounded_mean
    )
    corrected = [(old + shift.reshape(old.shape)).astype(np.float32) for old in bias]
    layer.set_weights([_as_kernel(layer, made, kernel.shape).astype(np.float32), *corrected])


def _fitted(weights: NDArray[np.float64], statistics: InputStatistics) -> NDArray[np.float64]:
    """Ridge regression onto the float layer's results, then the grid."""
    metric, ridge = _metric(statistics, RIDGE)
    wanted = weights @ statistics.across + ridge * weights
    return round_weights(np.linalg.solve(metric, wanted.swapaxes(-2, -1)).swapaxes(-2, -1), metric)


def _kept(weights: NDArray[np.float64], statistics: InputStatistics) -> NDArray[np.float64]:
    """The grid alone: a fit of a transformer's wide layers follows the calibration pictures too
    closely, and doubles the error on others."""
    return round_weights(weights, _metric(statistics, DAMPING)[0])


def _metric(
    statistics: InputStatistics, share: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(groups, inputs, inputs) mean products of the inputs, and the ridge (groups, 1, 1) in it."""
    within = statistics.within
    ridge = share * _spread(statistics)[:, None, None]
    return within + ridge * np.eye(within.shape[-1]), ridge


def _spread(statistics: InputStatistics) -> NDArray[np.float64]:
    """(groups,) mean variance of the inputs; above what float32 leaves of a channel that is dead
    or constant."""
    variance = np.diagonal(statistics.within, axis1=-2, axis2=-1).mean(axis=-1)
    square = np.square(statistics.rounded_mean).mean(axis=-1)
    return np.asarray(np.maximum(variance, 0) + 1e-3 * square + 1e-9)


def _as_rows(layer: Any, kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """(groups, rows, inputs): the filters of each channel, or all of them as one group."""
    if is_depthwise(layer):
        height, width, channels, multiplier = kernel.shape
        by_channel = kernel.transpose(2, 3, 0, 1)
        return np.asarray(by_channel.reshape(channels, multiplier, height * width))
    return np.asarray(kernel.reshape(-1, kernel.shape[-1]).T[None])


def _as_kernel(
    layer: Any, rows: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    if is_depthwise(layer):
        height, width, channels, multiplier = shape
        by_channel = rows.reshape(channels, multiplier, height, width)
        return np.asarray(by_channel.transpose(2, 3, 0, 1))
    return np.asarray(rows[0].T.reshape(shape))
