"""A generative adversarial network as a program: generator, discriminator, and both losses.

The discriminator stands in it three times with the same weights, because its losses ask it three times: of
the image that is given, of the made image as it learns from it, and of the made image as the generator
learns from its score. So the gradient of the sum of both losses is, in each place, the one that training
takes there: the made image is given to the second as it is, and no gradient of the discriminator's loss
reaches the generator.
"""

import copy
from collections import OrderedDict

import torch
from torch import nn

from pellucid.insight.layers.backbone_layers import SideBySide
from pellucid.insight.layers.opening import still
from pellucid.insight.programs.autoencoding import CLASS, NOISE
from pellucid.insight.programs.layers import Levels, Part
from pellucid.insight.programs.program import Program, Step
from pellucid.networks import Adversarial
from pellucid.networks.adversarial import HALF_RANGE
from pellucid.networks.layers.shared import Divide, Standardise

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
