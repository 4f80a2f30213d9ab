"""Holds artifacts against a reference: gates, honesty, latency, verdict."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from edgeconv.artifact import Artifact
from edgeconv.contract import Precision
from edgeconv.errors import CannotRunHere
from edgeconv.files import sha256_of, size_of
from edgeconv.parity.candidate import run_candidate
from edgeconv.parity.gates import MAX_FLIP_RATE, Judge, align
from edgeconv.parity.honesty import misnamed, not_worthwhile
from edgeconv.parity.latency import measure
from edgeconv.parity.reference import Reference
from edgeconv.parity.results import (
    ArtifactResult,
    Gate,
    GateResult,
    Latency,
    ParityRun,
    Pictures,
    Verdict,
    overall,
)
from edgeconv.parity.statistics import Scores
from edgeconv.progress import Progress
from edgeconv.runtimes import Runtime, open_runtime
from edgeconv.versions import library_versions

GATES: tuple[Gate, ...] = ("tensor", "pixels", "file")


@dataclass
class _Trial:
    """One artifact under judgement, and what is found on the way."""

    artifact: Artifact
    runtime: Runtime | None
    not_run_because: str | None = None
    gates: dict[Gate, GateResult] = field(default_factory=dict)
    scores: Scores | None = None
    latency: Latency | None = None

    @property
    def precision(self) -> Precision:
        return self.artifact.contract.precision


def judge_artifacts(
    artifacts: Sequence[Artifact],
    reference: Reference,
    *,
    max_flip_rate: float | None,
    progress: Progress,
) -> ParityRun:
    """Run every artifact that this machine can run through the three gates.

    Args:
        artifacts: at least one, all of one model.
        reference: scores of the original, and the pictures they are for.
        max_flip_rate: 0..1, instead of the default of each precision.
        progress: told what is being done.
    """
    trials = [_open(artifact) for artifact in artifacts]
    running = [trial for trial in trials if trial.runtime is not None]
    pictures = reference.pictures
    progress.step(
        f"running {len(running)} artifacts on {len(pictures.names)} pictures",
        len(running) * len(pictures.names),
    )
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda trial: _run_gates(trial, reference, max_flip_rate, progress), running))
    progress.step("timing the artifacts")
    _time([trial for trial in running if trial.runtime and trial.runtime.is_the_device_runtime])

    fp32_sizes = {
        trial.artifact.form.target: size_of(trial.artifact.path)
        for trial in trials
        if trial.precision.asked == "fp32"
    }
    results = [_result(t, fp32_sizes.get(t.artifact.form.target)) for t in trials]
    verdict = overall(result.verdict for result in results)
    contract = artifacts[0].contract
    return ParityRun(
        model=contract.model,
        summary=contract.summary,
        notice=contract.notice,
        labels=reference.labels,
        unsafe_labels=contract.unsafe_labels,
        verdict=verdict,
        headline=headline(results, len(pictures.names)),
        reference=reference.description,
        pictures=Pictures(
            name=pictures.source.name,
            count=len(pictures.names),
            fingerprint=pictures.source.fingerprint,
            names=pictures.names,
            skipped=dict(pictures.skipped),
        ),
        noise_floor=reference.noise,
        reference_scores=_rows(reference.scores["file"]),
        artifacts=tuple(results),
        made_with=library_versions(),
    )


def headline(results: Sequence[ArtifactResult], pictures: int) -> str:
    """What was run, what changed and what was not run, in one sentence."""
    ran = [result for result in results if result.verdict is not Verdict.NOT_RUN]
    parts = [f"{_count(len(ran), 'artifact')}, {_count(pictures, 'picture')}, {_changes(ran)}"]
    if not ran:
        parts = ["nothing could be run here"]
    for word, seen in (("failed", Verdict.FAIL), ("inconclusive", Verdict.INCONCLUSIVE)):
        if names := [result.path for result in ran if result.verdict is seen]:
            parts.append(f"{word}: {', '.join(names)}")
    if left := [result.path for result in results if result.verdict is Verdict.NOT_RUN]:
        parts.append(f"not run here: {', '.join(left)}")
    return "; ".join(parts)


def _changes(ran: Sequence[ArtifactResult]) -> str:
    flips = {result.path: result.flips for result in ran if result.flips and result.flips.count}
    if not flips:
        return "no decision changed"
    worst = max(flips, key=lambda path: flips[path].count)
    most = (
        f"{_count(flips[worst].count, 'flip')}, "
        f"at most {flips[worst].bound_95:.1%} with 95 % confidence"
    )
    if len(flips) == 1:
        return f"decisions unchanged in all but {worst} ({most})"
    return f"decisions changed in {len(flips)} of them, most in {worst} ({most})"


def _open(artifact: Artifact) -> _Trial:
    try:
        return _Trial(artifact, open_runtime(artifact.path))
    except CannotRunHere as reason:
        return _Trial(artifact, None, reason.message)


def _run_gates(
    trial: _Trial, reference: Reference, max_flip_rate: float | None, progress: Progress
) -> None:
    assert trial.runtime is not None
    contract = trial.artifact.contract
    judge = Judge(
        contract,
        reference.labels,
        reference.pictures.names,
        reference.noise,
        MAX_FLIP_RATE[contract.precision.asked] if max_flip_rate is None else max_flip_rate,
    )
    by_gate = run_candidate(trial.runtime, contract, reference.pictures, progress)
    for gate in GATES:
        scores = align(by_gate[gate], trial.runtime.labels, reference.labels)
        trial.gates[gate] = judge.judge(reference.scores[gate], scores)
        trial.scores = scores


def _time(running: Sequence[_Trial]) -> None:
    by_name = {trial.artifact.path.name: trial for trial in running}
    fp32 = {
        trial.artifact.form.target: name
        for name, trial in by_name.items()
        if trial.precision.asked == "fp32"
    }
    latencies = measure(
        {name: trial.runtime for name, trial in by_name.items() if trial.runtime},
        {
            name: fp32[trial.artifact.form.target]
            for name, trial in by_name.items()
            if trial.artifact.form.target in fp32
        },
    )
    for name, latency in latencies.items():
        by_name[name].latency = latency


def _result(trial: _Trial, fp32_size: int | None) -> ArtifactResult:
    path = trial.artifact.path
    lie = misnamed(trial.precision)
    verdicts = [Verdict.FAIL] if lie else [gate.verdict for gate in trial.gates.values()]
    size = size_of(path)
    return ArtifactResult(
        path=path.name,
        target=trial.artifact.form.target,
        precision=trial.precision.asked,
        found=trial.precision,
        bytes=size,
        sha256=sha256_of(path),
        runtime=trial.runtime.description if trial.runtime else None,
        verdict=overall(verdicts) if verdicts else Verdict.NOT_RUN,
        note=trial.not_run_because or _stand_in(trial.runtime),
        gates=trial.gates,
        warnings=tuple(
            ([lie] if lie else []) + not_worthwhile(trial.precision, size, fp32_size, trial.latency)
        ),
        latency=trial.latency,
        scores=() if trial.scores is None else _rows(trial.scores),
    )


def _stand_in(runtime: Runtime | None) -> str | None:
    return runtime.description if runtime and not runtime.is_the_device_runtime else None


def _rows(scores: Scores) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(score, 7) for score in row) for row in scores.tolist())


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
