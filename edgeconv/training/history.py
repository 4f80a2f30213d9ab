"""What each epoch brought, as numbers and as a picture."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

from edgeconv.files import write_atomically
from edgeconv.spec import Strict

NUMBERS = "history.json"
PLOT = "history.png"


class Epoch(Strict):
    """One epoch. ``loss`` is that of the training pictures as they went by, with augmentation and
    dropout; the ``val_`` figures are those of the held-out pictures afterwards.
    """

    epoch: int
    learning_rate: float
    loss: float
    val_loss: float
    val_accuracy: float


def write_numbers(folder: Path, epochs: Sequence[Epoch]) -> None:
    """Write ``history.json``.

    Raises:
        FileError: the folder cannot be written.
    """
    rows = [epoch.model_dump(mode="json") for epoch in epochs]
    write_atomically(folder / NUMBERS, json.dumps(rows, indent=1) + "\n")


def write_plot(folder: Path, epochs: Sequence[Epoch]) -> Path:
    """Write ``history.png``, and say where it is.

    Raises:
        FileError: the folder cannot be written.
    """
    write_atomically(folder / PLOT, _plot(epochs))
    return folder / PLOT


def _plot(epochs: Sequence[Epoch]) -> bytes:
    """Losses, accuracy and learning rate under each other, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 7), layout="constrained")
    FigureCanvasAgg(figure)
    losses, accuracies, rates = figure.subplots(3, sharex=True)
    numbers = [epoch.epoch for epoch in epochs]
    losses.plot(numbers, [epoch.loss for epoch in epochs], ".-", label="training")
    losses.plot(numbers, [epoch.val_loss for epoch in epochs], ".-", label="held out")
    losses.set_ylabel("loss")
    losses.legend()
    accuracies.plot(numbers, [100 * epoch.val_accuracy for epoch in epochs], ".-", color="C1")
    accuracies.set_ylabel("held-out accuracy, %")
    rates.plot(numbers, [epoch.learning_rate for epoch in epochs], ".-", color="C2")
    rates.set(ylabel="learning rate", xlabel="epoch", yscale="log")
    for axes in (losses, accuracies, rates):
        axes.grid(alpha=0.3)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=110)
    return png.getvalue()
