"""Generative adversarial network `gan`: a generator of images, and a discriminator of made and real ones."""

import math
from collections import OrderedDict

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor, nn

from pellucid.language.sentence import Sentence
from pellucid.networks.autoencoder import doubling, halving, require_fitting_layers, sides, widths_of
from pellucid.networks.config import InputFacts, NetworkConfig, Noise
from pellucid.networks.image_networks import require_large_images
from pellucid.networks.initialisation import initialise_layers
from pellucid.networks.network import Network
from pellucid.settings import Settings

# Half the range of grey levels: the generator ends in a hyperbolic tangent.
HALF_RANGE = 127.5


class Adversarial(Network):
    """Generator and discriminator.

    The body and the head are the discriminator: the head gives one score for each class, positive where an
    image looks like a real one of that class.
    """

    # Named layers from noise, and the class where there are several, to levels from -1 to 1.
    generator: nn.Sequential
    # The same layers with the mean of the generator's weights over its last steps, which make the better
    # images; never trained by themselves.
    averaged: nn.Sequential
    # For each layer of the discriminator with weights the output in which it stretches most, as far as it is
    # known; kept from step to step.
    directions: nn.ParameterList

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
        self.directions = nn.ParameterList(
            nn.Parameter(torch.ones(len(each.weight)), requires_grad=False) for each in self.judges()
        )

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

    @torch.no_grad()
    def limit(self, most: float) -> None:
        """Shorten the weights of every layer of the discriminator that stretches more than so many times.

        A layer's stretch is the largest singular value of its weights, a row for each output, estimated by
        one step of the power iteration from where the last one ended.

        Source: Miyato et al. 2018, "Spectral normalization for GANs", arXiv:1802.05957, algorithm 1, for the
            iteration; Gouk et al. 2021, "Regularisation of neural networks by enforcing Lipschitz
            continuity", arXiv:1804.04368, eq. 9, for shortening the weights themselves.
        """
        for layer, direction in zip(self.judges(), self.directions, strict=True):
            rows = layer.weight.flatten(1)
            through = rows @ nn.functional.normalize(rows.T @ direction, dim=0)
            direction.copy_(nn.functional.normalize(through, dim=0))
            layer.weight.mul_((most / through.norm().clamp(min=1e-12)).clamp(max=1.0))

    def judges(self) -> list[nn.Conv2d | nn.Linear]:
        """Layers of the discriminator with weights."""
        return [each for each in (*self.body, self.head) if isinstance(each, (nn.Conv2d, nn.Linear))]

    def follow(self, kept: float) -> None:
        """Move the averaged weights, and the statistics of norms, towards those of the generator.

        They keep this share of what they were.
        """
        means, latest = self.averaged.state_dict(), self.generator.state_dict()
        with torch.no_grad():
            for name, mean in means.items():
                if mean.is_floating_point():  # no counter
                    mean.lerp_(latest[name], 1 - kept)

    def judging(self, *, learns: bool) -> None:
        """Let gradients reach the discriminator's weights, or only pass through it."""
        for part in (self.body, self.head):
            part.requires_grad_(learns)

    def every_layer(self, inputs: Shaped[Tensor, "batch ..."]) -> None:
        """Run every layer once: an image is made, and scored."""
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
        for direction in self.directions:
            nn.init.normal_(direction, generator=generator)


# `gan`: convolutions that halve the image, without norm, to a score for each class, of which the one of the
# image's class counts (a projection discriminator without a term for all classes); the generator is the same
# turned around. Source: Goodfellow et al. 2014, "Generative adversarial nets", NeurIPS; Radford, Metz and
# Chintala 2016, arXiv:1511.06434, section 3; Miyato and Koyama 2018, arXiv:1802.05637, eq. 3.

_GAN_WIDTH = 64  # maps of the first layer
_GAN_NOISE = 64  # latent variables
_GAN_ACTIVATION = "leaky-relu"


def design_gan(settings: Settings, facts: InputFacts) -> NetworkConfig:
    """Choose convolutions and noise: `width` is the channels of the first convolution.

    `facts.outputs` is the number of classes, 1 where there are none.

    Raises: `UsageError` if the input is not an image of at least 8x8, or depth is 0 or too large for it.
    """
    require_large_images("gan", facts)
    return NetworkConfig(
        name="gan",
        input_shape=facts.input_shape,
        outputs=facts.outputs,
        activation=settings.activation or _GAN_ACTIVATION,
        batch_norm=settings.batch_norm,
        widths=widths_of(settings, facts, _GAN_WIDTH),
        own=Noise(
            latent=_GAN_NOISE if settings.latent is None else settings.latent, conditions=facts.outputs
        ),
    )


def assemble_gan(config: NetworkConfig) -> Adversarial:
    """Assemble generator and discriminator with a convolution for each of `widths`, which gives its channels.

    Raises: `ValueError` if the config does not describe a gan.
    """
    own = config.layers(Noise)
    require_fitting_layers(config)
    if config.outputs != own.conditions:
        raise ValueError(
            Sentence("gan: {outputs} outputs found, {conditions} expected", config.outputs, own.conditions)
        )
    units = config.widths[-1] * math.prod(sides(config)[-1])
    body, head = nn.Sequential(halving(config, batch_norm=False)), nn.Linear(units, config.outputs)
    given = own.latent + (own.conditions if own.conditions > 1 else 0)
    generator, averaged = (
        nn.Sequential(OrderedDict(**doubling(config, given), tanh=nn.Tanh())) for _ in range(2)
    )
    return Adversarial(config, body, head, generator, averaged)
