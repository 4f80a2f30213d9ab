"""How a model is trained: the ``[training]`` table of its TOML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from edgeconv.errors import SpecError, UsageError
from edgeconv.spec import ModelSpec, Strict, explain

IMAGENET = "imagenet"
NO_BODY = "none"

Count = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Weight = Annotated[float, Field(gt=0)]


class Optimizer(Strict):
    """``sgd`` with momentum, or ``adamw`` (Loshchilov & Hutter 2019).

    ``momentum`` is SGD's. ``weight_decay`` is AdamW's, a share of each kernel times the learning
    rate; vectors (biases, normalisations, tokens) and positions are spared, as timm does.
    ``epsilon`` is AdamW's.

    ``warmup_epochs`` is how long the learning rate climbs from ``warmup_from``: a network that
    starts from random weights may otherwise never recover from its first steps. ``clip_norm`` is
    the largest norm of all gradients together. ``layer_decay`` multiplies the learning rate once
    for every block between a layer and the head (Clark et al. 2020).
    """

    kind: Literal["sgd", "adamw"] = "sgd"
    learning_rate: Annotated[float, Field(gt=0)] = 0.1
    momentum: Share = 0.9
    weight_decay: Share = 0.0
    epsilon: Annotated[float, Field(gt=0)] = 1e-8
    warmup_epochs: Annotated[float, Field(ge=0)] = 0.0
    warmup_from: Annotated[float, Field(ge=0)] = 0.0
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0


class ReduceOnPlateau(Strict):
    """Multiply the learning rate by ``factor`` after ``patience`` epochs without a better loss."""

    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1**0.5
    patience: Count = 5


class Augment(Strict):
    """Random changes to training pictures, in the units of Keras' ``ImageDataGenerator``.

    ``rotation`` and ``shear`` are degrees, ``shift`` a share of the side, ``zoom`` a share of the
    scale, ``channel_shift`` pixel values of 0..255; ``flip`` is left to right.
    ``colour_jitter`` is the largest change of brightness, contrast and saturation, as a share of
    each, for a share ``colour_jitter_of`` of the pictures, as torchvision does it. ``blur_of`` is
    the share of pictures that are blurred, by a Gaussian of .1 to 2 pixels; ``erase_of`` the share
    in which a rectangle is replaced by noise (Zhong et al. 2020), as timm does both.
    """

    rotation: float = 30
    shift: Share = 0.2
    shear: float = 0.2
    zoom: Share = 0.2
    channel_shift: float = 20
    flip: bool = True
    colour_jitter: Share = 0.0
    colour_jitter_of: Annotated[float, Field(ge=0, le=1)] = 1.0
    blur_of: Annotated[float, Field(ge=0, le=1)] = 0.0
    erase_of: Annotated[float, Field(ge=0, le=1)] = 0.0


class Mixing(Strict):
    """Pictures of one batch mixed in pairs, labels with them.

    ``mixup`` (Zhang et al. 2018) and ``cutmix`` (Yun et al. 2019) are the alphas of their beta
    distributions; 0 leaves one out. Where both are there, a share ``switch_to_cutmix`` of the
    batches gets CutMix, the others mixup, as in timm.
    """

    mixup: Annotated[float, Field(ge=0)] = 0.0
    cutmix: Annotated[float, Field(ge=0)] = 0.0
    switch_to_cutmix: Annotated[float, Field(ge=0, le=1)] = 0.5


class Generated(Strict):
    """A dataset that edgeconv draws itself, where no folder of pictures is given."""

    train_per_label: Count
    test_per_label: Count
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0


class Recipe(Strict):
    """The ``[training]`` table. The defaults fine-tune an ImageNet body on photographs.

    ``epochs`` counts all epochs. During the first ``frozen_epochs`` of them only the head learns;
    a body that starts from random weights is never frozen. ``schedule`` is what becomes of the
    learning rate: nothing (``constant``), down by steps where the held-out loss stands still
    (``plateau``; ``reduce_on_plateau`` says how), or to zero at the last epoch along a straight
    ``line`` or half a ``cosine`` (Loshchilov & Hutter 2017). ``batch_norm_momentum`` replaces the
    architecture's own: MobileNetV2's .999 follows the activations too slowly for a short training
    from scratch.

    ``labels`` says which label of the model each other label of a dataset counts as. ``batch``
    pictures make one step, computed in ``accumulate`` parts where memory is short: the
    same step but for batch normalisation, which sees a part. ``class_weights`` multiplies a
    picture's loss by its label's weight; ``balanced`` gives rare labels as much as frequent ones.
    ``label_smoothing`` takes that share from the right label and gives all labels the same of it
    (Szegedy et al. 2016). ``averaging`` is the momentum of an exponential average of the weights;
    the average is then what is judged and kept. ``precision`` is what layers compute in: weights,
    normalisations, scores and the loss stay in float32. float16 is not offered: it would need its
    losses scaled, and bfloat16 does not. ``patience`` ends the training after so many epochs
    without a better held-out loss. ``stored`` is the type of the written kernels.
    """

    recipe: Literal["keras-image"] = "keras-image"
    generated: Generated | None = None
    labels: dict[str, str] = {}
    batch: Count = 32
    accumulate: Count = 1
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    body: str = IMAGENET
    frozen_epochs: Annotated[int, Field(ge=0)] = 10
    epochs: Count = 40
    patience: Count | None = None
    optimizer: Optimizer = Optimizer()
    schedule: Literal["constant", "plateau", "line", "cosine"] = "plateau"
    reduce_on_plateau: ReduceOnPlateau = ReduceOnPlateau()
    augment: Augment | Literal[False] | None = Augment()
    mixing: Mixing | None = None
    class_weights: Literal["balanced"] | dict[str, Weight] | None = None
    label_smoothing: Share = 0.0
    averaging: Share | None = None
    precision: Literal["float32", "bfloat16"] = "float32"
    batch_norm_momentum: Share | None = None
    stored: Literal["float32", "float16"] = "float32"

    @model_validator(mode="after")
    def _a_part_has_a_picture(self) -> Recipe:
        if self.accumulate > self.batch:
            raise ValueError(f"a batch of {self.batch} makes no {self.accumulate} parts")
        return self

    def is_frozen(self, epoch: int) -> bool:
        """Whether the body keeps its weights in this epoch, counted from 0."""
        return self.body != NO_BODY and epoch < self.frozen_epochs


def recipe_of(
    spec: ModelSpec,
    *,
    body: str | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    labels: Mapping[str, str] | None = None,
) -> Recipe:
    """The recipe of a spec, with what the user asks for instead.

    Args:
        spec: its ``[training]`` table is read; without one the defaults hold.
        body: ``imagenet``, ``none``, or the path of a safetensors file.
        epochs: how many epochs in all.
        seed: of the first weights, the order of the pictures and their augmentation.
        labels: which label of the model others count as.

    Raises:
        SpecError: the table says what no recipe can say.
        UsageError: one of the replacements cannot be.
    """
    table = spec.training or {}
    try:
        Recipe.model_validate(table)
    except ValidationError as error:
        raise SpecError(f"[training] of {spec.name} is no recipe", got=explain(error)) from error
    asked = {"body": body, "epochs": epochs, "seed": seed, "labels": dict(labels or {}) or None}
    replaced = {key: value for key, value in asked.items() if value is not None}
    try:
        return Recipe.model_validate(table | replaced)
    except ValidationError as error:
        raise UsageError(f"{spec.name} cannot be trained so", got=explain(error)) from error
