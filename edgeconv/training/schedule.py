"""The learning rate: a climb at the start, then down by steps, a line or a cosine."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgeconv.training.recipe import Recipe, ReduceOnPlateau

SMALLEST_GAIN = 1e-4
"""A loss counts as better when it is lower by at least this, as in Keras."""


@dataclass
class Plateau:
    """The state of a ``ReduceLROnPlateau``: how far the rate has come down, and the wait so far."""

    scale: float = 1.0
    best: float = math.inf
    waited: int = 0

    def after_epoch(self, loss: float, options: ReduceOnPlateau) -> None:
        """Take note of an epoch's held-out loss."""
        if loss < self.best - SMALLEST_GAIN:
            self.best, self.waited = loss, 0
            return
        self.waited += 1
        if self.waited >= options.patience:
            self.scale *= options.factor
            self.waited = 0


def learning_rate(recipe: Recipe, plateau: Plateau, epochs_done: float, step: float) -> float:
    """The rate for the next step.

    Args:
        recipe: the rate to start from, how long to climb to it, and how it comes down.
        plateau: how far it has come down by steps.
        epochs_done: since training began, with the part of the current one.
        step: the part of an epoch that the next step is.
    """
    optimizer = recipe.optimizer
    climb = optimizer.warmup_epochs
    if epochs_done < climb:
        warm = min(1.0, (epochs_done + step) / climb)
        start, end = optimizer.warmup_from, optimizer.learning_rate * plateau.scale
        return start + (end - start) * warm
    if recipe.schedule in {"constant", "plateau"}:
        return optimizer.learning_rate * plateau.scale
    through = (epochs_done - climb) / (recipe.epochs - climb)
    left = 1 - through if recipe.schedule == "line" else (1 + math.cos(math.pi * through)) / 2
    return optimizer.learning_rate * left
