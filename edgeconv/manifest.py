"""``manifest.json``: what an export made, from what, and whether it was verified."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edgeconv.calibration import CalibrationAudit
from edgeconv.errors import ArtifactError
from edgeconv.files import sha256_of
from edgeconv.parity.results import Verdict
from edgeconv.spec import Strict, explain

MANIFEST = "manifest.json"
PARITY = "parity.json"
REPORT = "report.html"


class ManifestEntry(Strict):
    """One artifact. ``path`` is its name in the folder; ``verdict`` is None when unverified.

    ``float_ops`` is the share of its operations that compute in float, as read back from it.
    """

    path: str
    target: str
    precision: str
    bytes: int
    sha256: str
    seconds: float
    verdict: Verdict | None
    float_ops: float | None = None


class Manifest(Strict):
    """The content of ``manifest.json``.

    ``inputs`` is all that decides the content of the folder: an export with the same inputs has
    nothing to do. ``source`` and ``weights`` are model and checkpoint as they were given, so that
    the original can be found again.
    """

    model: str
    source: str
    verified: bool
    verdict: Verdict | None
    headline: str
    weights: str | None
    calibration: CalibrationAudit | None
    inputs: dict[str, Any]
    artifacts: tuple[ManifestEntry, ...]

    def describes(self, folder: Path) -> bool:
        """Whether all files named are in the folder, byte for byte."""
        return all(
            (folder / entry.path).exists() and sha256_of(folder / entry.path) == entry.sha256
            for entry in self.artifacts
        )


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest in a folder, or None where there is none.

    Raises:
        ArtifactError: it cannot be understood.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ArtifactError(
            f"{path} is not a manifest of this edgeconv",
            got=explain(error)[:5],
            do="export again into another folder",
        ) from error
