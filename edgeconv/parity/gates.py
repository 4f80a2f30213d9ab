"""The verdict of one gate: decisions first, then tolerance, then what a broken model cannot pass.

The three gates differ only in what reference and candidate are fed; see
:mod:`edgeconv.parity.candidate` and :mod:`edgeconv.parity.reference`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeconv.contract import Contract
from edgeconv.parity.results import GateResult, NoiseFloor, Tolerance, Verdict, WorstPicture
from edgeconv.parity.statistics import (
    Scores,
    differences,
    label_flips,
    margins,
    point_flips,
    upper_bound_95,
)
from edgeconv.spec import OperatingPoint
from edgeconv.targets import QUANTISED

MAX_FLIP_RATE = {"fp32": 0.01, "fp16": 0.03, **dict.fromkeys(QUANTISED, 0.08)}
"""The largest flip rate, with 95 % confidence, that a precision may have and pass.

Loose for rounded weights because the built-in set is full of borderline pictures on purpose.
"""

FLOAT32_MULTIPLE = 64.0
FLOAT16_MULTIPLE = 4.0
SMALLEST_FLOOR = 2.0**-20
"""About eight units in the last place of a score near one: below that, a measured floor is luck."""

HALF_STEP = 2.0**-12
"""How far a score near one moves when it is rounded to float16: a file that computes in float16
rounds its scores, however little the rounding of weights does to them."""

LEAST_RANGE = 0.1
"""A reference whose scores all stay within this cannot tell a good file from a bad one."""

WORST_SHOWN = 8

ADD_SOFTMAX = (
    "export it with softmax as its last operation, or, where its scores are independent of each "
    "other, with sigmoid and kind under [output] of --spec"
)


@dataclass(frozen=True)
class Judge:
    """What one artifact is judged by.

    ``labels`` are the reference's, in the order of the columns of scores; ``names`` are those of
    the pictures, one a row. ``points`` are the reference's operating points.
    """

    contract: Contract
    labels: tuple[str, ...]
    names: Sequence[str]
    noise: NoiseFloor | None
    max_flip_rate: float
    points: tuple[OperatingPoint, ...] = ()

    def judge(self, reference: Scores, candidate: Scores) -> GateResult:
        """Hold a candidate's (N, labels) scores against the reference's.

        Both have their columns in the order of ``labels``: see :func:`align`.
        """
        unsafe = np.isin(self.labels, self.contract.unsafe_labels)
        broken = self._broken_invariants(candidate)
        comparable = np.nan_to_num(candidate, posinf=1.0, neginf=0.0)
        flips = label_flips(reference, comparable, unsafe)
        points = point_flips(
            reference, comparable, unsafe, self.contract.operating_points, self.points
        )
        apart = differences(reference, comparable)
        tolerance = self._tolerance()

        failures = list(broken)
        if tolerance and apart.max_abs > tolerance.limit:
            failures.append(
                f"scores differ by up to {apart.max_abs:.2g}, more than {tolerance.limit:.2g} "
                f"({tolerance.multiple:g} times the noise floor)"
            )
        rates = {"best label": flips, **{f"operating point {p.name}": p for p in points}}
        for what, found in rates.items():
            if found.count > self.max_flip_rate * found.images:
                failures.append(
                    f"{found.count} of {found.images} decisions flip ({what}), "
                    f"more than {self.max_flip_rate:.1%}"
                )
        doubts = self._doubts(reference)
        for what, found in rates.items():
            if found.bound_95 > self.max_flip_rate:
                doubts.append(
                    f"the flip rate ({what}) may be {found.bound_95:.2%} with 95 % confidence; "
                    f"{self.max_flip_rate:.1%} is allowed; more pictures would tell"
                )
        verdict = Verdict.FAIL if failures else Verdict.INCONCLUSIVE if doubts else Verdict.PASS
        return GateResult(
            verdict=verdict,
            images=len(reference),
            flips=flips,
            points=points,
            differences=apart,
            max_flip_rate=self.max_flip_rate,
            tolerance=tolerance,
            findings=tuple(failures or doubts),
            worst=self._worst(reference, comparable),
        )

    def _tolerance(self) -> Tolerance | None:
        """For float files, a multiple of how far the reference strays from itself."""
        if self.noise is None:
            return None
        precision = self.contract.precision.asked
        if precision == "fp32":
            floor, multiple = self.noise.float32, FLOAT32_MULTIPLE
            kind = "the reference against itself: threads, batch and graph optimisation"
        elif precision == "fp16":
            floor, multiple = self.noise.float16_weights, FLOAT16_MULTIPLE
            kind = "the reference against itself with its weights rounded to float16"
            if self.contract.precision.activation_type == "float16":
                floor = max(floor, HALF_STEP)
        else:
            return None
        floor = max(floor, SMALLEST_FLOOR)
        return Tolerance(limit=multiple * floor, noise_floor=floor, multiple=multiple, kind=kind)

    def _broken_invariants(self, candidate: Scores) -> list[str]:
        """What no working classifier does, whatever the reference says."""
        findings = []
        output = self.contract.output
        if not np.isfinite(candidate).all():
            findings.append("some scores are not finite, or a label is missing")
        elif output.kind != "linear" and not _within_zero_and_one(candidate):
            findings.append("some scores lie outside 0..1")
        if output.kind != "multi-label":
            allowed = 2e-3 + len(self.labels) * (output.score_step or 0.0) / 2
            sums = candidate.sum(axis=1)
            off = float(np.abs(sums - 1).max())
            if not off <= allowed:
                findings.append(f"scores do not sum to one: off by up to {off:.3g}")
            if output.kind == "softmax" and _look_like_logits(candidate):
                findings.append(f"the file gives logits, not scores: {ADD_SOFTMAX}")
        if len(candidate) > 1 and float(np.ptp(candidate, axis=0).max()) < 1e-6:
            findings.append("scores are the same for every picture")
        return findings

    def _doubts(self, reference: Scores) -> list[str]:
        """Why a pass would mean nothing."""
        doubts = []
        if self.contract.output.kind == "softmax" and _look_like_logits(reference):
            doubts.append(f"the reference gives logits, not scores: {ADD_SOFTMAX}")
        spread = float(np.ptp(reference, axis=0).max()) if len(reference) else 0.0
        if spread < LEAST_RANGE:
            doubts.append(f"the reference's scores vary by {spread:.2g} only: any file would pass")
        elif len(set(reference.argmax(axis=1).tolist())) < 2:
            doubts.append("the reference gives every picture the same label: no flip can show")
        least = upper_bound_95(0, len(reference))
        if least > self.max_flip_rate:
            doubts.append(
                f"{len(reference)} pictures bound the flip rate at {least:.2%} at best; "
                f"{self.max_flip_rate:.1%} is asked for"
            )
        return doubts

    def _worst(self, reference: Scores, candidate: Scores) -> tuple[WorstPicture, ...]:
        gap = np.abs(reference - candidate).max(axis=1)
        flipped = reference.argmax(axis=1) != candidate.argmax(axis=1)
        lead = margins(reference)
        order = np.lexsort((np.arange(len(gap)), -gap, ~flipped))[:WORST_SHOWN]
        return tuple(
            WorstPicture(
                name=self.names[row],
                reference=self._by_label(reference[row]),
                candidate=self._by_label(candidate[row]),
                max_abs_diff=float(gap[row]),
                margin=float(lead[row]),
                flipped=bool(flipped[row]),
            )
            for row in order
        )

    def _by_label(self, scores: NDArray[np.float32]) -> dict[str, float]:
        return dict(zip(self.labels, scores.tolist(), strict=True))


def _look_like_logits(scores: Scores) -> bool:
    """Whether these are what a softmax is still to be taken of, rather than wrong scores."""
    return bool(np.isfinite(scores).all()) and not _within_zero_and_one(scores)


def _within_zero_and_one(scores: Scores) -> bool:
    return bool(scores.min() >= -1e-3 and scores.max() <= 1 + 1e-3)


def align(scores: Scores, labels: tuple[str, ...], wanted: tuple[str, ...]) -> Scores:
    """Columns named ``labels`` in the order ``wanted``.

    Scores are compared label by label, so that a file whose labels are swapped does not pass. A
    label that is not there becomes NaN, which no gate lets pass.
    """
    columns = {label: scores[:, index] for index, label in enumerate(labels)}
    missing = np.full(len(scores), np.nan, np.float32)
    return np.stack([columns.get(label, missing) for label in wanted], axis=1)
