"""Models without a page in ``models/``: bring your own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from edgeconv import checkpoints
from edgeconv.checkpoints.checkpoint import Checkpoint, Declared
from edgeconv.classifier import load_classifier
from edgeconv.cli.app import app
from edgeconv.errors import CheckpointError, CheckpointMismatch, UsageError
from edgeconv.own_models import reconciled, spec_as_toml, spec_of_checkpoint
from edgeconv.resolving import resolve
from edgeconv.spec import Embedding, Input, ModelSpec, Output, Resize, load_spec

LABELS = ("cat", "dog", "neither")


def saved(model: Any, path: Path) -> Path:
    model.save(path)
    return path


@pytest.fixture(scope="module")
def keras_file(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tiny, tmp_path_factory.mktemp("own") / "My model 2.keras")


def classifier_ending_in(units: int, activation: str, rescaled: bool = False) -> Any:
    import tf_keras

    layers = tf_keras.layers
    pixels = layers.Input((8, 8, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(pixels) if rescaled else pixels
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(x))
    return tf_keras.Model(pixels, layers.Dense(units, activation=activation)(x))


class TestKeras:
    def test_labels_are_all_that_it_needs(self, keras_file: Path, tiny: Any) -> None:
        classifier = load_classifier(keras_file, labels=LABELS)
        assert (classifier.spec.name, classifier.spec.basename) == ("my-model-2", "My_model_2")
        assert classifier.spec.labels == LABELS
        pixels = np.random.RandomState(0).randint(0, 256, (6, 8, 8, 3)).astype(np.uint8)
        expected = tiny.predict_on_batch(pixels.astype(np.float32) / 255)
        assert np.ptp(expected, axis=0).max() > 1e-3
        np.testing.assert_allclose(classifier.scores(pixels), expected, atol=1e-6)

    def test_what_it_does_not_say_of_pixels_is_said_to_be_assumed(self, keras_file: Path) -> None:
        spec = resolve(keras_file, labels=LABELS).spec
        assert "p / 255, which it does not say" in spec.summary

    def test_a_model_that_rescales_takes_pixels_as_they_are(self, tmp_path: Path) -> None:
        path = saved(classifier_ending_in(3, "softmax", rescaled=True), tmp_path / "m.keras")
        spec = resolve(path, labels=LABELS).spec
        assert isinstance(spec.input, Input)
        assert spec.input.scale == 1
        assert "does not say" not in spec.summary

    def test_one_sigmoid_is_for_two_labels(self, tmp_path: Path) -> None:
        model = classifier_ending_in(1, "sigmoid")
        path = saved(model, tmp_path / "m.keras")
        classifier = load_classifier(path, labels=("safe", "nsfw"))
        assert classifier.spec.output.kind == "sigmoid"
        pixels = np.random.RandomState(0).randint(0, 256, (4, 8, 8, 3)).astype(np.uint8)
        second = model.predict_on_batch(pixels.astype(np.float32) / 255)
        expected = np.concatenate([1 - second, second], axis=1)
        np.testing.assert_allclose(classifier.scores(pixels), expected, atol=1e-6)
        with pytest.raises(UsageError, match="one score for two labels"):
            resolve(path, labels=LABELS)

    def test_several_sigmoids_are_independent_labels(self, tmp_path: Path) -> None:
        path = saved(classifier_ending_in(3, "sigmoid"), tmp_path / "m.keras")
        assert resolve(path, labels=LABELS).spec.output.kind == "multi-label"

    def test_logits_are_refused(self, tmp_path: Path) -> None:
        path = saved(classifier_ending_in(3, "linear"), tmp_path / "m.keras")
        with pytest.raises(CheckpointError, match="gives no scores") as caught:
            resolve(path, labels=LABELS)
        assert "add the activation" in str(caught.value)

    def test_the_number_of_labels_is_checked_before_anything_is_built(self, tmp_path: Path) -> None:
        path = saved(classifier_ending_in(3, "softmax"), tmp_path / "m.keras")
        with pytest.raises(UsageError, match="3 labels"):
            resolve(path, labels=("a", "b"))

    def test_labels_are_not_for_a_model_that_has_them(self) -> None:
        with pytest.raises(UsageError, match="labels of demo are known"):
            resolve("demo", labels=("a", "b", "c"))

    def test_the_spec_is_written_edited_and_used(self, keras_file: Path, tmp_path: Path) -> None:
        arguments = ["show", str(keras_file), "--labels", ",".join(LABELS), "--toml"]
        page = CliRunner().invoke(app, arguments)
        assert page.exit_code == 0, page.stderr
        assert 'scale = "1/255"' in page.stdout
        toml = tmp_path / "mine.toml"
        toml.write_text(page.stdout)
        assert load_spec(toml) == resolve(keras_file, labels=LABELS).spec
        toml.write_text(page.stdout.replace('scale = "1/255"', 'scale = "2/255"'))
        assert load_classifier(toml, keras_file).spec.pictures.scale == 2 / 255

    def test_exported_and_verified_by_its_path(self, keras_file: Path, tmp_path: Path) -> None:
        copy = shutil.copy(keras_file, tmp_path / "mine.keras")
        out = tmp_path / "out"
        export = ["export", str(copy), "--labels", ",".join(LABELS), "--target", "tflite"]
        done = CliRunner().invoke(
            app, [*export, "--precision", "fp32", "--out", str(out), "--no-verify", "--json"]
        )
        assert done.exit_code == 0, done.stderr
        (entry,) = json.loads(done.stdout)["artifacts"]
        assert Path(entry["path"]).name == "mine.fp32.tflite"
        again = CliRunner().invoke(app, ["verify", str(out), "--json"])
        gates = json.loads(again.stdout)["artifacts"][0]["gates"]
        assert gates["pixels"]["max_abs_diff"] < 1e-5


def declared_checkpoint(**changes: Any) -> Checkpoint:
    declared = Declared(
        architecture={"kind": "vit", "patch": 16, "width": 192},
        labels=("nsfw", "normal"),
        input=Input(size=(384, 384), scale=1 / 255, resize=Resize(filter="bicubic")),
        output=Output(),
    )
    return Checkpoint(
        Path("their-vit"), "huggingface", {}, declared=Declared(**(vars(declared) | changes))
    )


@pytest.fixture
def known() -> ModelSpec:
    return ModelSpec(
        name="known",
        basename="Known",
        summary="A known model",
        labels=("normal", "nsfw"),
        unsafe=("nsfw",),
        architecture={"kind": "vit", "patch": 16, "width": 192, "dropout": 0.1},
        input=Input(size=(224, 224)),
        checkpoint={"formats": ("huggingface",)},  # type: ignore[arg-type]
    )


class TestDeclared:
    def test_the_checkpoints_own_order_of_labels_and_preprocessing_win(
        self, known: ModelSpec
    ) -> None:
        found = reconciled(known, declared_checkpoint())
        assert found.labels == ("nsfw", "normal")
        assert found.unsafe == ("nsfw",)
        assert found.pictures.size == (384, 384)
        assert found.pictures.resize.filter == "bicubic"

    def test_labels_keep_the_specs_spelling(self, known: ModelSpec) -> None:
        found = reconciled(known, declared_checkpoint(labels=("NSFW", "Normal")))
        assert found.labels == ("nsfw", "normal")

    def test_other_labels_are_another_model(self, known: ModelSpec) -> None:
        with pytest.raises(CheckpointMismatch, match="other labels") as caught:
            reconciled(known, declared_checkpoint(labels=("cat", "dog")))
        assert "cat, dog" in str(caught.value)

    def test_another_architecture_is_another_model(self, known: ModelSpec) -> None:
        other = declared_checkpoint(architecture={"kind": "vit", "patch": 32, "width": 192})
        with pytest.raises(CheckpointMismatch) as caught:
            reconciled(known, other)
        assert caught.value.got == ("patch = 32",)
        assert caught.value.expected == ("patch = 16",)

    def test_a_spec_is_made_of_what_it_declares(self) -> None:
        spec = spec_of_checkpoint(declared_checkpoint())
        assert spec is not None
        assert spec.labels == ("nsfw", "normal")
        assert spec.architecture["width"] == 192
        assert spec.checkpoint.formats == ("huggingface",)

    def test_silence_on_preprocessing_is_an_error(self) -> None:
        with pytest.raises(CheckpointError, match="how pictures are prepared"):
            spec_of_checkpoint(declared_checkpoint(input=None))

    def test_silence_on_labels_is_asked_about(self) -> None:
        with pytest.raises(UsageError, match="does not name the labels") as caught:
            spec_of_checkpoint(declared_checkpoint(labels=None))
        assert "--labels" in str(caught.value)
        spec = spec_of_checkpoint(declared_checkpoint(labels=None), ("a", "b"))
        assert spec is not None
        assert spec.labels == ("a", "b")

    def test_labels_that_contradict_its_own_are_refused(self) -> None:
        with pytest.raises(UsageError, match="names its labels itself"):
            spec_of_checkpoint(declared_checkpoint(), ("a", "b"))


def test_a_spec_of_embeddings_is_written_and_read_back(tmp_path: Path) -> None:
    declared = declared_checkpoint(
        architecture={"kind": "embedding_mlp", "hidden": (8,), "tables": {3: 5}},
        input=Embedding(length=16),
        output=Output(kind="sigmoid"),
    )
    spec = spec_of_checkpoint(declared)
    assert spec is not None
    (tmp_path / "mine.toml").write_text(spec_as_toml(spec))
    again = load_spec(tmp_path / "mine.toml")
    assert again.input == spec.input
    assert again.output == spec.output


def test_weights_alone_say_nothing(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"a/b": np.zeros(3, np.float32)}, tmp_path / "w.safetensors")
    assert spec_of_checkpoint(checkpoints.read(tmp_path / "w.safetensors"), LABELS) is None
