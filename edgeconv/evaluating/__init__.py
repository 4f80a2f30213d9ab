"""Labelled pictures in; accuracy, calibration, operating points and comparisons out."""

from edgeconv.evaluating.evaluation import evaluate
from edgeconv.evaluating.operating_points import MAX_F1, Aim, target_fpr, target_recall
from edgeconv.evaluating.results import Evaluation

__all__ = ["MAX_F1", "Aim", "Evaluation", "evaluate", "target_fpr", "target_recall"]
