"""Variational autoencoder: encoder to latent numbers, prior of each class, decoder to grey levels."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64, Int64, Shaped
from torch import Tensor, nn

from pellucid.networks.config import NetworkConfig
from pellucid.networks.layers.initialisation import initialise_layers
from pellucid.networks.layers.shared import Standardise
from pellucid.networks.network import Network
from pellucid.reference.autoencoder import NOISE_VARIANCE

_PRIOR_SPREAD = 0.5  # classes start apart, so that each draws its images to a place of its own
_LOWEST, _HIGHEST = -12.0, 6.0  # of logarithms of variances; beyond them float32 rounds or overflows


class Gaussian(NamedTuple):
    """Normal distributions of latent numbers that do not depend on one another.

    Attributes:
        means: one row for each image.
        log_variances: natural logarithms of the variances, likewise.
    """

    means: Float[Tensor, "batch latent"]
    log_variances: Float[Tensor, "batch latent"]

    def drawn(self, noise: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch latent"]:
        r"""Reparametrised draws $\mu + \sigma \varepsilon$ by standard normal noise.

        Source: Kingma and Welling 2014, arXiv:1312.6114, section 2.4.
        """
        return self.means + (0.5 * self.log_variances).exp() * noise

    def divergence(self, prior: "Gaussian") -> Float[Tensor, "batch latent"]:
        """Kullback-Leibler divergence from a prior, in nats, of each latent number of each image.

        Source: Kingma and Welling 2014, appendix B.
        """
        away = (self.means - prior.means).square() + self.log_variances.exp()
        ratio = away * (-prior.log_variances).exp()
        return 0.5 * (ratio - 1 - self.log_variances + prior.log_variances)


class Prior(nn.Module):
    """Prior of the latent numbers: learnt for each class, standard normal where there is one class or none.

    Attributes:
        means: of each class.
        log_variances: of each class.

    Args:
        conditions: number of classes; 1 where there are none.
        latent: number of latent numbers.
    """

    means: Tensor
    log_variances: Tensor

    def __init__(self, conditions: int, latent: int) -> None:
        super().__init__()
        is_learnt = conditions > 1
        for name in ("means", "log_variances"):
            zeros = torch.zeros(conditions, latent)
            self.register_parameter(name, nn.Parameter(zeros, requires_grad=is_learnt))

    def forward(self, latent: Float[Tensor, "batch latent"]) -> Int64[Tensor, " batch"]:
        """Class under whose prior latent numbers are likeliest."""
        away = (latent[:, None] - self.means).square() * (-self.log_variances).exp()
        return (away + self.log_variances).sum(dim=2).argmin(dim=1)

    def of(self, labels: Int64[Tensor, " batch"]) -> Gaussian:
        """Prior of each image, by its class."""
        return Gaussian(self.means[labels], self.log_variances[labels])

    def initialise(self, generator: torch.Generator) -> None:
        """Start afresh."""
        nn.init.zeros_(self.log_variances)
        if self.means.requires_grad:
            nn.init.normal_(self.means, std=_PRIOR_SPREAD, generator=generator)
        else:
            nn.init.zeros_(self.means)


class Autoencoder(Network):
    """Network from images to latent numbers and back.

    The body and the head are the encoder: the head gives means and logarithms of variances.

    Attributes:
        prior: of the latent numbers, by class.
        decoder: named layers from latent numbers, and the class where there are several, to a standardised
            image.
        variance: of grey levels around the decoder's, (1,), one for all pixels: a running mean of the best
            ones for batches of training images.

    Args:
        config: what the layers are built from.
        body: from a standardised image to the last hidden layer of the encoder.
        head: from there to twice as many numbers as are latent.
        decoder: see the attribute.
    """

    prior: Prior
    decoder: nn.Sequential
    variance: Tensor

    def __init__(
        self, config: NetworkConfig, body: nn.Sequential, head: nn.Module, decoder: nn.Sequential
    ) -> None:
        super().__init__(config, body, head)
        self.prior = Prior(config.conditions, config.outputs // 2)
        self.decoder = decoder
        self.register_buffer("variance", torch.ones(1))

    @property
    def latent(self) -> int:
        """Number of latent numbers."""
        return self.config.outputs // 2

    def posterior(self, images: Shaped[Tensor, "batch channel height width"]) -> Gaussian:
        """Distribution of the latent numbers of each image, grey levels 0 to 255."""
        numbers = self.head(self.body(self.standardise(images))).float()
        means, log_variances = numbers.chunk(2, dim=1)
        return Gaussian(means, log_variances.clamp(_LOWEST, _HIGHEST))

    def decode(
        self, latent: Float[Tensor, "batch latent"], labels: Int64[Tensor, " batch"]
    ) -> Float[Tensor, "batch channel height width"]:
        """Images, as grey levels that may lie somewhat beyond 0 and 255, from latent numbers and classes."""
        one_hot = nn.functional.one_hot(labels, self.config.conditions)
        return self.decode_between(latent, one_hot.to(latent.dtype))

    def decode_between(
        self, latent: Float[Tensor, "batch latent"], shares: Float[Tensor, "batch classes"]
    ) -> Float[Tensor, "batch channel height width"]:
        """Images as from `decode`, of mixed classes, of each of which an image has a share."""
        if self.config.conditions > 1:
            latent = torch.cat([latent, shares], dim=1)
        images = self.decoder(latent).float()
        assert isinstance(self.standardise, Standardise)  # ids of texts are refused
        levels: Tensor = images * self.standardise.std + self.standardise.mean
        return levels

    def terms(
        self,
        images: Float[Tensor, "batch channel height width"],
        labels: Int64[Tensor, " batch"],
        noise: Float[Tensor, "batch latent"],
    ) -> tuple[Float[Tensor, " batch"], Float[Tensor, "batch latent"]]:
        """Both terms of the evidence lower bound of each image, in nats, with the variance that is kept.

        The reconstruction, of grey levels 0 to 255 and latent numbers drawn by the noise, and the divergence
        of each latent number from the prior of its class; `reference/autoencoder.py` has the formulas.
        """
        found = self.posterior(images)
        errors = (self.decode(found.drawn(noise), labels) - images).square() + NOISE_VARIANCE
        density = (2 * math.pi * self.variance).log() * images[0].numel()
        reconstruction = 0.5 * (density + errors.sum(dim=(1, 2, 3)) / self.variance)
        return reconstruction, found.divergence(self.prior.of(labels))

    def features(self, inputs: Shaped[Tensor, "batch ..."]) -> Float[Tensor, "batch features"]:
        """Means of the latent numbers, one row per image."""
        return self.posterior(inputs).means

    def forward(self, inputs: Shaped[Tensor, "batch ..."]) -> Float[Tensor, "batch channel height width"]:
        """Images reconstructed from the means of their latent numbers, each as of its likeliest class."""
        means = self.posterior(inputs).means
        return self.decode(means, self.prior(means))

    def initialise(self, generator: torch.Generator) -> None:
        """Start every weight, bias, norm and buffer afresh."""
        super().initialise(generator)
        *hidden, last = self.decoder.children()
        for layer in hidden:
            initialise_layers(layer, self.config.activation, generator)
        initialise_layers(last, "softmax", generator)
        self.prior.initialise(generator)
        nn.init.ones_(self.variance)

    @torch.no_grad()
    def initialise_from_data(
        self, inputs: Shaped[Tensor, "batch ..."], numbers: Float64[Tensor, " examples"] | None = None
    ) -> None:
        """Set the standardisation, and the variance that grey levels have around their mean."""
        super().initialise_from_data(inputs, numbers)
        assert isinstance(self.standardise, Standardise)  # ids of texts are refused
        self.variance.fill_(self.standardise.std.square().mean())
