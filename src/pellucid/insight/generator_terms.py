"""Losses of networks that make images: latent variables and bound, or generator and discriminator."""

import copy
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64, UInt8
from torch import nn

from pellucid.arithmetic.rounding import with_minus
from pellucid.bundle import AutoencoderModel
from pellucid.insight.gradients import Backward
from pellucid.insight.opened_networks import Opened, still
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
from pellucid.insight.unit_arithmetic import Arithmetic
from pellucid.insight.units import open_unit
from pellucid.language.sentence import Sentence
from pellucid.networks import Adversarial, Autoencoder
from pellucid.networks.adversarial import HALF_RANGE
from pellucid.networks.autoencoder import HIGHEST, LOWEST
from pellucid.networks.layers import Divide, Standardise

# Seed of the noise.
LATENT_SEED = 0

# Values a latent variable is decoded at, in standard deviations of the prior from the image's own mean.
STEPS = (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0)

MOST_SHOWN = 16  # latent variables
FEWEST_SHOWN = 4  # latent variables
_LARGEST_SHOWN = 4_000_000  # pixel values of all traversals
_MOST_TRIED = 256  # latent variables
_MOST_CLASSES = 50  # classes whose bound is computed

Image = UInt8[np.ndarray, "height width channels"]
Batch = UInt8[np.ndarray, "1 height width channels"]
Vector = Float32[np.ndarray, " latent"]


class Term(NamedTuple):
    """Term of a loss, in nats, computed three times.

    `arithmetic`: of the layer that gives it, by hand, with the network's own value; `reference`: by
    `pellucid.reference`, from the image on, in double precision.
    """

    layer: str
    arithmetic: Arithmetic
    reference: float


def _term(opened: Opened, backward: Backward, layer: str) -> Term:
    return Term(layer, open_unit(opened, layer, (0,)), float(backward.values[layer][0, 0]))


class Traversal(NamedTuple):
    """Effect of one latent variable: images decoded with it moved, and all others at their means.

    `number`: which latent variable; `images`: one for each of `STEPS`; `change`: root of the mean squared
    difference of the first and the last, in grey levels; `difference`: the last minus the first, by pixel, in
    grey levels, the mean over channels.
    """

    number: int
    images: UInt8[np.ndarray, "steps height width channels"]
    change: float
    difference: Float64[np.ndarray, "height width"]


@dataclass(frozen=True, eq=False)
class Latents:
    """Latent variables of one image, their prior, the terms of the bound, and what is decoded from them.

    `label`: position of the class that it is opened as, 0 where there are none; `bounds`: classes by
    position, each with minus its bound in nats by the same noise, the best first, of many classes those whose
    prior fits best; `noise`: by which the numbers are `drawn`; `prior_means`: of each number under the prior
    of the class; `from_draw`: image decoded from the draw; `error`: root of the mean squared error of
    `from_means`, in grey levels; `traversals`: the numbers that change most first.
    """

    label: int
    bounds: Sequence[tuple[int, float]]
    means: Vector
    log_variances: Vector
    noise: Vector
    drawn: Vector
    prior_means: Vector
    prior_deviations: Vector
    reconstruction: Term
    of_draw: Term
    of_prior: Term
    from_draw: Image
    from_means: Image
    error: float
    traversals: Sequence[Traversal]

    @property
    def divergence(self) -> float:
        """Divergence from the prior by this one draw, in nats."""
        return self.of_draw.arithmetic.value - self.of_prior.arithmetic.value

    @property
    def loss(self) -> float:
        """Minus the bound, in nats."""
        return self.reconstruction.arithmetic.value + self.divergence

    @property
    def bits_per_dimension(self) -> float:
        """The same in bits for each grey level."""
        return self.loss / (self.from_means.size * float(np.log(2)))

    def headline(self, model: str) -> str:
        """The outcome for the input, in words."""
        return Sentence(
            "{model} rebuilds the image with an error of {error:.3g} grey levels", model, self.error
        )

    @property
    def bound_words(self) -> str:
        """The bound in words."""
        nats = with_minus(f"{-self.loss:,.1f}")
        return Sentence(
            "bound {nats} nats, {bits_per_dimension:.3g} bits per dimension", nats, self.bits_per_dimension
        )


def noise_for(model: AutoencoderModel) -> Float32[np.ndarray, "1 latent"]:
    """Noise by which an image is drawn: that of `AutoencoderModel.bound` at `LATENT_SEED`."""
    draws = model.draws_of_bound(LATENT_SEED)
    noise: np.ndarray = torch.randn(1, model.network.latent, generator=draws).numpy()
    return noise


@torch.inference_mode()
def bounds_by_class(model: AutoencoderModel, image: Batch) -> list[tuple[int, float]]:
    """Minus the bound of an image as of each class, by the same noise, the best class first.

    Of more than fifty classes the fifty whose prior fits its latent means best; none where there are none.
    """
    if not model.classes:
        return []
    means = torch.from_numpy(model.transform(image))
    codes = model.network.prior.by_class(means)[0].argsort(descending=True, stable=True)[:_MOST_CLASSES]
    pixels = torch.from_numpy(image).permute(0, 3, 1, 2).float()
    noise, found = torch.from_numpy(noise_for(model)), []
    for code in codes.tolist():
        terms = model.network.terms(pixels, torch.tensor([code]), noise)
        found.append((code, float(sum(terms))))
    return sorted(found, key=lambda each: each[1])


