"""From judged frames to the verdict on a moving picture: from when to when the policy flags it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from edgeconv.policy import Judgement, Smoothing, smooth

Span = tuple[float, float]
"""From, and up to but not including, in seconds."""


@dataclass(frozen=True)
class Moment:
    """One instant: the policy's judgement, and the smoothed state after it.

    ``unsafe_score`` and ``flagged`` are None where the frame could not be judged.
    """

    t: float
    unsafe_score: float | None
    flagged: bool | None
    on: bool


def timeline(
    judged: Sequence[tuple[float, Judgement | None]], smoothing: Smoothing
) -> tuple[Moment, ...]:
    """The smoothed state at each instant.

    Args:
        judged: instants in seconds, rising, and what the policy says of each frame alone; None
            where it could not be judged.
        smoothing: for files of its ``n`` frames and more; see :meth:`Smoothing.for_length`.
    """
    flags = [one.flagged if one else None for _, one in judged]
    states = smooth(flags, smoothing.for_length(len(flags) - flags.count(None)))
    return tuple(
        Moment(round(t, 3), one.unsafe_score if one else None, flagged, on)
        for (t, one), flagged, on in zip(judged, flags, states, strict=True)
    )


def spans(moments: Sequence[Moment], seconds: float) -> tuple[Span, ...]:
    """Where the state is on; a state holds until the next instant, the last until ``seconds``."""
    found = []
    for on, together in groupby(range(len(moments)), key=lambda place: moments[place].on):
        if on:
            places = list(together)
            behind = places[-1] + 1
            end = moments[behind].t if behind < len(moments) else round(seconds, 3)
            found.append((moments[places[0]].t, end))
    return tuple(found)
