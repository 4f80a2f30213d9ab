"""The three gates, anywhere: finds the reference, then judges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgeconv.artifact import SUFFIXES, Artifact, find_artifacts, open_artifact
from edgeconv.errors import EdgeconvError, NoContract, UsageError
from edgeconv.files import write_atomically
from edgeconv.foreign import open_artifacts
from edgeconv.manifest import read_manifest
from edgeconv.own_models import is_checkpoint
from edgeconv.parity.candidate import Answers
from edgeconv.parity.decoded import decode_set
from edgeconv.parity.embedding_set import EMBEDDINGS, REFERENCE_SEED, embedding_set
from edgeconv.parity.judge import judge_artifacts
from edgeconv.parity.recording import read_recording
from edgeconv.parity.recording import record as write_down
from edgeconv.parity.reference import (
    Reference,
    reference_from_artifact,
    reference_from_classifier,
)
from edgeconv.parity.reference_set import ReferenceSet, generated_set
from edgeconv.parity.results import ParityRun
from edgeconv.parity.samples import samples_in
from edgeconv.parity.thumbnails import thumbnails
from edgeconv.progress import Progress, Silent
from edgeconv.spec import Embedding, Preprocessing, known_models, load_spec

if TYPE_CHECKING:
    from edgeconv.classifier import Classifier


def verify(
    place: str | Path,
    *,
    against: str | Path | None = None,
    weights: str | Path | None = None,
    spec: str | Path | None = None,
    images: str | Path | None = None,
    max_flip_rate: float | None = None,
    record: str | Path | None = None,
    recording: str | Path | None = None,
    html: str | Path | None = None,
    progress: Progress | None = None,
) -> ParityRun:
    """Judge an artifact, or all artifacts of a folder.

    Args:
        place: an artifact, or a folder that ``export`` wrote. One that edgeconv did not make
            needs ``against``.
        against: what to hold them against, instead of the original: another exported file, a
            checkpoint, or a known model.
        weights: the original's checkpoint; by default the one that the folder's manifest names,
            or the embedded one.
        spec: a known model or a TOML; says what files without a contract do not: labels,
            normalisation, resizing.
        images: a folder of pictures, or ``.npy`` rows for models of embeddings; by default the
            built-in set.
        max_flip_rate: 0..1, instead of the default of each precision.
        record: where to write what the one artifact answered on this machine.
        recording: a file that ``record`` wrote, judged in place of running the one artifact.
        html: where to write the report.
        progress: told what is being done.

    Raises:
        UsageError: nothing to verify, several models at once, no reference to be found, something
            about a file that nobody says, or a recording of something else.
        ArtifactError: a file is broken, or is no classifier of colour pictures.
    """
    progress = progress or Silent()
    paths = find_artifacts(Path(place))
    if (record or recording) and len(paths) > 1:
        raise UsageError(
            f"a recording is of one artifact, and there are {len(paths)}",
            got=", ".join(path.name for path in paths),
            do="name one of them",
        )
    given = None if recording is None else read_recording(Path(recording))
    sides = _open(paths, against, Path(weights) if weights else None, spec, progress)
    _must_be_one_model(sides.artifacts)
    reference = _reference(sides, images, progress)

    def keep(artifact: Artifact, answers: Sequence[Answers]) -> None:
        if record is not None:
            content = write_down(artifact, answers, reference.pictures).model_dump_json(indent=1)
            write_atomically(Path(record), content + "\n")

    run = judge_artifacts(
        sides.artifacts,
        reference,
        max_flip_rate=max_flip_rate,
        progress=progress,
        recording=given,
        answered=keep,
    )
    if html is not None:
        write_report(run, reference.pictures.source, Path(html))
    return run


def samples_for(original: Classifier | Artifact, images: str | Path | None) -> ReferenceSet:
    """What an original is run on: what is in a place, or the built-in set.

    Args:
        original: says whether pictures or embeddings are wanted.
        images: a folder of pictures; or a ``.npy`` file, or a folder of them.

    Raises:
        UsageError: there is no such place, nothing in it, or no built-in set for this original.
    """
    taken = original.contract.input if isinstance(original, Artifact) else original.spec.input
    if images:
        return samples_in(Path(images), taken)
    if isinstance(taken, Preprocessing):
        return generated_set()
    if isinstance(original, Artifact):
        raise UsageError(
            f"{original.path.name} takes embeddings, and nobody says what they look like",
            do="give some: --images rows.npy, or hold it against its original",
        )
    return embedding_set(original.typical_rows(EMBEDDINGS, REFERENCE_SEED))


def write_report(run: ParityRun, pictures: ReferenceSet, path: Path) -> None:
    """Write the report of a run as one self-contained HTML file.

    Raises:
        FileError: the file cannot be written.
    """
    from edgeconv.parity.report import render

    write_atomically(path, render(run, thumbnails(run, pictures)))


@dataclass(frozen=True)
class _Sides:
    """What is judged, and what it is held against."""

    artifacts: list[Artifact]
    original: Artifact | Classifier


def _open(
    paths: Sequence[Path],
    against: str | Path | None,
    weights: Path | None,
    spec: str | Path | None,
    progress: Progress,
) -> _Sides:
    said = load_spec(spec) if spec else None
    if against is None:
        artifacts = [_with_contract(path) for path in paths]
        progress.step("loading the original")
        return _Sides(artifacts, _original(artifacts[0], weights))
    if Path(against).suffix in SUFFIXES:
        other, *artifacts = open_artifacts([Path(against), *paths], said)
        return _Sides(artifacts, other)
    progress.step(f"loading {against}")
    classifier = _classifier(against, weights, spec)
    return _Sides(open_artifacts(paths, said or classifier.spec), classifier)


def _reference(sides: _Sides, images: str | Path | None, progress: Progress) -> Reference:
    """Run what the artifacts are held against."""
    original = sides.original
    pictures = samples_for(original, images)
    described = original.contract if isinstance(original, Artifact) else original.spec
    preprocessing = described.input.preprocessing
    _must_be_of_one_size(sides.artifacts, preprocessing)
    decoded = decode_set(pictures, preprocessing, progress)
    if isinstance(original, Artifact):
        return reference_from_artifact(original, decoded, progress)
    return reference_from_classifier(original, original.freeze(), decoded, progress)


def _classifier(against: str | Path, weights: Path | None, spec: str | Path | None) -> Classifier:
    """A known model, a spec of the user's own, or a checkpoint, which a spec may explain."""
    from edgeconv.classifier import load_classifier

    is_a_model = str(against) in known_models() or Path(against).suffix == ".toml"
    if is_a_model or spec is None:
        return load_classifier(against, weights)
    if weights is not None:
        raise UsageError(
            f"{against} is a checkpoint, and --weights names another",
            got=str(weights),
            do="give one of them",
        )
    return load_classifier(spec, against)


def _with_contract(path: Path) -> Artifact:
    try:
        return open_artifact(path)
    except NoContract as error:
        raise UsageError(
            f"{path} carries no contract, so nobody knows its original",
            do="name what to hold it against: --against FILE or MODEL",
        ) from error


def _must_be_of_one_size(
    artifacts: Sequence[Artifact], preprocessing: Preprocessing | Embedding
) -> None:
    for artifact in artifacts:
        if artifact.contract.input.extent != preprocessing.extent:
            raise UsageError(
                f"{artifact.path.name} takes {preprocessing.noun}s of another size than its "
                "reference",
                got=artifact.contract.input.extent,
                expected=preprocessing.extent,
            )


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
        labels = artifact.contract.labels if is_checkpoint(model, list(known_models())) else ()
        classifier = load_classifier(model, weights, labels)
    except EdgeconvError as error:
        raise UsageError(
            f"the original of {artifact.path.name} cannot be loaded",
            got=[error.message, *error.got],
            do=do,
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
