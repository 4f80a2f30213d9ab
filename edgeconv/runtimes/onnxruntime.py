"""ONNX Runtime on the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import ArtifactError, CannotRunHere
from edgeconv.runtimes import Signature, layout_of


class OnnxRuntime:
    """An ONNX file in a session. Its labels are those of the metadata: ONNX itself has none."""

    is_the_device_runtime = True

    def __init__(self, path: Path, threads: int, labels: tuple[str, ...] | None) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise CannotRunHere(
                "ONNX Runtime is not installed", do="pip install onnxruntime"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions share no public base class
            raise ArtifactError(
                f"{path} does not load into ONNX Runtime", got=str(error)
            ) from error
        (self._input,) = self._session.get_inputs()
        (self._scores,) = self._session.get_outputs()
        self.description = f"ONNX Runtime {onnxruntime.__version__}"
        self.labels = labels or self._labels(path)
        self.signature = self._declared()

    def run(self, tensor: NDArray[np.generic]) -> NDArray[np.float32]:
        """One (1, 3, H, W) or (1, length) tensor to (labels,) scores."""
        (scores,) = self._session.run([self._scores.name], {self._input.name: tensor})
        return np.asarray(scores[0], np.float32)

    def _declared(self) -> Signature:
        # A side that the file leaves open, such as the batch, has a name or None for a size.
        shape = tuple(side if isinstance(side, int) else 1 for side in self._input.shape)
        return Signature(
            shape=shape,
            dtype="uint8" if "uint8" in self._input.type else "float32",
            layout=layout_of(shape),
        )

    def _labels(self, path: Path) -> tuple[str, ...]:
        from edgeconv.contract import METADATA_KEY, Contract

        properties = self._session.get_modelmeta().custom_metadata_map
        if METADATA_KEY not in properties:
            raise ArtifactError(
                f"{path} names no labels",
                expected="an edgeconv contract in its metadata",
                do="export the model with edgeconv",
            )
        return Contract.from_json(properties[METADATA_KEY], str(path)).labels


def open_file(path: Path, threads: int, labels: tuple[str, ...] | None = None) -> OnnxRuntime:
    """Load an ``.onnx`` file; ``labels`` are for one that names none."""
    return OnnxRuntime(path, threads, labels)
