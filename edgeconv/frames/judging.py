"""Scoring the sampled frames of a moving picture, and its verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from PIL import Image

from edgeconv.errors import ImageError, UnreadableImage
from edgeconv.frames.frame import Content, Moving
from edgeconv.frames.sampling import Sampling, by_scene
from edgeconv.frames.timeline import Moment, Span, spans, timeline
from edgeconv.policy import Judgement, Policy, Smoothing

Scores = dict[str, float]
"""One a label, in the model's order."""


@dataclass(frozen=True)
class Looking:
    """How a moving picture is looked at.

    ``interval`` is in seconds. With ``scenes``, a frame stands for its scene: fewer are scored, and
    the timeline is as fine.
    """

    interval: float = 0.5
    scenes: bool = False
    smoothing: Smoothing = field(default_factory=Smoothing)


@dataclass(frozen=True)
class Worst:
    """The judged frame of the highest unsafe score, the first one on a tie."""

    scores: Scores
    judgement: Judgement
    content: Content


@dataclass(frozen=True)
class MovingVerdict:
    """What the policy says of a moving picture.

    ``frames`` counts the instants that were judged. ``error`` says what kept the rest from it.
    """

    worst: Worst
    frames: int
    seconds: float
    moments: tuple[Moment, ...]
    spans: tuple[Span, ...]
    error: ImageError | None


def judge(
    moving: Moving,
    score: Callable[[Image.Image], Scores],
    policy: Policy,
    looking: Looking,
    tick: Callable[[], None],
) -> MovingVerdict:
    """Score what is seen at even intervals, and smooth what the policy says of it.

    Args:
        moving: an open animation or video; it is read to its end, or to its break.
        score: RGB picture of any size to scores.
        policy: judges each frame alone.
        looking: how often, and how judgements become the verdict.
        tick: called after each instant.

    Raises:
        ImageError: not one frame could be judged.
    """
    frames = by_scene(moving.frames) if looking.scenes else moving.frames
    sampling = Sampling(frames, looking.interval)
    jury = _Jury(score, policy)
    judged = []
    error: ImageError | None = None
    try:
        for sample in sampling:
            judged.append((sample.t, jury.judge(sample.content)))
            tick()
    except ImageError as broken:
        error = broken
    if jury.worst is None:
        raise error or UnreadableImage("no frame can be decoded", do="fetch or save it again")
    moments = timeline(judged, looking.smoothing)
    return MovingVerdict(
        worst=jury.worst,
        frames=sum(judgement is not None for _, judgement in judged),
        seconds=round(sampling.seconds, 3),
        moments=moments,
        spans=spans(moments, sampling.seconds),
        error=error,
    )


class _Jury:
    """Judges frames one by one; one that stays on the screen is scored once."""

    def __init__(self, score: Callable[[Image.Image], Scores], policy: Policy) -> None:
        self._score = score
        self._policy = policy
        self._last: Content | None = None
        self._judgement: Judgement | None = None
        self.worst: Worst | None = None

    def judge(self, content: Content | None) -> Judgement | None:
        """The policy's judgement; None where there is nothing to judge."""
        if content is not None and content is not self._last:
            self._judgement = self._judge_new(content)
        self._last = content
        return None if content is None else self._judgement

    def _judge_new(self, content: Content) -> Judgement | None:
        try:
            scores = self._score(content.picture())
        except ImageError:
            return None
        judgement = self._policy.judge(scores)
        if self.worst is None or judgement.unsafe_score > self.worst.judgement.unsafe_score:
            self.worst = Worst(scores, judgement, content)
        return judgement
