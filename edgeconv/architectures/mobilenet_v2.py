"""MobileNetV2 (Sandler et al. 2018) with a small head of dense layers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import tf_keras
from numpy.random import RandomState
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from edgeconv.architectures.forms import TRAINING
from edgeconv.architectures.heads import scores
from edgeconv.errors import DownloadError, SpecError
from edgeconv.folding import fold_batch_norms
from edgeconv.spec import ModelSpec, Strict, explain

SMALLEST_SIDE = 32

LAST_BODY_LAYER = "out_relu"
"""The body ends here, as ``tf_keras.applications`` names it."""


IMAGENET_WIDTHS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)


class Options(Strict):
    """The ``[architecture]`` table.

    ``width`` multiplies the filters of the body; ``head`` lists the dense layers before the
    scores; ``batch_norm`` and ``dropout`` come after the last of them.
    """

    kind: Literal["mobilenet_v2"]
    width: Annotated[float, Field(gt=0)] = 1.0
    head: tuple[Annotated[int, Field(gt=0)], ...] = ()
    batch_norm: bool = True
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


def build(spec: ModelSpec) -> Any:
    """The untrained model, body and head in one flat functional graph.

    Returns:
        A ``tf_keras.Model`` from normalised float32 pixels (N, H, W, 3) to scores (N, labels).

    Raises:
        SpecError: the options are wrong, or the pictures are too small for the body.
    """
    options = _options(spec)
    layers = tf_keras.layers
    height, width = spec.pictures.size

    pixels = layers.Input((height, width, 3), name="normalised_pixels")
    body = tf_keras.applications.MobileNetV2(
        input_tensor=pixels, alpha=options.width, include_top=False, weights=None
    )
    x = layers.AveragePooling2D(body.output_shape[1:3], name="pool")(body.output)
    x = layers.Flatten(name="flatten")(x)
    for number, units in enumerate(options.head):
        name = f"dense_{number}" if number else "dense"
        x = layers.Dense(units, activation="relu", name=name)(x)
    if options.batch_norm:
        x = layers.BatchNormalization(name="batch_norm")(x)
    if options.dropout:
        x = layers.Dropout(options.dropout, name="dropout")(x)
    return tf_keras.Model(pixels, scores(spec, x, TRAINING), name="mobilenet_v2")


def export_form(model: Any, spec: ModelSpec) -> Any:  # noqa: ARG001
    """The model with the head's batch normalisation folded into its dense layers."""
    return fold_batch_norms(model)


def float32_layers(spec: ModelSpec) -> frozenset[str]:  # noqa: ARG001
    """The layers that stay in float32 in a float16 file: none."""
    return frozenset()


def body_layers(model: Any) -> list[Any]:
    """The layers of the body, its last one included."""
    names = [layer.name for layer in model.layers]
    return list(model.layers[: names.index(LAST_BODY_LAYER) + 1])


def randomise_body(model: Any, random: RandomState) -> None:
    """Give a body that is to learn from nothing a start that it learns from sooner.

    Keras' own start divides the variance of depthwise filters among all channels, though each
    filter sees one: in the last blocks what comes out varies less than the epsilon of the batch
    normalisation after it, which flattens it. He's variance (He et al. 2015) cures that. Residual
    branches that start at zero (Goyal et al. 2017) make the network shallow at first.
    """
    layers = {layer.name: layer for layer in body_layers(model)}
    for name, layer in layers.items():
        if isinstance(layer, tf_keras.layers.DepthwiseConv2D):
            kernel = layer.depthwise_kernel
            height, width, *_ = kernel.shape
            kernel.assign(random.normal(0, (2 / (height * width)) ** 0.5, kernel.shape))
        elif name.removesuffix("_project_BN") + "_add" in layers:
            layer.gamma.assign(np.zeros(layer.gamma.shape))


def imagenet_body(spec: ModelSpec) -> dict[str, NDArray[np.float32]]:
    """The weights that tf_keras downloads, as ``layer/weight``.

    Raises:
        SpecError: the options are wrong, or there are no weights of that width.
        DownloadError: they could not be fetched.
    """
    width = _options(spec).width
    if width not in IMAGENET_WIDTHS:
        raise SpecError(
            f"there are no ImageNet weights for {spec.name}",
            got=f"width = {width}",
            expected="width = " + ", ".join(map(str, IMAGENET_WIDTHS)),
        )
    try:
        body = tf_keras.applications.MobileNetV2(
            input_shape=(224, 224, 3), alpha=width, include_top=False, weights="imagenet"
        )
    except Exception as error:  # tf_keras raises a bare Exception when a download fails
        raise DownloadError(
            "the ImageNet weights of MobileNetV2 could not be fetched",
            got=str(error).splitlines()[0],
            do="try again with a network, or start from --body PATH or --body none",
        ) from error
    return {weight.name.removesuffix(":0"): weight.numpy() for weight in body.weights}


def _options(spec: ModelSpec) -> Options:
    try:
        options = Options.model_validate(spec.architecture)
    except ValidationError as error:
        raise SpecError(
            f"[architecture] of {spec.name} is not a mobilenet_v2", got=explain(error)
        ) from error
    if min(spec.pictures.size) < SMALLEST_SIDE:
        raise SpecError(
            f"the pictures of {spec.name} are too small for mobilenet_v2",
            got=f"size = {list(spec.pictures.size)}",
            expected=f"at least {SMALLEST_SIDE} pixels a side",
        )
    return options
