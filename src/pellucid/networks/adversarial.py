"""Generative adversarial network: a generator of images and a discriminator of made and real ones."""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Float64, Int64, Shaped
from torch import Tensor, nn

from pellucid.networks.config import NetworkConfig
from pellucid.networks.layers.initialisation import initialise_layers
from pellucid.networks.network import Network
from pellucid.networks.own_layers import Noise

HALF_RANGE = 127.5
"""Half the range of grey levels: the generator ends in a hyperbolic tangent."""


class Adversarial(Network):
    """Generator and discriminator.

    The body and the head are the discriminator: the head gives one score for each class, positive where an
    image looks like a real one of that class.

    Attributes:
        generator: named layers from noise, and the class where there are several, to levels from -1 to 1.
        averaged: the same layers with the mean of the generator's weights over its last steps, which make
            the better images; never trained by themselves.

    Args:
        config: what the layers are built from.
        body: from a standardised image to the last hidden layer of the discriminator.
        head: from there to a score for each class.
        generator: see the attribute.
        averaged: likewise, its values of no account.
    """

    generator: nn.Sequential
    averaged: nn.Sequential

    def __init__(
        self,
        config: NetworkConfig,
        body: nn.Sequential,
        head: nn.Module,
        generator: nn.Sequential,
        averaged: nn.Sequential,
    ) -> None:
        super().__init__(config, body, head)
        self.head = head  # a single score is no number to be rescaled
        self.generator = generator
        self.averaged = averaged.requires_grad_(False)

    @property
    def latent(self) -> int:
        """Number of noise values that an image is made of."""
        return self.config.layers(Noise).latent

    def made(
        self, noise: Float[Tensor, "batch latent"], labels: Int64[Tensor, " batch"], *, averaged: bool = True
    ) -> Float[Tensor, "batch channel height width"]:
        """Images of the classes, grey levels 0 to 255; without `averaged` by the generator as it stands."""
        given = noise
        if self.config.conditions > 1:
            one_hot = nn.functional.one_hot(labels, self.config.conditions)
            given = torch.cat([noise, one_hot.to(noise.dtype)], dim=1)
        layers = self.averaged if averaged else self.generator
        levels: Tensor = HALF_RANGE * (1 + layers(given).float())
        return levels

    def scores(
        self, images: Shaped[Tensor, "batch channel height width"], labels: Int64[Tensor, " batch"]
    ) -> Float[Tensor, " batch"]:
        """The discriminator's score of each image as one of its class; grey levels 0 to 255."""
        every: Tensor = self.head(self.features(images)).float()
        return every.gather(1, labels[:, None])[:, 0]

    def follow(self, kept: float) -> None:
        """Move the averaged weights, and the statistics of norms, towards those of the generator.

        They keep this share of what they were.
        """
        with torch.no_grad():
            for mean, now in zip(_floating(self.averaged), _floating(self.generator), strict=True):
                mean.lerp_(now, 1 - kept)

    def judging(self, *, learns: bool) -> None:
        """Let gradients reach the discriminator's weights, or only pass through it."""
        for part in (self.body, self.head):
            part.requires_grad_(learns)

    def every_layer(self, inputs: Shaped[Tensor, "batch ..."]) -> None:
        """Run every layer once: an image is made, and looked at."""
        labels = torch.zeros(len(inputs), dtype=torch.int64, device=inputs.device)
        noise = torch.zeros(len(inputs), self.latent, device=inputs.device)
        self.scores(self.made(noise, labels, averaged=False), labels)

    def initialise(self, generator: torch.Generator) -> None:
        """Start every weight, bias, norm and buffer afresh; the averaged weights are the generator's."""
        super().initialise(generator)
        *hidden, last, _ = self.generator.children()
        for layer in hidden:
            initialise_layers(layer, self.config.activation, generator)
        initialise_layers(last, "tanh", generator)
        self.averaged.load_state_dict(self.generator.state_dict())

    @torch.no_grad()
    def initialise_from_data(
        self, inputs: Shaped[Tensor, "batch ..."], numbers: Float64[Tensor, " examples"] | None = None
    ) -> None:
        """Set the standardisation of what the discriminator sees."""
        super().initialise_from_data(inputs, numbers)


def _floating(module: nn.Module) -> Iterator[Tensor]:
    """Weights and running statistics, without counters."""
    return (value for value in module.state_dict().values() if value.is_floating_point())
