"""From scores to decisions: thresholds for one picture, k of n with hysteresis for a stream.

edgeconv's other programs (Python, Swift) decide by the same rules, and are held to the same
test vectors.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from moderation.bundle import BundleError

DEFAULT_POINT = "balanced"


@dataclass(frozen=True)
class Decision:
    """About one picture; ``point`` is the operating point it was made at, None where none is."""

    label: str
    unsafe_score: float
    flagged: bool
    point: str | None


def decide(contract: Mapping[str, Any], scores: Mapping[str, float], point: str | None) -> Decision:
    """Flag a picture whose unsafe scores sum to the threshold.

    Without an operating point, a picture is flagged whose highest score is an unsafe label's.
    Scores that hold NaN or infinity are flagged: a broken model says nothing of a picture.

    Args:
        contract: of the model.
        scores: by label.
        point: an operating point's name; None for the default one.

    Raises:
        BundleError: the contract has no point of that name.
    """
    label = max(contract["labels"], key=lambda name: scores[name])
    # From the left: sum() compensates from Python 3.12 on.
    unsafe_score = 0.0
    for name in contract["unsafe_labels"]:
        unsafe_score += scores[name]
    chosen = operating_point(contract, point)
    if not all(isfinite(score) for score in scores.values()):
        flagged = True
    elif chosen is None:
        flagged = label in contract["unsafe_labels"]
    else:
        flagged = unsafe_score >= chosen["threshold"]
    return Decision(label, unsafe_score, flagged, chosen["name"] if chosen else None)


def operating_point(contract: Mapping[str, Any], name: str | None) -> dict[str, Any] | None:
    """The point of that name; by default the one called "balanced", else the first, else None.

    Raises:
        BundleError: the contract has no point of that name.
    """
    points = {point["name"]: point for point in contract["operating_points"]}
    if name is not None and name not in points:
        raise BundleError(f"no operating point {name!r}; there is: {', '.join(points) or 'none'}")
    if name is None and points:
        name = DEFAULT_POINT if DEFAULT_POINT in points else next(iter(points))
    return None if name is None else points[name]


class Smoothing:
    """On when ``k`` of the last ``n`` frames are flagged; off again when ``release`` or fewer are.

    A frame that could not be judged counts as flagged where ``fail_closed``; else it is passed
    over.
    """

    def __init__(self, n: int = 8, k: int = 4, release: int = 1, fail_closed: bool = True) -> None:
        if not 0 <= release < k <= n:
            raise BundleError(f"smoothing needs 0 <= release < k <= n, not {release}, {k}, {n}")
        self.n, self._k, self._release, self._fail_closed = n, k, release, fail_closed
        self._window: deque[bool] = deque(maxlen=n)
        self.on = False

    @property
    def full(self) -> bool:
        """Whether ``n`` frames have been seen."""
        return len(self._window) == self.n

    def see(self, flagged: bool | None) -> bool:
        """Whether it is on after one more frame; None is one that could not be judged."""
        if flagged is not None or self._fail_closed:
            self._window.append(flagged is not False)
        count = sum(self._window)
        self.on = count > self._release if self.on else count >= self._k
        return self.on
