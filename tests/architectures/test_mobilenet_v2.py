"""MobileNetV2 as built here: the seed's layers, and always the same names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tf_keras
from numpy.random import RandomState

from edgeconv.architectures import body_layers, build, imagenet_body, randomise_body
from edgeconv.architectures.mobilenet_v2 import IMAGENET_WIDTHS
from edgeconv.errors import DownloadError, SpecError, UnknownName
from edgeconv.spec import ModelSpec, Output, load_spec

HEAD = ["pool", "flatten", "dense", "batch_norm", "dropout", "scores"]


def spec_with(size: tuple[int, int] = (32, 32), kind: str = "softmax", **options: Any) -> ModelSpec:
    architecture = {"kind": "mobilenet_v2", "width": 0.35, **options}
    return ModelSpec.model_validate(
        {
            "name": "small",
            "basename": "Small",
            "summary": "for a test",
            "labels": ["a", "b", "c", "d"],
            "architecture": architecture,
            "input": {"size": list(size)},
            "output": {"kind": kind},
            "checkpoint": {"formats": ["safetensors"]},
        }
    )


@pytest.fixture(scope="module")
def demo() -> Any:
    return build(load_spec("demo"))


def test_the_demo_has_the_seeds_parameters(demo: Any) -> None:
    assert demo.count_params() == 2_299_203


def test_the_demo_ends_in_the_seeds_head(demo: Any) -> None:
    assert [layer.name for layer in demo.layers[-6:]] == HEAD
    assert demo.get_layer("pool").pool_size == (7, 7)
    assert demo.get_layer("dense").units == 32
    assert demo.get_layer("dropout").rate == 0.5
    assert demo.output_shape == (None, 3)


def test_the_body_is_all_before_the_head(demo: Any) -> None:
    body = body_layers(load_spec("demo"), demo)
    assert body[-1].name == "out_relu"
    assert [layer.name for layer in demo.layers[len(body) :]] == HEAD


def test_names_are_the_same_however_often_it_is_built(demo: Any) -> None:
    again = build(load_spec("demo"))
    assert again.name == demo.name
    assert [layer.name for layer in again.layers] == [layer.name for layer in demo.layers]
    assert [weight.name for weight in again.weights] == [weight.name for weight in demo.weights]


def test_weights_are_named_after_their_layer(demo: Any) -> None:
    names = {weight.name.removesuffix(":0") for weight in demo.weights}
    assert {"Conv1/kernel", "bn_Conv1/moving_mean", "dense/kernel", "scores/bias"} <= names
    assert len(names) == len(demo.weights)


def test_the_models_of_the_seed_have_one_architecture(demo: Any) -> None:
    seed = build(load_spec("nsfw-mobilenet-v2"))
    assert [weight.shape for weight in seed.weights] == [weight.shape for weight in demo.weights]


def test_a_head_may_have_more_layers_or_none() -> None:
    deep = build(spec_with(head=[16, 8], batch_norm=False))
    assert [layer.name for layer in deep.layers[-4:]] == ["flatten", "dense", "dense_1", "scores"]
    flat = build(spec_with(head=[], batch_norm=False))
    assert [layer.name for layer in flat.layers[-2:]] == ["flatten", "scores"]


def test_pooling_covers_the_whole_map_whatever_the_size() -> None:
    model = build(spec_with(size=(64, 96)))
    assert model.get_layer("pool").pool_size == (2, 3)
    assert model.get_layer("pool").output_shape == (None, 1, 1, 1280)


@pytest.mark.parametrize("kind", ["softmax", "multi-label"])
def test_scores_are_what_the_spec_says(kind: str) -> None:
    scores = build(spec_with(kind=kind))(np.zeros((2, 32, 32, 3), np.float32)).numpy()
    assert scores.shape == (2, 4)
    sums_to_one = bool(np.allclose(scores.sum(axis=1), 1))
    assert sums_to_one == (kind == "softmax")


def test_one_sigmoid_is_for_two_labels() -> None:
    spec = spec_with().model_copy(
        update={"labels": ("safe", "unsafe"), "unsafe": (), "output": Output(kind="sigmoid")}
    )
    model = build(spec)
    assert model.get_layer("scores").units == 1
    scores = model(np.zeros((2, 32, 32, 3), np.float32)).numpy()
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"width": 0}, "width"),
        ({"head": [0]}, "head"),
        ({"dropout": 1.0}, "dropout"),
        ({"depth": 3}, "depth"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        build(spec_with(**options))


def test_pictures_that_are_too_small_are_refused() -> None:
    with pytest.raises(SpecError, match="at least 32"):
        build(spec_with(size=(31, 64)))


def test_an_unknown_kind_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownName, match="mobilenet_v2"):
        build(spec_with(kind="softmax").model_copy(update={"architecture": {"kind": "mobilenet"}}))


def test_a_model_whose_layers_are_in_its_checkpoint_says_so() -> None:
    with pytest.raises(SpecError, match="checkpoint"):
        build(load_spec("nsfwjs-mobilenet-v2"))


def test_in_a_randomised_body_depthwise_filters_have_the_variance_of_what_they_see() -> None:
    spec = spec_with()
    model = build(spec)
    randomise_body(spec, model, RandomState(0))
    kernel = model.get_layer("block_16_depthwise").depthwise_kernel.numpy()
    assert kernel.std() == pytest.approx((2 / 9) ** 0.5, rel=0.05)


def test_in_a_randomised_body_residual_branches_start_at_zero() -> None:
    spec = spec_with()
    model = build(spec)
    randomise_body(spec, model, RandomState(0))
    silent = {
        layer.name
        for layer in model.layers
        if isinstance(layer, tf_keras.layers.BatchNormalization) and not layer.gamma.numpy().any()
    }
    added = {layer.name for layer in model.layers if isinstance(layer, tf_keras.layers.Add)}
    assert silent == {name.replace("_add", "_project_BN") for name in added}
    assert len(silent) == 10


def test_imagenet_has_no_body_of_an_odd_width() -> None:
    with pytest.raises(SpecError, match=str(IMAGENET_WIDTHS[0])):
        imagenet_body(spec_with(width=0.42))


def test_without_a_network_the_imagenet_body_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(**arguments: Any) -> Any:
        raise Exception("URL fetch failure on https://storage.googleapis.com/...: None -- gaierror")

    monkeypatch.setattr(tf_keras.applications, "MobileNetV2", no_network)
    with pytest.raises(DownloadError, match="--body none"):
        imagenet_body(spec_with())
