"""The learning rate: a climb at the start, and a step down where the loss no longer falls."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgeconv.training.recipe import Optimizer, ReduceOnPlateau

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


def learning_rate(optimizer: Optimizer, plateau: Plateau, epochs_done: float) -> float:
    """The rate for the next step.

    Args:
        optimizer: the rate to start from, and how long to climb to it.
        plateau: how far it has come down since.
        epochs_done: since training began, with the part of the current one.
    """
    climb = optimizer.warmup_epochs
    warm = min(1.0, epochs_done / climb) if climb else 1.0
    return optimizer.learning_rate * plateau.scale * warm
