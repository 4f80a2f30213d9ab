"""``run.json``: all that is needed to repeat a training, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeconv.files import sha256_of, write_atomically
from edgeconv.spec import ModelSpec
from edgeconv.training.recipe import Recipe
from edgeconv.training.strategy import workers
from edgeconv.versions import library_versions

if TYPE_CHECKING:
    from edgeconv.training.running import TrainingRun

RECORD = "run.json"


def write_record(
    folder: Path,
    spec: ModelSpec,
    recipe: Recipe,
    dataset: Mapping[str, Any],
    asked: Mapping[str, Any],
    run: TrainingRun,
) -> None:
    """Write ``run.json`` beside the weights. No clock, no host: the same run writes the same.

    Args:
        folder: where the weights were written.
        spec: the model as it was trained.
        recipe: with what was asked for instead of the spec's.
        dataset: its identity.
        asked: what else the command said.
        run: what came of it.

    Raises:
        FileError: the folder cannot be written.
    """
    record = {
        "spec": spec.model_dump(mode="json"),
        "recipe": recipe.model_dump(mode="json"),
        "dataset": dict(dataset),
        "asked": {**asked, "workers": workers().count},
        "made_with": library_versions(),
        "weights": {"file": run.weights.name, "sha256": sha256_of(folder / run.weights.name)},
        "held_out": run.held_out.model_dump(mode="json"),
        "epochs": len(run.history),
        "unreadable": run.unreadable,
        "issues": [issue.model_dump(mode="json") for issue in run.issues],
        "stopped": run.stopped,
    }
    write_atomically(folder / RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
