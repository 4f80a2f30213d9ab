"""How well a model, or an exported file, does on pictures whose labels are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeconv.errors import UsageError
from edgeconv.evaluating.answers import Answered, Subject, ask, open_subject
from edgeconv.evaluating.comparison import compare
from edgeconv.evaluating.curves import Marks, Numbers, curve
from edgeconv.evaluating.metrics import Labels, confusion_matrix, label_results, rate
from edgeconv.evaluating.operating_points import Aim, choose, measure, presets
from edgeconv.evaluating.reliability import Scores, calibration
from edgeconv.evaluating.results import Comparison, Evaluation, Mistake, PointResult, TemperatureFit
from edgeconv.evaluating.saving import save_points, save_spec
from edgeconv.evaluating.temperature import best_temperature, with_temperature
from edgeconv.files import write_atomically
from edgeconv.parity.statistics import unsafe_scores
from edgeconv.progress import Progress, Silent
from edgeconv.versions import library_versions

MISTAKES = 24
"""How many of the worst are named."""


@dataclass(frozen=True)
class Wanted:
    """What is to be found besides how good a model is.

    ``presets`` stands for the operating points ``strict``, ``balanced`` and ``lenient``.
    """

    points: tuple[Aim, ...] = ()
    presets: bool = False
    temperature: bool = False

    @property
    def any_points(self) -> bool:
        return bool(self.points) or self.presets


def evaluate(
    model: str | Path,
    data: str | Path,
    *,
    weights: str | Path | None = None,
    labels: Sequence[str] = (),
    mapping: Mapping[str, str] | None = None,
    against: str | Path | None = None,
    points: Sequence[Aim] = (),
    presets: bool = False,
    fit_temperature: bool = False,
    save: bool = False,
    toml: str | Path | None = None,
    html: str | Path | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Judge a model or an exported file by labelled pictures, or rows of embeddings.

    Args:
        model: an artifact, which is run itself; a known model, a spec (TOML), or a checkpoint.
        data: one of :func:`edgeconv.datasets.opening.forms`; its test part where it is split.
        weights: the checkpoint, where the model does not bring its own.
        labels: of the scores, for a checkpoint that names none.
        mapping: the dataset's label -> the model's, where they differ.
        against: another artifact, known model or checkpoint, to hold the decisions against.
        points: operating points to choose; see :mod:`edgeconv.evaluating.operating_points`.
        presets: choose ``strict``, ``balanced`` and ``lenient``.
        fit_temperature: fit the temperature that suits these pictures best; all else is then about
            the scores with it.
        save: put the chosen operating points into the artifact.
        toml: where to write the model's spec with temperature and operating points.
        html: where to write the report.
        progress: told what is being done.

    Raises:
        UsageError: a request that cannot be met, or a dataset that does not fit the model.
        UnknownName: a label of the dataset is none of the model.
        DatasetError, EmbeddingError, MissingDependency: the dataset cannot be read or understood.
        ArtifactError, CheckpointError: the model is broken, or its scores are no numbers.
        FileError: something cannot be written.
    """
    progress = progress or Silent()
    wanted = Wanted(tuple(points), presets, fit_temperature)
    progress.step(f"loading {model}")
    subject = open_subject(model, weights, labels)
    _must_be_possible(subject, wanted, save, toml)
    other = None if against is None else open_subject(against)
    answered = ask(subject, Path(data), progress, other, mapping)
    progress.step("measuring")
    found = _evaluation(subject, answered, wanted, other)
    points_found = [one.point for one in found.points if one.chosen]
    if save and subject.artifact is not None:
        save_points(subject.artifact, points_found)
    if toml is not None and subject.spec is not None:
        total = found.temperature.total if found.temperature else None
        save_spec(subject.spec, total, points_found, Path(toml))
    if html is not None:
        from edgeconv.evaluating.report import render

        write_atomically(Path(html), render(found, {one.name: one for one in answered.listed}))
    return found


@dataclass(frozen=True)
class _Held:
    """Scores (N, labels) and what they are held against, (N,) each."""

    truth: Labels
    scores: Scores
    decided: Labels
    unsafe_scores: Numbers
    is_unsafe: Marks


