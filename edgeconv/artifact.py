"""An exported file with its contract."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeconv.contract import Contract
from edgeconv.errors import ArtifactError, UnknownName, UsageError
from edgeconv.spec import Input
from edgeconv.targets import FORMS, Form

_CONTRACT_READERS = {
    ".tflite": "edgeconv.formats.tflite_metadata",
    ".onnx": "edgeconv.formats.onnx_metadata",
    ".mlmodel": "edgeconv.formats.coreml_file",
    ".mlpackage": "edgeconv.formats.coreml_file",
}

SUFFIXES = tuple(_CONTRACT_READERS)


@dataclass(frozen=True)
class Assumptions:
    """What is taken for granted of a file that edgeconv did not make.

    ``normalisation`` is what programs have to do to pixels before they feed it; None where it
    takes pixels 0..255. ``labels`` are those of its scores, in order; None where it names them.
    """

    normalisation: Input | None = None
    labels: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Artifact:
    """A finished file, and the contract read back from inside it.

    A file that edgeconv did not make has a contract made up of what it declares, and
    ``assumed`` holds what no contract says.
    """

    path: Path
    contract: Contract
    assumed: Assumptions | None = None

    @property
    def target(self) -> str:
        """Which target the file is of, by its suffix."""
        return next(form.target for form in FORMS if form.suffix == self.path.suffix)

    @property
    def form(self) -> Form:
        """Target and precision, as the file was asked for."""
        for form in FORMS:
            if (form.suffix, form.precision) == (self.path.suffix, self.contract.precision.asked):
                return form
        raise ArtifactError(
            f"{self.path} is of no known form",
            got=f"{self.path.suffix} at {self.contract.precision.asked}",
        )

    @property
    def normalisation(self) -> Input | None:
        """What is done to pixels outside the graph; None where it takes pixels 0..255."""
        return self.assumed.normalisation if self.assumed else None

    @property
    def labels_from_elsewhere(self) -> tuple[str, ...] | None:
        """Labels for the runtime of a file that names none itself."""
        return self.assumed.labels if self.assumed else None

    def prepared(self, pixels: NDArray[np.uint8]) -> NDArray[np.generic]:
        """(H, W, 3) RGB pixels, normalised where the graph does not do it itself."""
        if self.normalisation is None:
            return pixels
        from edgeconv.normalising import normalise

        return normalise(pixels, self.normalisation)


def open_artifact(path: Path) -> Artifact:
    """Read the contract inside a file.

    Raises:
        UsageError: there is no such file.
        UnknownName: no artifact has such a suffix.
        ArtifactError: the file is broken.
        NoContract: it carries no contract; see :mod:`edgeconv.foreign`.
    """
    if not path.exists():
        raise UsageError(f"there is no {path}")
    if path.suffix not in SUFFIXES:
        raise UnknownName("kind of artifact", path.suffix or path.name, SUFFIXES)
    read: Callable[[Path], Contract] = import_module(_CONTRACT_READERS[path.suffix]).read_contract
    return Artifact(path, read(path))


def find_artifacts(place: Path) -> list[Path]:
    """The artifact at a path, or all those in a folder, by name.

    Raises:
        UsageError: there is none.
    """
    if place.suffix in SUFFIXES or not place.is_dir():
        return [place]
    found = sorted(path for path in place.iterdir() if path.suffix in SUFFIXES)
    if not found:
        raise UsageError(
            f"no artifacts in {place}", expected=f"files ending in {', '.join(SUFFIXES)}"
        )
    return found
