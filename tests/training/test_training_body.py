"""The weights a body starts from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tf_keras

from edgeconv.architectures import build
from edgeconv.checkpoints import read, safetensors
from edgeconv.errors import CheckpointError, CheckpointMismatch, DownloadError
from edgeconv.spec import ModelSpec
from edgeconv.training import body as body_module
from edgeconv.training.body import set_body

MakeSpec = Callable[..., ModelSpec]


def weights_of(model: Any) -> dict[str, np.ndarray]:
    return {weight.name.removesuffix(":0"): weight.numpy() for weight in model.weights}


@pytest.fixture(scope="module")
def checkpoint(tiny_spec: MakeSpec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("body") / "other.safetensors"
    safetensors.write(build(tiny_spec()), path, "float32")
    return path


def test_none_starts_from_random_weights_of_that_seed(tiny_spec: MakeSpec) -> None:
    def started(seed: int) -> np.ndarray:
        model = build(tiny_spec())
        set_body(model, tiny_spec(), "none", seed)
        return weights_of(model)["conv/kernel"]

    assert np.array_equal(started(1), started(1))
    assert not np.array_equal(started(1), started(2))


def test_a_checkpoint_gives_the_body_and_leaves_the_head(
    tiny_spec: MakeSpec, checkpoint: Path
) -> None:
    model = build(tiny_spec())
    head = weights_of(model)["scores/kernel"]
    set_body(model, tiny_spec(), str(checkpoint), 0)
    now, stored = weights_of(model), read(checkpoint).tensors
    assert np.array_equal(now["conv/kernel"], stored["conv/kernel"])
    assert np.array_equal(now["bn_conv/moving_variance"], stored["bn_conv/moving_variance"])
    assert np.array_equal(now["scores/kernel"], head)
    assert not np.array_equal(stored["scores/kernel"], head)


def test_a_body_of_another_shape_is_refused_and_nothing_is_changed(
    tiny_spec: MakeSpec, tmp_path: Path
) -> None:
    path = tmp_path / "other.safetensors"
    pixels = tf_keras.layers.Input((32, 32, 3))
    conv = tf_keras.layers.Conv2D(7, 5, name="conv")(pixels)
    safetensors.write(tf_keras.Model(pixels, conv), path, "float32")
    model = build(tiny_spec())
    before = weights_of(model)
    with pytest.raises(CheckpointMismatch) as caught:
        set_body(model, tiny_spec(), str(path), 0)
    assert caught.value.got == ("6 of 6 tensors missing or misshapen",)
    assert caught.value.expected[0] == "conv/kernel (5, 5, 3, 6)"
    assert all(np.array_equal(before[name], value) for name, value in weights_of(model).items())


def test_a_missing_checkpoint_is_refused(tiny_spec: MakeSpec, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no"):
        set_body(build(tiny_spec()), tiny_spec(), str(tmp_path / "nothing.safetensors"), 0)


def test_imagenet_is_asked_of_the_architecture(
    tiny_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(spec: ModelSpec) -> Any:
        raise DownloadError("no network")

    monkeypatch.setattr(body_module, "imagenet_body", no_network)
    with pytest.raises(DownloadError):
        set_body(build(tiny_spec()), tiny_spec(), "imagenet", 0)