def _evaluation(
    subject: Subject, answered: Answered, wanted: Wanted, other: Subject | None
) -> Evaluation:
    fit = _fit(subject, answered) if wanted.temperature else None
    held = _held(subject, answered, fit)
    confusion = confusion_matrix(held.truth, held.decided, len(subject.labels))
    return Evaluation(
        model=subject.name,
        runtime=subject.runtime,
        notice=subject.scorer.notice,
        labels=subject.labels,
        unsafe_labels=subject.unsafe,
        noun=subject.takes.noun,
        data=str(answered.found.place),
        pictures=len(answered.listed),
        unreadable=answered.found.inputs.unreadable,
        absent=answered.found.absent,
        accuracy=rate(int(confusion.trace()), len(held.truth)),
        confusion=tuple(map(tuple, confusion.tolist())),
        by_label=label_results(confusion, subject.labels, subject.unsafe),
        curves={
            label: drawn
            for index, label in enumerate(subject.labels)
            if (drawn := curve(held.scores[:, index], held.truth == index))
        },
        unsafe=curve(held.unsafe_scores, held.is_unsafe),
        calibration=calibration(held.scores, held.truth, subject.kind, subject.least),
        temperature=fit,
        points=_points(subject, held, wanted),
        comparison=_comparison(subject, answered, held, other),
        mistakes=_mistakes(subject, answered, held),
        made_with=library_versions(),
    )


def _held(subject: Subject, answered: Answered, fit: TemperatureFit | None) -> _Held:
    scores = answered.scores
    if fit is not None:
        scores = with_temperature(scores, fit.temperature, subject.kind, subject.least)
    unsafe = np.isin(subject.labels, subject.unsafe)
    return _Held(
        truth=answered.truth,
        scores=scores,
        decided=answered.scores.argmax(axis=1),
        unsafe_scores=unsafe_scores(scores, unsafe),
        is_unsafe=unsafe[answered.truth],
    )


def _fit(subject: Subject, answered: Answered) -> TemperatureFit:
    how = subject.kind, subject.least
    temperature = best_temperature(answered.scores, answered.truth, *how)
    already = subject.spec.output.temperature if subject.spec else 1.0
    after = with_temperature(answered.scores, temperature, *how)
    return TemperatureFit(
        temperature=temperature,
        total=temperature * already,
        before=calibration(answered.scores, answered.truth, *how),
        after=calibration(after, answered.truth, *how),
    )


def _points(subject: Subject, held: _Held, wanted: Wanted) -> tuple[PointResult, ...]:
    """Those that were asked for; else what the model's own do here."""
    if not wanted.any_points:
        return tuple(
            measure(point, held.unsafe_scores, held.is_unsafe)
            for point in subject.points
            if not wanted.temperature
        )
    named = presets(held.unsafe_scores, held.is_unsafe) if wanted.presets else ()
    aimed = choose(held.unsafe_scores, held.is_unsafe, wanted.points) if wanted.points else ()
    return (*named, *aimed)


def _comparison(
    subject: Subject, answered: Answered, held: _Held, other: Subject | None
) -> Comparison | None:
    if other is None or answered.others is None:
        return None
    before = answered.others.argmax(axis=1)
    return compare(other.name, other.runtime, held.truth, before, held.decided, subject.labels)


def _mistakes(subject: Subject, answered: Answered, held: _Held) -> tuple[Mistake, ...]:
    """The surest first: those whose score leads that of the true label by most."""
    rows = np.arange(len(held.truth))
    lead = held.scores[rows, held.decided] - held.scores[rows, held.truth]
    wrong = np.flatnonzero(held.decided != held.truth)
    worst = wrong[np.argsort(-lead[wrong], kind="stable")][:MISTAKES]
    return tuple(
        Mistake(
            name=answered.listed[row].name,
            truth=subject.labels[held.truth[row]],
            decided=subject.labels[held.decided[row]],
            scores=dict(zip(subject.labels, held.scores[row].tolist(), strict=True)),
        )
        for row in worst
    )


def _must_be_possible(
    subject: Subject, wanted: Wanted, save: bool, toml: str | Path | None
) -> None:
    """Said before an hour of pictures, not after it."""
    if wanted.any_points and not subject.unsafe:
        raise UsageError(
            f"{subject.name} has no unsafe labels, and so no operating points",
            do="name them in its spec: unsafe = [...]",
        )
    if save and subject.artifact is None:
        raise UsageError(
            "--save puts operating points into an exported file",
            got=f"the model {subject.name}",
            do="keep them in its page: --toml mine.toml, and export that",
        )
    if save and not wanted.any_points:
        raise UsageError(
            "--save has no operating points to save",
            do="ask for some: --presets, --target-fpr 1%, --target-recall 99% or --max-f1",
        )
    if toml is not None and subject.spec is None:
        raise UsageError(
            "--toml writes the page of a model",
            got=f"the exported file {subject.name}, which has none",
            do="keep operating points in the file itself with --save, or evaluate the model",
        )
