"""All that a training needs to go on after an interruption, in one file."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import TrainingError
from edgeconv.files import write_atomically
from edgeconv.training.history import Epoch
from edgeconv.training.schedule import Plateau

STATE = "state.npz"

Tensors = list[NDArray[Any]]


@dataclass
class RunState:
    """Where a training stands between two epochs.

    ``weights``, ``best_weights`` and ``optimizer`` are in the order of the model and of its
    optimizer. ``identity`` is what was asked for: a run is resumed only where it is the same.
    ``stopped`` says why the run ended before its last epoch.
    """

    identity: dict[str, Any]
    weights: Tensors = field(default_factory=list)
    best_weights: Tensors = field(default_factory=list)
    optimizer: Tensors = field(default_factory=list)
    best_loss: float = math.inf
    plateau: Plateau = field(default_factory=Plateau)
    history: list[Epoch] = field(default_factory=list)
    stopped: str | None = None


def has_state(folder: Path) -> bool:
    """Whether an earlier run left its state here."""
    return (folder / STATE).exists()


def forget_half_written(folder: Path) -> None:
    """Remove what a run that was killed while it wrote its state has left behind."""
    for left in folder.glob(f".{STATE}.*"):
        left.unlink(missing_ok=True)


def save_state(folder: Path, state: RunState) -> None:
    """Write the state, whole or not at all.

    Raises:
        FileError: the folder cannot be written.
    """
    said = {
        "identity": state.identity,
        "best_loss": state.best_loss,
        "plateau": asdict(state.plateau),
        "history": [epoch.model_dump(mode="json") for epoch in state.history],
        "stopped": state.stopped,
    }
    arrays: dict[str, Any] = {
        "said": np.array(json.dumps(said)),
        **_numbered("weights", state.weights),
        **_numbered("best_weights", state.best_weights),
        **_numbered("optimizer", state.optimizer),
    }
    content = io.BytesIO()
    np.savez(content, **arrays)
    write_atomically(folder / STATE, content.getvalue())


def load_state(folder: Path, identity: dict[str, Any]) -> RunState | None:
    """The state that an earlier run left in the folder; None where there is none.

    Raises:
        TrainingError: the state cannot be read, or is that of another training.
    """
    path = folder / STATE
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            said = json.loads(str(file["said"]))
            state = RunState(
                identity=said["identity"],
                weights=_collected("weights", file),
                best_weights=_collected("best_weights", file),
                optimizer=_collected("optimizer", file),
                best_loss=said["best_loss"],
                plateau=Plateau(**said["plateau"]),
                history=[Epoch(**row) for row in said["history"]],
                stopped=said["stopped"],
            )
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise TrainingError(
            f"the training in {folder} cannot be resumed",
            got=f"{STATE}: {error}",
            do="remove the folder, or choose another one with --out",
        ) from error
    if state.identity != identity:
        other = [key for key in identity if identity[key] != state.identity.get(key)]
        raise TrainingError(
            f"{folder} holds another training",
            got="another " + ", ".join(other),
            do="choose another folder with --out, or remove this one",
        )
    return state


def _numbered(name: str, tensors: Sequence[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {f"{name}/{number:04d}": tensor for number, tensor in enumerate(tensors)}


def _collected(name: str, file: Any) -> Tensors:
    return [file[key] for key in sorted(file.files) if key.startswith(f"{name}/")]
