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
from edgeconv.runtimes import Signature
from edgeconv.targets.coreml_file import load_proto


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
        self.labels = tuple(self._model.get_spec().WhichOneof("Type") and class_labels(path))
        self.description = f"Core ML, macOS {platform.mac_ver()[0]}, CPU"
        size = self._image.type.imageType
        self.signature = Signature((1, size.height, size.width, 3), "uint8", "NHWC")

    def run(self, tensor: NDArray[np.generic]) -> NDArray[np.float32]:
        """One (1, H, W, 3) uint8 tensor to (labels,) scores."""
        answer = self._model.predict({self._image.name: Image.fromarray(tensor[0].astype(np.uint8))})
        by_label = answer[self._scores]
        return np.array([by_label[label] for label in self.labels], np.float32)


def open_file(path: Path, threads: int) -> CoreML:
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
