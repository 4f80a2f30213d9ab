"""Core ML itself on a Mac; anywhere else the reference executor, which proves the file alone."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeconv.errors import ArtifactError
from edgeconv.formats.coreml_file import load_proto
from edgeconv.runtimes import Runtime, Signature


class CoreML:
    """A Core ML classifier on the CPU of a Mac; its labels are those of its answers."""

    is_the_device_runtime = True

    def __init__(self, path: Path) -> None:
        import coremltools as ct

        try:
            self._model: Any = ct.models.MLModel(str(path), compute_units=ct.ComputeUnit.CPU_ONLY)
        except Exception as error:  # Core ML's own errors arrive as RuntimeError or NSError text
            raise ArtifactError(f"{path} does not load into Core ML", got=str(error)) from error
        description = load_proto(path).description
        (self._image,) = description.input
        self._scores = description.predictedProbabilitiesName
        self.description = f"Core ML, macOS {platform.mac_ver()[0]}, CPU"
        size = self._image.type.imageType
        self.signature = Signature((1, size.height, size.width, 3), "uint8", "NHWC")
        self.labels = tuple(sorted(self._answer(np.zeros(self.signature.shape, np.uint8))))

    def run(self, tensor: NDArray[np.generic]) -> NDArray[np.float32]:
        """One (1, H, W, 3) uint8 tensor to (labels,) scores."""
        by_label = self._answer(tensor)
        return np.array([by_label[label] for label in self.labels], np.float32)

    def _answer(self, tensor: NDArray[np.generic]) -> dict[str, float]:
        picture = Image.fromarray(tensor[0].astype(np.uint8))
        answer: dict[str, float] = self._model.predict({self._image.name: picture})[self._scores]
        return answer


class ReferenceExecutor:
    """A Core ML classifier run by edgeconv's own executor, in float32 on the weights as stored.

    It verifies the semantics of the file. It is not Core ML: it says nothing of a compute unit,
    nor of speed.
    """

    is_the_device_runtime = False
    description = "file semantics verified by the reference executor"

    def __init__(self, path: Path, threads: int) -> None:
        from edgeconv.runtimes import coreml_reference

        self._model = coreml_reference.load(path, threads=threads)
        image, scores = _classifier_features(self._model)
        self._image, self._scores = image.name, scores.name
        self.labels = self._model.labels or ()
        self.signature = Signature((1, image.height, image.width, 3), "uint8", "NHWC")

    def run(self, tensor: NDArray[np.generic]) -> NDArray[np.float32]:
        """One (1, H, W, 3) uint8 tensor to (labels,) scores."""
        by_label = self._model.predict({self._image: tensor[0]})[self._scores]
        assert isinstance(by_label, dict)
        return np.array([by_label[label] for label in self.labels], np.float32)


def open_file(path: Path, threads: int) -> Runtime:
    """Load a ``.mlmodel`` or ``.mlpackage``. Core ML itself chooses its threads.

    Raises:
        ArtifactError: the file is broken, or is no image classifier.
    """
    return CoreML(path) if sys.platform == "darwin" else ReferenceExecutor(path, threads)


def _classifier_features(model: Any) -> tuple[Any, Any]:
    """The one image input and the label -> score output."""
    from edgeconv.runtimes.coreml_reference import ImageFeature, ScoresFeature

    images = [feature for feature in model.inputs if isinstance(feature, ImageFeature)]
    scores = [feature for feature in model.outputs if isinstance(feature, ScoresFeature)]
    if len(images) != 1 or len(model.inputs) != 1 or len(scores) != 1:
        raise ArtifactError(
            f"{model.path} is no image classifier",
            got=f"inputs {[f.name for f in model.inputs]}, "
            f"outputs {[f.name for f in model.outputs]}",
            expected="one image in, a dictionary of scores out",
        )
    return images[0], scores[0]
