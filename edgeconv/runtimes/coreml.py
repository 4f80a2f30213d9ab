"""Core ML itself on a Mac; anywhere else the reference executor, which proves the file alone."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import ArtifactError
from edgeconv.runtimes import Runtime
from edgeconv.runtimes.coreml_classifier import ClassifierInterface, classifier_interface

SUFFIXES = (".mlmodel", ".mlpackage")

ComputeUnits = Literal["CPU_ONLY", "ALL"]

_UNITS_IN_WORDS: dict[ComputeUnits, str] = {
    "CPU_ONLY": "CPU only",
    "ALL": "CPU, GPU and Neural Engine",
}


class CoreML:
    """A Core ML file on a Mac; a classifier's labels are those of its answers."""

    is_the_device_runtime = True

    def __init__(
        self,
        path: Path,
        labels: tuple[str, ...] | None = None,
        units: ComputeUnits = "CPU_ONLY",
    ) -> None:
        import coremltools as ct

        try:
            self._model: Any = ct.models.MLModel(
                str(path), compute_units=getattr(ct.ComputeUnit, units)
            )
        except Exception as error:  # Core ML's own errors arrive as RuntimeError or NSError text
            raise ArtifactError(f"{path} does not load into Core ML", got=str(error)) from error
        self._interface = _described_interface(path)
        self.signature = self._interface.signature
        self.description = f"Core ML, macOS {platform.mac_ver()[0]}, {_UNITS_IN_WORDS[units]}"
        self.labels = labels or self._answered_labels()

    def run(self, tensor: NDArray[np.generic]) -> NDArray[np.float32]:
        """One tensor, as :attr:`signature` says, to (labels,) scores."""
        return self._interface.scores(self._answer(tensor), self.labels)

    def _answer(self, tensor: NDArray[np.generic]) -> Any:
        from PIL import Image

        array: Any = self._interface.array(tensor)
        given = Image.fromarray(array) if array.dtype == np.uint8 else array
        return self._model.predict({self._interface.input.name: given})

    def _answered_labels(self) -> tuple[str, ...]:
        blank = np.zeros(self.signature.shape, self.signature.dtype)
        return tuple(sorted(map(str, self._answer(blank)[self._interface.output.name])))


class ReferenceExecutor:
    """A Core ML file run by edgeconv's own executor, in float32 on the weights as stored.

    It verifies the semantics of the file. It is not Core ML: it says nothing of a compute unit,
    nor of speed.
    """

    is_the_device_runtime = False
    description = "the reference executor"

    def __init__(self, path: Path, threads: int = 1, labels: tuple[str, ...] | None = None) -> None:
        from edgeconv.runtimes import coreml_reference

        self._model = coreml_reference.load(path, threads=threads)
        self._interface = classifier_interface(path, self._model.inputs, self._model.outputs)
        self.signature = self._interface.signature
        self.labels = labels or self._model.labels or ()

    def run(self, tensor: NDArray[np.generic]) -> NDArray[np.float32]:
        """One tensor, as :attr:`signature` says, to (labels,) scores."""
        array = self._interface.array(tensor)
        answer = self._model.predict({self._interface.input.name: array})
        return self._interface.scores(answer, self.labels)


def open_file(path: Path, threads: int, labels: tuple[str, ...] | None = None) -> Runtime:
    """Load a ``.mlmodel`` or ``.mlpackage``; ``labels`` are for one that names none.

    On a Mac it runs on the CPU only, which rounds least. Core ML itself chooses its threads.

    Raises:
        ArtifactError: the file is broken, or is no classifier of one input.
    """
    if sys.platform == "darwin":
        return CoreML(path, labels)
    return ReferenceExecutor(path, threads, labels)


def _described_interface(path: Path) -> ClassifierInterface:
    """The interface as the model description tells it; the program itself is not read."""
    from edgeconv.runtimes.coreml_reference.features import input_features, output_features
    from edgeconv.runtimes.coreml_reference.package import open_model_file

    file = open_model_file(path)
    return classifier_interface(path, input_features(file), output_features(file))
