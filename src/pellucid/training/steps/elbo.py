"""Step of a variational autoencoder: the evidence lower bound."""

import math

import torch

from pellucid.networks import Autoencoder
from pellucid.reference.autoencoder import NOISE_VARIANCE
from pellucid.training.batches import Batch
from pellucid.training.recipe.choosing import Recipe
from pellucid.training.steps.descent import Descent
from pellucid.training.steps.step import StepResult

_LEAST_SHARE = 0.05  # of a batch in the running mean of variances


class ElboStep:
    r"""Step that teaches an autoencoder to make images.

    The loss is $(R + \beta K) / (D \ln 2)$, in bits per dimension: the reconstruction $R$ under the best
    variance for the batch and the divergence $K$ from the prior of each image's class, as in
    `reference/autoencoder.py`; $\beta$ rises during the warm-up. The network keeps a running mean of the
    variances, which stands for them when nothing is trained.

    Source: Rybkin et al. 2021, arXiv:2006.13202, section 3; Sønderby et al. 2016, "Ladder variational
        autoencoders", arXiv:1602.02282, section 2.3, for the warm-up.
    """

    def __init__(
        self, network: Autoencoder, optimizer: torch.optim.Optimizer, recipe: Recipe, examples: int
    ) -> None:
        self._descent = Descent(network, optimizer, recipe, examples)
        self._network = network
        self._recipe = recipe

    def __call__(self, batch: Batch, step: int, learning_rate: float) -> StepResult:
        """Take one step as in `Step`; the noise is drawn by torch's generator, which each step is seeded."""
        images, labels = batch.inputs.to(self._descent.device), batch.labels.to(self._descent.device)
        network = self._network
        with self._descent.arithmetic():
            found = network.posterior(images)
            noise = torch.randn_like(found.means)
            drawn = found.drawn(noise)
            decoded = network.decode(drawn, labels)
        variance = (decoded - images).square().mean() + NOISE_VARIANCE
        dimensions = images[0].numel()
        reconstruction = 0.5 * dimensions * (1 + math.log(2 * math.pi) + variance.log())
        divergence = network.divergence(found, drawn, noise, labels).mean()
        weighed = reconstruction + self._recipe.beta_at(step) * divergence
        value = self._descent.down(weighed / (dimensions * math.log(2)), batch, step, learning_rate)
        with torch.no_grad():
            network.variance.lerp_(variance.detach(), max(_LEAST_SHARE, 1 / (step + 1)))
        return StepResult(value, len(labels))
