"""The contest of generator and discriminator over one image, explained: scores, and both losses by hand."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from pellucid.arithmetic.rounding import with_minus
from pellucid.insight.explanations.latents import Term
from pellucid.insight.gradients.backward import Backward
from pellucid.insight.layers.opened import Opened
from pellucid.insight.programs.adversarial import MADE, OF_FAKE, OF_GENERATOR, OF_MADE, OF_REAL, SCORE
from pellucid.insight.units.opening import open_unit

# Seed of the noise.
SEED = 0


@dataclass(frozen=True, eq=False)
class Contest:
    """A given image and a made one of the same class, as the discriminator scores them.

    Attributes:
        label: position of the class; 0 where there are none.
        noise: that the made image is made of.
        made: the image.
        score: of the given image, positive where it is taken for a real one.
        score_of_made: of the made one.
        of_given: what the given image adds to the loss of the discriminator, in nats.
        of_made: what the made one adds.
        of_generator: loss of the generator, likewise.
    """

    label: int
    noise: Float32[np.ndarray, " latent"]
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

    @property
    def headline(self) -> str:
        """The outcome in words."""
        taken = "a real" if self.score > 0 else "a made"
        return f"takes the image for {taken} one: score {_signed(self.score)}"

    @property
    def words(self) -> str:
        """Scores and losses in words."""
        of_generator = self.of_generator.arithmetic.value
        return (
            f"an image made of noise scores {_signed(self.score_of_made)}; loss of the discriminator "
            f"{self.loss_of_discriminator:.3g}, of the generator {of_generator:.3g} nats"
        )


def contest_of(opened: Opened, backward: Backward, label: int, noise: np.ndarray) -> Contest:
    """Read the contest out of an opened adversarial network."""

    def term(name: str) -> Term:
        return Term(name, open_unit(opened, name, (0,)), float(backward.values[name][0, 0]))

    made = opened.value(MADE).transpose(1, 2, 0)
    return Contest(
        label=label,
        noise=noise,
        made=np.clip(np.round(made), 0, 255).astype(np.uint8),
        score=float(opened.value(SCORE)[0]),
        score_of_made=float(opened.value(OF_MADE)[0]),
        of_given=term(OF_REAL),
        of_made=term(OF_FAKE),
        of_generator=term(OF_GENERATOR),
    )


def _signed(number: float) -> str:
    return with_minus(f"{number:+.3g}")
