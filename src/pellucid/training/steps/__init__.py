"""One step of training, one class per objective: forward, loss, backward, update."""

from collections.abc import Callable
from typing import Any

import torch

from pellucid.networks import HeadAlone, Network
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
    kind: Callable[[Any, torch.optim.Optimizer, Recipe, int], Step] = _OF_GENERATORS.get(
        recipe.loss, RegressionStep if examples.is_regression else ClassificationStep
    )
    return kind(network, optimizer, recipe, len(examples.train))


_OF_GENERATORS: dict[str, Callable[[Any, torch.optim.Optimizer, Recipe, int], Step]] = {
    "elbo": ElboStep,
    "adversarial": AdversarialStep,
}
"""By the loss."""
