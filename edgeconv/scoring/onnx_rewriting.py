"""An exported ONNX file, rewritten in memory to take any number of inputs at once.

What ships takes one. For a batch its input and output are declared open, and what is cheap for one
row and dear for thousands is replaced: a number looked up by comparing it with every entry of a
table, and whole passes over the columns before a dense layer. Whoever uses the result holds it
against the file itself first: :mod:`edgeconv.scoring.onnx_batches`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgeconv.targets.onnx_graph import Graph

_BASE = 1024
"""Of the two digits that a number is looked up by: ``edgeconv.architectures.lookup.BASE``."""


def for_batches(model: Any) -> None:
    """Rewrite a ``ModelProto`` in place. Rows must hold no NaN."""
    graph = model.graph
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    del graph.value_info[:]
    _look_up_directly(graph)
    _pass_nan_on(graph)
    _absorb_columns(graph)
    _drop_unused(graph)


class _Table(NamedTuple):
    """What a ``ReduceSum`` looks up: the two digits of a number, and where each entry stands."""

    high: str
    low: str
    keys: NDArray[Any]
    positions: NDArray[Any]


def _look_up_directly(graph: Any) -> None:
    """A ``Gather`` from a dense table takes the place of a comparison with every entry."""
    import onnx

    helper, view = onnx.helper, Graph(graph)
    for node in list(graph.node):
        table = _table(view, node) if node.op_type == "ReduceSum" else None
        if table is None:
            continue
        first, last = table.keys.min() - 1, table.keys.max() + 1
        dense = np.zeros(last - first + 1, np.int32)
        np.add.at(dense, table.keys - first, table.positions)
        (found,) = node.output
        base, low, high, entries = (
            _constant(graph, f"{found}/{name}", value)
            for name, value in (
                ("base", np.int32(_BASE)),
                ("first", np.int32(first)),
                ("last", np.int32(last)),
                ("entries", dense),
            )
        )
        _replace(
            graph,
            node,
            helper.make_node("Mul", [table.high, base], [f"{found}/scaled"]),
            helper.make_node("Add", [f"{found}/scaled", table.low], [f"{found}/key"]),
            helper.make_node("Clip", [f"{found}/key", low, high], [f"{found}/within"]),
            helper.make_node("Sub", [f"{found}/within", low], [f"{found}/index"]),
            helper.make_node("Gather", [entries, f"{found}/index"], [found]),
        )


def _table(view: Graph, total: Any) -> _Table | None:
    """``sum(select(high == highs and low == lows, positions, 0))``, as tf2onnx writes it."""
    for product in _made(view, total.input[0], "Add", "Mul"):
        for cast in _made_by(view, product, "Cast"):
            both = view.producer(cast.input[0], "And")
            positions = _constants(view, product)
            digits = list(_digits(view, both)) if both is not None else []
            if len(digits) != 2 or positions is None:
                continue
            (high, highs), (low, lows) = digits
            if np.abs(lows).max(initial=0) < _BASE:
                keys = highs.astype(np.int64) * _BASE + lows
                return _Table(high, low, keys.reshape(-1), positions.reshape(-1))
    return None


def _digits(view: Graph, both: Any) -> Iterator[tuple[str, NDArray[Any]]]:
    """What is compared with which constants."""
    for equal in _made_by(view, both, "Equal"):
        constants = _constants(view, equal)
        if constants is not None:
            yield _variable(view, equal), constants


def _made(view: Graph, value: str, *op_types: str) -> Iterator[Any]:
    """The nodes of the last type that are found from a value through those of the others."""
    node = view.producer(value, op_types[0])
    if node is None:
        return
    if len(op_types) == 1:
        yield node
        return
    for name in node.input:
        yield from _made(view, name, *op_types[1:])


def _made_by(view: Graph, node: Any, op_type: str) -> Iterator[Any]:
    found = (view.producer(name, op_type) for name in node.input)
    return (one for one in found if one is not None)


def _constants(view: Graph, node: Any) -> NDArray[Any] | None:
    found = [view.constant(name) for name in node.input] if node is not None else []
    return next((one for one in found if one is not None), None)


def _variable(view: Graph, node: Any) -> str:
    return next(str(name) for name in node.input if not view.is_constant(name))


def _pass_nan_on(graph: Any) -> None:
    """``where(not (x == x), 0, x)`` is ``x`` where there is no NaN."""
    view = Graph(graph)
    for node in list(graph.node):
        negated = view.producer(node.input[0], "Not") if node.op_type == "Where" else None
        equal = view.producer(negated.input[0], "Equal") if negated is not None else None
        if equal is not None and equal.input[0] == equal.input[1] == node.input[2]:
            _rename(graph, node.output[0], node.input[2])
            graph.node.remove(node)


def _absorb_columns(graph: Any) -> None:
    """``((x * a + b)[columns]) @ W`` is ``x @ W' + b'``: a dense layer takes in what stands before.

    Each operation on hundreds of columns costs a row as much as a third of that layer. Where ``x``
    is made of two values side by side, each gets its own part of ``W'``.
    """
    import onnx

    view = Graph(graph)
    for node in list(graph.node):
        dense = _dense(view, node)
        if dense is None:
            continue
        source, weights, bias = dense
        (out,) = node.output
        parts = _side_by_side(view, graph, source, len(weights))
        new, start, so_far = [], 0, _constant(graph, f"{out}/bias", bias)
        for number, (name, width) in enumerate(parts):
            part = _constant(graph, f"{out}/weights_{number}", weights[start : start + width])
            result = out if number == len(parts) - 1 else f"{out}/part_{number}"
            new.append(onnx.helper.make_node("Gemm", [name, part, so_far], [result]))
            start, so_far = start + width, result
        _replace(graph, node, *new)


def _dense(view: Graph, node: Any) -> tuple[str, NDArray[Any], NDArray[Any]] | None:
    """What a dense layer over gathered columns is computed from, with weights and bias for that."""
    if node.op_type not in {"Gemm", "MatMul"} or any(
        a.i or a.f not in {0, 1} for a in node.attribute
    ):
        return None
    gather, weights = view.producer(node.input[0], "Gather"), view.constant(node.input[1])
    columns = view.constant(gather.input[1]) if gather is not None else None
    added = view.constant(node.input[2]) if len(node.input) > 2 else np.float32(0)
    if columns is None or weights is None or added is None:
        return None
    if [a.i for a in gather.attribute if a.name == "axis"] != [1]:
        return None
    source, scale, offset = _scaled(view, gather.input[0])
    if np.ndim(scale) == 0:
        return None
    spread = np.zeros((np.size(scale), weights.shape[1]))
    np.add.at(spread, columns, weights)
    bias = offset @ spread + added
    return source, (spread * scale[:, None]).astype(np.float32), bias.astype(np.float32)


def _scaled(view: Graph, value: str) -> tuple[str, Any, Any]:
    """The source, and per column ``scale`` and ``offset``, of a value made by constant rows."""
    scale: Any = np.float64(1)
    offset: Any = np.float64(0)
    while True:
        for op_type in ("Mul", "Sub", "Add"):
            node = view.producer(value, op_type)
            row = view.constant(node.input[1]) if node is not None else None
            if row is not None and row.ndim == 1 and view.consumers(value) == 1:
                break
        else:
            return value, scale, offset
        if op_type == "Mul":
            scale = scale * row.astype(np.float64)
        else:
            offset = offset + scale * row * (1 if op_type == "Add" else -1)
        value = node.input[0]


def _side_by_side(view: Graph, graph: Any, value: str, width: int) -> list[tuple[str, int]]:
    """The two values that a value of so many columns is made of, with their columns; or itself."""
    concat = view.producer(value, "Concat")
    inputs = {one.name: one.type.tensor_type.shape.dim[1].dim_value for one in graph.input}
    along_columns = concat is not None and [a.i for a in concat.attribute] == [1]
    if not along_columns or len(concat.input) != 2 or concat.input[0] not in inputs:
        return [(value, width)]
    first, second = concat.input
    return [(first, inputs[first]), (second, width - inputs[first])]


def _constant(graph: Any, name: str, value: Any) -> str:
    import onnx

    graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(value), name))
    return name


def _replace(graph: Any, node: Any, *others: Any) -> None:
    index = list(graph.node).index(node)
    graph.node.remove(node)
    for offset, other in enumerate(others):
        graph.node.insert(index + offset, other)


def _rename(graph: Any, old: str, new: str) -> None:
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name == old:
                node.input[index] = new


def _drop_unused(graph: Any) -> None:
    """Nodes and constants that nothing takes any more."""
    used = {value.name for value in graph.output}
    kept = []
    for node in reversed(graph.node):
        if used.intersection(node.output):
            used.update(node.input)
            kept.append(node)
    tensors = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(reversed(kept))
    graph.initializer.extend(tensors)
