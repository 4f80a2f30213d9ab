"""The report of a run: one HTML file that needs nothing beside itself, the verdict first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, get_args

import numpy as np
from markupsafe import Markup

from edgeconv.parity import plots
from edgeconv.parity.page import environment, file_name, number, percent, word
from edgeconv.parity.results import (
    ArtifactResult,
    Gate,
    GateResult,
    ParityRun,
    PointFlips,
    Tolerance,
    Verdict,
    WorstPicture,
)

GATES: tuple[Gate, ...] = get_args(Gate)
"""From the narrowest to the one that includes all: a device starts from a file."""

MOST_PICTURES = 12
"""How many of the worst pictures are shown."""

MOST_LABELS = 6
"""How many labels of one picture are shown: of a thousand, nearly all score nothing."""

Limit = TypeVar("Limit")


def render(run: ParityRun, thumbnails: Mapping[str, bytes]) -> str:
    """The report as HTML. It loads nothing and runs no script; the same run gives the same text.

    Args:
        run: what parity found.
        thumbnails: picture name -> small PNG. A picture without one is shown by name alone.
    """
    shown, moved = _worst(run)
    return (
        environment(Path(__file__).parent)
        .get_template("report.html.j2")
        .render(
            run=run,
            gates=GATES,
            gate_rows=_GATE_ROWS,
            widest_gate=_widest_gate,
            tally=_tally(run),
            troubles=_troubles(run),
            decided=_decided(run),
            tolerances=_asked(run, lambda gate: gate.tolerance),
            flip_rates=_asked(run, lambda gate: gate.max_flip_rate),
            agreements=_agreements(run),
            differences=_differences(run),
            strip_height=plots.STRIP_HEIGHT,
            axis_height=plots.AXIS_HEIGHT,
            worst=shown,
            moved=moved,
            thumbnails=thumbnails,
        )
    )


def _tally(run: ParityRun) -> list[tuple[Verdict, int]]:
    """How many artifacts have each verdict, the gravest first."""
    counts = Counter(artifact.verdict for artifact in run.artifacts)
    gravest_first = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS, Verdict.NOT_RUN)
    return [(verdict, counts[verdict]) for verdict in gravest_first if counts[verdict]]


def _widest_gate(artifact: ArtifactResult) -> tuple[Gate, GateResult] | None:
    """The gate whose numbers stand for the artifact: the one that includes all that ran."""
    for gate in reversed(GATES):
        if gate in artifact.gates:
            return gate, artifact.gates[gate]
    return None


@dataclass(frozen=True)
class _Trouble:
    """Why gates did not pass: the same for many, where all have the same cause."""

    verdict: Verdict
    findings: tuple[str, ...]


def _troubles(run: ParityRun) -> dict[_Trouble, dict[str, list[Gate]]]:
    """Each trouble with the files and gates that have it."""
    troubles: dict[_Trouble, dict[str, list[Gate]]] = {}
    for artifact in run.artifacts:
        for gate in GATES:
            result = artifact.gates.get(gate)
            if result is not None and result.verdict is not Verdict.PASS:
                where = troubles.setdefault(_Trouble(result.verdict, result.findings), {})
                where.setdefault(file_name(artifact.path), []).append(gate)
    return troubles


def _decided(run: ParityRun) -> list[tuple[str, int]]:
    """How many pictures the reference gives to each label, the most frequent first."""
    winners = Counter(scores.index(max(scores)) for scores in run.reference_scores)
    return [(run.labels[label], count) for label, count in winners.most_common()]


def _asked(run: ParityRun, limit: Callable[[GateResult], Limit]) -> dict[Limit, list[str]]:
    """The limits in force, each with the names of the files it was asked of."""
    asked: dict[Limit, list[str]] = {}
    for artifact in run.artifacts:
        for one in dict.fromkeys(map(limit, artifact.gates.values())):
            asked.setdefault(one, []).append(file_name(artifact.path))
    return asked


def _comparable(run: ParityRun) -> Iterator[tuple[ArtifactResult, plots.Scores, plots.Scores]]:
    """Artifacts that scored every picture, with the reference's scores and their own."""
    reference = np.array(run.reference_scores, dtype=np.float64)
    for artifact in run.artifacts:
        if [len(row) for row in artifact.scores] == [len(row) for row in run.reference_scores]:
            candidate = np.array(artifact.scores, dtype=np.float64)
            if candidate.size:
                yield artifact, reference, candidate


def _flipped(reference: plots.Scores, candidate: plots.Scores) -> plots.Marks:
    flipped: plots.Marks = reference.argmax(axis=1) != candidate.argmax(axis=1)
    return flipped


