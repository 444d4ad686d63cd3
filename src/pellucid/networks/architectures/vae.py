"""`vae`: a variational autoencoder of convolutions, with a mixture for each class as its prior.

Rule from the data to the layers:
- encoder: 4x4 convolutions at every second pixel, each halving the image, while 4 rows and columns are left
  (two at 28 pixels, one at 8); the first has 32 channels, each further one twice as many, 128 at most.
  Dense to a mean and a variance of each latent number;
- latent numbers: 16 up to 16 pixels on the shorter side, 32 up to 48, 64 above;
- prior: for each class a mixture of 10 normal distributions, or of one for every 50 images where there are
  fewer: a single one has its mass where no image lies, and what is drawn there looks like nothing;
- decoder: the encoder turned around, dense and then transposed convolutions to the very size of the image,
  odd sides too; the class stands beside the latent numbers.

`width` sets the channels of the first convolution, `depth` the number of convolutions. The likelihood is that
of the sigma-VAE: one variance for all pixels, the best one for each batch, which spares a weight between the
two terms of the loss (Rybkin et al. 2021, arXiv:2006.13202).
"""

import math
from collections import OrderedDict

from torch import nn

from pellucid.errors import UsageError
from pellucid.networks.autoencoder import Autoencoder
from pellucid.networks.config import InputFacts, NetworkConfig
from pellucid.networks.layers.shared import make_activation, make_norm, make_unit_norm
from pellucid.networks.own_layers import Latent
from pellucid.settings import Settings

SMALLEST_SIDE = 8
_SMALLEST_MAP = 4
_KERNEL, _STRIDE, _PADDING = 4, 2, 1
_DEFAULT_WIDTH, _MOST_TIMES_WIDTH = 32, 4
_LATENT = ((16, 16), (48, 32))
_MOST_LATENT = 64
_MOST_COMPONENTS, _IMAGES_EACH = 10, 50
_DEFAULT_ACTIVATION = "relu"


def design(settings: Settings, facts: InputFacts) -> NetworkConfig:
    """Choose convolutions and latent numbers by the rule at the top of this file.

    Looks at `width`, `depth` and `latent`; `facts.outputs` is the number of classes, 1 where there are none.

    Raises: `UsageError` if the input is not an image of at least 8x8, or depth is 0 or too large for it.
    """
    if len(facts.input_shape) != 3 or min(facts.input_shape[1:]) < SMALLEST_SIDE:
        raise UsageError(
            f"--model: vae needs images of at least {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels, "
            f"found inputs of shape {facts.input_shape}; choose a larger --image-size"
        )
    shorter = min(facts.input_shape[1:])
    most = int(math.log2(shorter))
    depth = _halvings(shorter) if settings.depth is None else settings.depth
    if not 1 <= depth <= most:
        raise UsageError(
            f"--depth: {depth} halvings are not 1 to {most}, which {shorter} pixels allow; leave it out"
        )
    width = settings.width or _DEFAULT_WIDTH
    by_size = next((latent for side, latent in _LATENT if shorter <= side), _MOST_LATENT)
    latent = by_size if settings.latent is None else settings.latent
    return NetworkConfig(
        name="vae",
        input_shape=facts.input_shape,
        outputs=2 * latent,
        activation=settings.activation or _DEFAULT_ACTIVATION,
        batch_norm=settings.batch_norm,
        widths=tuple(width * min(2**number, _MOST_TIMES_WIDTH) for number in range(depth)),
        own=Latent(
            latent=latent,
            conditions=facts.outputs,
            components=max(1, min(_MOST_COMPONENTS, facts.examples // facts.outputs // _IMAGES_EACH)),
            likelihood="sigma-vae",
        ),
    )


def assemble(config: NetworkConfig) -> Autoencoder:
    """Assemble encoder and decoder with a convolution for each of `widths`, which gives its channels.

    Raises: `ValueError` if the config does not describe a vae.
    """
    own = config.layers(Latent)
    _check(config, own)
    sides = _sides(config)
    units = config.widths[-1] * math.prod(sides[-1])
    return Autoencoder(
        config, _encoder(config), nn.Linear(units, config.outputs), _decoder(config, own, sides)
    )


def _encoder(config: NetworkConfig) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = config.input_shape[0]
    for number, width in enumerate(config.widths, start=1):
        layers[f"conv{number}"] = nn.Conv2d(
            channels, width, _KERNEL, _STRIDE, _PADDING, bias=not config.batch_norm
        )
        layers[f"norm{number}"] = make_norm(width, config.batch_norm)
        layers[f"activation{number}"] = make_activation(config.activation)
        channels = width
    layers["flatten"] = nn.Flatten()
    return nn.Sequential(layers)


def _decoder(config: NetworkConfig, own: Latent, sides: list[tuple[int, int]]) -> nn.Sequential:
    channels, given = config.widths[-1], own.latent + (own.conditions if own.conditions > 1 else 0)
    units = channels * math.prod(sides[-1])
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        linear=nn.Linear(given, units, bias=not config.batch_norm),
        norm=make_unit_norm(units, config.batch_norm),
        activation=make_activation(config.activation),
        unflatten=nn.Unflatten(1, (channels, *sides[-1])),
    )
    for number in range(len(config.widths), 0, -1):
        is_last = number == 1
        width = config.input_shape[0] if is_last else config.widths[number - 2]
        odd = (sides[number - 1][0] % _STRIDE, sides[number - 1][1] % _STRIDE)
        layers[f"up{number}"] = nn.ConvTranspose2d(
            channels, width, _KERNEL, _STRIDE, _PADDING, odd, bias=is_last or not config.batch_norm
        )
        if not is_last:
            layers[f"norm{number}"] = make_norm(width, config.batch_norm)
            layers[f"activation{number}"] = make_activation(config.activation)
        channels = width
    return nn.Sequential(layers)


def _sides(config: NetworkConfig) -> list[tuple[int, int]]:
    """Height and width of the image, and then of the map of each convolution."""
    _, height, width = config.input_shape
    return [(height >> number, width >> number) for number in range(len(config.widths) + 1)]


def _halvings(side: int) -> int:
    """Number of times that a map can be halved before fewer than 4 rows or columns are left."""
    count = 0
    while side // 2 >= _SMALLEST_MAP:
        side //= 2
        count += 1
    return count


def _check(config: NetworkConfig, own: Latent) -> None:
    """Refuse a config whose layers could not stand on one another with a `ValueError`."""
    if len(config.input_shape) != 3 or min(config.input_shape[1:]) < SMALLEST_SIDE:
        raise ValueError(f"vae: input_shape {list(config.input_shape)} is not an image of at least 8x8")
    if not config.widths or min(config.input_shape[1:]) >> len(config.widths) < 1:
        raise ValueError(f"vae: {len(config.widths)} convolutions do not fit {list(config.input_shape)}")
    if config.outputs != 2 * own.latent:
        raise ValueError(f"vae: {config.outputs} outputs found, {2 * own.latent} expected")
