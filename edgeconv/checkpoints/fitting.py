"""Whether a checkpoint's tensors are a model's: every one by name and shape, none left over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import CheckpointMismatch

Shape = tuple[int, ...]

MOST_LINES = 10


@dataclass(frozen=True)
class WeightedLayer:
    """A layer that has weights: its name, its class, and (name, shape) of each weight in order."""

    name: str
    kind: str
    weights: tuple[tuple[str, Shape], ...]

    @property
    def lines(self) -> list[str]:
        """One line a weight, for error messages."""
        return [described(f"{self.name}/{weight}", shape) for weight, shape in self.weights]


def weighted_layers(model: Any) -> list[WeightedLayer]:
    """The layers of a flat ``tf_keras.Model`` that have weights, in the model's order."""
    return [
        WeightedLayer(
            layer.name,
            type(layer).__name__,
            tuple(
                (weight.name.removesuffix(":0").rpartition("/")[2], tuple(weight.shape))
                for weight in layer.weights
            ),
        )
        for layer in model.layers
        if layer.weights
    ]


@dataclass(frozen=True)
class Differences:
    """How a checkpoint departs from the model it was meant for, one line a tensor."""

    got: tuple[str, ...]
    expected: tuple[str, ...]


def differences_of_tensors(
    tensors: Mapping[str, NDArray[np.float32]], layers: Sequence[WeightedLayer]
) -> Differences | None:
    """Compare a checkpoint's ``layer/weight`` tensors with those the layers want.

    Returns:
        What is missing, extra or misshapen; None if they fit exactly.
    """
    shapes = {f"{layer.name}/{name}": shape for layer in layers for name, shape in layer.weights}
    wrong = [name for name in shapes if name in tensors and tensors[name].shape != shapes[name]]
    missing = [name for name in shapes if name not in tensors]
    extra = [name for name in tensors if name not in shapes]
    if not wrong and not missing and not extra:
        return None
    return Differences(
        tuple(described(name, tensors[name].shape) for name in wrong + extra),
        tuple(described(name, shapes[name]) for name in wrong + missing),
    )


def differences_of_layers(
    got: Sequence[WeightedLayer], expected: Sequence[WeightedLayer]
) -> Differences | None:
    """Compare two models layer by layer: classes and shapes in order, whatever the names.

    Returns:
        The tensors of the layers that differ; None if there are none.
    """
    matcher = SequenceMatcher(
        None,
        [(layer.kind, layer.weights) for layer in got],
        [(layer.kind, layer.weights) for layer in expected],
        autojunk=False,
    )
    edits = [edit for edit in matcher.get_opcodes() if edit[0] != "equal"]
    if not edits:
        return None
    return Differences(
        tuple(line for _, a, b, _, _ in edits for layer in got[a:b] for line in layer.lines),
        tuple(line for _, _, _, a, b in edits for layer in expected[a:b] for line in layer.lines),
    )


def fill(model: Any, tensors: Mapping[str, NDArray[np.float32]], where: str, whose: str) -> None:
    """Set all weights of a model.

    Args:
        model: a flat ``tf_keras.Model``.
        tensors: by ``layer/weight``.
        where: the checkpoint, for the error.
        whose: the model's name, for the error.

    Raises:
        CheckpointMismatch: a tensor is missing, extra or misshapen. The model is unchanged.
    """
    layers = weighted_layers(model)
    if found := differences_of_tensors(tensors, layers):
        raise CheckpointMismatch(
            f"{where} does not fit {whose}",
            got=at_most(found.got),
            expected=at_most(found.expected),
        )
    for layer in layers:
        values = [tensors[f"{layer.name}/{name}"] for name, _ in layer.weights]
        model.get_layer(layer.name).set_weights(values)


def described(name: str, shape: Shape) -> str:
    """A tensor on one line."""
    return f"{name} ({', '.join(map(str, shape))})"


def at_most(lines: Sequence[str]) -> list[str]:
    """The first :data:`MOST_LINES` lines, and how many there are besides."""
    rest = len(lines) - MOST_LINES
    return [*lines[:MOST_LINES], *([f"and {rest} more"] if rest > 0 else [])]
