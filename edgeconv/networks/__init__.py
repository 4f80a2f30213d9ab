"""What computes inside a classifier: a Keras model, a tensorflow graph, or an ONNX file.

A network knows nothing of labels or pictures: it takes normalised inputs and gives scores.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from edgeconv.formats.onnx_model import OnnxModel
from edgeconv.generated_rows import RowStatistics
from edgeconv.spec import ModelSpec


class Frozen(Protocol):
    """A network with its normalisation inside and its weights as constants.

    ``onnx`` is None where ONNX files are made of the tensorflow graph; for a network that came as
    ONNX, or that we draw in ONNX ourselves, it is the float32 model that they are made of:
    (1, 3, H, W) pixels 0..255 ``image`` in, (1, labels) ``scores`` out.
    """

    @property
    def spec(self) -> ModelSpec: ...

    @property
    def input_name(self) -> str:
        """``image`` or ``embedding``."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(1, H, W, 3) or (1, length)."""

    @property
    def function(self) -> Any:
        """A tensorflow ``ConcreteFunction`` from one float32 input to ``scores`` (1, labels)."""

    @property
    def onnx(self) -> OnnxModel | None: ...

    def scores(
        self, inputs: NDArray[Any], *, threads: int = 0, optimise: bool = True
    ) -> NDArray[np.float32]:
        """(N, ...) pixels or rows to (N, labels).

        Args:
            inputs: RGB pixels 0..255 (N, H, W, 3), or embeddings (N, length).
            threads: for one operation; 0 lets the library choose.
            optimise: whether the library may rewrite the graph before it runs it.
        """


class Network(Protocol):
    """What computes. ``library`` names what runs it."""

    library: ClassVar[str]

    def scores(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Normalised (N, H, W, 3) pictures, or (N, length) embeddings, to (N, labels)."""

    def with_half_weights(self) -> Network:
        """The same network, every weight rounded to float16 and widened again."""

    def with_temperature(self, temperature: float) -> Network:
        """The same network with its logits divided; this one may be used no more.

        Raises:
            SpecError: nobody can tell what its logits are.
        """

    def row_statistics(self, length: int) -> RowStatistics:
        """What the network tells of the embeddings that it was trained on."""

    def freeze(self, spec: ModelSpec) -> Frozen:
        """The network as converters take it."""


def halved(weights: NDArray[Any]) -> NDArray[Any]:
    """Values rounded to float16, those beyond its range to its largest, at their own dtype.

    A kernel that float16 holds as it is gets the rounding of another scale. No file has the kernels
    of its original: attention's scale, batch normalisation and the normalisation of pixels are
    multiplied in first, and the products are rounded anew.
    """
    rounded = _rounded(weights)
    if weights.ndim > 1 and np.array_equal(rounded, weights):
        rounded = (_rounded(weights * _SCALE) / _SCALE).astype(weights.dtype)
    return rounded


_SCALE = np.float32(2**0.5)
"""No power of two, so that hardly any number that float16 holds is still one after it."""


def _rounded(weights: NDArray[Any]) -> NDArray[Any]:
    largest = np.finfo(np.float16).max
    rounded: NDArray[Any] = np.clip(weights, -largest, largest).astype(np.float16)
    return rounded.astype(weights.dtype)
