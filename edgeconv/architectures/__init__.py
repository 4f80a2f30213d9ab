"""Builders of tf-keras models, one kind a file.

A builder takes a spec and gives a model on *normalised* float32 inputs whose layer
names are always the same, however often it is built in one process: weights are matched by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from edgeconv.errors import SpecError, UnknownName
from edgeconv.formats.onnx_model import OnnxModel
from edgeconv.spec import ModelSpec

Family = Literal["convolutional", "transformer", "dense"]
"""What a network is made of, as far as it decides which precisions serve it."""


SCORES = "scores"
"""The dense layer that every model ends in, but for the one that adds the complement."""

BOTH_SCORES = "both_scores"
"""The layer that adds the complement. Float16 has steps of 1/2048 at one half, where it decides."""


class Architecture(NamedTuple):
    """The module that builds one kind of network, and the one that draws it in ONNX, if any."""

    module: str
    family: Family
    drawing: str | None = None


_BUILDERS = {
    "mobilenet_v2": Architecture("edgeconv.architectures.mobilenet_v2", "convolutional"),
    "vit": Architecture(
        "edgeconv.architectures.vit", "transformer", "edgeconv.architectures.vit_onnx"
    ),
    "embedding_mlp": Architecture("edgeconv.architectures.embedding_mlp", "dense"),
    "clip_mlp": Architecture("edgeconv.architectures.clip_mlp", "transformer"),
}

FROM_CHECKPOINT = ("checkpoint", "graph", "onnx")
"""Kinds that have no builder: the network is what the checkpoint itself says, as Keras layers, as
a tensorflow graph, or as ONNX."""


def family(spec: ModelSpec) -> Family:
    """The family of a spec's network; one that the checkpoint brings counts as convolutional.

    Raises:
        UnknownName: there is no architecture of that kind.
    """
    kind = spec.architecture["kind"]
    if kind in FROM_CHECKPOINT:
        return "convolutional"
    return _architecture(kind).family


def build(spec: ModelSpec) -> Any:
    """The untrained model of a spec.

    Returns:
        A ``tf_keras.Model`` from normalised float32 pixels (N, H, W, 3) to scores (N, labels).

    Raises:
        UnknownName: there is no architecture of that kind.
        SpecError: the options in ``[architecture]`` are wrong, or the kind needs a checkpoint.
    """
    return _builder(spec).build(spec)


def export_form(spec: ModelSpec, model: Any) -> Any:
    """The same network in the form that converters fuse best, with the same weights.

    Args:
        spec: what the model is.
        model: a ``tf_keras.Model``, built here or from the checkpoint's own list of layers.
    """
    if spec.architecture["kind"] in FROM_CHECKPOINT:
        from edgeconv.folding import fold_batch_norms

        return fold_batch_norms(model)
    return _builder(spec).export_form(model, spec)


def drawn_weights(spec: ModelSpec) -> dict[str, tuple[int, ...]] | None:
    """The tensors that :func:`draw` takes, by ``layer/weight``; None where nobody drew the kind.

    Raises:
        UnknownName, SpecError: as :func:`build`.
    """
    kind = spec.architecture["kind"]
    if kind in FROM_CHECKPOINT or (drawing := _architecture(kind).drawing) is None:
        return None
    shapes: dict[str, tuple[int, ...]] = import_module(drawing).weight_shapes(spec)
    return shapes


def draw(spec: ModelSpec, tensors: Mapping[str, NDArray[np.float32]]) -> OnnxModel:
    """The export form of a network in ONNX, without tensorflow; see :attr:`Frozen.onnx`.

    Args:
        spec: of a kind that has been drawn.
        tensors: of the names and shapes of :func:`drawn_weights`.
    """
    drawing = _architecture(spec.architecture["kind"]).drawing
    assert drawing is not None
    model: OnnxModel = import_module(drawing).onnx_model(spec, tensors)
    return model


def needs_float32(spec: ModelSpec) -> Callable[[str], bool]:
    """Tells which operations must compute in float32 even in a float16 file.

    Returns:
        Whether the operation of a name does. A name is as the graph has it, layer by layer:
        ``embedding_mlp/encoding/Floor``; converters keep it.
    """
    of_its_own = spec.architecture["kind"] in FROM_CHECKPOINT
    layers = {BOTH_SCORES} | (set() if of_its_own else _float32_layers(spec))
    return lambda operation: not layers.isdisjoint(operation.split("/"))


def _float32_layers(spec: ModelSpec) -> frozenset[str]:
    layers: frozenset[str] = _builder(spec).float32_layers(spec)
    return layers


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
    if kind in FROM_CHECKPOINT:
        raise SpecError(
            f"{spec.name} cannot be built without its checkpoint, which lists the layers",
            do=f"give the checkpoint: edgeconv export {spec.name} --weights PATH",
        )
    return import_module(_architecture(kind).module)


def _architecture(kind: str) -> Architecture:
    if kind not in _BUILDERS:
        raise UnknownName("architecture", kind, (*_BUILDERS, *FROM_CHECKPOINT))
    return _BUILDERS[kind]
