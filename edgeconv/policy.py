"""From scores to a verdict: thresholds, and smoothing over the frames of a moving picture.

One policy for Python, the device scripts and Swift. ``tests/vectors/`` holds it as JSON, and all of
them pass it. Plain double arithmetic in a stated order, so that every language gets the same bits.

"Any frame flagged" calls nearly every long video unsafe: at an error of 6 % a frame it flagged 98 %
of safe ones, and 4 of 8 flagged 1.4 % at the same recall (independent errors, synthetic).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isfinite

from edgeconv.errors import UnknownName, UsageError
from edgeconv.spec import OperatingPoint

DEFAULT_POINT = "balanced"
"""The operating point that is taken where none is named and the contract has it."""


@dataclass(frozen=True)
class Judgement:
    """What the policy says of one input.

    ``label`` has the highest score, the first one on a tie. ``unsafe_score`` is the sum of the
    scores of the unsafe labels. ``point`` names the operating point that decided, if one did.
    """

    label: str
    unsafe_score: float
    flagged: bool
    point: str | None


@dataclass(frozen=True)
class Policy:
    """How scores are judged.

    Without ``point`` an input is flagged when its label is unsafe; with one, when its unsafe score
    reaches the threshold.
    """

    labels: tuple[str, ...]
    unsafe_labels: tuple[str, ...]
    point: OperatingPoint | None = None

    def judge(self, scores: Mapping[str, float]) -> Judgement:
        """Judge one input by its scores, one a label.

        Scores that hold NaN or infinity are flagged: a broken model is never taken for a safe
        picture.
        """
        label = max(self.labels, key=scores.__getitem__)
        # From the left, in the order of the unsafe labels: sum() compensates from Python 3.12 on.
        unsafe_score = 0.0
        for name in self.unsafe_labels:
            unsafe_score += scores[name]
        if not all(isfinite(score) for score in scores.values()):
            flagged = True
        elif self.point is None:
            flagged = label in self.unsafe_labels
        else:
            flagged = unsafe_score >= self.point.threshold
        return Judgement(label, unsafe_score, flagged, self.point.name if self.point else None)


def choose_point(points: Sequence[OperatingPoint], name: str | None) -> OperatingPoint | None:
    """The operating point of that name; without a name ``balanced``, else the first, else none.

    Raises:
        UnknownName: none is called so.
        UsageError: one is named, and there are none.
    """
    known = {point.name: point for point in points}
    if name is None:
        return known.get(DEFAULT_POINT) or next(iter(points), None)
    if not known:
        raise UsageError(
            f"the model has no operating point {name!r}",
            got="a model without any",
            do="leave the point out: the label with the highest score then decides",
        )
    if name not in known:
        raise UnknownName("operating point", name, known)
    return known[name]


@dataclass(frozen=True)
class Smoothing:
    """k of n with hysteresis.

    The state is off at first. It turns on when at least ``k`` of the last ``n`` frames are flagged,
    and off again when at most ``release`` of them are. Before ``n`` frames there are fewer.

    A frame that could not be judged counts as flagged where ``fail_closed`` (a live shield); else
    (a file) it takes no place among the last ``n``, and leaves the state as it is.

    Raises:
        UsageError: not 1 <= k <= n and 0 <= release < k.
    """

    n: int = 8
    k: int = 4
    release: int = 1
    fail_closed: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.release < self.k <= self.n:
            raise UsageError(
                "no such smoothing",
                got=f"k = {self.k} of n = {self.n}, release = {self.release}",
                expected="0 <= release < k <= n",
            )

    def for_length(self, frames: int) -> Smoothing:
        """For a file that has fewer than ``n`` frames in all: the same share of those it has.

        Nothing so short could ever reach ``k``; a GIF of two unsafe frames must.
        """
        if frames >= self.n:
            return self
        n = max(1, frames)
        k = ceil(self.k * n / self.n)
        return Smoothing(n, k, min(self.release, k - 1), self.fail_closed)


class Smoother:
    """The state of a :class:`Smoothing` from frame to frame."""

    def __init__(self, smoothing: Smoothing) -> None:
        self._smoothing = smoothing
        self._window: deque[bool] = deque(maxlen=smoothing.n)
        self.on = False

    def push(self, flagged: bool | None) -> bool:
        """Take the next frame, None where it could not be judged; the state after it."""
        how = self._smoothing
        if flagged is None and not how.fail_closed:
            return self.on
        self._window.append(flagged is not False)
        count = sum(self._window)
        if count >= how.k:
            self.on = True
        elif count <= how.release:
            self.on = False
        return self.on


def smooth(flags: Iterable[bool | None], smoothing: Smoothing) -> list[bool]:
    """The state after each frame."""
    smoother = Smoother(smoothing)
    return [smoother.push(flagged) for flagged in flags]
