"""Turns an artifact into a folder that runs on a device."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeconv.artifact import Artifact, open_artifact
from edgeconv.bundles import notes, writer
from edgeconv.bundles.contents import MARK
from edgeconv.errors import UsageError
from edgeconv.files import locked, move_into_place, staging


@dataclass(frozen=True)
class Bundle:
    """What was made: ``files`` are relative to ``out``; ``notes`` are for the user to read."""

    kind: str
    out: Path
    files: tuple[str, ...]
    notes: tuple[str, ...]


def bundle(
    kind: str,
    artifact: str | Path | Artifact,
    out: str | Path | None = None,
    *,
    app: str | Path | None = None,
) -> Bundle:
    """Make a folder that runs on a device: model, contract, golden pictures, programs, README.

    Args:
        kind: one of :data:`edgeconv.bundles.KINDS`.
        artifact: a file exported by edgeconv.
        out: the folder to make. An earlier bundle there is replaced as a whole.
        app: instead of ``out``, and for ``ios`` alone: the folder of an Xcode project to put model,
            contract and golden pictures into.

    Raises:
        UnknownName: no bundle is of that kind.
        UsageError: the artifact is not for that kind of device, or ``out`` is in use.
        ArtifactError: the artifact is broken, or carries no contract or golden scores.
        FileError: the folder cannot be written; what was there is intact.
    """
    write = writer(kind)
    source = artifact if isinstance(artifact, Artifact) else open_artifact(Path(artifact))
    if source.path.suffix not in write.SUFFIXES:
        raise UsageError(
            f"a bundle for {kind} cannot hold {source.path.name}",
            expected=f"a file ending in {' or '.join(write.SUFFIXES)}",
        )
    if app is not None:
        return _into_app(kind, source, Path(app))
    if out is None:
        raise UsageError("a bundle needs a folder", do="name one with --out")
    place = Path(out).absolute()
    with locked(place.parent), staging(place.parent) as stage:
        _refuse_what_is_no_bundle(place)
        made = stage / place.name
        made.mkdir()
        write.write(source, made)
        files = sorted(p.relative_to(made).as_posix() for p in made.rglob("*") if p.is_file())
        move_into_place(made, place)
    return Bundle(kind, Path(out), tuple(files), tuple(notes(kind, source)))


def _into_app(kind: str, source: Artifact, app: Path) -> Bundle:
    if kind != "ios":
        raise UsageError(f"a bundle for {kind} is a folder of its own", do="name it with --out")
    from edgeconv.bundles import ios

    written = ios.write(source, app, app=app)
    files = tuple(path.relative_to(app).as_posix() for path in written)
    return Bundle(kind, app, files, tuple(notes(kind, source)))


def _refuse_what_is_no_bundle(place: Path) -> None:
    if not place.exists() or (place / MARK).is_file():
        return
    if not place.is_dir() or any(place.iterdir()):
        raise UsageError(
            f"{place} is there already",
            got="a folder with other things in it" if place.is_dir() else "a file",
            expected=f"a new folder, or an earlier bundle (with {MARK})",
            do="choose another folder with --out",
        )
