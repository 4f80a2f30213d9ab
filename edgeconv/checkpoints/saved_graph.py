"""What a SavedModel would compute, as values that know how they are made. Nothing is computed.

The graph of a SavedModel calls functions that call functions. A :class:`Value` sees through calls
and ``Identity``, and is followed backwards from the output, one operation at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIGNATURE = "serving_default"
INITIALISATION = "__saved_model_init_op"

_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_DEEPEST = 64
_MOST_VALUES = 1 << 24
# These say of which type things are, or repeat what the inputs say, and change no result.
_TYPES = frozenset({"T", "SrcT", "DstT", "Tin", "Tout", "Tidx", "Tlen", "N", "num_split", "dtype"})


class Unexpected(Exception):
    """The graph is not what was looked for; the message says what stands there."""


@dataclass(frozen=True)
class Value:
    """One result of one operation: ``port`` counts the results."""

    scope: _Scope = field(repr=False)
    node: Any = field(repr=False)
    port: int

    @property
    def kind(self) -> str:
        """The operation: ``MatMul``."""
        return str(self.node.op)

    @property
    def what(self) -> str:
        """For messages."""
        return f"{self.node.op} ({self.node.name})"

    @property
    def inputs(self) -> list[Value]:
        """The operation's inputs, in order."""
        return [self.scope.value(name) for name in self.node.input if not name.startswith("^")]

    def same_as(self, other: Value) -> bool:
        """Whether both are the same result of the same operation."""
        return self.node is other.node and self.port == other.port

    def made_by(self, kind: str, inputs: int, **types: int) -> list[Value]:
        """The inputs, if the value is made by an operation with all options at their defaults.

        Args:
            kind: the operation.
            inputs: how many there must be.
            types: what type attributes must be, as numbers of ``DataType``.

        Raises:
            Unexpected: it is made in another way.
        """
        found = self.inputs if self.kind == kind else []
        options = {name for name in self.node.attr if not name.startswith("_")} - _TYPES
        wrong = any(self.node.attr[name].type != wanted for name, wanted in types.items())
        if self.kind != kind or len(found) != inputs or options or wrong:
            raise Unexpected(f"{self.what} where {kind} is expected")
        return found

    def constant(self) -> NDArray[Any]:
        """The values of a ``Const``; strings as bytes objects.

        Raises:
            Unexpected: it is no constant, or a damaged one.
        """
        import tensorflow as tf

        tensor = self.node.attr["value"].tensor
        sides = [side.size for side in tensor.tensor_shape.dim]
        if self.kind != "Const" or min(sides, default=0) < 0 or math.prod(sides) > _MOST_VALUES:
            raise Unexpected(f"{self.what} {sides} where a constant is expected")
        try:
            return np.asarray(tf.make_ndarray(tensor))
        except (ValueError, TypeError, KeyError) as error:
            raise Unexpected(f"a damaged constant {self.node.name}") from error


@dataclass(frozen=True, eq=False)
class _Scope:
    """The nodes of the graph, or of one call of a function, whose arguments are values."""

    nodes: Mapping[str, Any]
    functions: Mapping[str, Any]
    arguments: Mapping[str, Value]
    depth: int = 0
    calls: dict[str, _Scope] = field(default_factory=dict)

    def value(self, reference: str) -> Value:
        """The value that a node, or the end of a function, refers to: ``name:result:2``."""
        for _ in range(_DEEPEST):
            name, _, port = reference.partition(":")
            if name in self.arguments:
                return self.arguments[name]
            node = self.nodes.get(name)
            number = port.rpartition(":")[2] or "0"
            if node is None or not number.isdecimal():
                raise Unexpected(f"a reference to {reference!r}, which is not there")
            if node.op in _CALLS:
                return self.called(node).returned(node.attr["f"].func.name, int(number))
            if node.op != "Identity" or not node.input:
                return Value(self, node, int(number))
            reference = node.input[0]
        raise Unexpected(f"no end behind {reference!r}")

    def returned(self, function: str, port: int) -> Value:
        """What this call of a function gives."""
        signature = self.functions[function].signature
        if port >= len(signature.output_arg):
            raise Unexpected(f"{function} has no result {port}")
        return self.value(self.functions[function].ret[signature.output_arg[port].name])

    def called(self, node: Any) -> _Scope:
        """The inside of the function that a node calls."""
        if node.name not in self.calls:
            function = self.functions.get(node.attr["f"].func.name)
            given = [name for name in node.input if not name.startswith("^")]
            if function is None or self.depth > _DEEPEST:
                raise Unexpected(f"a call of {node.attr['f'].func.name!r}")
            if len(given) != len(function.signature.input_arg):
                raise Unexpected(f"a call of {function.signature.name} with {len(given)} inputs")
            self.calls[node.name] = _Scope(
                {inner.name: inner for inner in function.node_def},
                self.functions,
                {
                    argument.name: self.value(name)
                    for argument, name in zip(function.signature.input_arg, given, strict=True)
                },
                self.depth + 1,
            )
        return self.calls[node.name]


@dataclass(frozen=True)
class SavedGraph:
    """The one graph of a SavedModel that is served.

    Args:
        model: a ``saved_model_pb2.SavedModel``.
    """

    model: Any

    @property
    def output(self) -> Value:
        """The one output of :data:`SIGNATURE`.

        Raises:
            Unexpected: there is not one graph, or not one output.
        """
        outputs = list(self._signature.outputs.values())
        if len(outputs) != 1:
            raise Unexpected(f"{len(outputs)} outputs")
        return self._whole.value(outputs[0].name)

    @property
    def input(self) -> Value:
        """The one input of :data:`SIGNATURE`.

        Raises:
            Unexpected: as :attr:`output`.
        """
        inputs = list(self._signature.inputs.values())
        if len(inputs) != 1:
            raise Unexpected(f"{len(inputs)} inputs")
        return self._whole.value(inputs[0].name)

    def initialised_by(self, kind: str) -> Iterator[Value]:
        """Every operation of a kind among those that run once, when the model is loaded.

        Tables are filled there, and nothing refers to what fills them.
        """
        signature = self._graph.signature_def.get(INITIALISATION)
        name = signature.outputs[INITIALISATION].name if signature else ""
        start = self._whole.nodes.get(name)
        names = [given.removeprefix("^") for given in start.input] if start is not None else []
        pairs = [(self._whole, self._whole.nodes.get(name)) for name in names]
        while pairs:
            scope, node = pairs.pop()
            if node is None:
                raise Unexpected("an initialisation that is not there")
            if node.op == kind:
                yield Value(scope, node, 0)
            elif node.op in _CALLS:
                inner = scope.called(node)
                pairs.extend((inner, child) for child in inner.nodes.values())

    @cached_property
    def _whole(self) -> _Scope:
        graph = self._graph.graph_def
        functions = {function.signature.name: function for function in graph.library.function}
        return _Scope({node.name: node for node in graph.node}, functions, {})

    @property
    def _signature(self) -> Any:
        if SIGNATURE not in self._graph.signature_def:
            raise Unexpected(f"no signature {SIGNATURE}")
        return self._graph.signature_def[SIGNATURE]

    @property
    def _graph(self) -> Any:
        if len(self.model.meta_graphs) != 1:
            raise Unexpected(f"{len(self.model.meta_graphs)} graphs")
        return self.model.meta_graphs[0]
