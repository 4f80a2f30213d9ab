"""What every bundle holds: the model under its own name, contract, labels, golden pictures."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from PIL import Image

from edgeconv.artifact import Artifact
from edgeconv.contract import Contract, EmbeddingTensor, InputTensor
from edgeconv.errors import ArtifactError, NoContract, UsageError
from edgeconv.files import inside, sha256_of
from edgeconv.parity.reference_set import golden_pictures

BUNDLE_VERSION = 1
MARK = "bundle.json"
"""By this file a folder is known as a bundle."""

CONTRACT, LABELS, GOLDEN = "contract.json", "labels.txt", "golden"

DEVICE_FILES = Path(__file__).with_name("device_files")

_ROUNDING = 1e-5
"""Golden scores are written with five decimals."""


def write_contents(artifact: Artifact, folder: Path) -> tuple[str, ...]:
    """Put model, contract, labels and golden pictures into a folder.

    Returns:
        Their names, by which :func:`write_mark` records them.

    Raises:
        UsageError: the model takes embeddings, not pictures.
        NoContract: edgeconv did not make it.
        ArtifactError: it carries no golden scores, or its golden pictures are not those that this
            edgeconv draws, or a label has a line break.
    """
    contract = artifact.contract
    taken = contract.input
    if artifact.assumed is not None:
        raise NoContract(
            f"{artifact.path.name} carries no edgeconv contract",
            expected="labels, preprocessing and golden scores inside the file",
            do="export the model with edgeconv",
        )
    if isinstance(taken, EmbeddingTensor):
        raise UsageError(
            f"{artifact.path.name} takes embeddings, and a bundle judges pictures",
            do="bundle the whole model, with its image tower",
        )
    if broken := [label for label in contract.labels if label.splitlines() != [label]]:
        raise ArtifactError(
            f"{artifact.path.name} has labels of several lines",
            got=[repr(label) for label in broken],
            expected="one line each",
        )
    shutil.copyfile(artifact.path, folder / artifact.path.name)
    (folder / CONTRACT).write_text(contract.to_json() + "\n", "utf-8")
    (folder / LABELS).write_text("".join(f"{label}\n" for label in contract.labels), "utf-8")
    golden = write_golden(artifact, taken, folder / GOLDEN)
    return artifact.path.name, CONTRACT, LABELS, *golden


def write_mark(kind: str, artifact: Artifact, folder: Path, recorded: tuple[str, ...]) -> None:
    """Write ``bundle.json``: which model, how far scores may be off, SHA-256 of what decides."""
    says: dict[str, Any] = {
        "bundle": kind,
        "version": BUNDLE_VERSION,
        "model": artifact.path.name,
        "tolerance": tolerance(artifact.contract),
        "sha256": {name: sha256_of(folder / name) for name in sorted(recorded)},
    }
    (folder / MARK).write_text(json.dumps(says, indent=1) + "\n", "utf-8")


def copy_files(folder: Path, *places: str) -> None:
    """Copy folders of :data:`DEVICE_FILES` into the bundle, one over the other.

    What starts as a script may be executed, whatever an installer made of its mode.
    """
    for place in places:
        shutil.copytree(
            DEVICE_FILES / place,
            folder,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o755 if path.read_bytes()[:2] == b"#!" else 0o644)


def tolerance(contract: Contract) -> float:
    """How far a score may be from its golden one in the same kind of runtime.

    An integer file gives the very same scores on any processor, by XNNPACK. The built-in kernels,
    which run files for tflite-runtime 2.14, round otherwise on Arm than on x86, and dynamic range
    files are rounded while they run, by each version in its own way.
    """
    if contract.output.score_step is not None and contract.compat is None:
        return _ROUNDING
    return {"fp32": 1e-4, "fp16": 1e-3}.get(contract.precision.asked, 0.05)


def write_golden(artifact: Artifact, taken: InputTensor, folder: Path) -> tuple[str, ...]:
    golden = artifact.contract.golden
    if not golden:
        raise ArtifactError(
            f"{artifact.path.name} carries no golden scores",
            expected="pictures with the scores that this file gave for them",
            do="export it again on a machine that can run it: a bundle tests itself by them",
        )
    folder.mkdir()
    pictures = dict(golden_pictures(taken.preprocessing))
    for entry in golden:
        pixels = pictures.get(entry.name)
        if pixels is None or hashlib.sha256(pixels.tobytes()).hexdigest() != entry.sha256:
            raise ArtifactError(
                f"{artifact.path.name} has scores for another picture than {entry.name} is here",
                got="none of that name" if pixels is None else "other pixels of that name",
                expected=f"SHA-256 {entry.sha256}",
                do="export it again with this edgeconv and this Pillow",
            )
        Image.fromarray(pixels).save(inside(folder, entry.name), "PNG")
    return tuple(f"{folder.name}/{entry.name}" for entry in golden)
