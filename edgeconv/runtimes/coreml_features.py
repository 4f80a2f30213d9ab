"""What a Core ML file says of its inputs, outputs and labels."""

from __future__ import annotations

from pathlib import Path

from edgeconv.formats.coreml_inspect import read_precision
from edgeconv.formats.features import (
    DICTIONARY,
    LABEL,
    Feature,
    Features,
    named_for_what_it_is,
)
from edgeconv.runtimes.coreml_reference import (
    ArrayFeature,
    ImageFeature,
    InputFeature,
    OutputFeature,
    ScoresFeature,
)
from edgeconv.runtimes.coreml_reference.inspect import inspect


def read_features(path: Path) -> Features:
    """Inputs, outputs, precision and class labels.

    A colour image is (1, H, W, 3) uint8; arrays of float16 take float32, which Core ML rounds.

    Raises:
        ArtifactError: the file is malformed, or uses what the reference executor does not know.
    """
    summary = inspect(path)
    return Features(
        inputs=tuple(map(_feature, summary.inputs)),
        outputs=tuple(map(_feature, summary.outputs)),
        labels=summary.labels,
        precision=named_for_what_it_is(read_precision(path, asked="")),
    )


def _feature(feature: InputFeature | OutputFeature) -> Feature:
    if isinstance(feature, ImageFeature):
        shape = (1, feature.height, feature.width, feature.channels)
        return Feature(feature.name, shape, "uint8")
    if isinstance(feature, ArrayFeature):
        return Feature(feature.name, feature.shape, feature.element.encoding.carrier.name)
    return Feature(feature.name, (), DICTIONARY if isinstance(feature, ScoresFeature) else LABEL)
