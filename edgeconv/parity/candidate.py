"""Runs an artifact over a reference set, fed as each gate demands.

- tensor: as the *file* declares its input. Is the conversion right?
- pixels: as the *contract* tells programs to make the input. Is the normalisation right?
- file: from the image file on, decoded and resized as the contract says. Is the preprocessing
  right?
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from edgeconv.contract import Contract
from edgeconv.images import load_pixels
from edgeconv.parity.decoded import DecodedSet
from edgeconv.parity.results import Gate
from edgeconv.parity.statistics import Scores
from edgeconv.progress import Progress
from edgeconv.runtimes import Runtime, as_contracted, as_declared


def run_candidate(
    runtime: Runtime, contract: Contract, pictures: DecodedSet, progress: Progress
) -> Mapping[Gate, Scores]:
    """(N, labels) scores a gate, columns in the order of ``runtime.labels``.

    Where two gates feed the very same tensor, it is run once.
    """
    preprocessing = contract.input.preprocessing
    decoded_alike = preprocessing == pictures.preprocessing
    contents = {picture.name: picture for picture in pictures.source.pictures}
    rows: dict[Gate, list[NDArray[np.float32]]] = {"tensor": [], "pixels": [], "file": []}
    for name, pixels in zip(pictures.names, pictures.pixels, strict=True):
        from_file = (
            pixels if decoded_alike else load_pixels(contents[name].read(), preprocessing, name)
        )
        declared = as_declared(pixels, runtime.signature)
        contracted = as_contracted(pixels, contract.input)
        rows["tensor"].append(runtime.run(declared))
        rows["pixels"].append(
            rows["tensor"][-1] if _same(declared, contracted) else runtime.run(contracted)
        )
        rows["file"].append(
            rows["pixels"][-1]
            if np.array_equal(pixels, from_file)
            else runtime.run(as_contracted(from_file, contract.input))
        )
        progress.advance()
    return {gate: np.stack(scores) for gate, scores in rows.items()}


def _same(a: NDArray[np.generic], b: NDArray[np.generic]) -> bool:
    return a.dtype == b.dtype and np.array_equal(a, b)
