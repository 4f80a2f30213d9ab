"""An ONNX model whose large weights lie elsewhere: to change and to copy it costs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeconv.errors import ConversionError
from edgeconv.formats.onnx_file import write_model
from edgeconv.freezing import Weight

OPSET = 17
"""The newest that TensorRT 8.6 (JetPack 5) reads."""


@dataclass(frozen=True)
class OnnxModel:
    """``proto`` is a valid ``ModelProto`` that takes its large weights as inputs.

    ``weights`` makes the values of those inputs by name; in a file they are initializers.
    """

    proto: Any
    weights: Mapping[str, Weight] = field(default_factory=dict)

    def copied_proto(self) -> Any:
        """The proto once more, to be changed."""
        copy = type(self.proto)()
        copy.CopyFrom(self.proto)
        return copy

    def write(self, path: Path, description: str = "") -> None:
        """Write the file, after the checks of ONNX itself.

        Args:
            path: the file.
            description: for people, in the ``doc_string``.

        Raises:
            ConversionError: the model breaks ONNX's rules, or the file would be too large.
        """
        import onnx

        try:
            onnx.checker.check_model(self.proto, full_check=True)
        except onnx.checker.ValidationError as error:
            raise ConversionError(f"{path.name} would be no valid ONNX", got=str(error)) from error
        hollow = self._hollow()
        hollow.doc_string = description
        write_model(path, hollow, self.weights)

    def _hollow(self) -> Any:
        """The proto with initializers without values in the place of weights."""
        proto = self.copied_proto()
        graph = proto.graph
        inputs = {value.name: value for value in self.proto.graph.input}
        del graph.input[:]
        graph.input.extend(value for name, value in inputs.items() if name not in self.weights)
        for name in self.weights:
            tensor = inputs[name].type.tensor_type
            dims = [side.dim_value for side in tensor.shape.dim]
            graph.initializer.add(name=name, data_type=tensor.elem_type, dims=dims)
        order_by_use(graph)
        return proto


def order_by_use(graph: Any) -> None:
    """Put the initializers of a graph into the order in which its nodes use them first."""
    uses = [name for node in graph.node for name in node.input]
    first = {name: place for place, name in reversed(list(enumerate(uses)))}
    ordered = sorted(graph.initializer, key=lambda tensor: first.get(tensor.name, -1))
    del graph.initializer[:]
    graph.initializer.extend(ordered)
