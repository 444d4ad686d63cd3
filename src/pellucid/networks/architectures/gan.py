"""`gan`: a generative adversarial network of convolutions, conditional where there are classes.

Rule from the data to the layers:
- discriminator: convolutions that halve the image as `halving.py` has it; the first has 64 channels, each
  further one twice as many, 256 at most. No norm. Dense to a score for each class, of which the one of the
  image's class counts: a projection discriminator without a term of its own for all classes;
- generator: the same turned around, with batch norm, from 64 noise values and the class; a hyperbolic tangent
  keeps grey levels in range;
- a copy of the generator keeps the running mean of its weights, and makes the images.

`width` sets the channels of the first convolution, `depth` the number of convolutions, `latent` the number of
noise values.

Source: Goodfellow et al. 2014, "Generative adversarial nets", NeurIPS; Radford, Metz and Chintala 2016,
    arXiv:1511.06434, section 3, for the convolutions; Miyato and Koyama 2018, "cGANs with projection
    discriminator", arXiv:1802.05637, eq. 3.
"""

import math
from collections import OrderedDict

from torch import nn

from pellucid.networks.adversarial import Adversarial
from pellucid.networks.architectures.halving import (
    doubling,
    halving,
    require_fitting_layers,
    sides,
    widths_of,
)
from pellucid.networks.architectures.image_size import require_large_images
from pellucid.networks.config import InputFacts, NetworkConfig
from pellucid.networks.own_layers import Noise
from pellucid.settings import Settings

_DEFAULT_WIDTH, _DEFAULT_NOISE = 64, 64
_DEFAULT_ACTIVATION = "leaky-relu"


def design(settings: Settings, facts: InputFacts) -> NetworkConfig:
    """Choose convolutions and noise by the rule at the top of this file.

    Looks at `width`, `depth` and `latent`; `facts.outputs` is the number of classes, 1 where there are none.

    Raises: `UsageError` if the input is not an image of at least 8x8, or depth is 0 or too large for it.
    """
    require_large_images("gan", facts)
    return NetworkConfig(
        name="gan",
        input_shape=facts.input_shape,
        outputs=facts.outputs,
        activation=settings.activation or _DEFAULT_ACTIVATION,
        batch_norm=settings.batch_norm,
        widths=widths_of(settings, facts, _DEFAULT_WIDTH),
        own=Noise(
            latent=_DEFAULT_NOISE if settings.latent is None else settings.latent, conditions=facts.outputs
        ),
    )


def assemble(config: NetworkConfig) -> Adversarial:
    """Assemble generator and discriminator with a convolution for each of `widths`, which gives its channels.

    Raises: `ValueError` if the config does not describe a gan.
    """
    own = config.layers(Noise)
    require_fitting_layers(config)
    if config.outputs != own.conditions:
        raise ValueError(f"gan: {config.outputs} outputs found, {own.conditions} expected")
    units = config.widths[-1] * math.prod(sides(config)[-1])
    return Adversarial(
        config,
        nn.Sequential(halving(config, batch_norm=False)),
        nn.Linear(units, config.outputs),
        _generator(config, own),
        _generator(config, own),
    )


def _generator(config: NetworkConfig, own: Noise) -> nn.Sequential:
    given = own.latent + (own.conditions if own.conditions > 1 else 0)
    return nn.Sequential(OrderedDict(**doubling(config, given), tanh=nn.Tanh()))
