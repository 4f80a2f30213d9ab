"""Core ML itself, on a Mac."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeconv.errors import ArtifactError, CannotRunHere
from edgeconv.formats.coreml_file import load_proto
from edgeconv.runtimes import Signature


class CoreML:
    """A Core ML classifier on the CPU; its labels are those of the file."""

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


def open_file(path: Path, _threads: int) -> CoreML:
    """Load a ``.mlmodel`` or ``.mlpackage``; Core ML chooses its threads itself.

    Raises:
        CannotRunHere: this is no Mac.
    """
    if sys.platform != "darwin":
        raise CannotRunHere(
            "not run here: Core ML runs on macOS only",
            do="run edgeconv verify on a Mac",
        )
    return CoreML(path)
