"""Labels and scores for pictures, moving ones and embeddings, by a model or an exported file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeconv.artifact import SUFFIXES, open_artifact
from edgeconv.embeddings import checked, find_row_files, read_rows
from edgeconv.errors import InputError, MissingDependency, NoContract
from edgeconv.frames.finding import find_media
from edgeconv.frames.frame import Moving
from edgeconv.frames.judging import Looking, MovingVerdict, judge
from edgeconv.frames.opening import open_moving
from edgeconv.frames.timeline import Moment, Span
from edgeconv.images import decode, resize
from edgeconv.policy import Policy, choose_point
from edgeconv.progress import Progress, Silent
from edgeconv.runtimes import as_contracted, open_runtime
from edgeconv.spec import Embedding, OperatingPoint, Preprocessing

STDIN = "-"


@dataclass(frozen=True)
class Decision:
    """What the policy says of one picture or row: its best label, and whether it is flagged.

    A row is named by its file and its place in it: ``rows.npy[17]``.
    """

    file: str
    label: str
    unsafe: bool
    scores: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class MovingDecision(Decision):
    """What the policy says of an animation or video.

    ``unsafe``: whether it is flagged at any time, smoothed over its frames. ``label`` and
    ``scores`` are those of the worst frame by unsafe score, which alone does not make it unsafe.

    ``frames`` counts the instants that were judged, of ``seconds``; ``spans`` says from when to
    when it is flagged. ``error``, if there is one, says why the rest was not judged.
    """

    frames: int
    seconds: float
    spans: tuple[Span, ...]
    timeline: tuple[Moment, ...]
    error: str | None = None

    @classmethod
    def of(cls, file: str, verdict: MovingVerdict) -> MovingDecision:
        """What was found of the file."""
        return cls(
            file=file,
            label=verdict.worst.judgement.label,
            unsafe=bool(verdict.spans),
            scores=verdict.worst.scores,
            frames=verdict.frames,
            seconds=verdict.seconds,
            spans=verdict.spans,
            timeline=verdict.moments,
            error=str(verdict.error) if verdict.error else None,
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values; ``error`` where there is one."""
        values = asdict(self)
        return values if self.error else {key: values[key] for key in values if key != "error"}


@dataclass(frozen=True)
class Unreadable:
    """A picture, a row or a file that could not be classified, and why."""

    file: str
    error: str

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


class Copies(Protocol):
    """Receives what was classified, to keep a copy of it."""

    def keep(self, decision: Decision, picture: Image.Image) -> None:
        """``picture`` is RGB and upright; of a moving one, its worst frame."""


class Scorer(Protocol):
    """Anything that classifies pixels or rows."""

    labels: tuple[str, ...]
    unsafe: tuple[str, ...]
    notice: str | None
    preprocessing: Preprocessing | Embedding
    points: tuple[OperatingPoint, ...]

    def score(self, given: NDArray[Any]) -> NDArray[np.float32]:
        """uint8 RGB pixels (H, W, 3) at the model's size, or a float32 row, to (labels,) scores."""


class ArtifactScorer:
    """An exported file in its runtime, used as its contract says."""

    def __init__(self, path: Path) -> None:
        self.artifact = open_artifact(path)
        self.runtime = open_runtime(path)
        contract = self.artifact.contract
        self.labels = self.runtime.labels
        self.unsafe = contract.unsafe_labels
        self.notice = contract.notice
        self.preprocessing = contract.input.preprocessing
        self.points = contract.operating_points

    def score(self, given: NDArray[Any]) -> NDArray[np.float32]:
        return self.runtime.run(as_contracted(given, self.artifact.contract.input))


class ClassifierScorer:
    """The original model."""

    def __init__(self, model: str | Path, weights: Path | None, labels: Sequence[str] = ()) -> None:
        from edgeconv.classifier import load_classifier

        self.classifier = load_classifier(model, weights, labels)
        spec = self.classifier.spec
        self.labels = spec.labels
        self.unsafe = spec.unsafe
        self.notice = spec.notice
        self.preprocessing = spec.input.preprocessing
        self.points = spec.operating_points

    def score(self, given: NDArray[Any]) -> NDArray[np.float32]:
        (scores,) = self.classifier.scores(given[None])
        return np.asarray(scores)


def open_scorer(
    model: str | Path, weights: str | Path | None = None, labels: Sequence[str] = ()
) -> ArtifactScorer | ClassifierScorer:
    """A scorer for an artifact, a known model, a spec, or a checkpoint.

    A file of ours is run as it stands; one without our contract (an ``.onnx`` of somebody else) is
    a checkpoint.
    """
    if Path(model).suffix in SUFFIXES:
        try:
            return ArtifactScorer(Path(model))
        except NoContract:
            if Path(model).suffix != ".onnx":
                raise
    return ClassifierScorer(model, Path(weights) if weights else None, labels)


