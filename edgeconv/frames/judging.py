"""Scoring the sampled frames of a moving picture, and its verdict."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from PIL import Image

from edgeconv.errors import ImageError, UnreadableImage
from edgeconv.frames.frame import Content, Moving
from edgeconv.frames.sampling import Sample, Sampling, by_scene
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

    While a frame is scored, the next are decoded: on two cores a video takes as long as the longer
    of the two.

    Args:
        moving: an open animation or video; it is read to its end, or to its break.
        score: RGB picture of any size to scores; called in another thread, once at a time.
        policy: judges each frame alone.
        looking: how often, and how judgements become the verdict.
        tick: called after each instant.

    Raises:
        ImageError: not one frame could be judged.
    """
    frames = by_scene(moving.frames) if looking.scenes else moving.frames
    sampling = Sampling(frames, looking.interval)
    error: ImageError | None = None
    with ThreadPoolExecutor(1, "jury") as thread:
        jury = _Jury(score, policy, thread)
        try:
            for sample in sampling:
                jury.hear(sample)
                tick()
        except ImageError as broken:
            error = broken
        jury.conclude()
    if jury.worst is None:
        raise error or UnreadableImage("no frame can be decoded", do="fetch or save it again")
    moments = timeline(jury.judged, looking.smoothing)
    return MovingVerdict(
        worst=jury.worst,
        frames=sum(judgement is not None for _, judgement in jury.judged),
        seconds=round(sampling.seconds, 3),
        moments=moments,
        spans=spans(moments, sampling.seconds),
        error=error,
    )


class _Jury:
    """Judges samples in order, in a thread; a frame that stays on the screen is scored once.

    One sample at a time is in the thread: more would be more frames in memory.
    """

    def __init__(
        self, score: Callable[[Image.Image], Scores], policy: Policy, thread: Executor
    ) -> None:
        self._score = score
        self._policy = policy
        self._thread = thread
        self._busy: Future[None] | None = None
        self._last: Content | None = None
        self._judgement: Judgement | None = None
        self.judged: list[tuple[float, Judgement | None]] = []
        self.worst: Worst | None = None

    def hear(self, sample: Sample) -> None:
        """Have a sample judged once the one before it is."""
        self.conclude()
        self._busy = self._thread.submit(self._judge, sample)

    def conclude(self) -> None:
        """Wait for the last sample's judgement; raises what scoring it raised."""
        if self._busy is not None:
            self._busy.result()

    def _judge(self, sample: Sample) -> None:
        """Note the policy's judgement; None where there is nothing to judge."""
        content = sample.content
        if content is not None and content is not self._last:
            self._judgement = self._judge_new(content)
        self._last = content
        self.judged.append((sample.t, None if content is None else self._judgement))

    def _judge_new(self, content: Content) -> Judgement | None:
        try:
            scores = self._score(content.picture())
        except ImageError:
            return None
        judgement = self._policy.judge(scores)
        if self.worst is None or judgement.unsafe_score > self.worst.judgement.unsafe_score:
            self.worst = Worst(scores, judgement, content)
        return judgement
