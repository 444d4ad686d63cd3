"""`vae`: a variational autoencoder of convolutions, with a mixture for each class as its prior.

Rule from the data to the layers:
- encoder: convolutions that halve the image as `halving.py` has it; the first has 32 channels, each further
  one twice as many, 128 at most.
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

from torch import nn

from pellucid.networks.architectures.halving import (
    doubling,
    halving,
    require_fitting_layers,
    sides,
    widths_of,
)
from pellucid.networks.architectures.image_size import require_large_images
from pellucid.networks.autoencoder import Autoencoder
from pellucid.networks.config import InputFacts, NetworkConfig
from pellucid.networks.own_layers import Latent
from pellucid.settings import Settings

_DEFAULT_WIDTH = 32
_LATENT = ((16, 16), (48, 32))
_MOST_LATENT = 64
_MOST_COMPONENTS, _IMAGES_EACH = 10, 50
_DEFAULT_ACTIVATION = "relu"


def design(settings: Settings, facts: InputFacts) -> NetworkConfig:
    """Choose convolutions and latent numbers by the rule at the top of this file.

    Looks at `width`, `depth` and `latent`; `facts.outputs` is the number of classes, 1 where there are none.

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
        activation=settings.activation or _DEFAULT_ACTIVATION,
        batch_norm=settings.batch_norm,
        widths=widths_of(settings, facts, _DEFAULT_WIDTH),
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
    require_fitting_layers(config)
    if config.outputs != 2 * own.latent:
        raise ValueError(f"vae: {config.outputs} outputs found, {2 * own.latent} expected")
    units = config.widths[-1] * math.prod(sides(config)[-1])
    given = own.latent + (own.conditions if own.conditions > 1 else 0)
    encoder = nn.Sequential(halving(config, batch_norm=config.batch_norm))
    return Autoencoder(
        config, encoder, nn.Linear(units, config.outputs), nn.Sequential(doubling(config, given))
    )
