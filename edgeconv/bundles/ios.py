"""Model, contract and golden pictures for an iOS app: ``ios_demo``, or one made from it.

Xcode finds them by itself: the app's ``Model`` folder is a synchronised one.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from edgeconv.artifact import Artifact
from edgeconv.bundles.contents import CONTRACT, GOLDEN, MARK, write_golden, write_mark
from edgeconv.contract import InputTensor
from edgeconv.errors import NoContract, UsageError
from edgeconv.files import cannot_write, locked, move_into_place, staging

KIND = "ios"
SUFFIXES = (".mlpackage", ".mlmodel")
MODEL_FOLDER = "Model"
"""The folder of the app that the files go into."""


def write(artifact: Artifact, folder: Path, *, app: Path | None = None) -> list[Path]:
    """Put a model, its contract and its golden pictures where Xcode takes them from.

    What an earlier bundle put there is replaced, and nothing else is touched. Golden pictures are
    PNG files at the model's size, each held against the SHA-256 that the contract has for it.

    Args:
        artifact: a Core ML file that edgeconv exported.
        folder: where the files go, where no app is given.
        app: the folder of an Xcode project made from ``ios_demo``.

    Returns:
        The files and packages that were written.

    Raises:
        UsageError: the artifact is no Core ML file or takes embeddings, ``app`` is no such
            project, or a file of the same name is there that no bundle put there.
        NoContract: the artifact carries no contract of its own.
        ArtifactError: it carries no golden scores, or its golden pictures are not those that this
            edgeconv draws.
        FileError: the folder cannot be written.
    """
    _refuse_what_no_app_runs(artifact)
    place = folder if app is None else _model_folder(app)
    with locked(place.parent), staging(place.parent) as stage:
        written = _fill(artifact, stage)
        earlier = _earlier(place)
        _refuse_what_no_bundle_put_there(place, set(written) - set(earlier))
        _remove(place, set(earlier) - set(written))
        for name in (MARK, *(name for name in written if name != MARK)):
            _put(stage / name, place / name)
    return [place / name for name in written]


def notes(artifact: Artifact) -> list[str]:
    """What the user should know about this file in an app."""
    taken = artifact.contract.input
    if isinstance(taken, InputTensor) and taken.resize.mode == "pad":
        return [
            f"photos are padded with {taken.background}, as the contract says; "
            "a camera's frames by Vision, in a colour of its own"
        ]
    return []


def _refuse_what_no_app_runs(artifact: Artifact) -> None:
    name = artifact.path.name
    if artifact.path.suffix not in SUFFIXES:
        raise UsageError(
            f"an iOS app cannot run {name}",
            expected=f"a Core ML file: {' or '.join(SUFFIXES)}",
            do="export one:  edgeconv export MODEL --target coreml",
        )
    if artifact.assumed is not None:
        raise NoContract(
            f"{name} carries no edgeconv contract",
            expected="labels, preprocessing and golden scores inside the file",
            do="export the model with edgeconv",
        )
    if not isinstance(artifact.contract.input, InputTensor):
        raise UsageError(
            f"{name} takes embeddings, and the app shows it pictures",
            do="bundle the whole model, with its image tower",
        )


def _model_folder(app: Path) -> Path:
    if not (app / MODEL_FOLDER).is_dir() or not any(app.glob("*.xcodeproj")):
        raise UsageError(
            f"{app} is no app that a model can be put into",
            expected=f"a folder with an .xcodeproj and a folder {MODEL_FOLDER}, as ios_demo has",
            do="write the files alone, with --out",
        )
    return app / MODEL_FOLDER


def _fill(artifact: Artifact, stage: Path) -> list[str]:
    """Write everything into an empty folder; its names, in order."""
    taken = artifact.contract.input
    assert isinstance(taken, InputTensor)
    model = artifact.path.name
    if artifact.path.is_dir():
        shutil.copytree(artifact.path, stage / model)
    else:
        shutil.copyfile(artifact.path, stage / model)
    (stage / CONTRACT).write_text(artifact.contract.to_json() + "\n", "utf-8")
    golden = write_golden(artifact, taken, stage / GOLDEN)
    recorded = (model, CONTRACT, *golden)
    write_mark(KIND, artifact, stage, recorded)
    return [*recorded, MARK]


def _earlier(place: Path) -> list[str]:
    """What an earlier bundle put there, by its mark."""
    mark = place / MARK
    if not mark.exists():
        return []
    try:
        says = json.loads(mark.read_bytes())
        names = [*says["sha256"], MARK]
        sound = says["bundle"] == KIND and all(map(_is_a_name_of_ours, names))
    except (OSError, ValueError, KeyError, TypeError):
        sound = False
    if not sound:
        raise UsageError(
            f"{mark} does not say what an earlier bundle put there",
            expected=f"what edgeconv bundle {KIND} writes",
            do="delete it, and what else of the bundle is there",
        )
    return names


def _is_a_name_of_ours(name: str) -> bool:
    """Whether it is a plain name, or one in the folder of golden pictures."""
    parts = PurePosixPath(name).parts
    inside = parts[1:] if parts[:1] == (GOLDEN,) else parts
    return len(inside) == 1 and inside[0] not in {"..", "/"} and "\\" not in name


def _refuse_what_no_bundle_put_there(place: Path, new: Iterable[str]) -> None:
    strange = sorted(name for name in new if (place / name).exists())
    if strange:
        raise UsageError(
            f"{place} has files of the same name that no bundle put there",
            got=strange,
            do="move them away first",
        )


def _remove(place: Path, names: Iterable[str]) -> None:
    for path in (place / name for name in names):
        try:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise cannot_write(path, error) from error


def _put(staged: Path, place: Path) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(place, error) from error
    move_into_place(staged, place)
