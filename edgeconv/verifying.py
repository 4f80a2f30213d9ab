"""The three gates, anywhere: finds the reference, then judges."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgeconv.artifact import Artifact, find_artifacts, open_artifact
from edgeconv.errors import EdgeconvError, UsageError
from edgeconv.files import write_atomically
from edgeconv.manifest import read_manifest
from edgeconv.parity.decoded import decode_set
from edgeconv.parity.judge import judge_artifacts
from edgeconv.parity.reference import reference_from_artifact, reference_from_classifier
from edgeconv.parity.reference_set import ReferenceSet, folder_set, generated_set
from edgeconv.parity.results import ParityRun
from edgeconv.parity.thumbnails import thumbnails
from edgeconv.progress import Progress, Silent

if TYPE_CHECKING:
    from edgeconv.classifier import Classifier


def verify(
    place: str | Path,
    *,
    against: str | Path | None = None,
    weights: str | Path | None = None,
    images: str | Path | None = None,
    max_flip_rate: float | None = None,
    progress: Progress | None = None,
) -> ParityRun:
    """Judge an artifact, or all artifacts of a folder.

    Args:
        place: an artifact, or a folder that ``export`` wrote.
        against: another artifact to hold them against, instead of the original.
        weights: the original's checkpoint; by default the one that the folder's manifest names,
            or the embedded one.
        images: a folder of pictures; by default the built-in set.
        max_flip_rate: 0..1, instead of the default of each precision.
        progress: told what is being done.

    Raises:
        UsageError: nothing to verify, several models at once, or no reference to be found.
        ArtifactError: a file is broken, or carries no contract.
    """
    from edgeconv.frozen import freeze

    progress = progress or Silent()
    artifacts = [open_artifact(path) for path in find_artifacts(Path(place))]
    _must_be_one_model(artifacts)
    pictures = pictures_from(images)
    if against is not None:
        other = open_artifact(Path(against))
        decoded = decode_set(pictures, other.contract.input.preprocessing, progress)
        reference = reference_from_artifact(other, decoded, progress)
    else:
        progress.step("loading the original")
        original = _original(artifacts[0], Path(weights) if weights else None)
        frozen = freeze(original)
        decoded = decode_set(pictures, original.spec.input.preprocessing, progress)
        reference = reference_from_classifier(original, frozen, decoded, progress)
    return judge_artifacts(artifacts, reference, max_flip_rate=max_flip_rate, progress=progress)


def pictures_from(images: str | Path | None) -> ReferenceSet:
    """The set of a folder, or the built-in one.

    Raises:
        UsageError: there is no such folder, or no picture in it.
    """
    return folder_set(Path(images)) if images else generated_set()


def write_report(run: ParityRun, pictures: ReferenceSet, path: Path) -> None:
    """Write the report of a run as one self-contained HTML file.

    Raises:
        FileError: the file cannot be written.
    """
    from edgeconv.parity.report import render

    write_atomically(path, render(run, thumbnails(run, pictures)))


def _must_be_one_model(artifacts: Sequence[Artifact]) -> None:
    models = sorted({artifact.contract.model for artifact in artifacts})
    if len(models) > 1:
        raise UsageError(
            f"artifacts of {len(models)} models at once",
            got=", ".join(models),
            do="verify them one by one",
        )


def _original(artifact: Artifact, weights: Path | None) -> Classifier:
    """The classifier that an artifact was made from.

    Raises:
        UsageError: its checkpoint is not to be found, or is another one.
    """
    from edgeconv.classifier import load_classifier

    manifest = read_manifest(artifact.path.parent)
    if weights is None and manifest and manifest.weights:
        weights = Path(manifest.weights)
    model = manifest.source if manifest else artifact.contract.model
    do = "name the checkpoint with --weights, or another artifact with --against"
    try:
        classifier = load_classifier(model, weights)
    except EdgeconvError as error:
        raise UsageError(
            f"the original of {artifact.path.name} cannot be loaded", got=str(error), do=do
        ) from error
    wanted = artifact.contract.source.checkpoint_sha256
    if classifier.source.checkpoint_sha256 != wanted:
        raise UsageError(
            f"{artifact.path.name} was made from another checkpoint",
            got=f"SHA-256 {classifier.source.checkpoint_sha256}",
            expected=f"SHA-256 {wanted}",
            do=do,
        )
    return classifier
