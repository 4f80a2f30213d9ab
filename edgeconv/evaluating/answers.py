"""What a model or an exported file answers for labelled pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.artifact import Artifact
from edgeconv.classifying import ArtifactScorer, ClassifierScorer, open_scorer
from edgeconv.contract import Contract
from edgeconv.datasets.listing import Listed
from edgeconv.errors import ArtifactError, CheckpointError, UsageError
from edgeconv.evaluating.labelled import AT_ONCE, LabelledSet, labelled_set, read_inputs
from edgeconv.evaluating.metrics import Labels
from edgeconv.parity.gates import align
from edgeconv.progress import Progress
from edgeconv.spec import Embedding, ModelSpec, OperatingPoint, OutputKind, Preprocessing

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Subject:
    """A model or a file that can be asked.

    ``artifact`` is None for a model, ``spec`` for a file. ``least`` is what a score that its
    arithmetic rounds to 0 counts as in a logarithm.
    """

    scorer: ArtifactScorer | ClassifierScorer
    name: str
    runtime: str
    kind: OutputKind
    least: float
    artifact: Artifact | None
    spec: ModelSpec | None

    @property
    def labels(self) -> tuple[str, ...]:
        return self.scorer.labels

    @property
    def unsafe(self) -> tuple[str, ...]:
        return self.scorer.unsafe

    @property
    def points(self) -> tuple[OperatingPoint, ...]:
        return self.scorer.points

    @property
    def takes(self) -> Preprocessing | Embedding:
        return self.scorer.preprocessing

    def scores(self, inputs: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
        """Pixels (H, W, 3) or rows (length,), at least one, to (N, labels)."""
        if isinstance(self.scorer, ClassifierScorer):
            return self.scorer.classifier.scores(np.stack(inputs))
        return np.stack([self.scorer.score(given) for given in inputs])


def open_subject(
    model: str | Path, weights: str | Path | None = None, labels: Sequence[str] = ()
) -> Subject:
    """Load what is to be evaluated: see :func:`edgeconv.classifying.open_scorer`."""
    scorer = open_scorer(model, weights, labels)
    if isinstance(scorer, ArtifactScorer):
        contract = scorer.artifact.contract
        return Subject(
            scorer,
            name=scorer.artifact.path.name,
            runtime=scorer.runtime.description,
            kind=contract.output.kind,
            least=_least_of_file(contract),
            artifact=scorer.artifact,
            spec=None,
        )
    spec = scorer.classifier.spec
    return Subject(
        scorer,
        name=spec.name,
        runtime=scorer.classifier.network.library,
        kind=spec.output.kind,
        least=_least(spec.output.kind),
        artifact=None,
        spec=spec,
    )


@dataclass(frozen=True)
class Answered:
    """Scores for all that could be read.

    ``listed`` are these, ``scores`` is (N, labels), ``truth`` (N,) the index of each one's label;
    ``others`` are the scores of a second subject, its columns in the order of the first one's
    labels.
    """

    found: LabelledSet
    listed: tuple[Listed, ...]
    truth: Labels
    scores: Scores
    others: Scores | None


def ask(
    subject: Subject,
    data: Path,
    progress: Progress,
    other: Subject | None = None,
    mapping: Mapping[str, str] | None = None,
) -> Answered:
    """Score every picture or row of a dataset, once for both subjects.

    Raises:
        UsageError: nothing of a label can be read, or the other subject takes something else.
        Those of :func:`edgeconv.evaluating.labelled.labelled_set`.
        ArtifactError, CheckpointError: a score is not finite.
    """
    if other is not None:
        _must_be_comparable(subject, other)
    found = labelled_set(data, subject.labels, subject.takes, mapping)
    progress.step(f"running {subject.name}", len(found.listed))
    readable = _readable(found, progress)
    asked: list[int] = []
    scores: list[NDArray[np.float32]] = []
    others: list[NDArray[np.float32]] = []
    while batch := list(islice(readable, AT_ONCE)):
        numbers, given = zip(*batch, strict=True)
        scores.append(_finite(subject, subject.scores(given)))
        if other is not None:
            answered = _finite(other, other.scores(given))
            others.append(align(answered, other.labels, subject.labels))
        asked += numbers
    truth = np.array([found.inputs.labels[one] for one in asked], np.intp)
    _must_have_every_label(found, set(truth.tolist()), subject.labels)
    return Answered(
        found=found,
        listed=tuple(found.listed[one] for one in asked),
        truth=truth,
        scores=np.concatenate(scores).astype(np.float64),
        others=np.concatenate(others).astype(np.float64) if others else None,
    )


def _readable(found: LabelledSet, progress: Progress) -> Iterator[tuple[int, NDArray[Any]]]:
    for number, given in read_inputs(found.inputs):
        progress.advance()
        if given is not None:
            yield number, given


def _must_be_comparable(subject: Subject, other: Subject) -> None:
    """Both know the same labels and take the same pictures.

    Raises:
        UsageError: they do not.
    """
    if set(subject.labels) != set(other.labels):
        raise UsageError(
            f"{subject.name} and {other.name} have other labels",
            got=", ".join(other.labels),
            expected=", ".join(subject.labels),
        )
    if subject.takes != other.takes:
        raise UsageError(
            f"{subject.name} and {other.name} take other {subject.takes.noun}s",
            got=f"{other.takes.extent}, prepared as {other.takes!r}",
            expected=f"{subject.takes.extent}, prepared as {subject.takes!r}",
        )


def _must_have_every_label(found: LabelledSet, readable: set[int], labels: Sequence[str]) -> None:
    """Some files may be broken; a label of which nothing can be read is an error."""
    if lost := set(found.inputs.labels) - readable:
        raise UsageError(
            f"nothing of {', '.join(labels[one] for one in sorted(lost))} in {found.place} "
            "can be read",
            got=[f"{name}: {reason}" for name, reason in found.inputs.unreadable.items()][:5],
            expected="something sound of every label",
        )


def _finite(subject: Subject, scores: NDArray[np.float32]) -> NDArray[np.float32]:
    broken = ~np.isfinite(scores).all(axis=1)
    if broken.any():
        kind = CheckpointError if subject.artifact is None else ArtifactError
        raise kind(
            f"{subject.name} gives scores that are no numbers",
            got=str(scores[broken][0].tolist()),
            expected="finite scores",
            do="edgeconv verify says where they come from",
        )
    return scores


def _least(kind: OutputKind) -> float:
    """Half of float32's last place near 1, where a complement is taken; else its smallest."""
    info = np.finfo(np.float32)
    return float(info.tiny if kind == "softmax" else info.epsneg)


def _least_of_file(contract: Contract) -> float:
    if contract.output.score_step:
        return contract.output.score_step / 2
    if contract.precision.activation_type == "float16":
        return float(np.finfo(np.float16).smallest_subnormal)
    return _least(contract.output.kind)
