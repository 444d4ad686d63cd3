"""Training: from a network's configuration, examples and a recipe to trained weights."""

from pellucid.training.batches import Batches, Examples
from pellucid.training.loop import Observer, fit
from pellucid.training.recipe import Recipe, choose_recipe
from pellucid.training.recipe_defaults import Surroundings
from pellucid.training.session import Session, WordVectors
from pellucid.training.state import State

__all__ = [
    "Batches",
    "Examples",
    "Observer",
    "Recipe",
    "Session",
    "State",
    "Surroundings",
    "WordVectors",
    "choose_recipe",
    "fit",
]
