"""Holds artifacts against a reference: gates, honesty, latency, verdict."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from edgeconv.artifact import Artifact
from edgeconv.files import sha256_of, size_of
from edgeconv.parity.candidate import GATES, Answers
from edgeconv.parity.gates import FLOAT32_MULTIPLE, MAX_FLIP_RATE, Judge, align
from edgeconv.parity.honesty import misnamed, not_worthwhile, pointless, repeated
from edgeconv.parity.latency import measure
from edgeconv.parity.recording import Recording
from edgeconv.parity.reference import Reference
from edgeconv.parity.results import (
    ArtifactResult,
    Gate,
    GateResult,
    ParityRun,
    Pictures,
    Verdict,
    overall,
)
from edgeconv.parity.statistics import Scores
from edgeconv.parity.trial import Trial, open_trial, recorded_trial
from edgeconv.progress import Progress
from edgeconv.versions import library_versions

_GRAVITY = (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL)


def judge_artifacts(
    artifacts: Sequence[Artifact],
    reference: Reference,
    *,
    max_flip_rate: float | None,
    progress: Progress,
    recording: Recording | None = None,
    answered: Callable[[Artifact, Sequence[Answers]], None] | None = None,
) -> ParityRun:
    """Run every artifact that this machine can run through the three gates.

    Args:
        artifacts: at least one, all of one model.
        reference: scores of the original, and the pictures they are for.
        max_flip_rate: 0..1, instead of the default of each precision.
        progress: told what is being done.
        recording: of the one artifact there is; judged in place of running it.
        answered: told what each artifact answered.

    Raises:
        UsageError: the recording is of another file, or of other pictures.
    """
    pictures = reference.pictures
    trials = [
        recorded_trial(artifact, recording, pictures) if recording else open_trial(artifact)
        for artifact in artifacts
    ]
    to_judge = [trial for trial in trials if trial.ran]
    samples = _count(len(pictures.names), pictures.preprocessing.noun)
    progress.step(
        f"running {len(to_judge)} artifacts on {samples}",
        sum(trial.runs for trial in to_judge) * len(pictures.names),
    )
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda trial: trial.run(pictures, progress), to_judge))
    for trial in to_judge:
        if answered:
            answered(trial.artifact, trial.answers)
        _run_gates(trial, reference, max_flip_rate)
    progress.step("timing the artifacts")
    _time([trial for trial in to_judge if any(r.is_the_device_runtime for r in trial.runtimes)])

    fp32_sizes = {
        trial.artifact.target: size_of(trial.artifact.path)
        for trial in trials
        if trial.precision.asked == "fp32"
    }
    results = _compared([_result(t, fp32_sizes.get(t.artifact.target)) for t in trials])
    verdict = overall(result.verdict for result in results)
    contract = artifacts[0].contract
    return ParityRun(
        model=contract.model,
        summary=contract.summary,
        notice=contract.notice,
        labels=reference.labels,
        unsafe_labels=contract.unsafe_labels,
        verdict=verdict,
        headline=headline(results, len(pictures.names), pictures.preprocessing.noun),
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


def headline(results: Sequence[ArtifactResult], samples: int, noun: str) -> str:
    """What was run, what changed and what was not run, in one sentence."""
    ran = [result for result in results if result.verdict is not Verdict.NOT_RUN]
    parts = [f"{_count(len(ran), 'artifact')}, {_count(samples, noun)}, {_changes(ran)}"]
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


def _run_gates(trial: Trial, reference: Reference, max_flip_rate: float | None) -> None:
    """Judge every runtime's answers; the gravest result of each gate stands for the artifact."""
    contract = trial.artifact.contract
    judge = Judge(
        contract,
        reference.labels,
        reference.pictures.names,
        reference.noise,
        MAX_FLIP_RATE[contract.precision.asked] if max_flip_rate is None else max_flip_rate,
        reference.points,
    )
    judged: dict[Gate, list[tuple[GateResult, Scores]]] = {}
    for gate in _applicable(trial, reference):
        for answers in trial.answers:
            scores = align(answers.scores[gate], answers.labels, reference.labels)
            result = judge.judge(reference.scores[gate], scores)
            if len(trial.answers) > 1:
                findings = tuple(f"{answers.runtime}: {finding}" for finding in result.findings)
                result = result.model_copy(update={"findings": findings})
            judged.setdefault(gate, []).append((result, scores))
    if reference.noise and reference.noise.float32 * FLOAT32_MULTIPLE >= 1:
        trial.notes.append(
            f"the original strays from itself by {reference.noise.float32:.2g}: no tolerance can "
            "be held to, and decisions alone are judged"
        )
    for gate, found in judged.items():
        trial.gates[gate], trial.scores = max(found, key=lambda one: _gravity(one[0]))


def _applicable(trial: Trial, reference: Reference) -> tuple[Gate, ...]:
    """The gates that can be judged; the trial notes why one cannot, or what it does not tell."""
    theirs, ours = trial.artifact.normalisation, reference.normalisation
    if theirs != ours:
        trial.notes.append(
            "no tensor gate: the file takes "
            + ("pixels 0..255" if theirs is None else "pixels normalised as the spec says")
            + ", and the reference another tensor"
        )
        return tuple(gate for gate in GATES if gate != "tensor")
    if theirs is not None:
        trial.notes.append("normalisation is the spec's for both files, and taken on trust")
    return GATES


def _gravity(result: GateResult) -> tuple[int, float]:
    return _GRAVITY.index(result.verdict), result.differences.max_abs


def _time(running: Sequence[Trial]) -> None:
    by_name = {trial.artifact.path.name: trial for trial in running}
    fp32 = {
        trial.artifact.target: name
        for name, trial in by_name.items()
        if trial.precision.asked == "fp32"
    }
    latencies = measure(
        {name: trial.runtimes[0] for name, trial in by_name.items()},
        {
            name: fp32[trial.artifact.target]
            for name, trial in by_name.items()
            if trial.artifact.target in fp32
        },
    )
    for name, latency in latencies.items():
        by_name[name].latency = latency


def _result(trial: Trial, fp32_size: int | None) -> ArtifactResult:
    path = trial.artifact.path
    lie = misnamed(trial.precision) if trial.artifact.assumed is None else None
    verdicts = [Verdict.FAIL] if lie else [gate.verdict for gate in trial.gates.values()]
    size = size_of(path)
    return ArtifactResult(
        path=path.name,
        target=trial.artifact.target,
        precision=trial.precision.asked,
        found=trial.precision,
        bytes=size,
        sha256=sha256_of(path),
        runtime=trial.runtime,
        verdict=overall(verdicts) if verdicts else Verdict.NOT_RUN,
        note="; ".join(trial.notes) or None,
        gates=trial.gates,
        warnings=tuple(
            ([lie] if lie else []) + not_worthwhile(trial.precision, size, fp32_size, trial.latency)
        ),
        latency=trial.latency,
        scores=() if trial.scores is None else _rows(trial.scores),
    )


def _compared(results: Sequence[ArtifactResult]) -> list[ArtifactResult]:
    """The results, where a file is worth nothing beside another one failed for it."""
    compared = []
    for place, result in enumerate(results):
        before, others = results[:place], [*results[:place], *results[place + 1 :]]
        found = [repeated(result, before)]
        if result.precision != "fp32":
            found.append(pointless(result, others))
        if faults := tuple(filter(None, found)):
            update = {"verdict": Verdict.FAIL, "warnings": (*faults, *result.warnings)}
            compared.append(result.model_copy(update=update))
        else:
            compared.append(result)
    return compared


def _rows(scores: Scores) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(score, 7) for score in row) for row in scores.tolist())


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
