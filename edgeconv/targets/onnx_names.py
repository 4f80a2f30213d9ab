"""Names in ONNX graphs that are the same in every export."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from edgeconv.formats.onnx_model import OnnxModel, order_by_use

_NUMBER = re.compile(r"__\d+")


def renamed(model: OnnxModel, names: Mapping[str, str]) -> OnnxModel:
    """A model with some of its values under other names; its proto is changed."""
    graph = model.proto.graph
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        for values in (node.input, node.output):
            values[:] = [names.get(name, name) for name in values]
    weights = {names.get(name, name): weight for name, weight in model.weights.items()}
    return OnnxModel(model.proto, weights)


def settled(model: OnnxModel) -> OnnxModel:
    """A model whose constants and numbered nodes are named by their order of use, and ordered so.

    tf2onnx numbers names by a counter of the process, and merges equal constants under the name of
    any one of them: a second export would give other bytes. The model's proto is changed.
    """
    graph = model.proto.graph
    constants = {tensor.name for tensor in graph.initializer}
    uses = Counter(name for node in graph.node for name in node.input)
    names: dict[str, str] = {}
    times: Counter[str] = Counter()
    for node in graph.node:
        bare = _NUMBER.sub("", node.name)
        node.name = f"{bare}__{times[bare]}" if times[bare] else bare
        times[bare] += 1
        for name in (*node.input, *node.output):
            merged = name in constants and uses[name] > 1
            if name not in names and (merged or _NUMBER.search(name)):
                kind = "constant" if name in constants else _NUMBER.sub("", name)
                names[name] = f"{kind}__{len(names)}"
    model = renamed(model, names)
    order_by_use(graph)
    return model
