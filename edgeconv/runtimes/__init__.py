"""What runs an artifact: one module a runtime.

A runtime reads labels and tensor shapes from the file itself, never from the contract, so that
parity can hold the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from edgeconv.contract import EmbeddingTensor, InputTensor
from edgeconv.errors import UnknownName

Layout = Literal["NHWC", "NCHW", "row"]
"""How an input tensor lies: a batch of one picture, channels last or first, or of one row."""


@dataclass(frozen=True)
class Signature:
    """The input tensor as the file declares it."""

    shape: tuple[int, ...]
    dtype: Literal["uint8", "float32"]
    layout: Layout


class Runtime(Protocol):
    """One loaded artifact.

    ``description`` names library and version; ``labels`` are in the order of the scores.
    ``is_the_device_runtime`` is False for a stand-in whose speed says nothing of the device's.
    """

    is_the_device_runtime: bool

    @property
    def description(self) -> str: ...

    @property
    def labels(self) -> tuple[str, ...]: ...

    @property
    def signature(self) -> Signature: ...

    def run(self, tensor: NDArray[np.generic]) -> NDArray[np.float32]:
        """One input tensor, shaped and typed as :attr:`signature` says, to (labels,) scores."""


Opener = Callable[[Path, int, "tuple[str, ...] | None"], Runtime]

_OPENERS = {
    ".tflite": "edgeconv.runtimes.litert",
    ".onnx": "edgeconv.runtimes.onnxruntime",
    ".mlmodel": "edgeconv.runtimes.coreml",
    ".mlpackage": "edgeconv.runtimes.coreml",
}


def open_runtime(path: Path, threads: int = 1, labels: tuple[str, ...] | None = None) -> Runtime:
    """Load an artifact into the runtime for its kind of file.

    Args:
        path: an exported file.
        threads: that one inference may use.
        labels: of the scores, in order, for a file that names none itself.

    Raises:
        UnknownName: no runtime reads such a file.
        CannotRunHere: this machine has no runtime for it.
        ArtifactError: the file is broken.
    """
    if path.suffix not in _OPENERS:
        raise UnknownName("kind of artifact", path.suffix or path.name, _OPENERS)
    opener: Opener = import_module(_OPENERS[path.suffix]).open_file
    return opener(path, threads, labels)


def layout_of(shape: Sequence[int]) -> Layout:
    """How a tensor of this shape lies, batch first."""
    if len(shape) == 2:
        return "row"
    return "NHWC" if shape[-1] == 3 else "NCHW"


def as_declared(given: NDArray[np.generic], signature: Signature) -> NDArray[np.generic]:
    """(H, W, 3) RGB pixels, or a row (length,), as the tensor the file itself declares."""
    return _laid_out(given, signature.layout).astype(signature.dtype)


def as_contracted(
    given: NDArray[np.generic], contract: InputTensor | EmbeddingTensor
) -> NDArray[np.generic]:
    """(H, W, 3) RGB pixels, or a row (length,), as the contract tells programs to make them."""
    if isinstance(contract, EmbeddingTensor):
        return _laid_out(given, "row").astype(contract.dtype)
    ordered = given[..., ::-1] if contract.colour == "BGR" else given
    if contract.range == (0.0, 255.0):
        return _laid_out(ordered, contract.layout).astype(contract.dtype)
    low, high = contract.range
    ranged = ordered * np.float32((high - low) / 255) + np.float32(low)
    return _laid_out(ranged, contract.layout).astype(contract.dtype)


def _laid_out(given: NDArray[np.generic], layout: Layout) -> NDArray[np.generic]:
    return (given.transpose(2, 0, 1) if layout == "NCHW" else given)[None]
