"""Training and fine-tuning, by the recipe of a model's spec."""

from edgeconv.training.audit import Audit
from edgeconv.training.evaluation import HeldOut
from edgeconv.training.history import Epoch
from edgeconv.training.recipe import Recipe, recipe_of
from edgeconv.training.running import TrainingRun, audit_data, train

__all__ = [
    "Audit",
    "Epoch",
    "HeldOut",
    "Recipe",
    "TrainingRun",
    "audit_data",
    "recipe_of",
    "train",
]
