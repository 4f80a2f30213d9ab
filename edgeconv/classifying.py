"""Labels and scores for pictures, by a model or by an exported file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgeconv.artifact import SUFFIXES, open_artifact
from edgeconv.errors import ImageError
from edgeconv.images import find_images, load_pixels
from edgeconv.progress import Progress, Silent
from edgeconv.runtimes import as_contracted, open_runtime
from edgeconv.spec import Preprocessing

STDIN = "-"


@dataclass(frozen=True)
class Decision:
    """What a model says of one picture. ``unsafe`` is whether its best label is an unsafe one."""

    file: str
    label: str
    unsafe: bool
    scores: dict[str, float]


@dataclass(frozen=True)
class Unreadable:
    """A picture that could not be classified, and why."""

    file: str
    error: str


class Scorer(Protocol):
    """Anything that classifies pixels."""

    labels: tuple[str, ...]
    unsafe: tuple[str, ...]
    notice: str | None
    preprocessing: Preprocessing

    def score(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(H, W, 3) RGB pixels at the model's size to (labels,) scores."""


class ArtifactScorer:
    """An exported file in its runtime, used as its contract says."""

    def __init__(self, path: Path) -> None:
        contract = open_artifact(path).contract
        self._runtime = open_runtime(path)
        self._input = contract.input
        self.labels = self._runtime.labels
        self.unsafe = contract.unsafe_labels
        self.notice = contract.notice
        self.preprocessing = contract.input.preprocessing

    def score(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._runtime.run(as_contracted(pixels, self._input))


class ClassifierScorer:
    """The original model in Keras."""

    def __init__(self, model: str | Path, weights: Path | None) -> None:
        from edgeconv.classifier import load_classifier

        self._classifier = load_classifier(model, weights)
        spec = self._classifier.spec
        self.labels = spec.labels
        self.unsafe = spec.unsafe
        self.notice = spec.notice
        self.preprocessing = spec.input.preprocessing

    def score(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        (scores,) = self._classifier.scores(pixels[None])
        return np.asarray(scores)


def open_scorer(model: str | Path, weights: str | Path | None = None) -> Scorer:
    """A scorer for an artifact, a known model, a spec, or a checkpoint."""
    if Path(model).suffix in SUFFIXES:
        return ArtifactScorer(Path(model))
    return ClassifierScorer(model, Path(weights) if weights else None)


def classify(
    scorer: Scorer,
    files: Sequence[str | Path],
    *,
    stdin: bytes | None = None,
    progress: Progress | None = None,
) -> Iterator[Decision | Unreadable]:
    """Classify files and the pictures inside folders, one by one, in name order.

    A picture that cannot be read becomes an :class:`Unreadable`; the rest is classified.

    Args:
        scorer: from :func:`open_scorer`.
        files: paths of images or folders; ``-`` stands for ``stdin``.
        stdin: the content of an image file.
        progress: told how far it is.

    Raises:
        UsageError: a path that does not exist.
    """
    progress = progress or Silent()
    paths = find_images([Path(file) for file in files if str(file) != STDIN])
    sources: list[tuple[str, Path | bytes]] = [(str(path), path) for path in paths]
    if STDIN in map(str, files):
        sources.append((STDIN, stdin or b""))
    progress.step("classifying", len(sources))
    for name, source in sources:
        try:
            yield _decision(scorer, name, source)
        except ImageError as error:
            yield Unreadable(name, str(error))
        progress.advance()


def _decision(scorer: Scorer, name: str, source: Path | bytes) -> Decision:
    scores = scorer.score(load_pixels(source, scorer.preprocessing, name))
    label = scorer.labels[int(scores.argmax())]
    return Decision(
        file=name,
        label=label,
        unsafe=label in scorer.unsafe,
        scores=dict(zip(scorer.labels, scores.tolist(), strict=True)),
    )
