"""One step of adversarial training: the discriminator learns, then the generator."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from pellucid.networks import Adversarial
from pellucid.training.batches import Batch
from pellucid.training.recipe.choosing import Recipe
from pellucid.training.steps.descent import Descent
from pellucid.training.steps.step import StepResult

Scores = Float[Tensor, " batch"]


def discriminator_loss(real: Scores, made: Scores) -> Tensor:
    r"""Mean of $\ln(1 + e^{-s}) + \ln(1 + e^{\tilde s})$, $s$ scores of real images, $\tilde s$ of made ones.

    Source: Goodfellow et al. 2014, eq. 1, in scores before the sigmoid.
    """
    return F.softplus(-real).mean() + F.softplus(made).mean()


def generator_loss(made: Scores) -> Tensor:
    r"""Mean of $\ln(1 + e^{-\tilde s})$: made images are to be taken for real.

    Source: Goodfellow et al. 2014, section 3, for the loss that does not saturate.
    """
    return F.softplus(-made).mean()


class AdversarialStep:
    r"""Step that teaches a generator to make images, and a discriminator to tell them from real ones.

    The discriminator goes down its loss on a batch of real images and as many made ones of the same classes,
    then the generator goes down its own on the same made images, judged by the discriminator as it is now.
    `reference/adversarial.py` has both losses. The averaged generator follows.

    Source: Goodfellow et al. 2014, "Generative adversarial nets", NeurIPS, algorithm 1 with one step each;
        Yazici et al. 2019, "The unusual effectiveness of averaging in GAN training", arXiv:1806.04498.
    """

    def __init__(
        self, network: Adversarial, optimizer: torch.optim.Optimizer, recipe: Recipe, examples: int
    ) -> None:
        assert recipe.adversarial is not None  # the recipe of such a network has it
        self._descent = Descent(network, optimizer, recipe, examples)
        self._network = network
        self._rules = recipe.adversarial

    def __call__(self, batch: Batch, step: int, learning_rate: float) -> StepResult:
        """Take one step as in `Step`.

        The loss is the discriminator's; the generator's, and the share of images that the discriminator told
        right, are recorded beside it. The noise is drawn by torch's generator, which each step is seeded.
        """
        network, descent = self._network, self._descent
        images, labels = batch.inputs.to(descent.device), batch.labels.to(descent.device)
        noise = torch.randn(len(labels), network.latent, device=descent.device)
        with descent.arithmetic():
            made = network.made(noise, labels, averaged=False)
            scores = network.scores(torch.cat([images, made.detach()]), labels.repeat(2))
        real, fake = scores.chunk(2)
        loss = discriminator_loss(real, fake)
        value = descent.down(loss, batch, step, learning_rate)
        if self._rules.stretch:
            network.limit(self._rules.stretch)
        network.judging(learns=False)
        with descent.arithmetic():
            judged = network.scores(made, labels)
        of_generator = descent.down(generator_loss(judged), batch, step, learning_rate)
        network.judging(learns=True)
        network.follow(min(self._rules.averaging, (step + 1) / (step + 10)))
        right = 0.5 * float((real > 0).float().mean() + (fake < 0).float().mean())
        return StepResult(
            value,
            len(labels),
            also={"generator_loss": of_generator, "discriminator_accuracy": right},
        )
