"""Compresses the layers of a Core ML program, one after the other.

The new weights are such that the file's formats lose nothing: a palette of ``n`` bits gets weights
of at most ``2 ** n`` values, and int8 weights are whole steps of their row's scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from edgeconv.compressing.layers import Layer, layer_of
from edgeconv.compressing.palettes import learn_palette, nearest_in
from edgeconv.compressing.ranges import with_steps
from edgeconv.compressing.statistics import InputStatistics
from edgeconv.compressing.walking import Walk
from edgeconv.errors import CalibrationError
from edgeconv.progress import Progress
from edgeconv.quantising.gptq import Turns, Weights, mean_squares
from edgeconv.quantising.rounding import round_weights
from edgeconv.runtimes.coreml_reference import ReferenceModel
from edgeconv.runtimes.coreml_reference.activation_calibration import Ranges
from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.program import Operation

SENSITIVE_BITS = 8
"""For what is small: filters of one channel, and layers of fewer than :data:`SMALL` weights."""

SMALL = 8192

TAKE_INT8 = {"conv": "x", "linear": "x", "avg_pool": "x", "max_pool": "x", "add": "xy"}
"""Operations to whose inputs coremltools gives 8 bits."""

STOPS = frozenset(TAKE_INT8)


@dataclass(frozen=True)
class Compression:
    """New values by the names of constants, and the ranges of activations by those of variables."""

    palettes: dict[str, Array] = field(default_factory=dict)
    int8: dict[str, Array] = field(default_factory=dict)
    biases: dict[str, Array] = field(default_factory=dict)
    ranges: Ranges = field(default_factory=dict)


def compress(
    model: ReferenceModel,
    samples: Sequence[Mapping[str, Array]],
    progress: Progress,
    *,
    palette_bits: int | None = None,
    activations: bool = False,
) -> Compression:
    """Fit every layer to what the float program gives there.

    Args:
        model: in float.
        samples: inputs as :meth:`ReferenceModel.predict` takes them; some dozens at least.
        progress: told of every layer.
        palette_bits: None for int8 weights with a scale for each output.
        activations: whether they have 8 bits too.

    Raises:
        CalibrationError: there are no samples.
    """
    if not samples:
        raise CalibrationError("weights cannot be fitted without samples")
    made = Compression()
    walk = Walk(model, samples, STOPS, made.ranges if activations else None)
    stretches = list(walk.stretches())
    progress.step("fitting weights", len(stretches))
    in_steps: set[str] = set()
    for stretch in stretches:
        first = stretch[0]
        if activations:
            for name in (_taken_in_int8(first) & walk.values.keys()) - in_steps:
                pair = walk.values[name]
                pair.rounded = [with_steps(value, made.ranges[name]) for value in pair.rounded]
                in_steps.add(name)
        constants: dict[str, Array] = {}
        if layer := layer_of(first):
            pair = walk.values[layer.source]
            statistics = InputStatistics(layer, zip(pair.exact, pair.rounded, strict=True))
            constants = _fit(layer, statistics, palette_bits, made)
        walk.run(stretch, constants)
        progress.advance()
    return made


def _fit(
    layer: Layer, statistics: InputStatistics, palette_bits: int | None, made: Compression
) -> dict[str, Array]:
    """The layer's new constants; they are kept in ``made`` too."""
    weight, rows = layer.weight, layer.rows
    wanted = statistics.fitted(rows)
    if palette_bits is None:
        chosen, kept = round_weights(wanted, statistics.metric), made.int8
    else:
        chosen, kept = _in_palette(wanted, statistics, _bits(layer, palette_bits)), made.palettes
    constants = {weight.name: chosen.reshape(weight.stored.shape).astype(weight.stored.dtype)}
    kept.update(constants)
    if bias := layer.bias:
        corrected = bias.stored + statistics.shift(rows, chosen)
        made.biases[bias.name] = constants[bias.name] = corrected.astype(bias.stored.dtype)
    return constants


def _bits(layer: Layer, bits: int) -> int:
    is_small = layer.groups > 1 or layer.weight.count < SMALL
    return max(bits, SENSITIVE_BITS) if is_small else bits


def _in_palette(rows: Weights, statistics: InputStatistics, bits: int) -> Weights:
    importance = mean_squares(statistics.metric)
    palette = learn_palette(rows, np.broadcast_to(importance[:, None], rows.shape), 1 << bits)
    turns = Turns.of(statistics.metric, importance)
    return turns.rounded(rows, partial(nearest_in, palette))


def _taken_in_int8(operation: Operation) -> set[str]:
    """Names of the variables that coremltools rounds before an operation."""
    return {operation.inputs[name][0].name for name in TAKE_INT8.get(operation.type, "")}