def classify(
    scorer: Scorer,
    files: Sequence[str | Path],
    *,
    stdin: bytes | None = None,
    point: str | None = None,
    looking: Looking | None = None,
    copies: Sequence[Copies] = (),
    progress: Progress | None = None,
) -> Iterator[Decision | Unreadable]:
    """Classify files and what is inside folders, one by one, in name order.

    What cannot be read becomes an :class:`Unreadable`; the rest is classified. An animated GIF,
    WebP or PNG and a video become a :class:`MovingDecision`.

    Args:
        scorer: from :func:`open_scorer`; says whether pictures or ``.npy`` rows are wanted.
        files: paths of images, videos or folders; ``-`` stands for ``stdin``.
        stdin: the content of one file.
        point: the operating point that decides; see :func:`~edgeconv.policy.choose_point`.
        looking: how moving pictures are sampled and smoothed.
        copies: each is given every picture that was classified.
        progress: told how far it is.

    Raises:
        UnknownName: the model has operating points, and none is called so.
        UsageError: it has none at all.
        FileError: a folder cannot be read, or a copy not be written.
    """
    policy = Policy(tuple(scorer.labels), scorer.unsafe, choose_point(scorer.points, point))
    sources = _sources(scorer, files, stdin)
    session = _Session(scorer, policy, looking or Looking(), copies, progress or Silent())
    return session.run(sources)


_Named = tuple[str, Path | bytes]
"""What a file is called, and the file or its content."""


def _sources(scorer: Scorer, files: Sequence[str | Path], stdin: bytes | None) -> list[_Named]:
    named = [Path(file) for file in files if str(file) != STDIN]
    rows = isinstance(scorer.preprocessing, Embedding)
    paths = find_row_files(named) if rows else find_media(named)
    sources: list[_Named] = [(str(path), path) for path in paths]
    if STDIN in map(str, files):
        sources.append((STDIN, stdin or b""))
    return sources


@dataclass(frozen=True)
class _Session:
    """One run over files, all judged alike."""

    scorer: Scorer
    policy: Policy
    looking: Looking
    copies: Sequence[Copies]
    progress: Progress

    def run(self, sources: Sequence[_Named]) -> Iterator[Decision | Unreadable]:
        how = self.scorer.preprocessing
        self.progress.step("classifying", len(sources))
        for number, (name, source) in enumerate(sources, 1):
            if isinstance(how, Embedding):
                yield from self._rows(name, source, how)
            else:
                yield self._picture(name, source, how, len(sources) - number)
            self.progress.advance()

    def _rows(
        self, name: str, source: Path | bytes, how: Embedding
    ) -> Iterator[Decision | Unreadable]:
        try:
            rows = read_rows(source, how, name)
        except InputError as error:
            yield Unreadable(name, str(error))
            return
        for number, row in enumerate(rows):
            place = f"{name}[{number}]"
            try:
                yield self._decision(place, checked(row, how, place))
            except InputError as error:
                yield Unreadable(place, str(error))

    def _picture(
        self, name: str, source: Path | bytes, how: Preprocessing, remaining: int
    ) -> Decision | Unreadable:
        try:
            with open_moving(source, how.background, name) as moving:
                if moving is not None:
                    return self._moving(name, moving, how, remaining)
            return self._still(name, decode(source, how, name), how)
        except (InputError, MissingDependency) as error:
            return Unreadable(name, str(error))

    def _still(self, name: str, picture: Image.Image, how: Preprocessing) -> Decision:
        decision = self._decision(name, resize(picture, how))
        for copies in self.copies:
            copies.keep(decision, picture)
        return decision

    def _moving(
        self, name: str, moving: Moving, how: Preprocessing, remaining: int
    ) -> MovingDecision:
        progress = self.progress if moving.seconds else Silent()
        progress.step(f"classifying {name}", ceil((moving.seconds or 0) / self.looking.interval))
        verdict = judge(
            moving,
            lambda picture: self._scores(resize(picture, how)),
            self.policy,
            self.looking,
            progress.advance,
        )
        if remaining:
            progress.step("classifying", remaining + 1)
        decision = MovingDecision.of(name, verdict)
        for copies in self.copies:
            copies.keep(decision, verdict.worst.content.picture())
        return decision

    def _decision(self, name: str, given: NDArray[Any]) -> Decision:
        scores = self._scores(given)
        judgement = self.policy.judge(scores)
        return Decision(name, judgement.label, judgement.flagged, scores)

    def _scores(self, given: NDArray[Any]) -> dict[str, float]:
        return dict(zip(self.scorer.labels, self.scorer.score(given).tolist(), strict=True))
