"""This folder: the model, its contract, its golden pictures, and whether they are as they were."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST_TOLERANCE = 0.1
"""Self-tests that allow scores to be further off would prove nothing."""

FOLDER = Path(__file__).resolve().parent.parent


class BundleError(Exception):
    """Something that a person has to see to; the message says what."""


@dataclass(frozen=True)
class Bundle:
    """What ``bundle.json`` and ``contract.json`` say.

    ``tolerance`` is how far a score may be from its golden one; ``sha256`` is by file name.
    """

    folder: Path
    contract: dict[str, Any]
    model: Path
    tolerance: float
    sha256: dict[str, str]

    @property
    def labels(self) -> list[str]:
        """Of the scores, in order."""
        return list(self.contract["labels"])

    def changed(self) -> list[str]:
        """What is wrong with the files: one sentence each; empty where all are as bundled."""
        wrong = []
        for name, expected in sorted(self.sha256.items()):
            path = self.folder / name
            if not path.is_file():
                wrong.append(f"{name} is missing")
            elif hashlib.sha256(path.read_bytes()).hexdigest() != expected:
                wrong.append(f"{name} is not the file that was bundled")
        return wrong


def open_bundle(folder: Path = FOLDER) -> Bundle:
    """Read the folder.

    Raises:
        BundleError: a file is missing, broken, or of a version unknown here.
    """
    says = _read_json(folder / "bundle.json", ("model", "tolerance", "sha256"))
    contract = _read_json(
        folder / "contract.json",
        ("labels", "unsafe_labels", "operating_points", "input", "output", "golden"),
    )
    if says.get("version") != 1 or contract.get("version") != 1:
        raise BundleError(f"{folder} was made by another edgeconv: bundle the model again")
    if not _makes_sense(says):
        raise BundleError(f"{folder / 'bundle.json'} is damaged: copy the bundle again")
    return Bundle(folder, contract, folder / says["model"], says["tolerance"], says["sha256"])


def _makes_sense(says: dict[str, Any]) -> bool:
    """Whether ``bundle.json`` says enough for the other files to be checked by it."""
    model, tolerance, sha256 = says["model"], says["tolerance"], says["sha256"]
    return (
        isinstance(model, str)
        and isinstance(tolerance, float)
        and 0 < tolerance <= MOST_TOLERANCE
        and isinstance(sha256, dict)
        and {model, "contract.json", "labels.txt"} <= set(sha256)
    )


def _read_json(path: Path, needed: tuple[str, ...]) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise BundleError(f"{path} is damaged ({error}): copy the bundle again") from error
    missing = [key for key in needed if not isinstance(content, dict) or key not in content]
    if missing:
        raise BundleError(f"{path} is damaged (no {', '.join(missing)}): copy the bundle again")
    return dict(content)
