"""Questions to an ONNX graph: who makes a value, how many take it, what a constant holds."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Graph:
    """A view of a ``GraphProto``, as it is when the view is made."""

    def __init__(self, proto: Any) -> None:
        self._producers = {name: node for node in proto.node for name in node.output}
        self._constants = {tensor.name: tensor for tensor in proto.initializer}
        self._uses = Counter(name for node in proto.node for name in node.input)
        self._ranks = {
            value.name: len(value.type.tensor_type.shape.dim)
            for value in (*proto.value_info, *proto.input)
            if value.type.tensor_type.HasField("shape")
        }

    def producer(self, value: str, op_type: str) -> Any:
        """The node of this type that makes a value; None where there is none."""
        node = self._producers.get(value)
        return node if node is not None and node.op_type == op_type else None

    def consumers(self, value: str) -> int:
        """How often nodes take a value."""
        return self._uses[value]

    def is_constant(self, value: str) -> bool:
        """Whether a value is an initializer."""
        return value in self._constants

    def constant(self, value: str) -> NDArray[Any] | None:
        """The values of an initializer; None for any other value."""
        import onnx

        tensor = self._constants.get(value)
        return None if tensor is None else np.asarray(onnx.numpy_helper.to_array(tensor))

    def scalar(self, value: str) -> float | None:
        """The number that an initializer of a single one holds."""
        tensor = self._constants.get(value)
        if tensor is None or int(np.prod(tensor.dims)) != 1:
            return None
        found = self.constant(value)
        return None if found is None else float(found.reshape(()))

    def rank(self, value: str) -> int | None:
        """How many axes a value has, where the graph says it."""
        return self._ranks.get(value)
