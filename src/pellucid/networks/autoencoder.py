"""Variational autoencoder `vae`: encoder to latent variables, prior of each class, decoder to grey levels."""

import math
from collections import OrderedDict
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64, Int64, Shaped
from torch import Tensor, nn

from pellucid.errors import UsageError
from pellucid.language.sentence import Sentence
from pellucid.networks.config import InputFacts, Latent, NetworkConfig
from pellucid.networks.image_networks import require_large_images, require_large_input
from pellucid.networks.initialisation import initialise_layers
from pellucid.networks.layers import Standardise, make_activation, make_norm, make_unit_norm
from pellucid.networks.network import Network
from pellucid.reference.autoencoder import NOISE_VARIANCE
from pellucid.settings import Settings

_PRIOR_SPREAD = 0.5  # components start apart, so that each draws images to a place of its own
# Bounds of logarithms of variances; beyond them float32 rounds or overflows.
LOWEST = -12.0  # natural logarithm
HIGHEST = 6.0  # natural logarithm


class Gaussian(NamedTuple):
    """Normal distributions of latent variables that do not depend on one another, a row for each image."""

    means: Float[Tensor, "batch latent"]
    log_variances: Float[Tensor, "batch latent"]  # natural logarithms of the variances

    def drawn(self, noise: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch latent"]:
        r"""Reparametrised draws $\mu + \sigma \varepsilon$ by standard normal noise.

        Source: Kingma and Welling 2014, arXiv:1312.6114, section 2.4.
        """
        return self.means + (0.5 * self.log_variances).exp() * noise

    def log_density_of_draw(self, noise: Float[Tensor, "batch latent"]) -> Float[Tensor, " batch"]:
        """Natural logarithm of the density of what `drawn` gives for the same noise."""
        return -0.5 * (noise.square() + self.log_variances + math.log(2 * math.pi)).sum(dim=1)


def mixture_log_density(
    latent: Float[Tensor, "batch latent"],
    means: Float[Tensor, "batch components latent"],
    log_variances: Float[Tensor, "batch components latent"],
    log_shares: Float[Tensor, "batch components"],
) -> Float[Tensor, " batch"]:
    """Natural logarithm of the density under a mixture of normal distributions for each image."""
    away = (latent[:, None] - means).square() * (-log_variances).exp()
    within = -0.5 * (away + log_variances + math.log(2 * math.pi)).sum(dim=2)
    return (within + log_shares).logsumexp(dim=1)


class Prior(nn.Module):
    """Prior of the latent variables: for each class a mixture of normal distributions, all of it learnt.

    With one class (`conditions`) and one component it is the standard normal distribution, and nothing is
    learnt.
    """

    means: Tensor  # of each component of each class, (conditions, components, latent)
    log_variances: Tensor  # likewise
    logits: Tensor  # weights of the components of each class, before the softmax

    def __init__(self, conditions: int, components: int, latent: int) -> None:
        super().__init__()
        is_learnt = conditions * components > 1
        shape = (conditions, components, latent)
        for name, size in (("means", shape), ("log_variances", shape), ("logits", shape[:2])):
            self.register_parameter(name, nn.Parameter(torch.zeros(size), requires_grad=is_learnt))

    def forward(self, latent: Float[Tensor, "batch latent"]) -> Int64[Tensor, " batch"]:
        """Class under whose prior latent variables are likeliest."""
        return self.by_class(latent).argmax(dim=1)

    def by_class(self, latent: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch classes"]:
        """Natural logarithm of the density of latent variables under the prior of every class."""
        each = [
            self.log_density(latent, torch.full((len(latent),), code, device=latent.device))
            for code in range(len(self.means))
        ]
        return torch.stack(each, dim=1)

    def log_density(
        self, latent: Float[Tensor, "batch latent"], labels: Int64[Tensor, " batch"]
    ) -> Float[Tensor, " batch"]:
        """Natural logarithm of the density of latent variables under the prior of each image's class."""
        return mixture_log_density(
            latent, self.means[labels], self.log_variances[labels], self.logits.log_softmax(dim=1)[labels]
        )

    def drawn(
        self,
        labels: Int64[Tensor, " batch"],
        places: Float[Tensor, " batch"],
        noise: Float[Tensor, "batch latent"],
    ) -> Float[Tensor, "batch latent"]:
        """Draws from the prior of each class: numbers from 0 to 1 choose the component, noise the rest."""
        reached = self.logits.softmax(dim=1).cumsum(dim=1)[labels]
        chosen = (places[:, None] > reached[:, :-1]).sum(dim=1)
        return Gaussian(self.means[labels, chosen], self.log_variances[labels, chosen]).drawn(noise)

    def initialise(self, generator: torch.Generator) -> None:
        """Start afresh."""
        nn.init.zeros_(self.log_variances)
        nn.init.zeros_(self.logits)
        if self.means.requires_grad:
            nn.init.normal_(self.means, std=_PRIOR_SPREAD, generator=generator)
        else:
            nn.init.zeros_(self.means)


class Autoencoder(Network):
    """Network from images to latent variables and back.

    The body and the head are the encoder: the head gives means and logarithms of variances.
    """

    prior: Prior  # of the latent variables, by class
    # Named layers from latent variables, and the class where there are several, to a standardised image.
    decoder: nn.Sequential
    # Of grey levels around the decoder's, (1,), one for all pixels: a running mean of the best ones for
    # batches of training images.
    variance: Tensor

    def __init__(
        self, config: NetworkConfig, body: nn.Sequential, head: nn.Module, decoder: nn.Sequential
    ) -> None:
        super().__init__(config, body, head)
        own = config.layers(Latent)
        self.prior = Prior(own.conditions, own.components, own.latent)
        self.decoder = decoder
        self.register_buffer("variance", torch.ones(1))

    @property
    def latent(self) -> int:
        """Number of latent variables."""
        return self.config.outputs // 2

    def posterior(self, images: Shaped[Tensor, "batch channel height width"]) -> Gaussian:
        """Distribution of the latent variables of each image, grey levels 0 to 255."""
        means, log_variances = self.head(super().features(images)).float().chunk(2, dim=1)
        return Gaussian(means, log_variances.clamp(LOWEST, HIGHEST))

    def decode(
        self, latent: Float[Tensor, "batch latent"], labels: Int64[Tensor, " batch"]
    ) -> Float[Tensor, "batch channel height width"]:
        """Images, as grey levels that may exceed 0 and 255, from latent variables and classes."""
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
    ) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
        """Both terms of the evidence lower bound of each image, in nats, with the variance that is kept.

        The reconstruction, of grey levels 0 to 255, and the divergence from the prior of its class, both for
        latent variables drawn by the noise; `reference/autoencoder.py` has the formulas.
        """
        found = self.posterior(images)
        drawn = found.drawn(noise)
        errors = (self.decode(drawn, labels) - images).square() + NOISE_VARIANCE
        density = (2 * math.pi * self.variance).log() * images[0].numel()
        reconstruction = 0.5 * (density + errors.sum(dim=(1, 2, 3)) / self.variance)
        return reconstruction, self.divergence(found, drawn, noise, labels)

    def divergence(
        self,
        found: Gaussian,
        drawn: Float[Tensor, "batch latent"],
        noise: Float[Tensor, "batch latent"],
        labels: Int64[Tensor, " batch"],
    ) -> Float[Tensor, " batch"]:
        """Divergence of posteriors from the prior of each class, in nats, estimated by one draw each."""
        return found.log_density_of_draw(noise) - self.prior.log_density(drawn, labels)

    def features(self, inputs: Shaped[Tensor, "batch ..."]) -> Float[Tensor, "batch features"]:
        """Means of the latent variables, one row per image."""
        return self.posterior(inputs).means

    def forward(self, inputs: Shaped[Tensor, "batch ..."]) -> Float[Tensor, "batch channel height width"]:
        """Images reconstructed from the means of their latent variables, each as of its likeliest class."""
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


_SMALLEST_MAP = 4  # an image is halved while so many rows and columns are left
_MOST_TIMES_WIDTH = 4
_KERNEL = 4  # pixels
_STRIDE = 2  # pixels
_PADDING = 1  # pixels: with this kernel and stride an image is halved exactly


def require_fitting_layers(config: NetworkConfig) -> None:
    """Refuse a config whose layers do not fit each other with a `ValueError`."""
    require_large_input(config)
    if not config.widths or min(config.input_shape[1:]) >> len(config.widths) < 1:
        raise ValueError(
            Sentence(
                "{name}: {widths} convolutions do not fit {input_shape}",
                config.name,
                len(config.widths),
                list(config.input_shape),
            )
        )


def widths_of(settings: Settings, facts: InputFacts, width: int) -> tuple[int, ...]:
    """Channels of each convolution: each twice those of the one before, up to four times the first's.

    The first has `width`, where the settings ask for no other. By default there are as many as leave 4 rows
    and columns. Raises: `UsageError` if `--depth` is 0, or more than the image can be halved.
    """
    shorter = min(facts.input_shape[1:])
    most = int(math.log2(shorter))
    depth = max(1, most - int(math.log2(_SMALLEST_MAP))) if settings.depth is None else settings.depth
    if not 1 <= depth <= most:
        raise UsageError(
            "--depth: {depth} halvings are not 1 to {most}, which {shorter} pixels allow; leave it out",
            depth,
            most,
            shorter,
        )
    first = settings.width or width
    return tuple(first * min(2**number, _MOST_TIMES_WIDTH) for number in range(depth))


def sides(config: NetworkConfig) -> list[tuple[int, int]]:
    """Height and width of the image, and then of the map of each convolution."""
    _, height, width = config.input_shape
    return [(height >> number, width >> number) for number in range(len(config.widths) + 1)]


def halving(config: NetworkConfig, *, batch_norm: bool) -> OrderedDict[str, nn.Module]:
    """From an image to the values of its smallest map: a convolution for each of `widths`."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = config.input_shape[0]
    for number, width in enumerate(config.widths, start=1):
        layers[f"conv{number}"] = nn.Conv2d(channels, width, _KERNEL, _STRIDE, _PADDING, bias=not batch_norm)
        layers[f"norm{number}"] = make_norm(width, batch_norm)
        layers[f"activation{number}"] = make_activation(config.activation)
        channels = width
    layers["flatten"] = nn.Flatten()
    return layers


def doubling(config: NetworkConfig, given: int) -> OrderedDict[str, nn.Module]:
    """From so many numbers to an image: a dense layer, then transposed convolutions to its very size."""
    of, channels = sides(config), config.widths[-1]
    units = channels * math.prod(of[-1])
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        linear=nn.Linear(given, units, bias=not config.batch_norm),
        norm=make_unit_norm(units, config.batch_norm),
        activation=make_activation(config.activation),
        unflatten=nn.Unflatten(1, (channels, *of[-1])),
    )
    for number in range(len(config.widths), 0, -1):
        is_last = number == 1
        width = config.input_shape[0] if is_last else config.widths[number - 2]
        odd = (of[number - 1][0] % _STRIDE, of[number - 1][1] % _STRIDE)
        layers[f"up{number}"] = nn.ConvTranspose2d(
            channels, width, _KERNEL, _STRIDE, _PADDING, odd, bias=is_last or not config.batch_norm
        )
        if not is_last:
            layers[f"norm{number}"] = make_norm(width, config.batch_norm)
            layers[f"activation{number}"] = make_activation(config.activation)
        channels = width
    return layers


# `vae`: encoder, a mixture for each class as prior, and the encoder turned around. A prior of one normal
# distribution has its mass where no image lies, and what is drawn there looks like nothing. One variance for
# all pixels, the best one for each batch, spares a weight between the two terms of the loss: the sigma-VAE of
# Rybkin et al. 2021, arXiv:2006.13202.

_VAE_WIDTH = 32
_LATENT = ((16, 16), (48, 32))
_MOST_LATENT = 64
_MOST_COMPONENTS = 10  # of the prior of a class
_IMAGES_EACH = 50  # of a class, for each component
_VAE_ACTIVATION = "relu"


def design_vae(settings: Settings, facts: InputFacts) -> NetworkConfig:
    """Choose convolutions and latent variables: `width` is the channels of the first convolution.

    `facts.outputs` is the number of classes, 1 where there are none.

    Raises: `UsageError` if the input is not an image of at least 8x8, or depth is 0 or too large for it.
    """
    require_large_images("vae", facts)
    shorter = min(facts.input_shape[1:])
    by_size = next((latent for side, latent in _LATENT if shorter <= side), _MOST_LATENT)
    latent = by_size if settings.latent is None else settings.latent
    return NetworkConfig(
        name="vae",
        input_shape=facts.input_shape,
        outputs=2 * latent,
        activation=settings.activation or _VAE_ACTIVATION,
        batch_norm=settings.batch_norm,
        widths=widths_of(settings, facts, _VAE_WIDTH),
        own=Latent(
            latent=latent,
            conditions=facts.outputs,
            components=max(1, min(_MOST_COMPONENTS, facts.examples // facts.outputs // _IMAGES_EACH)),
            likelihood="sigma-vae",
        ),
    )


def assemble_vae(config: NetworkConfig) -> Autoencoder:
    """Assemble encoder and decoder with a convolution for each of `widths`, which gives its channels.

    Raises: `ValueError` if the config does not describe a vae.
    """
    own = config.layers(Latent)
    require_fitting_layers(config)
    if config.outputs != 2 * own.latent:
        raise ValueError(
            Sentence("vae: {outputs} outputs found, {latent} expected", config.outputs, 2 * own.latent)
        )
    units = config.widths[-1] * math.prod(sides(config)[-1])
    given = own.latent + (own.conditions if own.conditions > 1 else 0)
    encoder = nn.Sequential(halving(config, batch_norm=config.batch_norm))
    return Autoencoder(
        config, encoder, nn.Linear(units, config.outputs), nn.Sequential(doubling(config, given))
    )
