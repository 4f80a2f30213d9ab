"""Features: pixels in every colour layout, and what a model description may not say."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeconv.errors import ArtifactError, UsageError
from edgeconv.runtimes.coreml_reference import ImageFeature, LabelFeature, load

PIXELS = np.random.default_rng(6).integers(0, 256, (4, 6, 3), dtype=np.uint8)


def save_image_program(path: Path, colour: str, channels: int, **options: Any) -> None:
    import coremltools as ct
    from coremltools.converters.mil import Builder as mb  # noqa: N813

    shape = (1, channels, 4, 6)

    @mb.program(input_specs=[mb.TensorSpec(shape=shape)], opset_version=ct.target.iOS16)
    def program(image: Any) -> Any:
        return mb.mul(x=image, y=1.0, name="y")

    with contextlib.redirect_stderr(io.StringIO()):
        ct.convert(
            program,
            convert_to="mlprogram",
            inputs=[
                ct.ImageType(
                    name="image", shape=shape, color_layout=ct.colorlayout[colour], **options
                )
            ],
            compute_precision=ct.precision.FLOAT32,
            minimum_deployment_target=ct.target.iOS16,
            skip_model_load=True,
        ).save(str(path))


def description_edited(path: Path, edit: Any) -> None:
    from coremltools.proto import Model_pb2

    place = path / "Data/com.apple.CoreML/model.mlmodel"
    model = Model_pb2.Model()
    model.ParseFromString(place.read_bytes())
    edit(model.description)
    place.write_bytes(model.SerializeToString())


@pytest.mark.parametrize("executor", ["onnx", "numpy"])
@pytest.mark.parametrize("colour", ["RGB", "BGR"])
def test_colour_order_scale_and_bias(tmp_path: Path, colour: str, executor: Any) -> None:
    path = tmp_path / "image.mlpackage"
    save_image_program(path, colour, 3, scale=0.5, bias=[1, 2, 3])
    model = load(path, executor=executor)
    assert model.inputs == (ImageFeature("image", 4, 6, colour),)  # type: ignore[arg-type]
    planes = PIXELS if colour == "RGB" else PIXELS[..., ::-1]
    expected = planes * np.float32(0.5) + np.array([1, 2, 3], np.float32)
    found = model.predict({"image": PIXELS})["y"]
    np.testing.assert_array_equal(found, expected.transpose(2, 0, 1)[None])


def test_grayscale(tmp_path: Path) -> None:
    path = tmp_path / "gray.mlpackage"
    save_image_program(path, "GRAYSCALE", 1, scale=2.0)
    model = load(path)
    found = model.predict({"image": PIXELS[..., 0]})["y"]
    np.testing.assert_array_equal(found, PIXELS[..., 0].astype(np.float32)[None, None] * 2)
    with pytest.raises(UsageError, match="cannot take these pixels"):
        model.predict({"image": PIXELS})


@pytest.mark.parametrize(
    "pixels", [PIXELS.astype(np.float32), PIXELS[:3], PIXELS[None], PIXELS[..., :1]]
)
def test_pixels_that_do_not_fit(tmp_path: Path, pixels: Any) -> None:
    path = tmp_path / "image.mlpackage"
    save_image_program(path, "RGB", 3)
    with pytest.raises(UsageError, match="cannot take these pixels"):
        load(path).predict({"image": pixels})


@pytest.mark.slow
def test_a_description_that_is_not_that_of_the_program(tmp_path: Path) -> None:
    path = tmp_path / "image.mlpackage"

    def resize(description: Any) -> None:
        description.input[0].type.imageType.height = 5

    def rename(description: Any) -> None:
        description.input[0].name = "picture"

    def give_more(description: Any) -> None:
        description.output.add(name="z").type.multiArrayType.dataType = 65568

    def give_a_label(description: Any) -> None:
        description.output.add(name="label").type.stringType.SetInParent()

    def give_a_picture(description: Any) -> None:
        description.output[0].type.imageType.width = 6
        description.output[0].type.imageType.height = 4
        description.output[0].type.imageType.colorSpace = 20

    def take_a_dictionary(description: Any) -> None:
        description.input[0].type.dictionaryType.stringKeyType.SetInParent()

    for edit, message in (
        (resize, "describes other inputs"),
        (rename, "describes other inputs"),
        (give_more, "describes an output"),
        (give_a_label, "describes an output"),
        (give_a_picture, "does not know"),
        (take_a_dictionary, "does not know"),
    ):
        save_image_program(path, "RGB", 3)
        description_edited(path, edit)
        with pytest.raises(ArtifactError, match=message):
            load(path)


def test_integer_labels(tmp_path: Path) -> None:
    import coremltools as ct
    from coremltools.converters.mil import Builder as mb  # noqa: N813

    @mb.program(input_specs=[mb.TensorSpec(shape=(1, 3))], opset_version=ct.target.iOS16)
    def program(x: Any) -> Any:
        return mb.softmax(x=x, axis=-1)

    path = tmp_path / "numbers.mlpackage"
    with contextlib.redirect_stderr(io.StringIO()):
        ct.convert(
            program,
            convert_to="mlprogram",
            classifier_config=ct.ClassifierConfig([3, 1, 2]),
            minimum_deployment_target=ct.target.iOS16,
            skip_model_load=True,
        ).save(str(path))
    model = load(path)
    assert model.labels == ("3", "1", "2")
    (label,) = (feature.name for feature in model.outputs if isinstance(feature, LabelFeature))
    assert model.predict({"x": np.array([[0.0, 5.0, 1.0]], np.float32)})[label] == "1"
