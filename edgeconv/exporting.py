"""Exports a model: converts, embeds the contract, verifies, reports, and puts it all in place."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from edgeconv.artifact import Artifact, open_artifact
from edgeconv.calibration import (
    MOST_USED,
    CalibrationAudit,
    CalibrationSet,
    calibration_from,
    generated_calibration,
    row_calibration,
)
from edgeconv.contract import Contract
from edgeconv.errors import UnknownName
from edgeconv.evaluating.refitting import RefittingSet, with_refitted_points
from edgeconv.export_request import DEMO, Request, plan
from edgeconv.files import locked, move_into_place, sha256_of, size_of, staging, write_atomically
from edgeconv.golden import with_golden_scores
from edgeconv.manifest import MANIFEST, PARITY, REPORT, Manifest, ManifestEntry, read_manifest
from edgeconv.memory import give_back
from edgeconv.parity.decoded import decode_set
from edgeconv.parity.embedding_set import (
    CALIBRATION_SEED,
    EMBEDDINGS,
    REFERENCE_SEED,
    golden_rows,
)
from edgeconv.parity.judge import judge_artifacts
from edgeconv.parity.reference import reference_from_classifier
from edgeconv.parity.reference_set import ReferenceSet, golden_pictures
from edgeconv.parity.results import ParityRun, Verdict
from edgeconv.progress import Progress, Silent
from edgeconv.resolving import Resolved
from edgeconv.spec import Embedding
from edgeconv.targets import QUANTISED, Converter, Form, Options, converter
from edgeconv.verifying import samples_for, write_report
from edgeconv.versions import library_versions

if TYPE_CHECKING:
    from edgeconv.classifier import Classifier
    from edgeconv.networks import Frozen

Golden = Sequence[tuple[str, NDArray[Any]]]


@dataclass(frozen=True)
class ExportRun:
    """What an export made. ``parity`` is None where it was told not to verify.

    ``up_to_date`` says that nothing had changed, and nothing was done.
    """

    out: Path
    manifest: Manifest
    parity: ParityRun | None
    up_to_date: bool = False

    @property
    def verdict(self) -> Verdict | None:
        """The verdict over all artifacts that were run."""
        return self.manifest.verdict

    def __getitem__(self, name: str) -> Any:
        """The parity result of an artifact by its file name.

        Raises:
            UnknownName: no artifact of this run has that name.
        """
        results = {result.path: result for result in self.parity.artifacts} if self.parity else {}
        if name not in results:
            raise UnknownName("artifact of this run", name, results)
        return results[name]


def export(
    model: str | Path | Classifier = DEMO, *, progress: Progress | None = None, **options: Any
) -> ExportRun:
    """Export a model to files that ship, and prove that they decide as it does.

    Args:
        model: a name from ``models/``, a TOML file, a checkpoint, or a loaded classifier.
        progress: told what is being done.
        options: as :func:`plan` takes them.

            - ``targets``: of ``coreml``, ``tflite``, ``onnx``, ``all``.
            - ``precisions``: of ``fp32``, ``fp16``, ``dynamic``, ``int8``, and for Core ML
              ``w8``, ``pal8``, ``pal6``, ``pal4``, ``w8a8``; default: each target's usual ones.
            - ``weights``: the checkpoint, where the model does not bring its own.
            - ``labels``: of the scores, for a checkpoint that names none.
            - ``out``: folder, by default ``build/<model>``.
            - ``calibration``: folder of pictures for compressed files, or ``.npy`` rows for a model
              of embeddings; default: generated ones.
            - ``images``: the same, to verify on; default: the built-in set.
            - ``verify``: False leaves the files unverified, and the manifest says so.
            - ``compat``: ``tflite-2.14`` for tflite-runtime 2.14.
            - ``minimum_ios``: deployment target of ML programs.
            - ``max_flip_rate``: 0..1, instead of the default of each precision.

    Raises:
        UsageError: an unknown name, or a request that cannot be met.
        CheckpointError: the checkpoint is unsafe, broken, or not this model's.
        CalibrationError: the calibration pictures cannot serve.
        ConversionError: a converter refused.
        FileError: the output folder cannot be written; what was there is intact.
    """
    request = plan(model, **options)
    progress = progress or Silent()
    with locked(request.out):
        return _up_to_date(request) or _run(request, progress)


def _up_to_date(request: Request) -> ExportRun | None:
    """The earlier run, where the same export already stands in the folder, byte for byte."""
    manifest = read_manifest(request.out)
    if manifest is None or manifest.inputs != request.inputs:
        return None
    if not manifest.describes(request.out):
        return None
    parity = None
    if request.verify:
        record = request.out / PARITY
        if not record.is_file() or not (request.out / REPORT).is_file():
            return None
        parity = ParityRun.model_validate_json(record.read_bytes())
    return ExportRun(request.out, manifest, parity, up_to_date=True)


def _run(request: Request, progress: Progress) -> ExportRun:
    progress.step(f"loading {request.spec.name}")
    with _collector_off():
        classifier = _classifier(request)
        frozen = classifier.freeze()
    samples = samples_for(classifier, request.images)
    calibration, audit = _calibration(request, classifier, frozen, samples, progress)
    options = Options(
        calibration=calibration.inputs if calibration else None,
        quantisable=_quantisable(request, classifier, calibration, progress),
        compat=request.compat,
        minimum_ios=request.minimum_ios,
        progress=progress,
    )
    with staging(request.out) as stage, _collector_spared():
        refitting = _refitting(classifier, calibration)
        artifacts, seconds = _convert_all(
            request, classifier, frozen, options, refitting, stage, progress
        )
        parity = None
        if request.verify:
            decoded = decode_set(samples, classifier.spec.input.preprocessing, progress)
            reference = reference_from_classifier(classifier, frozen, decoded, progress)
            parity = judge_artifacts(
                artifacts, reference, max_flip_rate=request.max_flip_rate, progress=progress
            )
            progress.step("writing the report")
            write_atomically(stage / PARITY, parity.model_dump_json())
            write_report(parity, samples, stage / REPORT)
        manifest = Manifest(
            model=classifier.spec.name,
            source=request.source,
            verified=parity is not None,
            verdict=parity.verdict if parity else None,
            headline=parity.headline if parity else "unverified",
            weights=str(request.weights) if request.weights else None,
            calibration=audit,
            inputs=request.inputs,
            artifacts=tuple(
                _entry(artifact, seconds[artifact.path.name], parity) for artifact in artifacts
            ),
        )
        write_atomically(stage / MANIFEST, manifest.model_dump_json(indent=1))
        _put_in_place(stage, request.out, parity is not None)
    return ExportRun(request.out, manifest, parity)


def _classifier(request: Request) -> Classifier:
    if not isinstance(request.model, Resolved):
        return request.model
    from edgeconv.classifier import classifier_of

    return classifier_of(request.model, request.checkpoint_sha256)


@contextmanager
def _collector_off() -> Iterator[None]:
    """No garbage collection: loading makes a million objects, and all are kept."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def _collector_spared() -> Iterator[None]:
    """Keep what is loaded already out of garbage collection.

    coremltools collects after every pass, and would walk through all of tensorflow each time.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _calibration(
    request: Request,
    classifier: Classifier,
    frozen: Frozen,
    samples: ReferenceSet,
    progress: Progress,
) -> tuple[CalibrationSet | None, CalibrationAudit | None]:
    if not request.wants_calibration:
        return None, None
    if request.calibration is None:
        calibration = _generated(classifier)
        progress.note(
            f"integer files are calibrated on {calibration.source}; "
            "give real ones with --calibration PATH"
        )
    else:
        calibration = calibration_from(
            request.calibration, classifier.spec.input.preprocessing, progress
        )
    audit = calibration.audit(frozen, samples if request.verify else None)
    for warning in audit.warnings():
        progress.note(warning)
    return calibration, audit


def _generated(classifier: Classifier) -> CalibrationSet:
    taken = classifier.spec.input
    if isinstance(taken, Embedding):
        return row_calibration(classifier.typical_rows(MOST_USED, CALIBRATION_SEED))
    return generated_calibration(taken.preprocessing)


def _refitting(classifier: Classifier, calibration: CalibrationSet | None) -> RefittingSet | None:
    """The calibration pictures, with the original's scores; None where no threshold needs them."""
    if calibration is None or not classifier.spec.operating_points:
        return None
    scores = classifier.scores(calibration.inputs)
    return RefittingSet(calibration.source, calibration.inputs, classifier.spec.labels, scores)


