"""Builders of tf-keras models, one kind a file.

A builder takes a spec and gives a model on *normalised* float32 pixels (N, H, W, 3) whose layer
names are always the same, however often it is built in one process: weights are matched by name.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from edgeconv.errors import SpecError, UnknownName
from edgeconv.spec import ModelSpec

_BUILDERS = {
    "mobilenet_v2": "edgeconv.architectures.mobilenet_v2",
}

FROM_CHECKPOINT = "checkpoint"
"""The kind that has no builder: the layers are those that the checkpoint itself lists."""


def build(spec: ModelSpec) -> Any:
    """The untrained model of a spec.

    Returns:
        A ``tf_keras.Model`` from normalised float32 pixels (N, H, W, 3) to scores (N, labels).

    Raises:
        UnknownName: there is no architecture of that kind.
        SpecError: the options in ``[architecture]`` are wrong, or the kind needs a checkpoint.
    """
    return _builder(spec).build(spec)


def body_layers(spec: ModelSpec, model: Any) -> list[Any]:
    """The layers of a built model that are pretrained, and frozen while the head learns.

    Raises:
        UnknownName, SpecError: as :func:`build`.
    """
    layers: list[Any] = _builder(spec).body_layers(model)
    return layers


def randomise_body(spec: ModelSpec, model: Any, random: RandomState) -> None:
    """Give a body that is to learn from nothing the weights that it learns from best.

    Raises:
        UnknownName, SpecError: as :func:`build`.
    """
    _builder(spec).randomise_body(model, random)


def imagenet_body(spec: ModelSpec) -> dict[str, NDArray[np.float32]]:
    """The published ImageNet weights of a spec's body, as ``layer/weight``; downloaded once.

    Raises:
        UnknownName, SpecError: as :func:`build`, or nobody published such a body.
        DownloadError: they could not be fetched.
    """
    tensors: dict[str, NDArray[np.float32]] = _builder(spec).imagenet_body(spec)
    return tensors


def _builder(spec: ModelSpec) -> Any:
    kind = spec.architecture["kind"]
    if kind == FROM_CHECKPOINT:
        raise SpecError(
            f"{spec.name} cannot be built without its checkpoint, which lists the layers",
            do=f"give the checkpoint: edgeconv export {spec.name} --weights PATH",
        )
    if kind not in _BUILDERS:
        raise UnknownName("architecture", kind, _BUILDERS)
    return import_module(_BUILDERS[kind])
