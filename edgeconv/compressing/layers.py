"""The layers of a Core ML program that hold weights, and what their weights are multiplied with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from edgeconv.quantising.gptq import Weights
from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.program import Constant, Operation

POSITIONS = 196
"""Of a picture under a filter; more cost time and change nothing."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A convolution or a dense layer whose weights lie in the file."""

    operation: Operation

    @property
    def weight(self) -> Constant:
        """(outputs, inputs / groups, height, width), or (outputs, inputs)."""
        return self._constant("weight")

    @property
    def bias(self) -> Constant | None:
        """(outputs,); None where there is none in the file."""
        return self._constant("bias") if "bias" in self.operation.inputs else None

    @property
    def source(self) -> str:
        """The variable that goes in."""
        return self.operation.inputs["x"][0].name

    @property
    def groups(self) -> int:
        return int(self._constant("groups").stored) if "groups" in self.operation.inputs else 1

    @property
    def rows(self) -> Weights:
        """The weights as (groups, rows, inputs)."""
        weights = self.weight.stored.astype(np.float64)
        return weights.reshape(self.groups, len(weights) // self.groups, -1)

    def inputs(self, values: Array) -> Array:
        """What the weights are multiplied with, at some places: (groups, places, inputs).

        Args:
            values: of :attr:`source`.
        """
        if self.operation.type == "linear":
            return np.asarray(values.reshape(1, -1, values.shape[-1]))
        height, width = self.weight.stored.shape[2:]
        rate = self._numbers("dilations", [1, 1])
        reach = (rate[0] * (height - 1) + 1, rate[1] * (width - 1) + 1)
        stride = self._numbers("strides", [1, 1])
        picture = np.pad(values[0], ((0, 0), *self._padding(values.shape[2:], reach, stride)))
        seen = sliding_window_view(picture, reach, axis=(1, 2))[:, :: stride[0], :: stride[1]]
        count = seen.shape[1] * seen.shape[2]
        places = np.unique(np.linspace(0, count - 1, min(count, POSITIONS)).round().astype(int))
        chosen = seen[:, places // seen.shape[2], places % seen.shape[2]]
        chosen = chosen[..., :: rate[0], :: rate[1]]
        grouped = chosen.reshape(self.groups, -1, len(places), height * width)
        return np.asarray(grouped.transpose(0, 2, 1, 3).reshape(self.groups, len(places), -1))

    def _padding(
        self, size: Sequence[int], reach: Sequence[int], stride: Sequence[int]
    ) -> list[tuple[int, int]]:
        kind = str(self._constant("pad_type").stored) if "pad_type" in self.operation.inputs else ""
        if kind == "custom":
            top, bottom, left, right = self._numbers("pad", [0, 0, 0, 0])
            return [(top, bottom), (left, right)]
        if not kind.startswith("same"):
            return [(0, 0), (0, 0)]
        padding = []
        for side, window, step in zip(size, reach, stride, strict=True):
            total = max((-(-side // step) - 1) * step + window - side, 0)
            before = (total + (kind == "same_lower")) // 2
            padding.append((before, total - before))
        return padding

    def _numbers(self, name: str, default: list[int]) -> list[int]:
        given = self.operation.inputs
        return self._constant(name).stored.astype(int).tolist() if name in given else default

    def _constant(self, name: str) -> Constant:
        (operand,) = self.operation.inputs[name]
        assert isinstance(operand, Constant)
        return operand


def layer_of(operation: Operation) -> Layer | None:
    """The layer that an operation is; None where it holds no weights."""
    if operation.type in {"conv", "linear"} and isinstance(operation.inputs["weight"][0], Constant):
        return Layer(operation)
    return None
