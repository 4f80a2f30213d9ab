"""Finds GELU where exporters have written it out: ``0.5 x (1 + erf(x / sqrt(2)))``.

TFLite and Core ML have no ``erf`` to fall back on, but know a GELU that is written in one exact
way, which is how :mod:`.activation` writes it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np


def with_gelu(graph: Any) -> Any:
    """A copy of a graph in which every written-out GELU is one ``Gelu``."""
    import onnx

    made = type(graph)()
    made.CopyFrom(graph)
    finder = _Finder(made)
    for node in list(made.node):
        if node.op_type == "Erf" and (found := finder.gelu_around(node)):
            source, parts, last = found
            gelu = onnx.helper.make_node("Gelu", [source], last.output, last.name)
            made.node.insert(list(made.node).index(last), gelu)
            for part in parts:
                made.node.remove(part)
    return made


class _Finder:
    """Who makes a tensor, who reads it, and which constants there are."""

    def __init__(self, graph: Any) -> None:
        import onnx

        self._makers = {name: node for node in graph.node for name in node.output}
        self._readers: defaultdict[str, list[Any]] = defaultdict(list)
        for node in graph.node:
            for name in node.input:
                self._readers[name].append(node)
        self._numbers = {
            tensor.name: float(onnx.numpy_helper.to_array(tensor).ravel()[0])
            for tensor in graph.initializer
            if np.prod(tensor.dims) == 1 and tensor.data_type == onnx.TensorProto.FLOAT
        }

    def gelu_around(self, erf: Any) -> tuple[str, list[Any], Any] | None:
        """The input, all nodes and the last node of the GELU that an ``Erf`` belongs to."""
        inner = self._makers.get(erf.input[0])
        source = self._scaled(inner, 2**-0.5)
        plus_one = self._only_reader(erf, "Add")
        product = self._only_reader(plus_one, "Mul")
        if inner is None or source is None or product is None:
            return None
        if self._number_beside(plus_one, erf.output[0]) != 1:
            return None
        other = next((name for name in product.input if name != plus_one.output[0]), "")
        if other == source:
            last = self._only_reader(product, "Mul")
            if last is None or self._number_beside(last, product.output[0]) != 0.5:
                return None
            return source, [inner, erf, plus_one, product, last], last
        half = self._makers.get(other)
        if half is None or self._scaled(half, 0.5) != source or len(self._readers[other]) != 1:
            return None
        return source, [inner, erf, plus_one, half, product], product

    def _scaled(self, node: Any, factor: float) -> str | None:
        """What a node multiplies by ``factor``, or divides by its inverse."""
        if node is None or node.op_type not in {"Mul", "Div"}:
            return None
        wanted = factor if node.op_type == "Mul" else 1 / factor
        names = list(node.input)
        for place, name in enumerate(names):
            by_number = place == 1 or node.op_type == "Mul"
            if by_number and np.isclose(self._numbers.get(name, np.nan), wanted, rtol=1e-4):
                return str(names[1 - place])
        return None

    def _only_reader(self, node: Any, operation: str) -> Any:
        readers = [] if node is None else self._readers[node.output[0]]
        return readers[0] if len(readers) == 1 and readers[0].op_type == operation else None

    def _number_beside(self, node: Any, name: str) -> float | None:
        return next(
            (self._numbers[i] for i in node.input if i != name and i in self._numbers), None
        )
