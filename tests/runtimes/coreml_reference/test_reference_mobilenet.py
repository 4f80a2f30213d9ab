"""Whole networks: MobileNetV2 from tf_keras, small, and the real published checkpoint."""

from __future__ import annotations

import contextlib
import io
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeconv.runtimes.coreml_reference import ImageFeature, LabelFeature, ScoresFeature, load
from edgeconv.runtimes.coreml_reference.onnx_fusion import fuse_clips


def scores_of(path: Path, pictures: Any, **options: Any) -> Any:
    model = load(path, **options)
    (image,) = model.inputs
    rows = []
    for picture in pictures:
        outputs = model.predict({image.name: picture})
        label = next(value for value in outputs.values() if isinstance(value, str))
        by_label = next(value for value in outputs.values() if isinstance(value, dict))
        assert model.labels is not None
        assert label == max(by_label, key=by_label.__getitem__)
        rows.append([by_label[name] for name in model.labels])
    return np.array(rows)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("fp32.mlpackage", 1e-4),
        ("network.mlmodel", 1e-4),
        ("fp16.mlpackage", 0.06),
        ("palettised.mlpackage", 0.5),
    ],
)
def test_both_formats_compute_what_keras_computes(
    name: str, tolerance: float, mobilenets: Path
) -> None:
    pictures, expected = np.load(mobilenets / "pictures.npy"), np.load(mobilenets / "scores.npy")
    assert expected.std(axis=0).max() > 0.02, "a reference that does not vary proves nothing"
    fast = scores_of(mobilenets / name, pictures)
    oracle = scores_of(mobilenets / name, pictures[:4], executor="numpy")
    np.testing.assert_allclose(fast, expected, atol=tolerance)
    np.testing.assert_allclose(fast[:4], oracle, atol=5e-5)


@pytest.mark.slow
def test_features_of_a_classifier(mobilenets: Path) -> None:
    model = load(mobilenets / "fp16.mlpackage")
    assert model.labels == tuple("abcde")
    assert model.inputs == (ImageFeature("image", 96, 96, "RGB"),)
    assert {type(feature) for feature in model.outputs} == {LabelFeature, ScoresFeature}


@pytest.mark.slow
def test_rounding_estimates_drift(mobilenets: Path) -> None:
    pictures = np.load(mobilenets / "pictures.npy")[:3]
    for name in ("fp16.mlpackage", "network.mlmodel"):
        exact = scores_of(mobilenets / name, pictures)
        rounded = scores_of(mobilenets / name, pictures, mode="fp16")
        oracle = scores_of(mobilenets / name, pictures, mode="fp16", executor="numpy")
        assert 0 < np.abs(rounded - exact).max() < 0.05
        # sums come in another order, so a value may fall on the other side of a rounding step
        np.testing.assert_allclose(rounded, oracle, atol=2e-2)
    whole = mobilenets / "fp32.mlpackage"
    np.testing.assert_allclose(
        scores_of(whole, pictures), scores_of(whole, pictures, mode="fp16"), atol=1e-4
    )


@pytest.mark.slow
def test_a_relu6_in_four_layers_is_fused_unless_its_parts_are_asked_for(mobilenets: Path) -> None:
    path = mobilenets / "network.mlmodel"
    picture = {"image": np.load(mobilenets / "pictures.npy")[0]}
    model, oracle = load(path), load(path, executor="numpy")
    operations = model.program.operations
    assert len(fuse_clips(model.program, frozenset())) <= len(operations) - 3 * 16

    names = [operation.place for operation in operations[:8]]
    found, expected = model.intermediates(picture, names), oracle.intermediates(picture, names)
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-4)
    (last,) = model.program.outputs
    together = model.intermediates(picture, [*names, last])[last]
    np.testing.assert_allclose(together, model.intermediates(picture, [last])[last], atol=1e-6)


@pytest.mark.slow
def test_loading_takes_less_than_a_second(mobilenets: Path) -> None:
    load(mobilenets / "fp16.mlpackage")
    started = time.process_time()
    load(mobilenets / "fp16.mlpackage")
    assert time.process_time() - started < 1.0


@pytest.mark.slow
def test_the_published_checkpoint(shared: Path, tmp_path: Path) -> None:
    """Over all photographs, against Keras: float32 within 1e-4, fp16 in exact mode within .06."""
    import coremltools as ct
    import tensorflow as tf
    from PIL import Image
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    from edgeconv.classifier import load_classifier

    folder = shared / "checkpoints" / "nsfwjs_mobilenet_v2"
    classifier = load_classifier("nsfwjs-mobilenet-v2", folder)
    photographs = []
    for path in sorted((shared / "photos" / "natural").iterdir()):
        with Image.open(path) as image:
            photographs.append(np.asarray(image.convert("RGB").resize((224, 224))))
    batches = np.array_split(np.stack(photographs).astype(np.float32) / 255, 12)
    model = classifier.network.model
    expected = np.concatenate([model(batch, training=False) for batch in batches])

    @tf.function(input_signature=[tf.TensorSpec([1, 224, 224, 3], tf.float32, name="image")])
    def infer(image: Any) -> Any:
        return classifier.network.model(image, training=False)

    frozen = convert_variables_to_constants_v2(infer.get_concrete_function())
    image = ct.ImageType(
        name="image", shape=(1, 224, 224, 3), scale=1 / 255, color_layout=ct.colorlayout.RGB
    )
    single = {"compute_precision": ct.precision.FLOAT32}
    for name, tolerance, options in (
        ("whole.mlpackage", 1e-4, {"convert_to": "mlprogram", **single}),
        ("whole.mlmodel", 1e-4, {"convert_to": "neuralnetwork"}),
        ("half.mlpackage", 0.06, {"convert_to": "mlprogram"}),
    ):
        labels = ct.ClassifierConfig(list(classifier.spec.labels))
        path = tmp_path / name
        with contextlib.redirect_stderr(io.StringIO()):
            model = ct.convert([frozen], inputs=[image], classifier_config=labels, **options)
        model.save(str(path))
        found = scores_of(path, photographs)
        np.testing.assert_allclose(found, expected, atol=tolerance)
        oracle = scores_of(path, photographs[:8], executor="numpy")
        np.testing.assert_allclose(found[:8], oracle, atol=5e-5)

        ranked = np.sort(expected, axis=1)
        margin = ranked[:, -1] - ranked[:, -2]
        flipped = found.argmax(1) != expected.argmax(1)
        assert not (flipped & (margin > 0.1)).any()
