"""An ONNX file that takes many inputs at once, held against the file itself before it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.contract import Contract, EmbeddingTensor
from edgeconv.errors import ArtifactError
from edgeconv.parity.gates import FLOAT32_MULTIPLE, SMALLEST_FLOOR
from edgeconv.runtimes import as_contracted, open_runtime
from edgeconv.scoring.noise import noise
from edgeconv.scoring.onnx_rewriting import for_batches

LARGEST_FILE = 256 << 20
"""Bytes: rewriting holds a file in memory several times. A network this large gains nothing."""

TRIED = {"picture": 3, "embedding": 256}
"""Inputs whose scores must be those of the file."""


class OnnxBatches:
    """Scores (N, ...) inputs, ``batch`` at a time.

    Raises:
        ArtifactError: the file cannot be made to take several, or answers otherwise when it does.
    """

    def __init__(self, path: Path, contract: Contract, batch: int, threads: int) -> None:
        import onnx
        import onnxruntime

        self._path, self._contract, self._batch = path, contract, batch
        if path.stat().st_size > LARGEST_FILE:
            raise ArtifactError(f"{path} is too large to be rewritten for batches")
        try:
            model = onnx.load(str(path))
            for_batches(model)
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads
            options.inter_op_num_threads = 1
            options.log_severity_level = 4
            self._session = onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
            self._check(threads)
        except ArtifactError:
            raise
        except Exception as error:  # neither library has a base class of its errors
            raise ArtifactError(f"{path} does not take batches", got=str(error)) from error

    def __call__(self, given: NDArray[Any]) -> NDArray[np.float32]:
        scores = [
            self._run(given[start : start + self._batch])
            for start in range(0, len(given), self._batch)
        ]
        return np.concatenate(scores)

    def _run(self, given: NDArray[Any]) -> NDArray[np.float32]:
        wanted = self._contract.input
        if isinstance(wanted, EmbeddingTensor):
            tensor = given
        else:
            tensor = np.concatenate([as_contracted(one, wanted) for one in given])
        (scores,) = self._session.run(None, {wanted.name: tensor})
        return np.asarray(scores, np.float32)

    def _check(self, threads: int) -> None:
        tried = _inputs(self._contract)
        alone = open_runtime(self._path, threads)
        expected = np.stack([alone.run(as_contracted(one, self._contract.input)) for one in tried])
        for scores in (self._run(tried), np.concatenate([self._run(one[None]) for one in tried])):
            if scores.shape != expected.shape or not np.allclose(
                scores, expected, rtol=0, atol=FLOAT32_MULTIPLE * SMALLEST_FLOOR
            ):
                raise ArtifactError(
                    f"{self._path} answers otherwise when it is given several inputs at once"
                )


def _inputs(contract: Contract) -> NDArray[Any]:
    """Golden rows and noise, some of which is in the tables of a model that has some."""
    golden = [picture.values for picture in contract.golden if picture.values]
    tried = noise(contract.input, TRIED[contract.input.noun])
    return np.concatenate([np.array(golden, np.float32), tried]) if golden else tried
