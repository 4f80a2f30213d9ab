"""The one input and the one set of scores through which a Core ML file classifies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import ArtifactError
from edgeconv.runtimes import Signature, layout_of
from edgeconv.runtimes.coreml_reference import (
    ArrayFeature,
    ImageFeature,
    InputFeature,
    OutputFeature,
    ScoresFeature,
)


@dataclass(frozen=True)
class ClassifierInterface:
    """How pictures or embeddings go into a Core ML file and scores come out of it.

    ``input`` is a colour image or an array; ``output`` is a label -> score dictionary, or the
    array of a file that is no classifier to Core ML.
    """

    path: Path
    input: InputFeature
    output: ArrayFeature | ScoresFeature

    @property
    def signature(self) -> Signature:
        """The tensor that :meth:`array` takes: pixels for an image, else what the array is of.

        Raises:
            ArtifactError: the array is neither a colour picture nor a row.
        """
        if isinstance(self.input, ImageFeature):
            return Signature((1, self.input.height, self.input.width, 3), "uint8", "NHWC")
        shape = self.input.shape
        if len(shape) in {1, 3}:
            shape = (1, *shape)
        is_row = len(shape) == 2 and shape[0] == 1
        is_picture = len(shape) == 4 and 3 in (shape[1], shape[3])
        if not (is_row or is_picture):
            raise ArtifactError(
                f"{self.path} takes an array that is neither a colour picture nor an embedding",
                got=f"{self.input.name}: {list(self.input.shape) or 'no shape stated'}",
                expected="(1, 3, height, width), (1, height, width, 3) or (1, length)",
            )
        return Signature(shape, "float32", layout_of(shape))

    def array(self, tensor: NDArray[np.generic]) -> NDArray[np.generic]:
        """A tensor as :attr:`signature` says, in the shape that the file declares."""
        if isinstance(self.input, ImageFeature):
            return np.asarray(tensor[0])
        return tensor.reshape(self.input.shape)

    def scores(self, answer: Any, labels: Sequence[str]) -> NDArray[np.float32]:
        """(labels,) scores of the file's answer to one input.

        Raises:
            ArtifactError: there is not one score a label.
        """
        given = answer[self.output.name]
        if isinstance(given, Mapping):
            # Labels may be integers, which are text everywhere else.
            by_label = {str(label): score for label, score in given.items()}
            return np.array([by_label[label] for label in labels], np.float32)
        vector = np.ravel(given).astype(np.float32)
        if len(vector) != len(labels):
            raise ArtifactError(
                f"{self.path} gives not one score a label",
                got=f"{self.output.name}: {len(vector)} scores",
                expected=f"{len(labels)}: {', '.join(labels)}",
            )
        return vector


def classifier_interface(
    path: Path, inputs: Sequence[InputFeature], outputs: Sequence[OutputFeature]
) -> ClassifierInterface:
    """The interface of a file with these features.

    Raises:
        ArtifactError: it is no classifier of one input.
    """
    dictionaries = [feature for feature in outputs if isinstance(feature, ScoresFeature)]
    arrays = [feature for feature in outputs if isinstance(feature, ArrayFeature)]
    scores: Sequence[ArrayFeature | ScoresFeature] = dictionaries or arrays
    gray = [f.name for f in inputs if isinstance(f, ImageFeature) and f.channels != 3]
    if len(inputs) != 1 or len(scores) != 1 or gray:
        raise ArtifactError(
            f"{path} is no classifier of one picture or one embedding",
            got=f"inputs {', '.join(feature.name for feature in inputs)}; "
            f"outputs {', '.join(feature.name for feature in outputs)}"
            + (f"; {', '.join(gray)} in grayscale" if gray else ""),
            expected="one colour picture or array in; one dictionary, or one array, of scores out",
        )
    return ClassifierInterface(path, inputs[0], scores[0])
