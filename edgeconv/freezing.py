"""A traced function as a ``GraphDef`` whose variables are constants, without copying the weights.

``convert_variables_to_constants_v2`` serialises all weights six times: for a ViT-B that takes 11 s
and 3.4 GB. A network here is one flat graph, so that nothing has to be inlined: each variable's
placeholder becomes a constant of the same name, and what reads it an identity. Large weights stay
outside until somebody wants the whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Weight: TypeAlias = Callable[[], NDArray[Any]]
"""Makes the values of one constant, when they are wanted."""

LARGE = 1 << 16
"""Values; smaller weights cost nothing wherever they lie."""


@dataclass(frozen=True)
class LightGraph:
    """``graph_def`` has placeholders where large weights were; ``weights`` makes those by name."""

    graph_def: Any = field(repr=False)
    weights: Mapping[str, Weight] = field(repr=False)

    def complete(self, apart_from: Collection[str] = ()) -> Any:
        """The ``GraphDef`` with its weights.

        Args:
            apart_from: names of weights that stay placeholders.
        """
        import tensorflow as tf

        whole = tf.compat.v1.GraphDef(versions=self.graph_def.versions)
        for node in self.graph_def.node:
            if node.name in self.weights and node.name not in apart_from:
                _set_constant(whole.node.add(), node.name, self.weights[node.name]())
            else:
                whole.node.append(node)
        return whole

    def matrices(self) -> list[str]:
        """Names of the large weights that are nothing but right factors of matrix products."""
        uses: defaultdict[str, list[tuple[Any, int]]] = defaultdict(list)
        for node in self.graph_def.node:
            for place, name in enumerate(node.input):
                if not name.startswith("^"):
                    uses[name].append((node, place))

        def only_multiplies(name: str) -> bool:
            return bool(uses[name]) and all(
                only_multiplies(node.name)
                if node.op == "Identity"
                else node.op == "MatMul" and place == 1 and not node.attr["transpose_b"].b
                for node, place in uses[name]
            )

        return [name for name in self.weights if only_multiplies(name)]


def light_graph(function: Any, large: int = LARGE) -> LightGraph:
    """A function's graph, frozen. Its variables are read outside of any other graph.

    Args:
        function: a ``ConcreteFunction``, with variables or already without.
        large: weights of so many values stay outside.
    """
    import tensorflow as tf

    if not _is_flat(function.graph):
        function = _inlined(function)
    captured = {inside.op.name: outside for outside, inside in function.graph.captures}
    variables = {id(variable.handle): variable for variable in function.graph.variables}
    graph_def = tf.compat.v1.GraphDef(versions=function.graph.graph_def_versions)
    weights: dict[str, Weight] = {}
    for operation in _needed_operations(function):
        name, node = operation.name, graph_def.node.add()
        if name in captured:
            value = variables.get(id(captured[name]), captured[name])
            weight: Weight = value.numpy
        elif operation.type == "Const":
            (value,) = operation.outputs
            weight = partial(_value_of, operation)
        else:
            _copy_without_variables(node, operation.node_def)
            continue
        if value.shape.num_elements() >= large:
            weights[name] = weight
            _set_placeholder(node, name, value)
        elif name in captured:
            _set_constant(node, name, weight())
        else:
            node.CopyFrom(operation.node_def)
    return LightGraph(graph_def, weights)


def _needed_operations(function: Any) -> list[Any]:
    """In order; an imported graph leaves its own placeholder behind, which no converter may see."""
    needed: set[Any] = {tensor.op for tensor in function.inputs}
    pending = [tensor.op for tensor in function.outputs]
    while pending:
        operation = pending.pop()
        if operation not in needed:
            needed.add(operation)
            pending += [tensor.op for tensor in operation.inputs] + operation.control_inputs
    return [operation for operation in function.graph.get_operations() if operation in needed]


def _is_flat(graph: Any) -> bool:
    """Whether a graph calls no functions, and uses variables by plain reads alone."""
    import tensorflow as tf

    return not any(
        any(attribute.type == "func" for attribute in operation.op_def.attr)
        or (
            operation.type != "ReadVariableOp"
            and any(tensor.dtype == tf.resource for tensor in operation.inputs)
        )
        for operation in graph.get_operations()
    )


def _inlined(function: Any) -> Any:
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    return convert_variables_to_constants_v2(function)


def _copy_without_variables(node: Any, source: Any) -> None:
    """The node, or the identity that stands for the read of a variable."""
    if source.op != "ReadVariableOp":
        node.CopyFrom(source)
        return
    node.name, node.op = source.name, "Identity"
    node.input.extend(source.input)
    node.attr["T"].type = source.attr["dtype"].type


def _set_placeholder(node: Any, name: str, value: Any) -> None:
    node.name, node.op = name, "Placeholder"
    node.attr["dtype"].type = value.dtype.as_datatype_enum
    node.attr["shape"].shape.CopyFrom(value.shape.as_proto())


def _set_constant(node: Any, name: str, value: NDArray[Any]) -> None:
    import tensorflow as tf

    node.name, node.op = name, "Const"
    node.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))


def _value_of(constant: Any) -> NDArray[Any]:
    import tensorflow as tf

    return np.asarray(tf.make_ndarray(constant.get_attr("value")))
