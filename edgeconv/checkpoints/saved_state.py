"""The layout of ``.weights.h5`` and ``.keras``: variables by their path in the saved object.

Paths are made of classes, not of names: ``layers/functional/layers/conv2d_3/vars/0`` is the first
variable of the fourth Conv2D in a model that is itself a layer of the saved one. So what a
variable belongs to follows from the configuration; or, without one, from the order of the layers
of each class, where only one way of putting them in order fits.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from edgeconv.checkpoints.checkpoint import Checkpoint
from edgeconv.checkpoints.fitting import Shape, WeightedLayer
from edgeconv.checkpoints.topology import Tree
from edgeconv.errors import CheckpointMismatch

Tensors = Mapping[str, NDArray[np.float32]]

_CONTAINERS = frozenset({"layers", "_layer_checkpoint_dependencies"})
_VARIABLE = re.compile(r"(?P<owner>.+)/vars/(?P<position>\d+)")
_MEMBER = re.compile(r"(?P<kind>.+?)(?:_(?P<number>\d+))?")
_SAVED_AS = {"Model": "functional"}


@dataclass
class Saved:
    """One layer or model as saved: its class in snake case, variables in order, members."""

    kind: str
    paths: dict[int, str] = field(default_factory=dict)
    members: dict[tuple[str, int], Saved] = field(default_factory=dict)

    def of_kind(self, kind: str) -> list[Saved]:
        """The members of one class that hold anything, in the order they were saved in."""
        keys = sorted(key for key in self.members if key[0] == kind)
        return [self.members[key] for key in keys]

    @property
    def variables(self) -> list[str]:
        """Paths of its own variables, in order."""
        return [self.paths[position] for position in sorted(self.paths)]

    @property
    def leaves(self) -> list[Saved]:
        """All layers at or below it that have variables of their own."""
        below = [leaf for member in self.members.values() for leaf in member.leaves]
        return [self, *below] if self.paths else below


def snake_case(class_name: str) -> str:
    """How Keras writes a class in a path: ``BatchNormalization`` is ``batch_normalization``."""
    separated = re.sub("(.)([A-Z][a-z0-9]+)", r"\1_\2", re.sub(r"\W+", "", class_name))
    return re.sub("([a-z])([A-Z])", r"\1_\2", separated).lower()


def by_configuration(
    checkpoint: Checkpoint, tree: Tree, layers: Sequence[WeightedLayer]
) -> Tensors:
    """Name the variables by the configuration that was saved with them."""
    root, rest = _parse(checkpoint.tensors)
    owners = dict(_owners(root, tree, {layer.name for layer in layers}))
    return _named(checkpoint.tensors, root, owners, layers, rest)


def by_order(checkpoint: Checkpoint, layers: Sequence[WeightedLayer]) -> Tensors:
    """Name the variables by order and shape alone.

    Args:
        layers: those of the model, each behind all before it.

    Raises:
        CheckpointMismatch: all shapes are there, but in no order or in more than one that fits.
    """
    root, rest = _parse(checkpoint.tensors)
    shapes = {name: tensor.shape for name, tensor in checkpoint.tensors.items()}
    found = list(islice(_placements(root, root.members, layers, shapes), 2))
    if len(found) == 1:
        owners = {layer: saved for saved, layer in found[0]}
        return _named(checkpoint.tensors, root, owners, layers, rest)
    owners = _by_shape(root, layers, shapes)
    if len(owners) == len(layers) == len(root.leaves):
        raise CheckpointMismatch(
            f"{checkpoint.path.name} holds the right shapes, but not in an order that tells which "
            "layer each belongs to",
            got=f"{len(found) or 'no'} ways to put its layers in order that fit",
            expected="exactly one",
            do="save the whole model (.keras), or safetensors with the layers' names",
        )
    return _named(checkpoint.tensors, root, owners, layers, rest)


def _parse(tensors: Tensors) -> tuple[Saved, list[str]]:
    """The saved object as a tree, and the paths that belong to no layer of it."""
    root, rest = Saved("model"), []
    for path in tensors:
        variable = _VARIABLE.fullmatch(path)
        steps = variable["owner"].split("/") if variable else []
        if variable is None or len(steps) % 2 or not _CONTAINERS.issuperset(steps[::2]):
            rest.append(path)
            continue
        saved = root
        for step in steps[1::2]:
            member = _MEMBER.fullmatch(step)
            kind, number = (member["kind"], int(member["number"] or 0)) if member else (step, 0)
            saved = saved.members.setdefault((kind, number), Saved(kind))
        saved.paths[int(variable["position"])] = path
    return root, rest


def _owners(saved: Saved, tree: Tree, weighted: set[str]) -> Iterator[tuple[str, Saved]]:
    """(layer, what was saved of it), as far as the configuration and the file agree."""
    by_kind: defaultdict[str, list[str | Tree]] = defaultdict(list)
    for kind, member in tree:
        if member in weighted if isinstance(member, str) else _has_weights(member, weighted):
            by_kind[_SAVED_AS.get(kind, snake_case(kind))].append(member)
    for kind, members in by_kind.items():
        found = saved.of_kind(kind)
        if len(found) != len(members):
            continue
        for member, part in zip(members, found, strict=True):
            if isinstance(member, str):
                yield member, part
            else:
                yield from _owners(part, member, weighted)


def _has_weights(tree: Tree, weighted: set[str]) -> bool:
    return any(
        member in weighted if isinstance(member, str) else _has_weights(member, weighted)
        for _, member in tree
    )


Placement = list[tuple[Saved, str]]


def _placements(
    saved: Saved,
    members: Mapping[tuple[str, int], Saved],
    layers: Sequence[WeightedLayer],
    shapes: Mapping[str, Shape],
) -> Iterator[Placement]:
    """All ways to give a saved model's layers to a run of the model's own.

    A nested model takes an unbroken run somewhere in it; the layers beside it take the rest.
    """
    nested = next((key for key, member in members.items() if member.members), None)
    if nested is None:
        flat = Saved(saved.kind, members=dict(members))
        placement = _in_order(flat, layers, shapes)
        if placement is not None:
            yield placement
        return
    inner = members[nested]
    others = {key: member for key, member in members.items() if key != nested}
    length = len(inner.leaves)
    for start in range(len(layers) - length + 1):
        run = layers[start : start + length]
        rest = [*layers[:start], *layers[start + length :]]
        for inside in _placements(inner, inner.members, run, shapes):
            for outside in _placements(saved, others, rest, shapes):
                yield inside + outside


def _in_order(
    saved: Saved, layers: Sequence[WeightedLayer], shapes: Mapping[str, Shape]
) -> Placement | None:
    """The n-th saved layer of a class is the n-th of the model, if all shapes agree."""
    waiting = {kind: iter(saved.of_kind(kind)) for kind in {kind for kind, _ in saved.members}}
    placement: Placement = []
    for layer in layers:
        part = next(waiting.get(snake_case(layer.kind), iter(())), None)
        if part is None or [shapes[path] for path in part.variables] != _shapes(layer):
            return None
        placement.append((part, layer.name))
    return placement if len(placement) == len(saved.members) else None


def _by_shape(
    root: Saved, layers: Sequence[WeightedLayer], shapes: Mapping[str, Shape]
) -> dict[str, Saved]:
    """Pair what agrees in class and shapes, so that an error lists only what does not."""
    available: defaultdict[tuple[str, tuple[Shape, ...]], list[Saved]] = defaultdict(list)
    for leaf in root.leaves:
        available[leaf.kind, tuple(shapes[path] for path in leaf.variables)].append(leaf)
    pairs = {}
    for layer in layers:
        alike = available[snake_case(layer.kind), tuple(_shapes(layer))]
        if alike:
            pairs[layer.name] = alike.pop(0)
    return pairs


def _shapes(layer: WeightedLayer) -> list[Shape]:
    return [shape for _, shape in layer.weights]


def _named(
    tensors: Tensors,
    root: Saved,
    owners: Mapping[str, Saved],
    layers: Sequence[WeightedLayer],
    rest: Sequence[str],
) -> Tensors:
    """The tensors as ``layer/weight``; what belongs to no layer keeps its path."""
    names: dict[str, str] = {}
    for layer in layers:
        paths = owners[layer.name].variables if layer.name in owners else []
        if len(paths) == len(layer.weights):
            for path, (weight, _) in zip(paths, layer.weights, strict=True):
                names[path] = f"{layer.name}/{weight}"
    kept = [path for leaf in root.leaves for path in leaf.variables] + list(rest)
    return {names.get(path, path): tensors[path] for path in kept}
