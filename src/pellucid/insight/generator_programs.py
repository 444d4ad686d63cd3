"""Networks that make images as programs: an autoencoder with its bound, two adversaries with their losses."""

import copy
from collections import OrderedDict

import torch
from torch import nn

from pellucid.insight.opened_networks import still
from pellucid.insight.unfolded_layers import (
    Levels,
    Plain,
    PriorOfClass,
    Program,
    Reconstruction,
    Step,
    clamp,
    density_of_draw,
    draw,
    part,
    side_by_side,
)
from pellucid.networks import Adversarial, Autoencoder
from pellucid.networks.adversarial import HALF_RANGE
from pellucid.networks.autoencoder import HIGHEST, LOWEST
from pellucid.networks.layers import Divide, Standardise

# Inputs besides the image: noise, the class, one number for each, and the image made of both.
NOISE = "noise"
CLASS = "class"
MADE = "made"

# Terms of the loss, which is minus the bound: reconstruction, and the divergence as a difference of two.
RECONSTRUCTION = "reconstruction"
OF_DRAW = "density_of_draw"
OF_PRIOR = "prior"

# Scores of the given image and of the made one.
SCORE = "score"
OF_MADE = "seen.score"

# Terms of both losses: the first two are the discriminator's.
OF_REAL = "loss_of_given"
OF_FAKE = "loss_of_made"
OF_GENERATOR = "loss_of_generator"


def autoencoder_program(network: Autoencoder, label: int) -> Program:
    """Autoencoder as a program for images of one class, by its position; 0 where there are none.

    Its values are those of the network to the last bit, and weights keep their names; of the prior only the
    class's own mixture is there.
    """
    own = still(network)
    assert isinstance(own.standardise, Standardise)  # images are standardised
    has_classes = own.config.conditions > 1
    log_variances = OrderedDict[str, nn.Module](
        part=part(own.latent, 2 * own.latent), clamp=clamp(LOWEST, HIGHEST)
    )
    with_class = Step("with_class", "latent variables", side_by_side(), ("draw", CLASS))
    return Program(
        [
            Step("standardise", "encoder", own.standardise, ("inputs",)),
            Step("body", "encoder", own.body, ("standardise",)),
            Step("head", "encoder", own.head, ("body",)),
            Step("means", "latent variables", part(0, own.latent), ("head",)),
            Step("log_variances", "latent variables", nn.Sequential(log_variances), ("head",)),
            Step("draw", "latent variables", draw(), ("means", "log_variances", NOISE)),
            *([with_class] if has_classes else []),
            Step("decoder", "decoder", own.decoder, ("with_class" if has_classes else "draw",)),
            Step("levels", "decoder", Levels(own.standardise), ("decoder",)),
            Step(RECONSTRUCTION, "bound", Reconstruction(own.variance), ("inputs", "levels")),
            Step(OF_DRAW, "bound", density_of_draw(), ("log_variances", NOISE)),
            Step(OF_PRIOR, "bound", PriorOfClass(own.prior, label), ("draw",)),
        ],
        given=("inputs", NOISE, CLASS) if has_classes else ("inputs", NOISE),
        output="levels",
        terms={RECONSTRUCTION: 1.0, OF_DRAW: 1.0, OF_PRIOR: -1.0},
    ).eval()


def adversarial_program(network: Adversarial, label: int) -> Program:
    """Generator and discriminator as a program for images of one class, by position; 0 without classes.

    Its values are those of the network, and weights keep their names. The discriminator is there three times
    with the same weights, because its losses ask it three times: of the given image, of the made one as it
    learns from it (`seen`), and of the made one as the generator learns from its score (`judged`). So each
    place has the gradient that training takes there.
    """
    own = still(network)
    assert isinstance(own.standardise, Standardise)  # images are standardised
    has_classes = own.config.conditions > 1
    generator, given = "generator, its averaged weights", "discriminator on the given image"
    scale = Standardise(own.config.input_shape)  # of tangents, -1 to 1 for grey levels 0 to 255
    for buffer in (scale.mean, scale.std):
        buffer.copy_(torch.full_like(buffer, HALF_RANGE))

    def score() -> Plain:
        return part(label, label + 1)

    def discriminator() -> nn.Sequential:
        layers = {"standardise": own.standardise, "body": own.body, "head": own.head, "score": score()}
        return nn.Sequential(OrderedDict((name, copy.deepcopy(layer)) for name, layer in layers.items()))

    made, judged = "discriminator on the made image", "the made image as the generator learns from it"
    with_class = Step("with_class", generator, side_by_side(), (NOISE, CLASS))
    return Program(
        [
            *([with_class] if has_classes else []),
            Step("averaged", generator, own.averaged, ("with_class" if has_classes else NOISE,)),
            Step("levels", generator, Levels(scale), ("averaged",)),
            Step("standardise", given, own.standardise, ("inputs",)),
            Step("body", given, own.body, ("standardise",)),
            Step("head", given, own.head, ("body",)),
            Step(SCORE, given, score(), ("head",)),
            Step("seen", made, discriminator(), (MADE,)),
            Step("judged", judged, discriminator(), ("levels",)),
            Step("minus_score", "both losses", Divide(-1.0), (SCORE,)),
            Step(OF_REAL, "both losses", nn.Softplus(), ("minus_score",)),
            Step(OF_FAKE, "both losses", nn.Softplus(), ("seen",)),
            Step("minus_judged", "both losses", Divide(-1.0), ("judged",)),
            Step(OF_GENERATOR, "both losses", nn.Softplus(), ("minus_judged",)),
        ],
        given=("inputs", NOISE, CLASS, MADE) if has_classes else ("inputs", NOISE, MADE),
        output=SCORE,
        terms={OF_REAL: 1.0, OF_FAKE: 1.0, OF_GENERATOR: 1.0},
    ).eval()