def latents_of(
    model: AutoencoderModel,
    image: Batch,
    bounds: Sequence[tuple[int, float]],
    label: int,
    opened: Opened,
    backward: Backward,
) -> Latents:
    """Explain the latent variables of an image that was opened as of one class."""
    means, log_variances = opened.value("means"), opened.value("log_variances.clamp")
    labels = np.array([label], np.int64)
    prior_means, prior_deviations = PriorOfClass(model.network.prior, label).moments()
    from_means = model.decode(means[None], labels)[0]
    errors = from_means.astype(np.float64) - image[0]
    deviations = prior_deviations.detach().numpy()
    return Latents(
        label=label,
        bounds=tuple(bounds),
        means=means,
        log_variances=log_variances,
        noise=opened.value("noise"),
        drawn=opened.value("draw"),
        prior_means=prior_means.detach().numpy(),
        prior_deviations=deviations,
        reconstruction=_term(opened, backward, RECONSTRUCTION),
        of_draw=_term(opened, backward, OF_DRAW),
        of_prior=_term(opened, backward, OF_PRIOR),
        from_draw=model.decode(opened.value("draw")[None], labels)[0],
        from_means=from_means,
        error=float(np.sqrt((errors**2).mean())),
        traversals=tuple(traversals_of(model, means, log_variances, deviations, labels)),
    )


def traversals_of(
    model: AutoencoderModel,
    means: Vector,
    log_variances: Vector,
    prior_deviations: Vector,
    labels: Int64[np.ndarray, " 1"],
) -> list[Traversal]:
    """Effects of latent variables, the greatest first, as many as a page has room for.

    Of very many latent variables only those are tried of which the encoder is surest relative to the prior.
    """
    surest = np.argsort(log_variances - 2 * np.log(np.maximum(prior_deviations, 1e-6)), kind="stable")
    tried = surest[:_MOST_TRIED]
    ends = _decoded(model, means, tried, (STEPS[0], STEPS[-1]), prior_deviations, labels)
    difference = (ends[:, 1].astype(np.float64) - ends[:, 0]).reshape(len(tried), -1)
    changes = np.sqrt((difference**2).mean(axis=1))
    count = max(FEWEST_SHOWN, min(MOST_SHOWN, _LARGEST_SHOWN // (len(STEPS) * int(np.prod(model.shape)))))
    order = np.argsort(-changes, kind="stable")[:count]
    strips = _decoded(model, means, tried[order], STEPS, prior_deviations, labels)
    return [
        Traversal(
            int(number), images, float(change), (images[-1].astype(np.float64) - images[0]).mean(axis=2)
        )
        for number, images, change in zip(tried[order], strips, changes[order], strict=True)
    ]


def _decoded(
    model: AutoencoderModel,
    means: Vector,
    numbers: Int64[np.ndarray, " moved"],
    steps: Sequence[float],
    prior_deviations: Vector,
    labels: Int64[np.ndarray, " 1"],
) -> UInt8[np.ndarray, "moved steps height width channels"]:
    """Images of the means with one latent variable after the other moved."""
    moves = np.zeros((len(numbers), len(steps), len(means)), np.float32)
    for row, number in enumerate(numbers.tolist()):
        moves[row, :, number] = np.array(steps, np.float32) * prior_deviations[number]
    rows = (means + moves).reshape(-1, len(means))
    images = model.decode(rows, np.repeat(labels, len(rows)))
    return images.reshape(len(numbers), len(steps), *images.shape[1:])


# The contest of generator and discriminator over one image, explained: scores, and both losses by hand.

# Seed of the noise.
CONTEST_SEED = 0


@dataclass(frozen=True, eq=False)
class Contest:
    """A given image and a made one of the same class, as the discriminator scores them.

    `label`: position of the class, 0 where there are none; `noise`: that the made image is made of; `made`:
    the image; `score`: of the given image, positive where it is taken for a real one; `score_of_made`: of the
    made one; `of_given`: what the given image adds to the loss of the discriminator, in nats; `of_made`: what
    the made one adds; `of_generator`: loss of the generator, likewise.
    """

    label: int
    noise: Vector
    made: UInt8[np.ndarray, "height width channels"]
    score: float
    score_of_made: float
    of_given: Term
    of_made: Term
    of_generator: Term

    @property
    def terms(self) -> Sequence[Term]:
        """The three terms of both losses."""
        return self.of_given, self.of_made, self.of_generator

    @property
    def loss_of_discriminator(self) -> float:
        """Loss of the discriminator on both images, by hand."""
        return self.of_given.arithmetic.value + self.of_made.arithmetic.value

    def headline(self, model: str) -> str:
        """The outcome for the input, in words."""
        if self.score > 0:
            return Sentence(
                "{model} takes the image for a real one: score {score}", model, _signed(self.score)
            )
        return Sentence(
            "{model} takes the image for a generated one: score {score}", model, _signed(self.score)
        )

    @property
    def words(self) -> str:
        """Scores and losses in words."""
        of_generator = self.of_generator.arithmetic.value
        return Sentence(
            "an image made of noise scores {score_of_made}, with a loss of "
            "{loss_of_discriminator:.3g} nats for the discriminator and of {of_generator:.3g} for the "
            "generator",
            _signed(self.score_of_made),
            self.loss_of_discriminator,
            of_generator,
        )


def contest_of(opened: Opened, backward: Backward, label: int, noise: np.ndarray) -> Contest:
    """Read the contest out of an opened adversarial network."""
    made = opened.value(MADE).transpose(1, 2, 0)
    return Contest(
        label=label,
        noise=noise,
        made=np.clip(np.round(made), 0, 255).astype(np.uint8),
        score=float(opened.value(SCORE)[0]),
        score_of_made=float(opened.value(OF_MADE)[0]),
        of_given=_term(opened, backward, OF_REAL),
        of_made=_term(opened, backward, OF_FAKE),
        of_generator=_term(opened, backward, OF_GENERATOR),
    )


def _signed(number: float) -> str:
    return with_minus(f"{number:+.3g}")


# Networks that make images as programs: an autoencoder with its bound, two adversaries with their losses.

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
