"""The weights that a model's body starts from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.random import RandomState

from edgeconv.architectures import body_layers, imagenet_body, randomise_body
from edgeconv.checkpoints import read
from edgeconv.checkpoints.fitting import at_most, described
from edgeconv.errors import CheckpointMismatch
from edgeconv.spec import ModelSpec
from edgeconv.training.recipe import IMAGENET, NO_BODY


def set_body(model: Any, spec: ModelSpec, body: str, seed: int) -> None:
    """Give the body of an untrained model the weights that its recipe names.

    Args:
        model: a ``tf_keras.Model`` of the spec's architecture.
        spec: what the model is.
        body: ``imagenet`` (downloaded once by tf_keras), ``none``, or the path of a checkpoint
            that holds the body's tensors as ``layer/weight``; others in it, a head's, are not used.
        seed: of the random weights, where the body is ``none``.

    Raises:
        DownloadError: the ImageNet weights could not be fetched.
        CheckpointError: there is no such checkpoint, it is unsafe or corrupt, or its tensors are
            not those of the body.
    """
    if body == NO_BODY:
        randomise_body(spec, model, RandomState(seed))
        return
    tensors = imagenet_body(spec) if body == IMAGENET else read(Path(body)).tensors
    wanted = {
        weight.name.removesuffix(":0"): weight
        for layer in body_layers(spec, model)
        for weight in layer.weights
    }
    shapes = {name: tuple(weight.shape) for name, weight in wanted.items()}
    wrong = [
        name
        for name, shape in shapes.items()
        if name not in tensors or tensors[name].shape != shape
    ]
    if wrong:
        raise CheckpointMismatch(
            f"{body} is no body for {spec.name}",
            got=f"{len(wrong)} of {len(wanted)} tensors missing or misshapen",
            expected=at_most([described(name, shapes[name]) for name in wrong]),
            do="check that it has this architecture and width",
        )
    for name, weight in wanted.items():
        weight.assign(tensors[name].astype(weight.dtype.as_numpy_dtype))
