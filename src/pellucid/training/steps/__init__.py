"""One step of training, one class per objective: forward, loss, backward, update."""

from collections.abc import Callable
from typing import Any

import torch

from pellucid.networks import HeadAlone, Network
from pellucid.tasks import CLASSIFICATION, REGRESSION, Target
from pellucid.training.batches import Examples
from pellucid.training.recipe.choosing import Recipe
from pellucid.training.steps.adversarial import AdversarialStep
from pellucid.training.steps.elbo import ElboStep
from pellucid.training.steps.predicting import ClassificationStep, RegressionStep
from pellucid.training.steps.step import Step, StepResult

__all__ = [
    "AdversarialStep",
    "ClassificationStep",
    "ElboStep",
    "RegressionStep",
    "Step",
    "StepResult",
    "make_step",
]


def make_step(
    network: Network | HeadAlone, optimizer: torch.optim.Optimizer, recipe: Recipe, examples: Examples
) -> Step:
    """The step of training for the objective of the recipe."""
    kind = _OF_GENERATORS.get(recipe.loss) or _OF_TARGETS[examples.target]
    return kind(network, optimizer, recipe, len(examples.train))


_Make = Callable[[Any, torch.optim.Optimizer, Recipe, int], Step]

# By the loss.
_OF_GENERATORS: dict[str, _Make] = {"elbo": ElboStep, "adversarial": AdversarialStep}

_OF_TARGETS: dict[Target, _Make] = {CLASSIFICATION: ClassificationStep, REGRESSION: RegressionStep}
