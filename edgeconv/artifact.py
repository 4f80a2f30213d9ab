"""An exported file with its contract."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from edgeconv.contract import Contract
from edgeconv.errors import ArtifactError, UnknownName, UsageError
from edgeconv.targets import FORMS, Form

_CONTRACT_READERS = {
    ".tflite": "edgeconv.formats.tflite_metadata",
    ".onnx": "edgeconv.formats.onnx_metadata",
    ".mlmodel": "edgeconv.formats.coreml_file",
    ".mlpackage": "edgeconv.formats.coreml_file",
}

SUFFIXES = tuple(_CONTRACT_READERS)


@dataclass(frozen=True)
class Artifact:
    """A finished file, and the contract read back from inside it."""

    path: Path
    contract: Contract

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


def open_artifact(path: Path) -> Artifact:
    """Read the contract inside a file.

    Raises:
        UsageError: there is no such file.
        UnknownName: no artifact has such a suffix.
        ArtifactError: the file is broken or carries no contract.
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
