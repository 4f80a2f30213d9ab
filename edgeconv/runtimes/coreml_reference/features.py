"""What goes into a Core ML file and what comes out: the features of its model description."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from edgeconv.errors import ArtifactError, UsageError
from edgeconv.runtimes.coreml_reference.element_types import Array, ElementType
from edgeconv.runtimes.coreml_reference.package import ModelFile

Colour = Literal["RGB", "BGR", "GRAYSCALE"]

_COLOURS: dict[int, Colour] = {10: "GRAYSCALE", 20: "RGB", 30: "BGR", 40: "GRAYSCALE"}
"""``ImageFeatureType.ColorSpace``; 40 is grayscale in float16."""

_ARRAY_ELEMENTS = {
    65568: ElementType.FP32,
    65600: ElementType.FP64,
    131104: ElementType.INT32,
    65552: ElementType.FP16,
    131080: ElementType.INT8,
}
"""``ArrayFeatureType.ArrayDataType``."""


@dataclass(frozen=True)
class ImageFeature:
    """Pixels 0..255. ``colour`` is the order in which the file wants them."""

    name: str
    height: int
    width: int
    colour: Colour

    @property
    def channels(self) -> int:
        """1 for grayscale, else 3."""
        return 1 if self.colour == "GRAYSCALE" else 3

    @property
    def tensor_shape(self) -> tuple[int, ...]:
        """The shape in which the program takes it."""
        return (1, self.channels, self.height, self.width)

    def tensor(self, pixels: Array) -> Array:
        """Pixels as the program takes them.

        Args:
            pixels: ``(H, W, 3)`` uint8 in RGB order, or ``(H, W)`` for grayscale.

        Returns:
            ``(1, C, H, W)`` float32, 0..255, in the file's own colour order.

        Raises:
            UsageError: the pixels are not of that shape and type.
        """
        expected = (self.height, self.width, 3)[: 2 if self.channels == 1 else 3]
        if pixels.shape != expected or pixels.dtype != np.uint8:
            raise UsageError(
                f"the image input {self.name!r} cannot take these pixels",
                got=f"{pixels.dtype}{list(pixels.shape)}",
                expected=f"uint8{list(expected)}",
            )
        planes = np.atleast_3d(pixels)
        if self.colour == "BGR":
            planes = planes[:, :, ::-1]
        return np.ascontiguousarray(planes.transpose(2, 0, 1)[np.newaxis], np.float32)


@dataclass(frozen=True)
class ArrayFeature:
    """A tensor. An empty ``shape`` is one that the file does not state."""

    name: str
    shape: tuple[int, ...]
    element: ElementType

    @property
    def tensor_shape(self) -> tuple[int, ...]:
        """The shape in which the program takes it; empty where the file does not state it."""
        return self.shape

    def tensor(self, values: Array) -> Array:
        """The values in the type in which executors compute.

        Raises:
            UsageError: the values are not of the declared shape.
        """
        if self.shape and values.shape != self.shape:
            raise UsageError(
                f"the input {self.name!r} cannot take this array",
                got=str(list(values.shape)),
                expected=str(list(self.shape)),
            )
        return np.ascontiguousarray(values, self.element.encoding.carrier)


@dataclass(frozen=True)
class LabelFeature:
    """The winning label of a classifier."""

    name: str


@dataclass(frozen=True)
class ScoresFeature:
    """A dictionary from label to score."""

    name: str


InputFeature: TypeAlias = "ImageFeature | ArrayFeature"
OutputFeature: TypeAlias = "ArrayFeature | LabelFeature | ScoresFeature"


def input_features(file: ModelFile) -> tuple[InputFeature, ...]:
    """The inputs, in file order.

    Raises:
        ArtifactError: an input is neither an image nor an array.
    """
    features = [_feature(file, message) for message in file.specification.description.input]
    for feature in features:
        if not isinstance(feature, (ImageFeature, ArrayFeature)):
            raise _unknown(file, feature.name, "input", type(feature).__name__)
    return tuple(features)  # type: ignore[arg-type]


def output_features(file: ModelFile) -> tuple[OutputFeature, ...]:
    """The outputs, in file order.

    Raises:
        ArtifactError: an output is an image, or of a type that is not known.
    """
    features = [_feature(file, message) for message in file.specification.description.output]
    for feature in features:
        if isinstance(feature, ImageFeature):
            raise _unknown(file, feature.name, "output", "an image")
    return tuple(features)  # type: ignore[arg-type]


def _feature(file: ModelFile, message: Any) -> InputFeature | OutputFeature:
    kind = message.type.WhichOneof("Type")
    if kind not in _READERS:
        raise _unknown(file, message.name, "feature", kind or "no type")
    return _READERS[kind](file, message)


def _image(file: ModelFile, message: Any) -> ImageFeature:
    image = message.type.imageType
    colour = _COLOURS.get(image.colorSpace)
    if colour is None or image.height <= 0 or image.width <= 0:
        raise _unknown(
            file,
            message.name,
            "image",
            f"{image.height} x {image.width}, colour space {image.colorSpace}",
        )
    return ImageFeature(message.name, image.height, image.width, colour)


def _array(file: ModelFile, message: Any) -> ArrayFeature:
    array = message.type.multiArrayType
    element = _ARRAY_ELEMENTS.get(array.dataType)
    if element is None:
        raise _unknown(file, message.name, "array", f"data type {array.dataType}")
    shape = () if array.WhichOneof("ShapeFlexibility") else tuple(array.shape)
    return ArrayFeature(message.name, shape, element)


def _label(_file: ModelFile, message: Any) -> LabelFeature:
    return LabelFeature(message.name)


def _scores(_file: ModelFile, message: Any) -> ScoresFeature:
    return ScoresFeature(message.name)


_READERS: dict[str, Callable[[ModelFile, Any], InputFeature | OutputFeature]] = {
    "imageType": _image,
    "multiArrayType": _array,
    "stringType": _label,
    "int64Type": _label,
    "dictionaryType": _scores,
}


def _unknown(file: ModelFile, name: str, kind: str, got: str) -> ArtifactError:
    return ArtifactError(
        f"{file.path}: the {kind} {name!r} is of a kind that the reference executor does not know",
        got=got,
        expected="images and arrays in; arrays, a label and label -> score dictionaries out",
    )
