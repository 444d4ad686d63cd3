"""Layers into which networks that make images are taken apart, where torch and our networks have none."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.networks.autoencoder import Gaussian, Prior, mixture_log_density
from pellucid.networks.layers.shared import Standardise
from pellucid.reference.autoencoder import NOISE_VARIANCE


class Part(nn.Module):
    """Neighbouring numbers of a vector, from `start` to before `stop`."""

    def __init__(self, start: int, stop: int) -> None:
        super().__init__()
        self.start, self.stop = start, stop

    def forward(self, numbers: Float[Tensor, "batch numbers"]) -> Float[Tensor, "batch kept"]:
        """The numbers."""
        return numbers[:, self.start : self.stop]


class Clamp(nn.Module):
    """Numbers kept within `low` and `high`."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.low, self.high = low, high

    def forward(self, numbers: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """The numbers, within bounds."""
        return numbers.clamp(self.low, self.high)


class Draw(nn.Module):
    """Reparametrised draw from normal distributions, by noise."""

    def forward(
        self,
        means: Float[Tensor, "batch latent"],
        log_variances: Float[Tensor, "batch latent"],
        noise: Float[Tensor, "batch latent"],
    ) -> Float[Tensor, "batch latent"]:
        """The draw."""
        return Gaussian(means, log_variances).drawn(noise)


class DensityOfDraw(nn.Module):
    """Logarithm of the density of a draw under the distribution that it is drawn from."""

    def forward(
        self, log_variances: Float[Tensor, "batch latent"], noise: Float[Tensor, "batch latent"]
    ) -> Float[Tensor, "batch 1"]:
        """One number for each example."""
        centred = Gaussian(torch.zeros_like(log_variances), log_variances)  # the means do not matter
        return centred.log_density_of_draw(noise)[:, None]


class Levels(nn.Module):
    """Grey levels out of standardised maps: the inverse of a standardisation, whose numbers it has.

    Attributes:
        mean: of each channel.
        std: likewise.

    Args:
        standardise: the standardisation.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, standardise: Standardise) -> None:
        super().__init__()
        self.register_buffer("mean", standardise.mean.clone())
        self.register_buffer("std", standardise.std.clone())

    def forward(
        self, maps: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """Grey levels."""
        return maps * self.std + self.mean


class Reconstruction(nn.Module):
    """Minus the logarithm of the probability of grey levels, normal around rebuilt ones with one variance.

    Attributes:
        variance: (1,).

    Args:
        variance: see the attribute.
    """

    variance: Tensor

    def __init__(self, variance: Float[Tensor, " 1"]) -> None:
        super().__init__()
        self.register_buffer("variance", variance.clone())

    def forward(
        self,
        images: Float[Tensor, "batch channel height width"],
        rebuilt: Float[Tensor, "batch channel height width"],
    ) -> Float[Tensor, "batch 1"]:
        """One number for each example, in nats."""
        errors = (rebuilt - images).square() + NOISE_VARIANCE
        density = (2 * math.pi * self.variance).log() * images[0].numel()
        return 0.5 * (density + errors.sum(dim=(1, 2, 3)) / self.variance)[:, None]


class PriorOfClass(nn.Module):
    """Prior of one class: logarithm of the density of latent numbers under its mixture.

    Its numbers are parameters where they were learnt.

    Attributes:
        means: (1, component, number).
        log_variances: likewise.
        logits: (1, component).

    Args:
        prior: of all classes.
        label: position of the class.
    """

    means: Tensor
    log_variances: Tensor
    logits: Tensor

    def __init__(self, prior: Prior, label: int) -> None:
        super().__init__()
        for name in ("means", "log_variances", "logits"):
            every = getattr(prior, name)
            own = every.detach()[[label]].clone()
            if every.requires_grad:
                self.register_parameter(name, nn.Parameter(own))
            else:
                self.register_buffer(name, own)

    def forward(self, latent: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch 1"]:
        """One number for each example."""
        count = len(latent)
        numbers = (self.means, self.log_variances, self.logits.log_softmax(dim=1))
        own = (each.expand(count, *each.shape[1:]) for each in numbers)
        return mixture_log_density(latent, *own)[:, None]

    def moments(self) -> tuple[Float[Tensor, " latent"], Float[Tensor, " latent"]]:
        """Mean and standard deviation of each latent number under the mixture."""
        shares = self.logits[0].softmax(dim=0)[:, None]
        means = (shares * self.means[0]).sum(dim=0)
        squares = (shares * (self.log_variances[0].exp() + self.means[0].square())).sum(dim=0)
        return means, (squares - means.square()).clamp(min=0.0).sqrt()


def one_hot(label: int, count: int) -> Float[Tensor, "1 count"]:
    """Class as the decoder takes it."""
    return torch.eye(count)[[label]]
