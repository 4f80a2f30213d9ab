"""Perceptrons on the embeddings of another network, as LAION's safety heads over CLIP.

Tables (:mod:`edgeconv.architectures.lookup`) and standardisation first, where there are any; then
dense layers with ReLU, and the scores.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

import tf_keras
from pydantic import Field, ValidationError, model_validator

from edgeconv.architectures import SCORES
from edgeconv.architectures.forms import TRAINING, Form
from edgeconv.architectures.heads import scores
from edgeconv.architectures.lookup import LAYER, UNIT_LENGTH, Encoding
from edgeconv.errors import SpecError
from edgeconv.spec import Embedding, ModelSpec, Strict, explain

SMALL_SHARE = 0.1
"""Of all weights: a layer with less of them saves next to nothing in float16."""

Column = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(gt=0)]


class PerceptronOptions(Strict):
    """What stands between an embedding and a score.

    ``hidden`` lists the widths of the dense layers before the score; each ends in ReLU, but for
    the last ``linear_tail`` of them. ``standardise`` brings every column to mean 0 and deviation 1
    first. ``tables`` says which columns are looked up before that, and how many entries each
    one's vocabulary has; with ``look_up = false`` every number in them counts as unknown.
    """

    hidden: Annotated[tuple[Count, ...], Field(min_length=1)]
    linear_tail: Annotated[int, Field(ge=0)] = 0
    standardise: bool = False
    tables: dict[Column, Count] = {}
    look_up: bool = True

    @model_validator(mode="after")
    def _tables_are_standardised(self) -> PerceptronOptions:
        if self.tables and not self.standardise:
            raise ValueError("positions in tables are of another size: standardise = true")
        return self

    @model_validator(mode="after")
    def _tail_is_part_of_hidden(self) -> PerceptronOptions:
        if self.linear_tail > len(self.hidden):
            raise ValueError(f"linear_tail is more than the {len(self.hidden)} hidden layers")
        return self


class Options(PerceptronOptions):
    """The ``[architecture]`` table."""

    kind: Literal["embedding_mlp"]


def build(spec: ModelSpec) -> Any:
    """The untrained model.

    Returns:
        A ``tf_keras.Model`` from float32 embeddings (N, length) to scores (N, labels).

    Raises:
        SpecError: the options are wrong, or the input is no embedding.
    """
    length, options = _length(spec), _options(spec)
    embedding = tf_keras.layers.Input((length,), name="embedding")
    features = perceptron(options, embedding, TRAINING, spec.name)
    return tf_keras.Model(embedding, scores(spec, features, TRAINING), name="embedding_mlp")


def _length(spec: ModelSpec) -> int:
    if not isinstance(spec.input, Embedding):
        raise SpecError(
            f"{spec.name} takes pictures, and an embedding_mlp takes embeddings",
            expected="[input] with length = ...",
        )
    return spec.input.length


def _options(spec: ModelSpec) -> Options:
    try:
        return Options.model_validate(spec.architecture)
    except ValidationError as error:
        raise SpecError(
            f"[architecture] of {spec.name} is not an embedding_mlp", got=explain(error)
        ) from error


def export_form(model: Any, spec: ModelSpec) -> Any:  # noqa: ARG001
    """The model itself: converters fuse its layers as they are."""
    return model


def float32_layers(spec: ModelSpec) -> frozenset[str]:
    """The layers that stay in float32 in a float16 file: see :func:`float32_layers_of`."""
    return float32_layers_of(_options(spec), _length(spec))


def float32_layers_of(options: PerceptronOptions, length: int) -> frozenset[str]:
    """The layers of a perceptron that stay in float32 in a float16 file.

    Millionths have more digits than float16, and positions reach its end before standardisation;
    embeddings that float16 rounds would be found in vocabularies where the original's are not. A
    layer with few of the weights saves nothing in float16, and rounds the score for it.

    Args:
        options: the layers.
        length: of an embedding.
    """
    sizes = {
        f"dense_{number}": inputs * outputs
        for number, (inputs, outputs) in enumerate(pairwise([length, *options.hidden]))
    }
    small = [name for name, size in sizes.items() if size < SMALL_SHARE * sum(sizes.values())]
    return frozenset({UNIT_LENGTH, LAYER, SCORES, *small})


def perceptron(options: PerceptronOptions, embedding: Any, form: Form, whose: str) -> Any:
    """Draw the layers between an embedding and the score.

    Args:
        embedding: a float32 Keras tensor (N, length).
        form: where the layers come from.
        whose: the model's name, for the error.

    Returns:
        A Keras tensor (N, last width of ``hidden``).

    Raises:
        SpecError: a table is for a column that is not there.
    """
    length = embedding.shape[1]
    if max(options.tables, default=0) >= length:
        raise SpecError(
            f"[architecture] of {whose} has a table for a column that is not there",
            got=f"column {max(options.tables)}",
            expected=f"0 to {length - 1}",
        )
    x = embedding
    if options.standardise:
        x = form.layer(Encoding, LAYER, entries=options.tables, look_up=options.look_up)(x)
    for number, width in enumerate(options.hidden):
        linear = number >= len(options.hidden) - options.linear_tail
        activation = "linear" if linear else "relu"
        dense = tf_keras.layers.Dense
        x = form.layer(dense, f"dense_{number}", units=width, activation=activation)(x)
    return x
