"""Networks that make images as programs: an autoencoder with its bound, two adversaries with their losses."""

import copy
from collections import OrderedDict

import torch
from torch import nn

from pellucid.insight.opened_networks import still
from pellucid.insight.unfolded_layers import (
    Clamp,
    DensityOfDraw,
    Draw,
    Levels,
    Part,
    PriorOfClass,
    Program,
    Reconstruction,
    SideBySide,
    Step,
)
from pellucid.networks import Adversarial, Autoencoder
from pellucid.networks.adversarial import HALF_RANGE
from pellucid.networks.autoencoder import HIGHEST, LOWEST
from pellucid.networks.layers import Divide, Standardise

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


# The discriminator is there three times with the same weights, because its losses ask it three times: of the
# given image, of the made one as it learns from it, and of the made one as the generator learns from its
# score. So each place has the gradient that training takes there.

GENERATOR, ON_GIVEN = "generator, its averaged weights", "discriminator on the given image"
ON_MADE, AS_JUDGED = "discriminator on the made image", "the made image as the generator learns from it"
# Parts of the program.
LOSSES = "both losses"

# Input beside image, noise and class: the image made of the latter two.
MADE = "made"

# Scores of the given image and of the made one.
SCORE, OF_MADE = "score", "seen.score"

# Terms of both losses: the first two are the discriminator's.
OF_REAL, OF_FAKE, OF_GENERATOR = "loss_of_given", "loss_of_made", "loss_of_generator"


def adversarial_program(network: Adversarial, label: int) -> Program:
    """Take generator and discriminator apart for images of one class, by position; 0 where there are none.

    Its values are those of the network, and weights keep their names; those of the discriminator stand again
    under `seen` and `judged`.
    """
    own = still(network)
    assert isinstance(own.standardise, Standardise)  # images are standardised

    def again() -> nn.Sequential:
        parts = {"standardise": own.standardise, "body": own.body, "head": own.head, "score": pick()}
        return nn.Sequential(OrderedDict((name, copy.deepcopy(part)) for name, part in parts.items()))

    def pick() -> Part:
        return Part(label, label + 1)

    is_told_the_class = own.config.conditions > 1
    layers: dict[str, nn.Module] = {
        "with_class": SideBySide(),
        "averaged": own.averaged,
        "levels": Levels(_grey_levels(own.config.input_shape)),
        "standardise": own.standardise,
        "body": own.body,
        "head": own.head,
        SCORE: pick(),
        "seen": again(),
        "judged": again(),
        "minus_score": Divide(-1.0),
        OF_REAL: nn.Softplus(),
        OF_FAKE: nn.Softplus(),
        "minus_judged": Divide(-1.0),
        OF_GENERATOR: nn.Softplus(),
    }
    takes = {
        "with_class": (GENERATOR, (NOISE, CLASS)),
        "averaged": (GENERATOR, ("with_class" if is_told_the_class else NOISE,)),
        "levels": (GENERATOR, ("averaged",)),
        "standardise": (ON_GIVEN, ("inputs",)),
        "body": (ON_GIVEN, ("standardise",)),
        "head": (ON_GIVEN, ("body",)),
        SCORE: (ON_GIVEN, ("head",)),
        "seen": (ON_MADE, (MADE,)),
        "judged": (AS_JUDGED, ("levels",)),
        "minus_score": (LOSSES, (SCORE,)),
        OF_REAL: (LOSSES, ("minus_score",)),
        OF_FAKE: (LOSSES, ("seen",)),
        "minus_judged": (LOSSES, ("judged",)),
        OF_GENERATOR: (LOSSES, ("minus_judged",)),
    }
    if not is_told_the_class:
        del layers["with_class"], takes["with_class"]
    return Program(
        layers,
        [Step(name, *facts) for name, facts in takes.items()],
        given=("inputs", NOISE, CLASS, MADE) if is_told_the_class else ("inputs", NOISE, MADE),
        output=SCORE,
        terms={OF_REAL: 1.0, OF_FAKE: 1.0, OF_GENERATOR: 1.0},
    ).eval()


def _grey_levels(shape: tuple[int, ...]) -> Standardise:
    """Scale of the generator's tangents, -1 to 1 for grey levels 0 to 255, as a standardisation."""
    scale = Standardise(shape)
    for buffer in (scale.mean, scale.std):
        buffer.copy_(torch.full_like(buffer, HALF_RANGE))
    return scale