def _quantisable(
    request: Request,
    classifier: Classifier,
    calibration: CalibrationSet | None,
    progress: Progress,
) -> Frozen | None:
    if calibration is None or all(form.precision != "int8" for form in request.forms):
        return None
    from edgeconv.quantising import quantisable

    return quantisable(classifier, calibration.inputs, progress)


def _golden(classifier: Classifier) -> Golden:
    """Name and content of the inputs that every artifact carries scores for."""
    taken = classifier.spec.input
    if isinstance(taken, Embedding):
        return golden_rows(classifier.typical_rows(EMBEDDINGS, REFERENCE_SEED))
    return golden_pictures(taken.preprocessing)


def _convert_all(
    request: Request,
    classifier: Classifier,
    frozen: Frozen,
    options: Options,
    refitting: RefittingSet | None,
    stage: Path,
    progress: Progress,
) -> tuple[list[Artifact], dict[str, float]]:
    """Write every form into ``stage``; also how many seconds each took."""
    golden = _golden(classifier)
    converters: dict[str, Converter] = {}
    artifacts, seconds = [], {}
    for form, name in zip(request.forms, request.names, strict=True):
        progress.step(f"converting to {name}")
        start = perf_counter()
        if form.target not in converters:
            converters[form.target] = converter(form.target)(frozen, options)
        artifacts.append(
            _write_artifact(
                converters[form.target], form, classifier, golden, options, refitting, stage / name
            )
        )
        give_back()
        seconds[name] = round(perf_counter() - start, 3)
    return artifacts, seconds


