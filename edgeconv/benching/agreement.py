"""How far each artifact's scores are from the original's, or the folder's own fp32 file's."""

from __future__ import annotations

from collections.abc import Sequence

from edgeconv.artifact import Artifact
from edgeconv.benching.results import Agreement
from edgeconv.files import sha256_of
from edgeconv.manifest import PARITY
from edgeconv.parity.results import ParityRun
from edgeconv.progress import Progress

BASELINES = ("onnx", "tflite", "coreml")
"""Of which target the fp32 file is taken, if there are several: the fastest to run here."""


def agreements(artifacts: Sequence[Artifact], progress: Progress) -> dict[str, Agreement]:
    """By file name: what the folder's verification found of the very same files, or else what the
    built-in pictures show; nothing where there is no fp32 file to hold them against."""
    recorded = _recorded(artifacts)
    if len(recorded) == len(artifacts):
        return recorded
    baseline = _baseline(artifacts)
    if baseline is None:
        return recorded
    from edgeconv.verifying import verify

    run = verify(baseline.path.parent, against=baseline.path, progress=progress)
    return _of_run(run, baseline.path.name)


def _recorded(artifacts: Sequence[Artifact]) -> dict[str, Agreement]:
    record = artifacts[0].path.parent / PARITY
    if not record.is_file():
        return {}
    run = ParityRun.model_validate_json(record.read_bytes())
    known = {result.path: result.sha256 for result in run.artifacts}
    same = {one.path.name for one in artifacts if known.get(one.path.name) == sha256_of(one.path)}
    return {name: one for name, one in _of_run(run, "the original").items() if name in same}


def _of_run(run: ParityRun, held_against: str) -> dict[str, Agreement]:
    return {
        result.path: Agreement(
            held_against=held_against,
            mean_diff=gate.differences.mean_abs,
            max_diff=gate.differences.max_abs,
            flips=gate.flips.count,
            images=gate.images,
        )
        for result in run.artifacts
        if (gate := result.gates.get("file")) is not None
    }


def _baseline(artifacts: Sequence[Artifact]) -> Artifact | None:
    fp32 = {
        artifact.target: artifact
        for artifact in artifacts
        if artifact.contract.precision.asked == "fp32"
    }
    return next((fp32[target] for target in BASELINES if target in fp32), None)
