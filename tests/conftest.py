"""What all tests share: real data where it is, and small models with weights that matter."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from device_proofs import (  # noqa: F401  (hooks)
    pytest_collection_modifyitems,
    pytest_terminal_summary,
)
from numpy.typing import NDArray

from edgeconv.classifier import load_classifier
from edgeconv.exporting import export
from edgeconv.spec import ModelSpec, load_spec

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

DATA_VARIABLE = "EDGECONV_TEST_DATA"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real checkpoints and photographs; skips where it is absent."""
    default = Path(__file__).parent.parent.parent / "shared"
    folder = Path(os.environ.get(DATA_VARIABLE) or default)
    if not folder.is_dir():
        pytest.skip(f"no real checkpoints and photographs in {folder} (set {DATA_VARIABLE})")
    return folder


SPEC = """
name = "small"
basename = "Small"
summary = "MobileNetV2 as small as it gets"
labels = ["Neutral", "Porn", "Sexy"]

[architecture]
kind = "{kind}"
{options}

[input]
size = [32, 32]
scale = "1/255"

[checkpoint]
formats = ["keras_h5", "keras", "safetensors", "tfjs"]
"""
OPTIONS = "width = 0.35\nhead = [8]\ndropout = 0.5"


@pytest.fixture(scope="session")
def specs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``small.toml`` (our own architecture) and ``any.toml`` (the checkpoint's)."""
    folder = tmp_path_factory.mktemp("specs")
    own = SPEC.format(kind="mobilenet_v2", options=OPTIONS)
    (folder / "small.toml").write_text(own)
    (folder / "any.toml").write_text(SPEC.format(kind="checkpoint", options=""))
    (folder / "five.toml").write_text(
        own.replace('"Neutral"', '"Drawing", "Hentai", "Neutral"').replace('"small"', '"five"')
    )
    return folder


@pytest.fixture(scope="session")
def small_spec(specs: Path) -> ModelSpec:
    return load_spec(specs / "small.toml")


@pytest.fixture(scope="session")
def small_pixels() -> NDArray[np.uint8]:
    """Forty pictures of 32 x 32: plain colours with noise over them, so that scores vary."""
    generator = np.random.default_rng(1)
    colours = generator.integers(0, 256, (40, 1, 1, 3))
    noise = generator.integers(-60, 61, (40, 32, 32, 3))
    return (colours + noise).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def small(small_spec: ModelSpec, small_pixels: NDArray[np.uint8]) -> Any:
    """The spec's own architecture; no test may change its weights."""
    import tf_keras

    from edgeconv.architectures import build

    model = randomised(build(small_spec))
    hidden = tf_keras.Model(model.input, model.get_layer("dense").output)
    features = hidden.predict_on_batch(small_pixels.astype(np.float32) / 255)
    normalising = model.get_layer("batch_norm")
    normalising.moving_mean.assign(features.mean(axis=0))
    normalising.moving_variance.assign(features.var(axis=0) + 1e-3)
    return model


@pytest.fixture(scope="session")
def tiny() -> Any:
    """A nested model of few layers, 3 classes: no test may change its weights."""
    import tf_keras

    layers = tf_keras.layers
    pixels = layers.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, use_bias=False, name="Conv1")(pixels)
    x = layers.BatchNormalization(name="bn_Conv1")(x)
    x = layers.ReLU(6.0, name="Conv1_relu")(x)
    y = layers.SeparableConv2D(4, 3, padding="same", name="separable")(x)
    x = layers.Add(name="add")([x, y])
    x = layers.DepthwiseConv2D(3, activation="relu", name="depthwise")(x)
    body = tf_keras.Model(pixels, x, name="mobilenetv2_1.00_8")
    head = [layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax", name="head")]
    return randomised(tf_keras.Sequential([body, *head], name="classifier"))


@pytest.fixture(scope="session")
def randomise() -> Callable[[Any], Any]:
    return randomised


def randomised(model: Any) -> Any:
    """The model with weights under which its scores vary, however deep it is."""
    generator = np.random.default_rng(0)
    for weight in model.weights:
        values = generator.normal(0, 0.3, weight.shape)
        if "kernel" in weight.name:
            inputs = weight.shape[:2] if "depthwise" in weight.name else weight.shape[:-1]
            values = generator.normal(0, (2 / np.prod(inputs)) ** 0.5, weight.shape)
        elif "variance" in weight.name or "gamma" in weight.name:
            values = 1 + np.abs(values)
        weight.assign(values.astype(np.float32))
    return model


WriteTfjs = Callable[..., Path]


@pytest.fixture(scope="session")
def write_tfjs() -> WriteTfjs:
    return _write_tfjs


def _write_tfjs(
    model: Any, folder: Path, quantised_as: str | None = None, shard_bytes: int = 1 << 22
) -> Path:
    """A TensorFlow.js layers model, as tensorflowjs_converter lays it out."""
    weights, data = [], b""
    for variable in model.weights:
        values = variable.numpy()
        entry: dict[str, Any] = {
            "name": variable.name.removesuffix(":0"),
            "shape": list(values.shape),
            "dtype": "float32",
        }
        if quantised_as == "float16":
            entry["quantization"] = {"dtype": "float16", "original_dtype": "float32"}
            values = values.astype(np.float16)
        elif quantised_as:
            low, levels = float(values.min()), np.iinfo(quantised_as).max
            scale = (float(values.max()) - low) / levels or 1.0
            entry["quantization"] = {"dtype": quantised_as, "min": low, "scale": scale}
            values = np.round((values - low) / scale).astype(quantised_as)
        weights.append(entry)
        data += values.tobytes()
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, len(data), shard_bytes)
    paths = [f"group1-shard{i + 1}of{len(starts)}" for i in range(len(starts))]
    for path, start in zip(paths, starts, strict=True):
        (folder / path).write_bytes(data[start : start + shard_bytes])
    topology = {"model_config": json.loads(model.to_json()), "keras_version": "2.3.0"}
    manifest = [{"paths": paths, "weights": weights}]
    document = {"format": "layers-model", "modelTopology": topology, "weightsManifest": manifest}
    (folder / "model.json").write_text(json.dumps(document))
    return folder


@pytest.fixture(scope="session")
def demo():
    """The embedded classifier: real, trained, and here without the shared folder."""
    return load_classifier("demo")


@pytest.fixture(scope="session")
def frozen_demo(demo):
    return demo.freeze()


@pytest.fixture(scope="session")
def demo_artifact(demo, frozen_demo, tmp_path_factory):
    """``Demo.fp32.onnx`` with its contract, as export makes it."""
    run = export(
        demo,
        targets=["onnx"],
        precisions=["fp32"],
        verify=False,
        out=tmp_path_factory.mktemp("demo"),
    )
    return run.out / "Demo.fp32.onnx"


@pytest.fixture(scope="session")
def demo_run(demo, tmp_path_factory):
    """All nine artifacts of the demo, not verified; no test may change them.

    xdist's workers share one folder: who comes second finds that there is nothing to do.
    """
    return export(demo, out=among_workers(tmp_path_factory) / "demo-all", verify=False)


@pytest.fixture(scope="session")
def verified_run(demo, tmp_path_factory):
    """The same, verified on the built-in set: for slow tests."""
    return export(demo, out=among_workers(tmp_path_factory) / "demo-verified")


def among_workers(tmp_path_factory):
    """A folder that xdist's workers share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
