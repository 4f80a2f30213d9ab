"""Inputs with their labels, read one by one as they are needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgeconv.datasets.listing import Listed
from edgeconv.embeddings import checked
from edgeconv.errors import EmbeddingError, ImageError
from edgeconv.images import load_pixels
from edgeconv.spec import Embedding, Preprocessing

Pixels = NDArray[np.uint8]
Rows = NDArray[Any]


class Split(Protocol):
    """Pictures or rows with their labels; read one by one, as they are needed, by any thread."""

    @property
    def labels(self) -> Sequence[int]:
        """The index of each one's label."""

    @property
    def names(self) -> Sequence[str]:
        """What messages call each one."""

    @property
    def unreadable(self) -> Mapping[str, str]:
        """Those that could not be read so far: name -> reason."""

    @property
    def changes(self) -> bool:
        """Whether another epoch has other inputs."""

    def inputs(self, index: int, epoch: int) -> NDArray[Any] | None:
        """A picture, (H, W, 3) uint8, or a row, (length,) float32; None when it is unreadable."""


@dataclass
class PictureSplit:
    """Pictures in files, or in parts of them."""

    listed: Sequence[Listed]
    labels: Sequence[int]
    preprocessing: Preprocessing
    unreadable: dict[str, str] = field(default_factory=dict)
    changes = False

    @property
    def names(self) -> list[str]:
        """Paths, and keys in a shard."""
        return [one.name for one in self.listed]

    def inputs(self, index: int, epoch: int) -> Pixels | None:  # noqa: ARG002 - always the same
        """The decoded picture, (H, W, 3), at the model's size."""
        one = self.listed[index]
        try:
            return load_pixels(one.source, self.preprocessing, one.name)
        except ImageError as error:
            self.unreadable[one.name] = "; ".join([error.message, *error.got])
            return None


@dataclass
class RowSplit:
    """Rows of files. Those of ``.npy`` files stay on the disk until they are asked for.

    ``files`` has the rows of each file, (N, length) of any float type.
    """

    listed: Sequence[Listed]
    labels: Sequence[int]
    files: Mapping[Path, Rows]
    expected: Embedding
    unreadable: dict[str, str] = field(default_factory=dict)
    changes = False

    @property
    def names(self) -> list[str]:
        """File and number of each row, from 0."""
        return [one.name for one in self.listed]

    def inputs(self, index: int, epoch: int) -> NDArray[np.float32] | None:  # noqa: ARG002
        """The row, (length,), where it is what the model takes."""
        one = self.listed[index]
        with np.errstate(over="ignore"):
            row = self.files[one.path][one.row].astype(np.float32)
        try:
            return checked(row, self.expected, one.name)
        except EmbeddingError as error:
            self.unreadable[one.name] = "; ".join([error.message, *error.got])
            return None