def _agreements(run: ParityRun) -> list[tuple[str, int, Markup]]:
    """A plot for each comparable artifact, with its name and the labels it changed."""
    unsafe = [label in run.unsafe_labels for label in run.labels]
    panels = []
    for artifact, reference, candidate in _comparable(run):
        flipped = _flipped(reference, candidate)
        plot = plots.agreement(reference, candidate, unsafe, flipped)
        panels.append((file_name(artifact.path), int(flipped.sum()), plot))
    return panels


@dataclass(frozen=True)
class _Differences:
    plot: Markup
    rows: list[tuple[str, float]]
    """Name and largest difference of each strip, top to bottom."""


def _differences(run: ParityRun) -> _Differences | None:
    strips, rows = [], []
    for artifact, reference, candidate in _comparable(run):
        widest = _widest_gate(artifact)
        tolerance = widest[1].tolerance if widest else None
        largest = np.abs(reference - candidate).max(axis=1)
        limit = tolerance.limit if tolerance else None
        strips.append(plots.Strip(largest, _flipped(reference, candidate), limit))
        rows.append((file_name(artifact.path), float(largest.max())))
    return _Differences(plots.differences(strips), rows) if strips else None


@dataclass(frozen=True)
class _Moved:
    """A picture whose scores one artifact moved, at the gate where it moved them most."""

    artifact: str
    gate: Gate
    picture: WorstPicture

    @property
    def weight(self) -> tuple[bool, bool, float]:
        """Flips before the rest, and what is no number before what is."""
        difference = self.picture.max_abs_diff
        broken = not math.isfinite(difference)
        return self.picture.flipped, broken, 0.0 if broken else difference

    @property
    def scores(self) -> list[tuple[str, float | None, float | None]]:
        """Label, reference's score, candidate's score; None where one does not know the label."""
        reference, candidate = self.picture.reference, self.picture.candidate
        rows = [
            (label, reference.get(label), candidate.get(label)) for label in reference | candidate
        ]
        kept = sorted(rows, key=lambda row: -max(row[1] or 0, row[2] or 0))[:MOST_LABELS]
        return [row for row in rows if row in kept]


def _worst(run: ParityRun) -> tuple[list[_Moved], int]:
    """The pictures to show, worst first, and how many there were to choose from."""
    found: dict[tuple[str, str], _Moved] = {}
    for artifact in run.artifacts:
        # Where two gates moved a picture equally, the wider one is named.
        for gate in reversed([gate for gate in GATES if gate in artifact.gates]):
            for picture in artifact.gates[gate].worst:
                moved = _Moved(file_name(artifact.path), gate, picture)
                key = (artifact.path, picture.name)
                if key not in found or moved.weight > found[key].weight:
                    found[key] = moved
    worst = sorted(found.values(), key=lambda moved: moved.weight, reverse=True)
    return worst[:MOST_PICTURES], len(worst)


def _point(point: PointFlips) -> str:
    return (
        f"{point.name} ({point.threshold:g}): {point.count}, of which {point.newly_flagged} newly "
        f"flagged, {point.newly_missed} newly missed; at most {percent(point.bound_95)}"
    )


def _limit(tolerance: Tolerance | None) -> str:
    return number(tolerance.limit) if tolerance else "no limit"


_GATE_ROWS: dict[str, Callable[[GateResult], Sequence[str]]] = {
    "Verdict": lambda gate: [word(gate.verdict)],
    "Pictures": lambda gate: [str(gate.images)],
    "Flips": lambda gate: [str(gate.flips.count)],
    "Newly flagged": lambda gate: [str(gate.flips.newly_flagged)],
    "Newly missed": lambda gate: [str(gate.flips.newly_missed)],
    "Flip rate at most, with 95 % confidence": lambda gate: [percent(gate.flips.bound_95)],
    "Flip rate allowed": lambda gate: [percent(gate.max_flip_rate)],
    "Flips at operating points": lambda gate: list(map(_point, gate.points)) or ["none given"],
    "Largest score difference": lambda gate: [number(gate.differences.max_abs)],
    "Largest allowed": lambda gate: [_limit(gate.tolerance)],
    "Mean score difference": lambda gate: [number(gate.differences.mean_abs)],
    "KL, mean (nats)": lambda gate: [number(gate.differences.kl_mean)],
    "KL, 95th percentile": lambda gate: [number(gate.differences.kl_p95)],
    "KL, largest": lambda gate: [number(gate.differences.kl_max)],
    "Findings": lambda gate: gate.findings or ["none"],
}
"""What is told of every gate: the name of a row, and the lines of its cell."""
