"""An ONNX graph under construction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnx.shape_inference
from onnx import helper, numpy_helper

from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.program import Constant, Shape, TensorType

OPSET = 21
_IR_VERSION = 10
_LARGE = 1024
"""Constants of more values are handed to ONNX Runtime beside the model, without a copy."""


@dataclass(frozen=True, eq=False)
class OnnxTensor:
    """A value of the graph.

    Attributes:
        name: in the graph.
        type: as Core ML declares it; None where it does not.
        constant: the values, where the graph holds them.
    """

    name: str
    type: TensorType | None = None
    constant: Array | None = None

    @property
    def rank(self) -> int | None:
        """How many axes it has, where that is known."""
        if self.constant is not None:
            return self.constant.ndim
        return None if self.type is None else len(self.type.shape)


@dataclass(frozen=True)
class InferredType:
    """What ONNX infers of a value: its numpy type and its shape, with None for what is open.

    ``shape`` is None where even the rank is open.
    """

    dtype: np.dtype[Any]
    shape: Shape | None

    @classmethod
    def of(cls, info: Any) -> InferredType:
        """From a ``ValueInfoProto``."""
        tensor = info.type.tensor_type
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
        if not tensor.HasField("shape"):
            return cls(dtype, None)
        return cls(
            dtype,
            tuple(
                dim.dim_value if dim.WhichOneof("value") == "dim_value" else None
                for dim in tensor.shape.dim
            ),
        )

    def contradicts(self, declared: TensorType) -> bool:
        """Whether a value of this type cannot be one of the declared type."""
        if self.dtype != declared.element.encoding.carrier:
            return True
        if self.shape is None:
            return False
        return len(self.shape) != len(declared.shape) or any(
            None not in pair and pair[0] != pair[1]
            for pair in zip(self.shape, declared.shape, strict=True)
        )


class OnnxGraph:
    """Collects nodes and constants; :meth:`model` makes a model of them.

    Attributes:
        place: name of the Core ML operation that is being translated, for the names of its nodes.
    """

    def __init__(self) -> None:
        self.place = ""
        self._nodes: list[Any] = []
        self._inputs: list[Any] = []
        self._initializers: dict[str, Any] = {}
        self._large: dict[str, Array] = {}
        self._count = 0
        self._by_constant: dict[int, OnnxTensor] = {}

    def input(self, name: str, declared: TensorType) -> OnnxTensor:
        """A graph input."""
        kind = helper.np_dtype_to_tensor_dtype(declared.element.encoding.carrier)
        self._inputs.append(helper.make_tensor_value_info(name, kind, declared.shape))
        return OnnxTensor(name, declared)

    def constant(self, values: Array | Sequence[int] | float) -> OnnxTensor:
        """Values that are known now. Python integers become int64, Python floats float32."""
        array = np.asarray(values)
        if not isinstance(values, np.ndarray):
            array = array.astype(
                np.int64 if array.size == 0 or array.dtype.kind == "i" else np.float32
            )
        name = self._name("constant")
        if array.size > _LARGE:
            self._large[name] = np.ascontiguousarray(array)
            self._initializers[name] = _external(name, array)
        else:
            self._initializers[name] = numpy_helper.from_array(np.asarray(array, order="C"), name)
        return OnnxTensor(name, constant=array)

    def file_constant(self, constant: Constant) -> OnnxTensor:
        """A constant of the file, once however often it is used."""
        if id(constant) not in self._by_constant:
            self._by_constant[id(constant)] = self.constant(constant.carried)
        return self._by_constant[id(constant)]

    def node(self, kind: str, *inputs: OnnxTensor | None, **attributes: Any) -> OnnxTensor:
        """A node with one output. An input of None is left out."""
        return self.nodes(kind, *inputs, outputs=1, **attributes)[0]

    def nodes(
        self, kind: str, *inputs: OnnxTensor | None, outputs: int, **attributes: Any
    ) -> tuple[OnnxTensor, ...]:
        """A node with several outputs."""
        names = [self._name(kind) for _ in range(outputs)]
        taken = ["" if tensor is None else tensor.name for tensor in inputs]
        while taken and not taken[-1]:
            taken.pop()  # some kernels of ONNX Runtime crash on an empty name at the end
        self._nodes.append(
            helper.make_node(
                kind,
                taken,
                names,
                name=names[0],
                **attributes,
            )
        )
        return tuple(OnnxTensor(name) for name in names)

    def sizes(self, tensor: OnnxTensor) -> tuple[int, ...]:
        """The sizes of a tensor: as the file declares them, else as ONNX infers them.

        Raises:
            ValueError: they are open.
        """
        if tensor.constant is not None:
            return tensor.constant.shape
        known = tensor.type or self.inferred({"probe": tensor}).get(tensor.name)
        if known is None or known.shape is None or None in known.shape:
            raise ValueError("the operation needs a shape that the file leaves open")
        return tuple(size for size in known.shape if size is not None)

    def inferred(self, outputs: Mapping[str, OnnxTensor]) -> dict[str, InferredType]:
        """What ONNX infers of every value that leads to ``outputs``, by name in the graph.

        Raises:
            ValueError: the graph contradicts itself.
        """
        try:
            model = onnx.shape_inference.infer_shapes(
                self.model(outputs), check_type=True, strict_mode=True, data_prop=True
            )
        except onnx.shape_inference.InferenceError as error:
            raise ValueError(str(error).strip().splitlines()[-1]) from error
        return {info.name: InferredType.of(info) for info in model.graph.value_info}

    def model(self, outputs: Mapping[str, OnnxTensor]) -> Any:
        """The ``ModelProto`` with the given outputs, by the names they shall have.

        It holds what leads to them and nothing else; :meth:`large_constants` go with it.
        """
        ends = [
            helper.make_node("Identity", [tensor.name], [name], name=f"end:{name}")
            for name, tensor in outputs.items()
        ]
        nodes, used = self._leading_to(ends)
        graph = helper.make_graph(
            nodes,
            "coreml_reference",
            self._inputs,
            [onnx.ValueInfoProto(name=name) for name in outputs],
            [tensor for name, tensor in self._initializers.items() if name in used],
        )
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION)

    def large_constants(self, model: Any) -> dict[str, Array]:
        """The constants that ``model`` only names, for the session's external initializers."""
        return {
            tensor.name: self._large[tensor.name]
            for tensor in model.graph.initializer
            if tensor.name in self._large
        }

    def _leading_to(self, ends: list[Any]) -> tuple[list[Any], set[str]]:
        """The nodes that the ends need, in order, and the names they use."""
        used = {name for node in ends for name in node.input}
        backwards = []
        for node in reversed(self._nodes):
            if used.intersection(node.output):
                backwards.append(node)
                used.update(node.input)
        return [*reversed(backwards), *ends], used

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{self.place}:{kind}:{self._count}"


def _external(name: str, array: Array) -> Any:
    """A tensor whose data ONNX Runtime is given when the session is made."""
    tensor = onnx.TensorProto(
        name=name,
        dims=array.shape,
        data_type=helper.np_dtype_to_tensor_dtype(array.dtype),
        data_location=onnx.TensorProto.EXTERNAL,
    )
    for key, value in (("location", "given-with-the-session"), ("length", str(array.nbytes))):
        tensor.external_data.add(key=key, value=value)
    return tensor
