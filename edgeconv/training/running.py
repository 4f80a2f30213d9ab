"""One call of ``edgeconv train``: the data looked at, the model trained, written and measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from edgeconv.architectures import build
from edgeconv.checkpoints import read, safetensors
from edgeconv.checkpoints.fitting import fill
from edgeconv.datasets.listing import SPLITS
from edgeconv.files import locked, staging
from edgeconv.progress import Progress, Silent
from edgeconv.spec import ModelSpec
from edgeconv.training.audit import Audit, audit
from edgeconv.training.data import Dataset, open_dataset
from edgeconv.training.evaluation import HeldOut, evaluate
from edgeconv.training.history import PLOT, Epoch, write_numbers, write_plot
from edgeconv.training.label_issues import LabelIssue, label_issues
from edgeconv.training.loop import Trainer
from edgeconv.training.recipe import Recipe, recipe_of
from edgeconv.training.run_record import RECORD, write_record
from edgeconv.training.state import RunState, forget_half_written, has_state
from edgeconv.training.strategy import StrategyName, strategy_of, workers


@dataclass(frozen=True)
class TrainingRun:
    """A finished training.

    ``held_out`` was measured with the written weights, rounded as they are. ``unreadable`` counts
    the pictures that were left out; ``stopped`` says why it ended early. ``issues`` are pictures
    whose label is likely wrong, the most suspicious first.
    """

    weights: Path
    plot: Path
    record: Path
    held_out: HeldOut
    history: tuple[Epoch, ...]
    unreadable: int
    issues: tuple[LabelIssue, ...]
    stopped: str | None


def train(
    spec: ModelSpec,
    data: Path | None,
    out: Path,
    *,
    body: str | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    labels: Mapping[str, str] | None = None,
    split: float | None = None,
    strict: bool = False,
    strategy: StrategyName = "auto",
    tensorboard: bool = False,
    progress: Progress | None = None,
) -> TrainingRun:
    """Train a model by the recipe of its spec; go on where an interrupted run left off.

    Args:
        spec: the model, its labels and its recipe.
        data: one of :func:`edgeconv.datasets.opening.forms`; without it, the pictures that the
            recipe says edgeconv shall draw.
        out: gets ``<model>.safetensors``, ``run.json``, ``history.json``, ``history.png`` and the
            state. Several workers share it.
        body: instead of the recipe's: ``imagenet``, ``none``, or a checkpoint.
        epochs: instead of the recipe's. More than before makes a finished run go on, but for
            schedules that end at the last epoch.
        seed: instead of the recipe's.
        labels: instead of the recipe's: which label of the model others count as.
        split: the share of each label that is kept from training, where ``data`` has no test
            pictures.
        strict: whether a picture that cannot be read is an error.
        strategy: see :func:`edgeconv.training.strategy.strategy_of`.
        tensorboard: whether to write ``out/tensorboard`` too.
        progress: is told what is being done.

    Raises:
        SpecError: the spec cannot be built or holds no recipe.
        UsageError: there are no pictures, or the request contradicts itself.
        DatasetError: the data cannot be understood.
        TrainingError: the pictures do not fit the labels, or no epoch gave a finite loss.
        CheckpointError, DownloadError: the body's weights cannot be had.
        CannotRunHere: the strategy's workers do not find each other.
        FileError: the folder cannot be written.
    """
    said = progress or Silent()
    recipe = recipe_of(spec, body=body, epochs=epochs, seed=seed, labels=labels)
    # First of all: several workers must meet before tensorflow computes anything.
    computing = strategy_of(strategy)
    dataset = _opened(spec, data, recipe, split)
    with _written(out) as written, staging(written) as scratch:
        if strict or not has_state(out):
            for warning in audit(dataset, spec, said, strict=strict).warnings:
                said.note(warning)
        trainer = Trainer(
            spec, recipe, dataset, out, written, scratch, computing, tensorboard, said
        )
        run = _finished(trainer.run(), spec, recipe, dataset, out, written, said)
        asked = {"data": data and str(data), "split": split, "strategy": strategy}
        write_record(written, spec, recipe, dataset.identity, asked, run)
        return run


def audit_data(
    spec: ModelSpec,
    data: Path | None,
    *,
    seed: int | None = None,
    labels: Mapping[str, str] | None = None,
    split: float | None = None,
    strict: bool = False,
    progress: Progress | None = None,
) -> Audit:
    """Look at a dataset as :func:`train` would before the first step, and do nothing else.

    Arguments and errors are those of :func:`train`.
    """
    recipe = recipe_of(spec, seed=seed, labels=labels)
    dataset = _opened(spec, data, recipe, split)
    return audit(dataset, spec, progress or Silent(), strict=strict)


def _opened(spec: ModelSpec, data: Path | None, recipe: Recipe, split: float | None) -> Dataset:
    return open_dataset(
        spec, data, recipe.generated, mapping=recipe.labels, share=split, seed=recipe.seed
    )


@contextmanager
def _written(out: Path) -> Iterator[Path]:
    """The folder to write: ``out`` for the first worker, one that is thrown away for others."""
    if workers().number == 0:
        with locked(out):
            forget_half_written(out)
            yield out
    else:
        with TemporaryDirectory() as thrown_away:
            yield Path(thrown_away)


def _finished(
    state: RunState,
    spec: ModelSpec,
    recipe: Recipe,
    dataset: Dataset,
    out: Path,
    written: Path,
    progress: Progress,
) -> TrainingRun:
    """Write the best weights, and measure what was written."""
    name = f"{spec.name}.safetensors"
    progress.step(f"writing and measuring {name}")
    # Built anew: on one device, and in float32 as it will be used.
    model: Any = build(spec)
    model.set_weights(state.best_weights)
    safetensors.write(model, written / name, recipe.stored)
    # What is measured is what was written, with its rounding.
    fill(model, read(written / name).tensors, name, spec.name)
    write_numbers(written, state.history)
    write_plot(written, state.history)
    splits = dict(zip(SPLITS, (dataset.train, dataset.held_out), strict=True))
    return TrainingRun(
        weights=out / name,
        plot=out / PLOT,
        record=out / RECORD,
        held_out=evaluate(model, dataset.held_out, spec),
        history=tuple(state.history),
        unreadable=sum(len(split.unreadable) for split in splits.values()),
        issues=tuple(
            issue
            for which, split in splits.items()
            if not split.changes
            for issue in label_issues(model, split, spec, which)
        ),
        stopped=state.stopped,
    )
