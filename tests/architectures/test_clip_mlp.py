"""Tower, norm, tables and perceptron as one network, and as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from vit_specs import randomised_vit, vit_pixels

from edgeconv import freezing
from edgeconv.architectures import build, clip_mlp, lookup
from edgeconv.errors import SpecError
from edgeconv.networks.keras_network import KerasNetwork
from edgeconv.normalising import normalise
from edgeconv.runtimes import coreml_reference
from edgeconv.spec import ModelSpec
from edgeconv.targets import FORMS, Options, converter

SIZE = (32, 32)
TOWER = {
    "patch": 8, "width": 48, "depth": 2, "heads": 3, "mlp": 96, "activation": "quick_gelu",
    "eps": 1e-5, "pre_norm": True, "patch_bias": False, "projection": 16,
}  # fmt: skip
HEAD = {"hidden": [12, 8], "standardise": True, "tables": {2: 40, 9: 30}}


def spec(look_up: bool = False, **tower: Any) -> ModelSpec:
    return ModelSpec.model_validate(
        {
            "name": "small-clip",
            "basename": "SmallClip",
            "summary": "for a test",
            "labels": ["safe", "nsfw"],
            "architecture": {
                "kind": "clip_mlp",
                "tower": {**TOWER, **tower},
                "head": {**HEAD, "look_up": look_up},
            },
            "input": {"size": list(SIZE), "scale": "1/255", "mean": [0.5] * 3, "std": [0.25] * 3},
            "output": {"kind": "sigmoid"},
            "checkpoint": {"formats": ["clip_with_head"]},
        }
    )


def filled(given: ModelSpec) -> Any:
    """The model with weights under which its scores vary, and vocabularies of float16 numbers."""
    model = randomised_vit(build(given))
    generator = np.random.default_rng(8)
    encoding = model.get_layer(lookup.LAYER)
    for weight in encoding.weights:
        name = weight.name.removesuffix(":0").rpartition("/")[2]
        if name == "mean":
            weight.assign(generator.normal(0, 0.1, weight.shape))
        elif name == "deviation":
            weight.assign(generator.uniform(0.2, 0.4, weight.shape))
        elif name.startswith("high"):
            numbers = generator.choice(np.arange(-500_000, 500_000), weight.shape[0], replace=False)
            high, low = lookup.digits(numbers)
            weight.assign(high.astype(np.int32))
            partner = name.replace("high", "low")
            (other,) = (w for w in encoding.weights if partner in w.name)
            other.assign(low.astype(np.int32))
    for column, entries in HEAD["tables"].items():
        values = [weight.numpy().copy() for weight in encoding.weights[:2]]
        values[0][column], values[1][column] = entries / 2, entries / 3.5
        for weight, value in zip(encoding.weights[:2], values, strict=True):
            weight.assign(value)
    return model


def embeddings(model: Any, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    import tf_keras

    unit = tf_keras.Model(model.input, model.get_layer(lookup.UNIT_LENGTH).output)
    found: NDArray[np.float32] = unit.predict_on_batch(pixels)
    return found


@pytest.fixture(scope="module")
def without() -> tuple[ModelSpec, Any, NDArray[np.uint8], NDArray[np.float32]]:
    """Spec, model, pictures and their scores; the model looks nothing up."""
    given = spec()
    model = filled(given)
    pixels = vit_pixels(24, SIZE)
    scores = model.predict_on_batch(normalise(pixels, given.input))
    assert np.ptp(scores[:, 1]) > 0.1, "scores that do not vary prove nothing"
    return given, model, pixels, scores


def test_embeddings_have_norm_one(without: Any) -> None:
    given, model, pixels, _ = without
    found = embeddings(model, normalise(pixels, given.input))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("look_up", [False, True])
def test_it_is_frozen_without_copies_of_its_weights(
    look_up: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One gathering from a variable, and tensorflow inlines the whole: ten times a tower's size."""
    given = spec(look_up)
    frozen = KerasNetwork(build(given)).freeze(given)
    monkeypatch.setattr(freezing, "_inlined", lambda function: pytest.fail("it was inlined"))
    assert len(freezing.light_graph(frozen.function, 1 << 10).matrices()) == 2 * 6


def test_numbers_are_looked_up_behind_the_tower(without: Any) -> None:
    """A vocabulary of the very numbers that the tower makes moves the scores."""
    given, model, pixels, unknown = without
    looking = build(spec(look_up=True))
    looking.set_weights(model.get_weights())
    normalised = normalise(pixels, given.input)
    numbers = embeddings(looking, normalised)[:, 2]
    high, low = lookup.digits(np.array([int(f"{n:f}".replace(".", "")) for n in numbers.tolist()]))
    for name, digit in (("high_2", high), ("low_2", low)):
        (weight,) = (w for w in looking.get_layer(lookup.LAYER).weights if name in w.name)
        values = weight.numpy()
        values[: len(digit)] = digit
        weight.assign(values)
    assert np.abs(looking.predict_on_batch(normalised) - unknown).max() > 0.01


def test_both_forms_compute_the_same(without: Any) -> None:
    given, model, pixels, scores = without
    exported = clip_mlp.export_form(model, given)
    assert exported.input_shape == (1, *SIZE, 3)
    rows = [exported.predict_on_batch(normalise(p[None], given.input)) for p in pixels[:6]]
    np.testing.assert_allclose(np.concatenate(rows), scores[:6], atol=2e-6)


def run(path: Path, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    if path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path))
        tensors = pixels.transpose(0, 3, 1, 2).astype(np.float32)
        return np.concatenate([session.run(None, {"image": one[None]})[0] for one in tensors])
    if path.suffix == ".tflite":
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(str(path), num_threads=1)
        interpreter.allocate_tensors()
        (given,), (scores,) = interpreter.get_input_details(), interpreter.get_output_details()
        found = []
        for one in pixels.astype(np.float32):
            interpreter.set_tensor(given["index"], one[None])
            interpreter.invoke()
            found.append(interpreter.get_tensor(scores["index"])[0].copy())
        return np.array(found)
    model = coreml_reference.load(path)
    rows = [model.predict({"image": one})["scores"] for one in pixels]
    return np.array([[row["safe"], row["nsfw"]] for row in rows], np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("look_up", [False, True])
@pytest.mark.parametrize(
    ("suffix", "precision", "tolerance"),
    [
        (".tflite", "fp32", 1e-5),
        (".tflite", "fp16", 5e-3),
        (".onnx", "fp32", 1e-5),
        (".onnx", "fp16", 2e-2),
        (".mlmodel", "fp32", 1e-5),
        (".mlpackage", "fp32", 1e-5),
        (".mlpackage", "fp16", 2e-2),
    ],
)
def test_files_score_as_the_model(
    look_up: bool, suffix: str, precision: str, tolerance: float, without: Any, tmp_path: Path
) -> None:
    """With tables too: no picture here makes a number that is in them."""
    _, model, pixels, scores = without
    given = spec(look_up)
    looking = build(given)
    looking.set_weights(model.get_weights())
    frozen = KerasNetwork(looking).freeze(given)
    (form,) = (f for f in FORMS if (f.suffix, f.precision) == (suffix, precision))
    path = tmp_path / f"clip{suffix}"
    converter(form.target)(frozen, Options()).write(form, path)
    np.testing.assert_allclose(run(path, pixels), scores, atol=tolerance)


def test_wrong_options_are_named() -> None:
    with pytest.raises(SpecError, match="not a clip_mlp") as caught:
        build(spec(heads=5))
    assert "tower" in str(caught.value)
