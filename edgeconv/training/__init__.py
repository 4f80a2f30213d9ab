"""Training and fine-tuning, by the recipe of a model's spec."""

from edgeconv.training.evaluation import Evaluation
from edgeconv.training.history import Epoch
from edgeconv.training.loop import TrainingRun, train
from edgeconv.training.recipe import Recipe, recipe_of

__all__ = ["Epoch", "Evaluation", "Recipe", "TrainingRun", "recipe_of", "train"]
