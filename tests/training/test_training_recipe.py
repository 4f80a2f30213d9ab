"""The recipe: the seed's by default, and wrong tables named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edgeconv.errors import SpecError, UsageError
from edgeconv.spec import ModelSpec, known_models, load_spec
from edgeconv.training.recipe import Recipe, recipe_of

MakeSpec = Callable[..., ModelSpec]


def test_the_defaults_are_the_seeds() -> None:
    recipe = Recipe()
    assert recipe.augment is not None
    assert recipe.augment.model_dump() == {
        "rotation": 30,
        "shift": 0.2,
        "shear": 0.2,
        "zoom": 0.2,
        "channel_shift": 20,
        "flip": True,
        "colour_jitter": 0.0,
        "colour_jitter_of": 1.0,
        "blur_of": 0.0,
        "erase_of": 0.0,
    }
    assert (recipe.optimizer.kind, recipe.optimizer.learning_rate) == ("sgd", 0.1)
    assert recipe.optimizer.momentum == 0.9
    assert recipe.reduce_on_plateau.factor == pytest.approx(0.1**0.5)
    assert recipe.reduce_on_plateau.patience == 5
    assert recipe.body == "imagenet"
    assert 0 < recipe.frozen_epochs < recipe.epochs


def test_nsfw_mobilenet_v2_is_trained_by_the_defaults() -> None:
    assert recipe_of(load_spec("nsfw-mobilenet-v2")) == Recipe()


def test_marqos_recipe_is_the_one_on_its_card() -> None:
    spec = load_spec("marqo-vit-tiny-384")
    recipe = recipe_of(spec)
    options, changes, mixing = recipe.optimizer, recipe.augment, recipe.mixing
    assert changes
    assert mixing
    assert {
        "batch_size": recipe.batch,
        "color_jitter": changes.colour_jitter,
        "color_jitter_prob": changes.colour_jitter_of,
        "cutmix": mixing.cutmix,
        "drop": spec.architecture["dropout"],
        "drop_path": spec.architecture["drop_path"],
        "epochs": recipe.epochs,
        "gaussian_blur_prob": changes.blur_of,
        "hflip": 0.5 if changes.flip else 0.0,
        "lr": options.learning_rate,
        "mixup": mixing.mixup,
        "mixup_switch_prob": mixing.switch_to_cutmix,
        "opt": options.kind,
        "reprob": changes.erase_of,
        "sched": recipe.schedule,
        "smoothing": recipe.label_smoothing,
        "warmup_epochs": options.warmup_epochs,
        "warmup_lr": options.warmup_from,
    } == {
        "batch_size": 256,
        "color_jitter": 0.2,
        "color_jitter_prob": 0.05,
        "cutmix": 0.1,
        "drop": 0.1,
        "drop_path": 0.05,
        "epochs": 20,
        "gaussian_blur_prob": 0.005,
        "hflip": 0.5,
        "lr": 5e-5,
        "mixup": 0.1,
        "mixup_switch_prob": 0.5,
        "opt": "adamw",
        "reprob": 0.5,
        "sched": "cosine",
        "smoothing": 0.1,
        "warmup_epochs": 2,
        "warmup_lr": 1e-5,
    }


@pytest.mark.parametrize("name", known_models())
def test_every_known_model_has_a_sound_recipe(name: str) -> None:
    recipe_of(load_spec(name))


def test_the_body_is_frozen_first_and_then_thaws() -> None:
    recipe = Recipe(frozen_epochs=2)
    assert [recipe.is_frozen(epoch) for epoch in range(4)] == [True, True, False, False]


def test_a_body_of_random_weights_is_never_frozen() -> None:
    assert not Recipe(frozen_epochs=2, body="none").is_frozen(0)


def test_what_the_user_asks_for_replaces_the_recipe(tiny_spec: MakeSpec) -> None:
    recipe = recipe_of(tiny_spec(), body="mine.safetensors", epochs=7, seed=3)
    assert (recipe.body, recipe.epochs, recipe.seed) == ("mine.safetensors", 7, 3)


def test_what_the_user_does_not_ask_for_stays(tiny_spec: MakeSpec) -> None:
    assert recipe_of(tiny_spec(epochs=4)).epochs == 4


@pytest.mark.parametrize(
    "table",
    [{"batch": 0}, {"epoch": 3}, {"optimizer": {"kind": "adam"}}, {"augment": {"flop": True}}],
)
def test_a_wrong_table_is_named(table: dict[str, Any], tiny_spec: MakeSpec) -> None:
    (key,) = table
    with pytest.raises(SpecError, match=key):
        recipe_of(tiny_spec(**table))


@pytest.mark.parametrize("asked", [{"epochs": 0}, {"seed": -1}])
def test_a_wrong_request_is_named(asked: dict[str, int], tiny_spec: MakeSpec) -> None:
    (key,) = asked
    with pytest.raises(UsageError, match=key):
        recipe_of(tiny_spec(), **asked)  # type: ignore[arg-type]
