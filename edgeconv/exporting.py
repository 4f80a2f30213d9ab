"""Exports a model: converts, embeds the contract, verifies, reports, and puts it all in place."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from edgeconv.artifact import Artifact, open_artifact
from edgeconv.calibration import (
    CalibrationAudit,
    CalibrationSet,
    calibration_from_folder,
    generated_calibration,
)
from edgeconv.contract import Contract
from edgeconv.errors import UnknownName
from edgeconv.export_request import DEMO, Request, plan
from edgeconv.files import locked, move_into_place, sha256_of, size_of, staging, write_atomically
from edgeconv.golden import with_golden_scores
from edgeconv.manifest import MANIFEST, PARITY, REPORT, Manifest, ManifestEntry, read_manifest
from edgeconv.parity.decoded import decode_set
from edgeconv.parity.judge import judge_artifacts
from edgeconv.parity.reference import reference_from_classifier
from edgeconv.parity.reference_set import ReferenceSet
from edgeconv.parity.results import ParityRun, Verdict
from edgeconv.progress import Progress, Silent
from edgeconv.targets import Converter, Form, Options, converter
from edgeconv.verifying import pictures_from, write_report
from edgeconv.versions import library_versions

if TYPE_CHECKING:
    from edgeconv.classifier import Classifier
    from edgeconv.frozen import FrozenGraph


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
            - ``precisions``: of ``fp32``, ``fp16``, ``dynamic``, ``int8``; default: each
              target's usual ones.
            - ``weights``: the checkpoint, where the model does not bring its own.
            - ``out``: folder, by default ``build/<model>``.
            - ``calibration``: folder of pictures for integer files; default: generated ones.
            - ``images``: folder of pictures to verify on; default: the built-in set.
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
    from edgeconv.classifier import load_classifier
    from edgeconv.frozen import freeze

    pictures = pictures_from(request.images)
    progress.step(f"loading {request.spec.name}")
    classifier = request.classifier or load_classifier(request.source, request.weights)
    frozen = freeze(classifier)
    calibration, audit = _calibration(request, frozen, pictures, progress)
    options = Options(
        calibration=calibration.pixels if calibration else None,
        compat=request.compat,
        minimum_ios=request.minimum_ios,
    )
    with staging(request.out) as stage, _collector_spared():
        artifacts, seconds = _convert_all(request, classifier, frozen, options, stage, progress)
        parity = None
        if request.verify:
            decoded = decode_set(pictures, classifier.spec.input.preprocessing, progress)
            reference = reference_from_classifier(classifier, frozen, decoded, progress)
            parity = judge_artifacts(
                artifacts, reference, max_flip_rate=request.max_flip_rate, progress=progress
            )
            progress.step("writing the report")
            write_atomically(stage / PARITY, parity.model_dump_json())
            write_report(parity, pictures, stage / REPORT)
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
    request: Request, frozen: FrozenGraph, pictures: ReferenceSet, progress: Progress
) -> tuple[CalibrationSet | None, CalibrationAudit | None]:
    if not request.quantises_activations:
        return None, None
    preprocessing = frozen.spec.input.preprocessing
    if request.calibration is None:
        calibration = generated_calibration(preprocessing)
        progress.note(
            "integer files are calibrated on generated pictures; "
            "give real ones with --calibration DIR"
        )
    else:
        calibration = calibration_from_folder(request.calibration, preprocessing, progress)
    audit = calibration.audit(frozen, pictures if request.verify else None)
    for warning in audit.warnings():
        progress.note(warning)
    return calibration, audit


def _convert_all(
    request: Request,
    classifier: Classifier,
    frozen: FrozenGraph,
    options: Options,
    stage: Path,
    progress: Progress,
) -> tuple[list[Artifact], dict[str, float]]:
    """Write every form into ``stage``; also how many seconds each took."""
    converters: dict[str, Converter] = {}
    artifacts, seconds = [], {}
    for form, name in zip(request.forms, request.names, strict=True):
        progress.step(f"converting to {name}")
        start = perf_counter()
        if form.target not in converters:
            converters[form.target] = converter(form.target)(frozen, options)
        artifacts.append(
            _write_artifact(converters[form.target], form, classifier, options, stage / name)
        )
        seconds[name] = round(perf_counter() - start, 3)
    return artifacts, seconds


def _write_artifact(
    target: Converter, form: Form, classifier: Classifier, options: Options, path: Path
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
        input=taken,
        output=given,
        precision=precision,
        compat=options.compat if form.target == "tflite" else None,
        source=classifier.source,
        made_with=library_versions(),
    )
    target.embed(path, contract)
    complete = with_golden_scores(Artifact(path, contract))
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
