"""A variational autoencoder as a program: encoder, latent numbers, decoder, and the terms of its bound."""

from collections import OrderedDict

from torch import nn

from pellucid.insight.layers.backbone_layers import SideBySide
from pellucid.insight.layers.opening import still
from pellucid.insight.programs.layers import (
    Clamp,
    DensityOfDraw,
    Draw,
    Levels,
    Part,
    PriorOfClass,
    Reconstruction,
)
from pellucid.insight.programs.program import Program, Step
from pellucid.networks import Autoencoder
from pellucid.networks.autoencoder import HIGHEST, LOWEST
from pellucid.networks.layers.shared import Standardise

# Parts of the program.
ENCODER, LATENT, DECODER, BOUND = "encoder", "latent numbers", "decoder", "bound"

# Terms of the loss, which is minus the bound: reconstruction, and the divergence as a difference of two.
RECONSTRUCTION, OF_DRAW, OF_PRIOR = "reconstruction", "density_of_draw", "prior"

# Inputs beside the image: noise by which it draws, and the class, one number for each.
NOISE, CLASS = "noise", "class"


def autoencoder_program(network: Autoencoder, label: int) -> Program:
    """Take an autoencoder apart for images of one class, by its position; 0 where there are none.

    Its values are those of the network to the last bit, and weights keep their names; of the prior only the
    class's own mixture is there.
    """
    own = still(network)
    assert isinstance(own.standardise, Standardise)  # images are standardised
    layers: dict[str, nn.Module] = {
        "standardise": own.standardise,
        "body": own.body,
        "head": own.head,
        "means": Part(0, own.latent),
        "log_variances": nn.Sequential(
            OrderedDict(part=Part(own.latent, 2 * own.latent), clamp=Clamp(LOWEST, HIGHEST))
        ),
        "draw": Draw(),
        "with_class": SideBySide(),
        "decoder": own.decoder,
        "levels": Levels(own.standardise),
        RECONSTRUCTION: Reconstruction(own.variance),
        OF_DRAW: DensityOfDraw(),
        OF_PRIOR: PriorOfClass(own.prior, label),
    }
    is_told_the_class = own.config.conditions > 1
    takes = {
        "standardise": (ENCODER, ("inputs",)),
        "body": (ENCODER, ("standardise",)),
        "head": (ENCODER, ("body",)),
        "means": (LATENT, ("head",)),
        "log_variances": (LATENT, ("head",)),
        "draw": (LATENT, ("means", "log_variances", NOISE)),
        "with_class": (LATENT, ("draw", CLASS)),
        "decoder": (DECODER, ("with_class" if is_told_the_class else "draw",)),
        "levels": (DECODER, ("decoder",)),
        RECONSTRUCTION: (BOUND, ("inputs", "levels")),
        OF_DRAW: (BOUND, ("log_variances", NOISE)),
        OF_PRIOR: (BOUND, ("draw",)),
    }
    if not is_told_the_class:
        del layers["with_class"], takes["with_class"]
    return Program(
        layers,
        [Step(name, *facts) for name, facts in takes.items()],
        given=("inputs", NOISE, CLASS) if is_told_the_class else ("inputs", NOISE),
        output="levels",
        terms={RECONSTRUCTION: 1.0, OF_DRAW: 1.0, OF_PRIOR: -1.0},
    ).eval()
