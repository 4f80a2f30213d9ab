"""The weights that a model's body starts from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgeconv.architectures import body_layers, imagenet_body
from edgeconv.errors import CheckpointMismatch, UsageError
from edgeconv.spec import ModelSpec
from edgeconv.training.recipe import IMAGENET, NO_BODY


def set_body(model: Any, spec: ModelSpec, body: str) -> None:
    """Give the body of an untrained model the weights that its recipe names.

    Args:
        model: a ``tf_keras.Model`` of the spec's architecture.
        spec: what the model is.
        body: ``imagenet`` (downloaded once by tf_keras), ``none``, or a safetensors file that
            holds the body's tensors as ``layer/weight``; others in it, a head's, are not used.

    Raises:
        UsageError: there is no such file.
        DownloadError: the ImageNet weights could not be fetched.
        CheckpointError: the file is broken, or its tensors are not those of the body.
    """
    if body == NO_BODY:
        return
    tensors = imagenet_body(spec) if body == IMAGENET else _read(Path(body))
    wanted = {
        f"{layer.name}/{_short(weight.name)}": weight
        for layer in body_layers(spec, model)
        for weight in layer.weights
    }
    wrong = [
        f"{name} {tuple(weight.shape)}"
        for name, weight in wanted.items()
        if name not in tensors or tensors[name].shape != tuple(weight.shape)
    ]
    if wrong:
        raise CheckpointMismatch(
            f"{body} is no body for {spec.name}",
            got=f"{len(wrong)} of {len(wanted)} tensors missing or misshapen",
            expected=wrong[:5],
        )
    for name, weight in wanted.items():
        weight.assign(tensors[name])
