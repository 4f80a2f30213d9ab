"""Draws an ONNX graph node by node; its weights are named and shaped, and come later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.formats.onnx_model import OPSET, OnnxModel
from edgeconv.freezing import LARGE

IR_VERSION = 8
"""That of opset 17."""

Shape = tuple[int, ...]
Change = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class _Wanted:
    """A tensor of the checkpoint, and what becomes of it in the graph."""

    shape: Shape
    change: Change

    def made(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.ascontiguousarray(self.change(tensor), np.float32)


class Drawing:
    """A graph ``name`` of one input and one output, both float32."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._wanted: dict[str, _Wanted] = {}
        self._named: Counter[str] = Counter()

    @property
    def weights(self) -> dict[str, Shape]:
        """The tensors that :meth:`model` has to be given, by name."""
        return {name: wanted.shape for name, wanted in self._wanted.items()}

    def node(self, operation: str, layer: str, *inputs: str, **attributes: Any) -> str:
        """Draw an operation of a layer; its value's name."""
        import onnx

        name = f"{self._name}/{layer}/{operation}"
        number = self._named[name]
        self._named[name] += 1
        value = f"{name}_{number}" if number else name
        made = onnx.helper.make_node(operation, list(inputs), [value], value, **attributes)
        self._nodes.append(made)
        return value

    def constant(self, values: Any, dtype: type[np.generic] = np.float32) -> str:
        """A constant's name; equal ones are one."""
        import onnx

        array = np.asarray(values, dtype)
        name = f"{array.dtype}{list(array.shape)}{array.reshape(-1).tolist()}"
        self._constants[name] = onnx.numpy_helper.from_array(array, name)
        return name

    def weight(self, name: str, shape: Shape, change: Change = lambda tensor: tensor) -> str:
        """A weight's name in the graph.

        Args:
            name: of the tensor, ``layer/weight``.
            shape: of the tensor.
            change: what is done to it before it enters the graph.
        """
        self._wanted[name] = _Wanted(shape, change)
        return name

    def model(
        self,
        tensors: Mapping[str, NDArray[np.float32]],
        given: tuple[str, Shape],
        found: tuple[str, Shape],
    ) -> OnnxModel:
        """The graph with its weights.

        Args:
            tensors: of the names and shapes of :attr:`weights`.
            given: name and shape of the input.
            found: name and shape of the output; a value of that name has been drawn.
        """
        import onnx

        def described(name: str, shape: Shape) -> Any:
            return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)

        inputs, initializers, large = [described(*given)], list(self._constants.values()), {}
        for name, wanted in self._wanted.items():
            tensor = tensors[name]
            if tensor.size < LARGE:
                initializers.append(onnx.numpy_helper.from_array(wanted.made(tensor), name))
                continue
            large[name] = partial(wanted.made, tensor)
            inputs.append(described(name, wanted.change(tensor).shape))
        graph = onnx.helper.make_graph(
            self._nodes, self._name, inputs, [described(*found)], initializers
        )
        proto = onnx.helper.make_model(
            graph,
            opset_imports=[onnx.helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="edgeconv",
        )
        return OnnxModel(proto, large)

    def rename(self, value: str, name: str) -> None:
        """Call the last value that was drawn by another name."""
        (output,) = self._nodes[-1].output
        assert output == value
        self._nodes[-1].output[0] = name
