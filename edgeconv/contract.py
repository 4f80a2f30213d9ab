"""The contract: the JSON inside every artifact, with all a program needs to use it rightly.

Pixels in, scores out. Normalisation and softmax are inside the graph. The same inputs give the
same bytes: no clock, no host name, keys in order.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from edgeconv.errors import ArtifactError
from edgeconv.spec import (
    Embedded,
    Embedding,
    OperatingPoint,
    OutputKind,
    Pictured,
    PictureOrEmbedding,
    Preprocessing,
    Strict,
    explain,
)

CONTRACT_VERSION = 1

METADATA_KEY = "edgeconv"
"""Under which Core ML and ONNX files keep the contract."""


class InputTensor(Preprocessing):
    """The pixels an artifact takes, and how a program makes them from an image file.

    ``range`` holds for every dtype: normalisation is inside the graph.
    """

    name: str
    shape: tuple[int, ...]
    dtype: Literal["uint8", "float32"]
    layout: Literal["NHWC", "NCHW"]
    colour: Literal["RGB", "BGR"] = "RGB"
    range: tuple[float, float] = (0.0, 255.0)


class EmbeddingTensor(Embedding):
    """The row of numbers an artifact takes: (1, length)."""

    name: str
    shape: tuple[int, ...]
    dtype: Literal["float32"] = "float32"


class OutputTensor(Strict):
    """The scores an artifact gives, one a label, in the order of ``labels``.

    An integer output ``q`` means the score ``(q - zero_point) * scale``. ``score_step`` is the
    smallest difference of scores the file can express, where it is coarser than float.
    """

    name: str
    kind: OutputKind
    dtype: Literal["float32", "uint8", "int8"]
    scale: float | None = None
    zero_point: int | None = None
    score_step: float | None = None


class Precision(Strict):
    """What the finished file was found to hold, never what was asked for.

    ``weights`` gives the share of weight values by type; ``float_ops`` the share of operations
    that compute in float, among those that compute at all; ``float_products`` the share of weights
    that are multiplied in float, rounded as they may be stored; ``needs`` the first systems that
    take the file, where it names them.
    """

    asked: str
    weight_type: str
    activation_type: str
    weights: dict[str, float]
    float_ops: Annotated[float, Field(ge=0, le=1)]
    float_products: Annotated[float, Field(ge=0, le=1)] = 1.0
    needs: str | None = None


class GoldenPicture(Strict):
    """One picture at the model's size, or one embedding, and the scores this very file gave for it.

    ``sha256`` is that of its RGB bytes, row by row, or of its float32 numbers; ``name`` is its name
    in the built-in set. An embedding is there in full, as ``values``.
    """

    name: str
    sha256: str
    scores: dict[str, float]
    values: tuple[float, ...] | None = None


class Source(Strict):
    """Where the weights came from; licence and author as the user states them."""

    checkpoint_sha256: str
    checkpoint_format: str
    licence: str | None = None
    author: str | None = None


class Contract(Strict):
    """All that a program needs in order to use an artifact rightly.

    ``golden_from`` names the runtime that gave the golden scores: another one may round otherwise.
    """

    version: Literal[1] = 1
    model: str
    summary: str
    notice: str | None = None
    labels: tuple[str, ...]
    unsafe_labels: tuple[str, ...]
    operating_points: tuple[OperatingPoint, ...] = ()
    input: Annotated[
        Annotated[InputTensor, Pictured] | Annotated[EmbeddingTensor, Embedded], PictureOrEmbedding
    ]
    output: OutputTensor
    precision: Precision
    compat: str | None = None
    golden: tuple[GoldenPicture, ...] = ()
    golden_from: str | None = None
    source: Source
    made_with: dict[str, str]

    def to_json(self) -> str:
        """The canonical text: the same contract gives the same bytes."""
        return self.model_dump_json(indent=1, exclude_none=True)

    @classmethod
    def from_json(cls, text: str | bytes, where: str) -> Contract:
        """Read a contract back.

        Args:
            text: the JSON.
            where: the file it came from, for the error.

        Raises:
            ArtifactError: the JSON is broken or is no contract of a version known here.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise ArtifactError(
                f"{where} carries a contract that cannot be read",
                got=explain(error)[:5],
                expected=f"an edgeconv contract, version {CONTRACT_VERSION}",
                do="export the model again with this edgeconv",
            ) from error

    def as_dict(self) -> dict[str, Any]:
        """The contract as plain JSON values."""
        return self.model_dump(mode="json", exclude_none=True)
