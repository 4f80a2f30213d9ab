"""One set of weights in every format gives the same scores; any other set is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load_file, save_file

from edgeconv.checkpoints import safetensors
from edgeconv.classifier import Classifier, load_classifier
from edgeconv.errors import CheckpointError, CheckpointMismatch, CorruptCheckpoint, UsageError
from edgeconv.normalising import normalise

HEAD = {
    "average_pooling2d_1": "pool",
    "flatten_1": "flatten",
    "dense_1": "dense",
    "batch_normalization_1": "batch_norm",
    "dropout_1": "dropout",
    "dense_2": "scores",
}
"""The head as Keras named it in 2019, and as we do."""


@pytest.fixture(scope="session")
def saved(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small model in our own format."""
    path = tmp_path_factory.mktemp("saved") / "small.safetensors"
    safetensors.write(small, path)
    return path


@pytest.fixture(scope="session")
def wanted(small: Any, small_pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    scores: NDArray[np.float32] = small(small_pixels.astype(np.float32) / 255).numpy()
    assert np.ptp(scores, axis=0).min() > 0.05, "a model that does not vary is no witness"
    return scores


@cache
def nested(kit_name: str, small: Any, of_2019: bool = False) -> Any:
    """The small model as users write it: a Sequential whose first layer is the whole body.

    Args:
        kit_name: ``tf_keras`` or ``keras``.
        small: whose weights it gets.
        of_2019: with the names that Keras gave in 2019, not today's.
    """
    kit: Any = import_module(kit_name)
    body = kit.applications.MobileNetV2(
        input_shape=(32, 32, 3), alpha=0.35, include_top=False, weights=None
    )
    layers = kit.layers
    given = iter(HEAD if of_2019 else ())
    head = [
        layers.AveragePooling2D(1, name=next(given, None)),
        layers.Flatten(name=next(given, None)),
        layers.Dense(8, activation="relu", name=next(given, None)),
        layers.BatchNormalization(name=next(given, None)),
        layers.Dropout(0.5, name=next(given, None)),
        layers.Dense(3, activation="softmax", name=next(given, None)),
    ]
    model = kit.Sequential([kit.Input((32, 32, 3)), body, *head])
    for layer in body.layers:
        if layer.weights:
            layer.set_weights(small.get_layer(layer.name).get_weights())
    for layer, ours in zip(head, HEAD.values(), strict=True):
        layer.set_weights(small.get_layer(ours).get_weights())
    return model


def keras_2_2_config(model: Any) -> dict[str, Any]:
    """The configuration as Keras 2.2.4 wrote it."""
    late = {"module", "registered_name", "build_config", "optional", "ragged", "groups", "keepdims"}

    def older(value: Any) -> Any:
        if isinstance(value, list):
            return [older(item) for item in value]
        if not isinstance(value, dict):
            return value
        kept = {key: older(item) for key, item in value.items() if key not in late}
        if kept.get("class_name") == "Functional":
            kept["class_name"] = "Model"
        return kept

    config: dict[str, Any] = older(json.loads(model.to_json()))
    layers = [layer for layer in config["config"]["layers"] if layer["class_name"] != "InputLayer"]
    return {"class_name": "Sequential", "config": {"name": "sequential_1", "layers": layers}}


def write_2019(model: Any, path: Path) -> Path:
    """A whole model in the layout of Keras 2.2.4, written by hand."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = b"2.2.4"
        file.attrs["backend"] = b"tensorflow"
        file.attrs["model_config"] = json.dumps(keras_2_2_config(model)).encode()
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        root.attrs["keras_version"] = b"2.2.4"
        for layer in model.layers:
            group = root.create_group(layer.name)
            group.attrs["weight_names"] = [weight.name.encode() for weight in layer.weights]
            for weight in layer.weights:
                group.create_dataset(weight.name, data=weight.numpy())
    return path


def in_2019(small: Any, folder: Path) -> Path:
    return write_2019(nested("tf_keras", small, of_2019=True), folder / "nsfw.h5")


def saved_by(kit_name: str, file: str, of_2019: bool = False) -> Any:
    def write(small: Any, folder: Path) -> Path:
        model = nested(kit_name, small, of_2019)
        path = folder / file
        weights_alone = file.endswith(".weights.h5") or file.startswith("weights")
        (model.save_weights if weights_alone else model.save)(path)
        return path

    return write


def ours(file: str) -> Any:
    def write(small: Any, folder: Path) -> Path:
        path = folder / file
        (small.save_weights if "weights" in file else small.save)(path)
        return path

    return write


FORMATS: dict[str, Callable[[Any, Path], Path]] = {
    "Keras 2.2 h5": in_2019,
    "tf_keras h5": saved_by("tf_keras", "nsfw.h5"),
    "tf_keras weights in h5": saved_by("tf_keras", "weights.h5"),
    "tf_keras weights of 2019 in h5": saved_by("tf_keras", "weights.h5", of_2019=True),
    "tf_keras .weights.h5": saved_by("tf_keras", "nsfw.weights.h5"),
    "tf_keras .keras": saved_by("tf_keras", "nsfw.keras"),
    "Keras 3 h5": saved_by("keras", "nsfw.h5"),
    "Keras 3 .weights.h5": saved_by("keras", "nsfw.weights.h5"),
    "Keras 3 .keras": saved_by("keras", "nsfw.keras"),
    "ours as h5": ours("small.h5"),
    "ours as .keras": ours("small.keras"),
    "ours as .weights.h5": ours("small.weights.h5"),
    "our weights in h5": ours("small-weights.h5"),
}


LESS_USUAL = {
    "tf_keras weights of 2019 in h5",
    "Keras 3 h5",
    "ours as h5",
    "ours as .keras",
    "ours as .weights.h5",
    "our weights in h5",
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in LESS_USUAL else ()) for name in FORMATS],
)
def test_every_format_gives_the_same_scores(
    name: str,
    small: Any,
    specs: Path,
    small_pixels: NDArray[np.uint8],
    wanted: NDArray[np.float32],
    tmp_path: Path,
) -> None:
    path = FORMATS[name](small, tmp_path)
    classifier = load_classifier(specs / "small.toml", path)
    # Called directly: to trace it anew for every format would take most of the time.
    scores = classifier.network.model(
        normalise(small_pixels, classifier.spec.input), training=False
    )
    np.testing.assert_allclose(scores, wanted, atol=1e-5)


def test_our_own_format_gives_the_same_scores(
    saved: Path, specs: Path, small_pixels: NDArray[np.uint8], wanted: NDArray[np.float32]
) -> None:
    classifier = load_classifier(specs / "small.toml", saved)
    np.testing.assert_allclose(classifier.scores(small_pixels, batch_size=7), wanted, atol=1e-4)
    assert classifier.source.checkpoint_format == "safetensors"
    names = [layer.name for layer in classifier.network.model.layers]
    again = load_classifier(specs / "small.toml", saved).network.model
    assert names == [layer.name for layer in again.layers]


def altered(saved: Path, folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    tensors = load_file(saved)
    change(tensors)
    save_file(tensors, folder / "nsfw.safetensors")
    return folder / "nsfw.safetensors"


def refusal(specs: Path, path: Path, spec: str = "small") -> str:
    with pytest.raises(CheckpointMismatch) as caught:
        load_classifier(specs / f"{spec}.toml", path)
    return str(caught.value)


def test_a_missing_tensor_is_named(saved: Path, specs: Path, tmp_path: Path) -> None:
    path = altered(saved, tmp_path, lambda tensors: tensors.pop("bn_Conv1/gamma"))
    assert "expected  bn_Conv1/gamma (16)" in refusal(specs, path)


def test_an_extra_tensor_is_named(saved: Path, specs: Path, tmp_path: Path) -> None:
    path = altered(saved, tmp_path, lambda t: t.update({"more/bias": np.zeros(2, np.float32)}))
    text = refusal(specs, path)
    assert "got       more/bias (2)" in text
    assert "no other tensors" in text


def test_a_transposed_kernel_is_named(saved: Path, specs: Path, tmp_path: Path) -> None:
    path = altered(
        saved, tmp_path, lambda t: t.update({"scores/kernel": t["scores/kernel"].T.copy()})
    )
    text = refusal(specs, path)
    assert "got       scores/kernel (3, 8)" in text
    assert "expected  scores/kernel (8, 3)   3 labels: Neutral, Porn, Sexy" in text


def test_a_renamed_head_is_refused(saved: Path, small: Any, specs: Path, tmp_path: Path) -> None:
    def rename(tensors: dict[str, Any]) -> None:
        for weight in ("kernel", "bias"):
            tensors[f"logits/{weight}"] = tensors.pop(f"scores/{weight}")

    text = refusal(specs, altered(saved, tmp_path, rename))
    assert "logits/kernel (8, 3)" in text and "scores/kernel (8, 3)" in text

    small.save_weights(tmp_path / "renamed.h5")
    with h5py.File(tmp_path / "renamed.h5", "a") as file:
        file.move("scores", "logits")
        file["logits"].move("scores", "logits")
        file["logits"].attrs["weight_names"] = [b"logits/kernel:0", b"logits/bias:0"]
        names = [name.replace("scores", "logits") for name in file.attrs["layer_names"]]
        file.attrs["layer_names"] = names
    assert "logits/kernel (8, 3)" in refusal(specs, tmp_path / "renamed.h5")


def test_many_differences_are_summed_up(saved: Path, specs: Path, tmp_path: Path) -> None:
    path = altered(saved, tmp_path, lambda t: [t.pop(name) for name in list(t)[:25]])
    assert "and 15 more" in refusal(specs, path)


@pytest.mark.slow
def test_a_head_of_five_classes_is_told_what_it_is(
    small_spec: Any, specs: Path, tmp_path: Path
) -> None:
    from edgeconv.architectures import build
    from edgeconv.spec import load_spec

    five = build(load_spec(specs / "five.toml"))
    safetensors.write(five, tmp_path / "five.safetensors")
    five.save(tmp_path / "five.h5")
    five.save_weights(tmp_path / "five.weights.h5")
    for name in ("five.safetensors", "five.h5"):
        text = refusal(specs, tmp_path / name)
        assert f"{name} does not fit small" in text
        assert "got       scores/kernel (8, 5)" in text
        assert "expected  scores/kernel (8, 3)   3 labels: Neutral, Porn, Sexy" in text
        assert "model of 5 classes" in text
    assert "(8, 5)" in refusal(specs, tmp_path / "five.weights.h5")
    assert "3 labels" in refusal(specs, tmp_path / "five.h5", "any")


@pytest.mark.slow
def test_another_width_is_refused_layer_by_layer(specs: Path, tmp_path: Path) -> None:
    import tf_keras

    body = tf_keras.applications.MobileNetV2((32, 32, 3), alpha=0.5, weights=None, classes=3)
    body.save(tmp_path / "wide.h5")
    assert "_project/kernel" in refusal(specs, tmp_path / "wide.h5")


def test_scores_without_softmax_are_refused(specs: Path, tmp_path: Path) -> None:
    import tf_keras

    layers = tf_keras.layers
    model = tf_keras.Sequential(
        [tf_keras.Input((32, 32, 3)), layers.Flatten(), layers.Dense(3, name="logits")]
    )
    model.save(tmp_path / "logits.h5")
    assert "logits ends in linear" in refusal(specs, tmp_path / "logits.h5", "any")


def test_weights_alone_need_an_architecture(saved: Path, specs: Path) -> None:
    with pytest.raises(CheckpointError, match="weights alone"):
        load_classifier(specs / "any.toml", saved)


def test_nan_is_refused(saved: Path, specs: Path, tmp_path: Path) -> None:
    path = altered(saved, tmp_path, lambda t: t["scores/bias"].__setitem__(0, np.nan))
    with pytest.raises(CorruptCheckpoint, match="NaN or infinite"):
        load_classifier(specs / "small.toml", path)


def test_pixels_of_another_size_are_refused(saved: Path, specs: Path) -> None:
    classifier = load_classifier(specs / "small.toml", saved)
    with pytest.raises(UsageError, match="cannot take these inputs"):
        classifier.scores(np.zeros((1, 64, 64, 3), np.uint8))


def test_normalisation_is_per_channel(small_spec: Any) -> None:
    how = small_spec.input.model_copy(
        update={"scale": 1 / 255, "mean": (0.5, 0.25, 0.0), "std": (0.5, 1.0, 2.0)}
    )
    spec = small_spec.model_copy(update={"input": how})
    pixels = np.uint8([[[[0, 51, 255]]]])
    found = normalise(pixels, spec.input)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[[[-1.0, -0.05, 0.5]]]], atol=1e-7)


@pytest.fixture(scope="module")
def nsfwjs(shared: Path) -> Classifier:
    return load_classifier("nsfwjs-mobilenet-v2", shared / "checkpoints/nsfwjs_mobilenet_v2")


def largest_difference(classifier: Classifier, shared: Path, every: int) -> float:
    golden = json.loads((shared / "golden/nsfwjs_mobilenet_v2.json").read_text())
    assert golden["labels"] == list(classifier.spec.labels)
    names = sorted(golden["probabilities"])[::every]
    pictures = []
    for name in names:
        picture = Image.open(shared / "photos/natural" / name).convert("RGB")
        pictures.append(np.asarray(picture.resize((224, 224), Image.Resampling.BILINEAR)))
    wanted = [golden["probabilities"][name] for name in names]
    return float(np.abs(classifier.scores(np.stack(pictures)) - wanted).max())


def test_nsfwjs_agrees_with_itself_on_twenty_photographs(nsfwjs: Classifier, shared: Path) -> None:
    assert largest_difference(nsfwjs, shared, every=17) < 1e-4


@pytest.mark.slow
def test_nsfwjs_agrees_with_itself_on_all_photographs(nsfwjs: Classifier, shared: Path) -> None:
    assert largest_difference(nsfwjs, shared, every=1) < 1e-4
