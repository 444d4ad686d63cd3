"""Freezing: towards the end the first block of `cnn` stays as it is, and gradients need not reach it.

Its maps are the largest and its weights the first to settle; forwards it still computes, and its batch norm
goes on following the data.

Source: Brock, Lim, Ritchie and Weston 2017, "FreezeOut: accelerate training by progressively freezing
layers", arXiv:1706.04983.
"""

from torch import nn

from pellucid.training.recipe.choosing import Recipe

FIRST = "body.block1."


class Freezing:
    """The first block of a network, of which the recipe says when it stays as it is.

    Args:
        network: whose parameters of that block learn at first.
        recipe: how many epochs there are, and in how many of them the block learns.
    """

    def __init__(self, network: nn.Module, recipe: Recipe) -> None:
        self._learns_for = recipe.epochs - recipe.frozen_epochs
        named = network.named_parameters() if recipe.frozen_epochs else ()
        self._parameters = [each for name, each in named if name.startswith(FIRST) and each.requires_grad]

    def at(self, epoch: int) -> None:
        """Make the block ready for an epoch, counted from 0."""
        for each in self._parameters:
            each.requires_grad_(epoch < self._learns_for)

    def end(self) -> None:
        """Let the block learn again, whoever trains it next."""
        for each in self._parameters:
            each.requires_grad_(True)
