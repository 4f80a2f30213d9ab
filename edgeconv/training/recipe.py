"""How a model is trained: the ``[training]`` table of its TOML."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationError

from edgeconv.errors import SpecError, UsageError
from edgeconv.spec import ModelSpec, Strict, explain

IMAGENET = "imagenet"
NO_BODY = "none"

Count = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]


class Optimizer(Strict):
    """Stochastic gradient descent with momentum.

    ``warmup_epochs`` is how long the learning rate climbs from zero: a network that starts from
    random weights may otherwise never recover from its first steps.
    """

    kind: Literal["sgd"] = "sgd"
    learning_rate: Annotated[float, Field(gt=0)] = 0.1
    momentum: Share = 0.9
    warmup_epochs: Annotated[float, Field(ge=0)] = 0.0


class ReduceOnPlateau(Strict):
    """Multiply the learning rate by ``factor`` after ``patience`` epochs without a better loss."""

    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1**0.5
    patience: Count = 5


class Augment(Strict):
    """Random changes to training pictures, in the units of Keras' ``ImageDataGenerator``.

    ``rotation`` and ``shear`` are degrees, ``shift`` a share of the side, ``zoom`` a share of the
    scale, ``channel_shift`` pixel values of 0..255; ``flip`` is left to right.
    """

    rotation: float = 30
    shift: Share = 0.2
    shear: float = 0.2
    zoom: Share = 0.2
    channel_shift: float = 20
    flip: bool = True


class Generated(Strict):
    """A dataset that edgeconv draws itself, where no folder of pictures is given."""

    train_per_label: Count
    test_per_label: Count
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0


class Recipe(Strict):
    """The ``[training]`` table. The defaults fine-tune an ImageNet body on photographs.

    ``epochs`` counts all epochs. During the first ``frozen_epochs`` of them only the head learns;
    a body that starts from random weights is never frozen. ``batch_norm_momentum`` replaces the
    architecture's own: MobileNetV2's .999 follows the activations too slowly for a short training
    from scratch. ``stored`` is the type of the written kernels.
    """

    recipe: Literal["keras-image"] = "keras-image"
    generated: Generated | None = None
    batch: Count = 32
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    body: str = IMAGENET
    frozen_epochs: Annotated[int, Field(ge=0)] = 10
    epochs: Count = 40
    optimizer: Optimizer = Optimizer()
    reduce_on_plateau: ReduceOnPlateau = ReduceOnPlateau()
    augment: Augment | None = Augment()
    batch_norm_momentum: Share | None = None
    stored: Literal["float32", "float16"] = "float32"

    def is_frozen(self, epoch: int) -> bool:
        """Whether the body keeps its weights in this epoch, counted from 0."""
        return self.body != NO_BODY and epoch < self.frozen_epochs


def recipe_of(
    spec: ModelSpec,
    *,
    body: str | None = None,
    epochs: int | None = None,
    seed: int | None = None,
) -> Recipe:
    """The recipe of a spec, with what the user asks for instead.

    Args:
        spec: its ``[training]`` table is read; without one the defaults hold.
        body: ``imagenet``, ``none``, or the path of a safetensors file.
        epochs: how many epochs in all.
        seed: of the first weights, the order of the pictures and their augmentation.

    Raises:
        SpecError: the table says what no recipe can say.
        UsageError: one of the replacements cannot be.
    """
    table = spec.training or {}
    try:
        Recipe.model_validate(table)
    except ValidationError as error:
        raise SpecError(f"[training] of {spec.name} is no recipe", got=explain(error)) from error
    asked = {"body": body, "epochs": epochs, "seed": seed}
    replaced = {key: value for key, value in asked.items() if value is not None}
    try:
        return Recipe.model_validate(table | replaced)
    except ValidationError as error:
        raise UsageError(f"{spec.name} cannot be trained so", got=explain(error)) from error
