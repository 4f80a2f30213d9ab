"""CLIP's vision tower and a perceptron over its embedding, picture in and score out.

Between them the embedding is brought to Euclidean norm one, as whoever uses CLIP does.
"""

from __future__ import annotations

from typing import Any, Literal

import tensorflow as tf
import tf_keras
from pydantic import ValidationError

from edgeconv.architectures.embedding_mlp import PerceptronOptions, float32_layers_of, perceptron
from edgeconv.architectures.forms import TRAINING, Form
from edgeconv.architectures.heads import scores
from edgeconv.architectures.lookup import UNIT_LENGTH
from edgeconv.architectures.vit_options import TowerOptions
from edgeconv.architectures.vit_tower import tower
from edgeconv.errors import SpecError
from edgeconv.spec import ModelSpec, Strict, explain


class Options(Strict):
    """The ``[architecture]`` table: ``[architecture.tower]`` and ``[architecture.head]``."""

    kind: Literal["clip_mlp"]
    tower: TowerOptions
    head: PerceptronOptions


class UnitLength(tf_keras.layers.Layer):  # type: ignore[misc]
    """Rows (N, length) divided by their Euclidean norms."""

    def call(self, rows: Any) -> Any:
        return rows / tf.sqrt(tf.reduce_sum(rows * rows, axis=1, keepdims=True))


def build(spec: ModelSpec) -> Any:
    """The untrained model in its training form: a flat functional graph for any batch.

    Returns:
        A ``tf_keras.Model`` from normalised float32 pixels (N, H, W, 3) to scores (N, labels).

    Raises:
        SpecError: the options are wrong, or the pictures cannot be cut into patches.
    """
    return _model(spec, TRAINING)


def export_form(model: Any, spec: ModelSpec) -> Any:
    """The same model as converters fuse it best; see :mod:`edgeconv.architectures.vit`.

    Args:
        model: what :func:`build` made of the spec, with weights.

    Returns:
        A ``tf_keras.Model`` from normalised float32 pixels (1, H, W, 3) to scores (1, labels).
    """
    return _model(spec, Form(model))


def float32_layers(spec: ModelSpec) -> frozenset[str]:
    """The layers that stay in float32 in a float16 file: some of the head's."""
    options = _options(spec)
    return float32_layers_of(options.head, options.tower.projection or options.tower.width)


def _options(spec: ModelSpec) -> Options:
    try:
        return Options.model_validate(spec.architecture)
    except ValidationError as error:
        raise SpecError(
            f"[architecture] of {spec.name} is not a clip_mlp", got=explain(error)
        ) from error


def _model(spec: ModelSpec, form: Form) -> Any:
    options = _options(spec)
    size = spec.pictures.size
    pixels = tf_keras.layers.Input((*size, 3), batch_size=form.batch, name="normalised_pixels")
    features = tower(options.tower, size, pixels, form)
    embedding = form.layer(UnitLength, UNIT_LENGTH)(features)
    hidden = perceptron(options.head, embedding, form, spec.name)
    return tf_keras.Model(pixels, scores(spec, hidden, form), name="clip_mlp")