def _write_artifact(
    target: Converter,
    form: Form,
    classifier: Classifier,
    golden: Golden,
    options: Options,
    refitting: RefittingSet | None,
    path: Path,
) -> Artifact:
    target.write(form, path)
    taken, given, precision = target.describe(form, path)
    spec = classifier.spec
    contract = Contract(
        model=spec.name,
        summary=spec.summary,
        notice=spec.notice,
        labels=spec.labels,
        unsafe_labels=spec.unsafe,
        operating_points=spec.operating_points,
        input=taken,
        output=given,
        precision=precision,
        compat=options.compat if form.target == "tflite" else None,
        source=classifier.source,
        made_with=library_versions(),
    )
    target.embed(path, contract)
    if refitting is not None and form.precision in QUANTISED:
        contract = with_refitted_points(Artifact(path, contract), refitting)
    complete = with_golden_scores(Artifact(path, contract), golden)
    target.embed(path, complete)
    write_atomically(path.with_name(path.name + ".json"), complete.to_json() + "\n")
    return open_artifact(path)


def _entry(artifact: Artifact, seconds: float, parity: ParityRun | None) -> ManifestEntry:
    verdicts = {result.path: result.verdict for result in parity.artifacts} if parity else {}
    return ManifestEntry(
        path=artifact.path.name,
        target=artifact.form.target,
        precision=artifact.form.precision,
        bytes=size_of(artifact.path),
        sha256=sha256_of(artifact.path),
        seconds=seconds,
        verdict=verdicts.get(artifact.path.name),
        float_ops=artifact.contract.precision.float_ops,
    )


def _put_in_place(stage: Path, out: Path, verified: bool) -> None:
    """Artifacts first and the manifest last: a manifest never names what is not there."""
    staged = sorted(stage.iterdir(), key=lambda path: path.name == MANIFEST)
    if not verified:
        # Results of an earlier run would speak of other files.
        for stale in (PARITY, REPORT):
            (out / stale).unlink(missing_ok=True)
    for path in staged:
        move_into_place(path, out / path.name)
