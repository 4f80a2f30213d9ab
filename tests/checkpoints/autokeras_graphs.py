"""SavedModels with the very operations that AutoKeras writes, small, and changed where asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LENGTH = 12
HIDDEN = (9, 7)
VOCABULARIES: Mapping[int, tuple[str, ...]] = {
    3: ("0.123456", "-0.500000", "0.250000", "0.999999", "-0.000123"),
    7: ("0.007812", "0.023438", "-0.007812"),
}


def _as_string(column: Any) -> Any:
    import tensorflow as tf

    return tf.strings.as_string(column)


def _sigmoid(logit: Any) -> Any:
    import tensorflow as tf

    return tf.sigmoid(logit)


def _relu(features: Any) -> Any:
    import tensorflow as tf

    return tf.nn.relu(features)


def _plain(column: Any) -> Any:
    import tensorflow as tf

    return tf.where(tf.math.is_nan(column), tf.zeros_like(column), column)


def _in_order(count: int) -> list[int]:
    return list(range(1, count + 1))


@dataclass
class Graph:
    """What a test may change."""

    vocabularies: Mapping[int, tuple[str, ...]] = field(default_factory=lambda: VOCABULARIES)
    printed: Callable[[Any], Any] = _as_string
    plain: Callable[[Any], Any] = _plain
    activation: Callable[[Any], Any] = _relu
    last: Callable[[Any], Any] = _sigmoid
    positions: Callable[[int], list[int]] = _in_order
    unknown: int = 0


def save(folder: Path, graph: Graph | None = None) -> Any:
    """Write a SavedModel; gives what it was made of: ``serve`` takes float64 rows."""
    import tensorflow as tf

    graph = graph or Graph()
    generator = np.random.default_rng(5)

    def variable(name: str, values: NDArray[Any]) -> Any:
        return tf.Variable(values.astype(np.float32), name=name)

    class Perceptron(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.tables = {
                str(column): tf.lookup.StaticHashTable(
                    tf.lookup.KeyValueTensorInitializer(
                        tf.constant(list(keys)), tf.constant(graph.positions(len(keys)), tf.int64)
                    ),
                    graph.unknown,
                )
                for column, keys in graph.vocabularies.items()
            }
            mean, variance = generator.normal(0, 0.2, LENGTH), generator.uniform(0.1, 0.4, LENGTH)
            for column, keys in graph.vocabularies.items():
                mean[column], variance[column] = len(keys) / 2, len(keys) ** 2 / 12
            self.mean = tf.constant(mean[None], tf.float32)
            self.variance = tf.constant(variance[None], tf.float32)
            widths = (LENGTH, *HIDDEN, 1)
            self.layers = [
                (
                    variable(f"dense_{i}/kernel", generator.normal(0, (2 / a) ** 0.5, (a, b))),
                    variable(f"dense_{i}/bias", generator.normal(0, 0.2, b)),
                )
                for i, (a, b) in enumerate(pairwise(widths))
            ]

        @tf.function(input_signature=[tf.TensorSpec((None, LENGTH), tf.float64, name="input_1")])
        def serve(self, rows: Any) -> Any:
            columns = tf.split(tf.cast(rows, tf.float32), [1] * LENGTH, axis=-1)
            x = tf.concat([self.encoded(*column) for column in enumerate(columns)], 1)
            x = (x - self.mean) / tf.maximum(tf.sqrt(self.variance), 1e-7)
            for number, (kernel, bias) in enumerate(self.layers):
                x = tf.nn.bias_add(x @ kernel, bias)
                x = graph.activation(x) if number < len(self.layers) - 1 else graph.last(x)
            return x

        def encoded(self, number: int, column: Any) -> Any:
            if number not in graph.vocabularies:
                return graph.plain(column)
            found = self.tables[str(number)].lookup(graph.printed(column))
            return tf.cast(found, tf.float32)

    made = Perceptron()
    tf.saved_model.save(made, str(folder), signatures=made.serve)
    return made


def rows(count: int = 200) -> NDArray[np.float32]:
    """Rows that hit the vocabularies now and then, some with NaN in them."""
    generator = np.random.default_rng(6)
    given = generator.normal(0, 0.4, (count, LENGTH)).astype(np.float32)
    for column, keys in VOCABULARIES.items():
        chosen = generator.choice([float(key) for key in keys], count)
        given[::2, column] = chosen[::2]
    given[::40, 7] = 1 / 128
    given[5::50, 2] = np.nan
    given[6::50, 3] = np.nan
    return given
