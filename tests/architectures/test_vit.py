"""The vision transformer as built here: its names, its options, and its two forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tf_keras
from numpy.random import RandomState
from vit_specs import randomised_vit, vit_pixels, vit_spec

from edgeconv.architectures.vit import (
    body_layers,
    build,
    export_form,
    imagenet_body,
    randomise_body,
)
from edgeconv.checkpoints.fitting import weighted_layers
from edgeconv.errors import SpecError
from edgeconv.normalising import normalise
from edgeconv.spec import ModelSpec

BLOCK = [
    "norm1/gamma (48)", "norm1/beta (48)",
    "query/kernel (48, 48)", "query/bias (48)",
    "key/kernel (48, 48)", "key/bias (48)",
    "value/kernel (48, 48)", "value/bias (48)",
    "out/kernel (48, 48)", "out/bias (48)",
    "norm2/gamma (48)", "norm2/beta (48)",
    "up/kernel (48, 96)", "up/bias (96)",
    "down/kernel (96, 48)", "down/bias (48)",
]  # fmt: skip

QKV = ("query", "key", "value")

CLIP = {"pre_norm": True, "patch_bias": False, "activation": "quick_gelu", "eps": 1e-5}
VARIANTS: dict[str, dict[str, Any]] = {
    "class token": {},
    "one block": {"depth": 1},
    "mean": {"pool": "mean"},
    "mean of all": {"pool": "mean", "class_token": False, "activation": "gelu_tanh"},
    "mean, normed after": {"pool": "mean", "norm": "after_pool", "qkv_bias": False},
    "clip": {**CLIP, "projection": 20},
    "training only": {"dropout": 0.1, "drop_path": 0.2},
    "one logit": {"kind": "sigmoid", "labels": 2},
}


def weights_of(spec: ModelSpec) -> list[str]:
    return [line for layer in weighted_layers(build(spec)) for line in layer.lines]


def inputs_of(spec: ModelSpec, count: int = 6) -> Any:
    return normalise(vit_pixels(count, spec.input.size), spec.input)


def scores_one_by_one(model: Any, inputs: Any) -> Any:
    return np.concatenate([model(one[None]).numpy() for one in inputs])


def test_every_weight_has_its_name_and_shape() -> None:
    blocks = [f"block_{number:02d}_{line}" for number in range(3) for line in BLOCK]
    assert sorted(weights_of(vit_spec())) == sorted(
        [
            "patch/kernel (8, 8, 3, 48)", "patch/bias (48)",
            "class_token/token (48)",
            "positions/positions (25, 48)",
            *blocks,
            "norm/gamma (48)", "norm/beta (48)",
            "scores/kernel (48, 4)", "scores/bias (4)",
        ]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "more", "fewer"),
    [
        ({"pre_norm": True}, {"pre_norm/gamma (48)", "pre_norm/beta (48)"}, set()),
        ({"patch_bias": False}, set(), {"patch/bias (48)"}),
        (
            {"projection": 20},
            {"projection/kernel (48, 20)", "scores/kernel (20, 4)"},
            {"scores/kernel (48, 4)"},
        ),
        (
            {"class_token": False, "pool": "mean"},
            {"positions/positions (24, 48)"},
            {"class_token/token (48)", "positions/positions (25, 48)"},
        ),
        ({"pool": "mean", "norm": "after_pool"}, set(), set()),
        (
            {"qkv_bias": False},
            set(),
            {f"block_{n:02d}_{qkv}/bias (48)" for n in range(3) for qkv in QKV},
        ),
    ],
)  # fmt: skip
def test_options_bring_and_take_weights(
    options: dict[str, Any], more: set[str], fewer: set[str]
) -> None:
    plain, changed = set(weights_of(vit_spec())), set(weights_of(vit_spec(**options)))
    assert (changed - plain, plain - changed) == (more, fewer)


def test_names_are_the_same_however_often_it_is_built() -> None:
    first, again = build(vit_spec()), build(vit_spec())
    assert [layer.name for layer in again.layers] == [layer.name for layer in first.layers]
    assert [weight.name for weight in again.weights] == [weight.name for weight in first.weights]
    assert all(weight.name.count("/") == 1 for weight in first.weights)


@pytest.mark.parametrize(
    ("kind", "labels", "units", "sum_is_one"),
    [
        ("softmax", 4, 4, True),
        ("multi-label", 4, 4, False),
        ("sigmoid", 2, 1, True),
        ("linear", 2, 1, True),
    ],
)
def test_scores_are_what_the_spec_says(
    kind: str, labels: int, units: int, sum_is_one: bool
) -> None:
    spec = vit_spec(kind=kind, labels=labels)
    model = randomised_vit(build(spec))
    assert model.get_layer("scores").units == units
    scores = model(inputs_of(spec)).numpy()
    assert scores.shape == (6, labels)
    assert scores.std(axis=0).min() > 0.01
    assert bool(np.allclose(scores.sum(axis=1), 1, atol=1e-5)) == sum_is_one
    assert (kind == "linear") == bool(scores.min() < 0)


@pytest.mark.parametrize("variant", VARIANTS)
def test_both_forms_give_the_same_scores(variant: str) -> None:
    spec = vit_spec(**VARIANTS[variant])
    model = randomised_vit(build(spec))
    inputs = inputs_of(spec)
    trained, exported = model(inputs).numpy(), scores_one_by_one(export_form(model, spec), inputs)
    assert trained.std(axis=0).min() > 0.01, "scores that do not vary prove nothing"
    np.testing.assert_allclose(exported, trained, atol=1e-6)


def test_an_export_form_with_another_scale_is_seen() -> None:
    model = randomised_vit(build(vit_spec()))
    inputs = inputs_of(vit_spec())
    other = export_form(model, vit_spec(heads=12))
    assert np.abs(scores_one_by_one(other, inputs) - model(inputs).numpy()).max() > 1e-3


def test_the_export_form_takes_one_picture_and_shares_all_weights_but_the_queries() -> None:
    spec = vit_spec()
    model = randomised_vit(build(spec))
    exported = export_form(model, spec)
    assert exported.input_shape == (1, 32, 48, 3)
    assert weighted_layers(exported) == weighted_layers(model)
    theirs = {weight.name: weight for weight in model.weights}
    copies = {weight.name for weight in exported.weights if weight is not theirs[weight.name]}
    kinds = ("kernel:0", "bias:0")
    assert copies == {f"block_{n:02d}_query/{kind}" for n in range(3) for kind in kinds}


def test_exporting_leaves_the_model_as_it_is() -> None:
    spec = vit_spec(drop_path=0.5)
    model = randomised_vit(build(spec))
    inputs = inputs_of(spec)
    before = model(inputs).numpy()
    export_form(model, spec)
    np.testing.assert_array_equal(model(inputs).numpy(), before)
    assert model.get_layer("norm").output.shape == (None, 48)


def test_a_clone_with_the_same_weights_gives_the_same_scores() -> None:
    spec = vit_spec(**VARIANTS["mean of all"])
    model = randomised_vit(build(spec))
    clone = tf_keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    inputs = inputs_of(spec)
    np.testing.assert_array_equal(clone(inputs).numpy(), model(inputs).numpy())


def test_after_the_last_block_only_the_class_token_is_left() -> None:
    model = build(vit_spec())
    assert model.get_layer("block_01_mapped").output_shape == (None, 25, 48)
    assert model.get_layer("block_02_mapped").output_shape == (None, 1, 48)
    mean = build(vit_spec(pool="mean"))
    assert mean.get_layer("block_02_mapped").output_shape == (None, 25, 48)


def test_whole_branches_are_left_out_in_training_alone() -> None:
    spec = vit_spec(drop_path=0.6)
    model = randomised_vit(build(spec))
    paths = {
        layer.name: layer.rate
        for layer in model.layers
        if isinstance(layer, tf_keras.layers.Dropout)
    }
    assert paths == {
        f"block_{number:02d}_{branch}_drop_path": pytest.approx(rate)
        for number, rate in ((1, 0.3), (2, 0.6))
        for branch in ("attended", "mapped")
    }
    path = model.get_layer("block_02_mapped_drop_path")
    kept = path(np.ones((64, 1, 48), np.float32), training=True).numpy().reshape(64, 48)
    assert set(np.unique(kept.round(4))) == {0.0, 2.5}
    assert (kept.std(axis=1) == 0).all()
    same = inputs_of(spec)[:1].repeat(8, axis=0)
    assert model(same, training=True).numpy().std(axis=0).max() > 1e-3
    assert model(same).numpy().std(axis=0).max() == 0


def test_the_export_form_drops_nothing() -> None:
    spec = vit_spec(dropout=0.5, drop_path=0.5)
    model = build(spec)
    dropping = [layer for layer in model.layers if isinstance(layer, tf_keras.layers.Dropout)]
    assert len(dropping) == 1 + 3 * 3 + 2 * 2
    assert not any(
        isinstance(layer, tf_keras.layers.Dropout) for layer in export_form(model, spec).layers
    )


def test_the_body_is_all_before_the_scores() -> None:
    model = build(vit_spec(kind="sigmoid", labels=2))
    after = [layer for layer in model.layers if layer not in body_layers(model)]
    assert [layer.name for layer in after] == ["scores", "both_scores"]


def test_a_body_is_empty_until_it_is_randomised_and_a_head_never_is() -> None:
    model = build(vit_spec(width=192, mlp=768))
    body = [weight for layer in body_layers(model) for weight in layer.weights]
    assert {float(np.abs(w.numpy()).max()) for w in body if "gamma" not in w.name} == {0.0}
    assert model.get_layer("scores").kernel.numpy().std() > 0

    randomise_body(model, RandomState(0))
    for weight in body:
        values = weight.numpy()
        if weight.name.endswith(("kernel:0", "token:0", "positions:0")):
            assert np.abs(values).max() <= 0.04
            assert values.std() == pytest.approx(0.88 * 0.02, rel=0.1)
        else:
            assert (values == ("gamma" in weight.name)).all()


def test_a_randomised_body_learns() -> None:
    spec = vit_spec(size=(16, 16), labels=2, depth=2, drop_path=0.1)
    model = build(spec)
    randomise_body(model, RandomState(0))
    pixels = normalise(vit_pixels(64, (16, 16)), spec.input)
    redder = (pixels[..., 0].mean(axis=(1, 2)) > pixels[..., 2].mean(axis=(1, 2))).astype(int)
    model.compile(tf_keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy")
    model.fit(pixels, redder, epochs=15, batch_size=16, shuffle=False, verbose=0)
    assert (model(pixels).numpy().argmax(axis=1) == redder).mean() > 0.9


def test_there_is_no_imagenet_body() -> None:
    with pytest.raises(SpecError, match="--body PATH"):
        imagenet_body(vit_spec())


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"heads": 5}, "48 does not divide among 5 heads"),
        ({"class_token": False}, "takes the class token"),
        ({"activation": "relu"}, "activation"),
        ({"eps": 0}, "eps"),
        ({"depth": 0}, "depth"),
        ({"drop_path": 1.0}, "drop_path"),
        ({"registers": 4}, "registers"),
        ({"patch": 7}, "multiples of patch = 7"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        build(vit_spec(**options))


def test_an_embedding_is_no_picture() -> None:
    table = vit_spec().model_dump()
    spec = ModelSpec.model_validate({**table, "input": {"length": 48}})
    with pytest.raises(SpecError, match=r"\[input\] size"):
        build(spec)
