"""The vision transformer (Dosovitskiy et al. 2021) of Hugging Face, of timm, and CLIP's tower.

One builder for all of them, from the ``[architecture]`` table alone. The block is written once for
both forms: the training form takes any batch; the export form takes one picture, has the scale of
attention inside the queries' weights, and shares all other weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tf_keras
from numpy.random import RandomState
from numpy.typing import NDArray

from edgeconv.architectures import SCORES
from edgeconv.architectures.forms import TRAINING, Form
from edgeconv.architectures.heads import scores
from edgeconv.architectures.vit_options import options_of
from edgeconv.architectures.vit_tower import tower
from edgeconv.errors import SpecError
from edgeconv.spec import ModelSpec

INITIAL_STD = 0.02
DRAWN = ("/kernel", "/token", "/positions")


def build(spec: ModelSpec) -> Any:
    """The untrained model in its training form: a flat functional graph for any batch.

    All weights of the body are zero but the normalisations': a checkpoint is to fill them, or
    :func:`randomise_body`.

    Returns:
        A ``tf_keras.Model`` from normalised float32 pixels (N, H, W, 3) to scores (N, labels).

    Raises:
        SpecError: the options are wrong, or the pictures cannot be cut into patches.
    """
    return _model(spec, TRAINING)


def export_form(model: Any, spec: ModelSpec) -> Any:
    """The same model as converters fuse it best, for one picture at a time.

    Layers have the same names. They hold the very variables of ``model``, except the queries',
    which are copied as they are scaled: later training of ``model`` would not reach those.

    Args:
        model: what :func:`build` made of the spec, with weights.

    Returns:
        A ``tf_keras.Model`` from normalised float32 pixels (1, H, W, 3) to scores (1, labels).
    """
    return _model(spec, Form(model))


def float32_layers(spec: ModelSpec) -> frozenset[str]:  # noqa: ARG001
    """The layers that stay in float32 in a float16 file: none."""
    return frozenset()


def body_layers(model: Any) -> list[Any]:
    """All layers before the scores."""
    names = [layer.name for layer in model.layers]
    return list(model.layers[: names.index(SCORES)])


def randomise_body(model: Any, random: RandomState) -> None:
    """Give a body that is to learn from nothing the start of the literature.

    Kernels, class token and positions are normal with a deviation of .02, cut off at two
    deviations; biases are zero.
    """
    for layer in body_layers(model):
        for weight in layer.weights:
            if weight.name.removesuffix(":0").endswith(DRAWN):
                weight.assign(INITIAL_STD * _truncated_normal(random, tuple(weight.shape)))


def imagenet_body(spec: ModelSpec) -> dict[str, NDArray[np.float32]]:
    """Nothing: nobody publishes ImageNet weights under these names.

    Raises:
        SpecError: always.
    """
    raise SpecError(
        f"nobody publishes an ImageNet body for {spec.name} in a form that is fetched by itself",
        do="give a checkpoint of the same architecture: --body PATH",
    )


def _truncated_normal(random: RandomState, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Values of deviation one before those beyond two were drawn again."""
    drawn = random.normal(size=shape)
    while (far := np.abs(drawn) > 2).any():
        drawn[far] = random.normal(size=int(far.sum()))
    return drawn


def _model(spec: ModelSpec, form: Form) -> Any:
    options, size = options_of(spec)
    pixels = tf_keras.layers.Input((*size, 3), batch_size=form.batch, name="normalised_pixels")
    features = tower(options, size, pixels, form)
    return tf_keras.Model(pixels, scores(spec, features, form), name="vit")
