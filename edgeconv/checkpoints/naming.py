"""From the names in a checkpoint to the ``layer/weight`` names of the model it is for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.checkpoints import saved_state
from edgeconv.checkpoints.checkpoint import Checkpoint
from edgeconv.checkpoints.fitting import WeightedLayer

Tensors = Mapping[str, NDArray[np.float32]]


def by_layer(checkpoint: Checkpoint, model: Any, layers: Sequence[WeightedLayer]) -> Tensors:
    """A checkpoint's tensors under the names of the model's own layers.

    A tensor that belongs to no layer keeps its name, so that it shows as left over.

    Args:
        checkpoint: the tensors, under whatever names.
        model: the flat ``tf_keras.Model`` they are for.
        layers: its layers that have weights.

    Raises:
        CheckpointMismatch: several layers could be meant, and nothing tells which.
    """
    if checkpoint.naming == "exact":
        return checkpoint.tensors
    if checkpoint.naming == "structural" and checkpoint.topology is not None:
        return saved_state.by_configuration(checkpoint, checkpoint.topology.tree, layers)
    if not _is_chain(model, layers):
        return checkpoint.tensors
    if checkpoint.naming == "structural":
        return saved_state.by_order(checkpoint, layers)
    return _by_made_up_names(checkpoint.tensors, layers)


def _is_chain(model: Any, layers: Sequence[WeightedLayer]) -> bool:
    """Whether every layer with weights comes after all those before it, by the wiring.

    Only then is "the n-th layer of its class" the same layer however the model was written down.
    """
    bit = {layer.name: 1 << number for number, layer in enumerate(layers)}
    upstream: dict[str, int] = {}
    for layer in model.layers:
        before = 0
        for node in layer.inbound_nodes:
            for source, *_ in node.iterate_inbound():
                before |= upstream[source.name]
        own = bit.get(layer.name, 0)
        if own and before != own - 1:
            return False
        upstream[layer.name] = before | own
    return True


def _by_made_up_names(tensors: Tensors, layers: Sequence[WeightedLayer]) -> Tensors:
    """Match layers that Keras named itself by class, order and shapes; all others by name."""
    groups: dict[str, dict[str, NDArray[np.float32]]] = {}
    for name, tensor in tensors.items():
        layer_name, _, weight = name.rpartition("/")
        groups.setdefault(layer_name, {})[weight] = tensor
    renamed: dict[str, str] = {}
    for kind in {layer.kind for layer in layers}:
        pattern = re.compile(rf"{saved_state.snake_case(kind)}(_\d+)?")
        made_up = [name for name in groups if pattern.fullmatch(name)]
        given = groups.keys() - set(made_up)
        wanted = [layer for layer in layers if layer.kind == kind and layer.name not in given]
        shapes = [{key: value.shape for key, value in groups[name].items()} for name in made_up]
        if shapes == [dict(layer.weights) for layer in wanted]:
            renamed |= dict(zip(made_up, (layer.name for layer in wanted), strict=True))
    return {
        f"{renamed.get(group, group)}/{weight}": tensor
        for group, weights in groups.items()
        for weight, tensor in weights.items()
    }
