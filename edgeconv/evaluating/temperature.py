"""Temperature scaling: one number that divides all logits (Guo et al. 2017).

It changes how sure a model is of its labels, and never which label is the best.
"""

from __future__ import annotations

import numpy as np

from edgeconv.errors import UsageError
from edgeconv.evaluating.metrics import Labels
from edgeconv.evaluating.reliability import Scores, negative_log_likelihood
from edgeconv.spec import OutputKind

SMALLEST, LARGEST = 0.02, 50.0
"""Temperatures beyond these mean that there is no best one."""


def best_temperature(scores: Scores, truth: Labels, kind: OutputKind, least: float) -> float:
    """The temperature under which the true labels are likeliest.

    Args:
        scores: (N, labels) of the model as it is.
        truth: (N,) the index of each row's true label.
        kind: what the scores are.
        least: what a score that was rounded to 0 counts as.

    Raises:
        UsageError: the scores have no temperature, or there is no best one for these pictures.
    """
    from scipy.optimize import minimize_scalar

    if kind == "linear":
        raise UsageError(
            "linear scores have no temperature",
            got="a model whose score is no probability",
            do="leave --fit-temperature out",
        )

    def loss(log_temperature: float) -> float:
        scaled = with_temperature(scores, np.exp(log_temperature), kind, least)
        return negative_log_likelihood(scaled, truth, kind, np.finfo(np.float64).tiny)

    # Convex in 1/T, so that it has one minimum in log T.
    bounds = (float(np.log(SMALLEST)), float(np.log(LARGEST)))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-9})
    if min(map(loss, bounds)) <= found.fun:
        all_right = bool((scores.argmax(axis=1) == truth).all())
        raise UsageError(
            "no temperature suits these pictures best",
            got="every one of them is right: the surer, the better"
            if all_right
            else "the scores tell next to nothing of the labels",
            do="give more pictures, borderline ones among them",
        )
    return float(np.exp(found.x))


def with_temperature(scores: Scores, temperature: float, kind: OutputKind, least: float) -> Scores:
    """(N, labels) scores as they are once all logits are divided by a temperature.

    The logarithms of softmax scores are the logits but for a constant a row, which no softmax
    sees; those of independent scores are had from each score and its complement.

    Args:
        least: what a score that was rounded to 0 counts as.
    """
    if kind == "multi-label":
        logits = np.log(np.maximum(scores, least)) - np.log(np.maximum(1 - scores, least))
        return np.asarray(1 / (1 + np.exp(-logits / temperature)))
    logits = np.log(np.maximum(scores, least)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
