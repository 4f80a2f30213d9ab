"""Reads numbers as text: the tables that AutoKeras puts before an MLP.

AutoKeras (Jin et al. 2019, ``MultiCategoryEncoding``) takes a column with few distinct values for
text. It prints each number with ``%f`` (six decimals), looks the text up in a vocabulary, and goes
on with the position, from 1; what is not in the vocabulary is 0. No converter can express that.
Here the text is a whole number, millionths, which is computed exactly in float32 and compared with
those of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

BASE = 1024
"""Millionths are kept as two digits of this base, each exact in float16."""

LARGEST = 2 * BASE**2 - 1
"""The most that two digits hold, the first one below 2048: the number 2.097151, in millionths."""

LAYER = "encoding"
UNIT_LENGTH = "unit_length"


def digits(numbers: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Whole numbers of at most :data:`LARGEST`, either sign, as (high, low) digits.

    ``number = high * BASE + low``; both digits have the number's sign.
    """
    high, low = np.divmod(np.abs(numbers), BASE)
    sign = np.sign(numbers)
    return (sign * high).astype(np.float32), (sign * low).astype(np.float32)


class Encoding(tf_keras.layers.Layer):  # type: ignore[misc]
    """What AutoKeras does to a row before its MLP: tables, then standardisation.

    float32 (N, length) to float32 (N, length). Numbers in some columns give way to their positions
    in that column's vocabulary, NaN elsewhere to 0; then ``(x - mean) / deviation`` per column.

    The weights ``high_<column>`` and ``low_<column>``, both (entries,), are a vocabulary in order,
    in millionths as :func:`digits`. ``mean`` and ``deviation`` are (length,).

    Args:
        entries: column -> how many entries its vocabulary has.
        look_up: False takes every number in those columns for unknown, position 0.
    """

    def __init__(self, entries: Mapping[int, int], look_up: bool = True, **options: Any) -> None:
        super().__init__(**{"dtype": "float32", **options, "trainable": False})
        self._entries = dict(sorted(entries.items()))
        self._look_up = look_up

    def get_config(self) -> dict[str, Any]:
        own = {"entries": self._entries, "look_up": self._look_up}
        return {**super().get_config(), **own}

    def build(self, input_shape: Any) -> None:
        length = (input_shape[-1],)
        # Each weight as well as the layer: training that thaws a body makes its layers trainable.
        fixed = {"trainable": False}
        self._mean = self.add_weight("mean", length, tf.float32, "zeros", **fixed)
        self._deviation = self.add_weight("deviation", length, tf.float32, "ones", **fixed)
        self._vocabularies = {
            column: tuple(
                self.add_weight(f"{digit}_{column}", (entries,), tf.int32, "zeros", **fixed)
                for digit in ("high", "low")
            )
            for column, entries in self._entries.items()
        }
        super().build(input_shape)

    def call(self, embedding: Any) -> Any:
        known = tf.where(tf.not_equal(embedding, embedding), tf.zeros_like(embedding), embedding)
        if not self._entries:
            return (known - self._mean) / self._deviation
        columns, length = list(self._entries), embedding.shape[1]
        numbers = tf.gather(known, columns, axis=1)
        positions = self._positions(numbers) if self._look_up else tf.zeros_like(numbers)
        wide = tf.concat([known, positions], axis=1)
        sources = [*range(length), *columns]
        # A variable that is gathered from would keep the graph from being frozen without copies.
        mean, deviation = (tf.identity(weight) for weight in (self._mean, self._deviation))
        standardised = (wide - tf.gather(mean, sources)) / tf.gather(deviation, sources)
        # Last, because TFLite folds a division that stands before a dense layer into its weights;
        # rounded to integers, those of positions then leave nothing of all others.
        places = np.arange(length)
        places[columns] = length + np.arange(len(columns))
        return tf.gather(standardised, places, axis=1)

    def _positions(self, numbers: Any) -> Any:
        """Where numbers stand in the vocabularies, (N, tables) both, float32."""
        high, low = digits_of_millionths(numbers)
        found = [
            _position(high[:, i : i + 1], low[:, i : i + 1], *vocabulary)
            for i, vocabulary in enumerate(self._vocabularies.values())
        ]
        return tf.cast(tf.concat(found, axis=1), tf.float32)


def _position(high: Any, low: Any, entries_high: Any, entries_low: Any) -> Any:
    """Where a number stands in its vocabulary, from 1; 0 if nowhere.

    Args:
        high, low: (N, 1) digits of the number.
        entries_high, entries_low: (entries,) digits of the vocabulary.

    Returns:
        (N, 1) int32.
    """
    found = tf.logical_and(tf.equal(high, entries_high), tf.equal(low, entries_low))
    places = np.arange(1, entries_high.shape[0] + 1, dtype=np.int32)[None]
    return tf.reduce_sum(tf.where(found, places, np.zeros_like(places)), axis=1, keepdims=True)


def digits_of_millionths(numbers: Any) -> tuple[Any, Any]:
    """What ``"%f" % number`` prints, without the point, as :func:`digits`.

    ``%f`` rounds the exact binary value, ties to even, but ``number * 1e6`` in float32 is rounded
    once too early. So the number is taken apart in base 1024, which is exact, and each part is
    multiplied by 1e6 / 1024 = 976.5625 on its own:
    ``number * 1e6 = 976.5625 * (first + (second + rest) / 1024)``. That factor is itself taken as
    976 + 0.5625, of few bits: the products are exact, and files may keep it in float16.

    Args:
        numbers: float32, of any shape, up to 1 as in a unit vector. Of all 176 million from 2**-21
            to 1, four are off by one, all of them below 2**-15.
    """
    scaled = tf.abs(numbers) * 1024.0
    first = tf.floor(scaled)
    scaled = (scaled - first) * 1024.0
    second = tf.floor(scaled)
    rest = scaled - second

    large = first * 976.0 + first * 0.5625
    whole = tf.floor(large)
    small = (large - whole) + (second * 0.953125 + second * 0.00054931640625)
    below = tf.floor(small)
    whole = whole + below
    # How far the remaining fraction is past one half; it is below 1.5.
    past = ((small - below) - 0.5) + rest * 0.953125 + rest * 0.00054931640625
    odd = whole - 2.0 * tf.floor(whole * 0.5)
    whole = whole + _one_if(past > 0.0) + _one_if(past > 1.0) + _one_if(tf.equal(past, 0.0)) * odd

    high = tf.floor(whole * (1.0 / BASE))
    low = whole - high * float(BASE)
    sign = tf.sign(numbers)
    return tf.cast(sign * high, tf.int32), tf.cast(sign * low, tf.int32)


def _one_if(condition: Any) -> Any:
    return tf.cast(condition, tf.float32)
