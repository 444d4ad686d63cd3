"""Faults of adversarial training: a generator that makes few kinds of images, a discriminator that wins."""

from collections.abc import Sequence
from dataclasses import dataclass

from pellucid.arithmetic.rounding import percent
from pellucid.insight.findings.finding import Finding

# Coverage relative to that of real images below which kinds are missing.
FEW_KINDS = 0.5

# Share of images told right from which on the discriminator teaches its generator next to nothing.
WINNING = 0.95

_LAST = 4  # the last quarter of the epochs


@dataclass(frozen=True)
class AdversarialCourse:
    """Course of an adversarial training, and what came of it.

    Attributes:
        told_apart: share of real and made images that the discriminator told right, by epoch.
        generator_losses: mean loss of the generator, likewise.
        coverage: share of held-out images that have a made one near; `None` if it was not measured.
        real_coverage: the same of as many real images.
    """

    told_apart: Sequence[float]
    generator_losses: Sequence[float]
    coverage: float | None = None
    real_coverage: float | None = None


def find_adversarial(course: AdversarialCourse) -> list[Finding]:
    """Faults of an adversarial training; none where it was sound."""
    looks = (discriminator_winning, collapse)
    return [finding for look in looks if (finding := look(course)) is not None]


def discriminator_winning(course: AdversarialCourse) -> Finding | None:
    """A discriminator that is right about nearly every image of the last quarter of the epochs."""
    last = course.told_apart[-max(1, len(course.told_apart) // _LAST) :]
    mean = sum(last) / len(last) if last else 0.0
    if mean < WINNING:
        return None
    return Finding(
        "discriminator-winning",
        "The discriminator won: the generator learned little from it in the end.",
        f"In the last {'epoch' if len(last) == 1 else f'{len(last)} epochs'} it classified {percent(mean)} "
        "of the real and the generated images correctly.",
        "Train with a lower learning rate or on more images, or take vae, which has no discriminator.",
        f"Found where the mean over the last quarter of the epochs is {percent(WINNING)} or more. Half is "
        "what guessing reaches; in sound trainings of ours it is right about 60 to 90 % of the "
        "images.",
        {"told_apart": mean, "generator_loss": course.generator_losses[-1]},
    )


def collapse(course: AdversarialCourse) -> Finding | None:
    """A generator whose images cover much less of the held-out ones than as many real images do."""
    if course.coverage is None or not course.real_coverage:
        return None
    share = course.coverage / course.real_coverage
    if share >= FEW_KINDS:
        return None
    return Finding(
        "mode-collapse",
        "The generator makes only some of the kinds of images that there are.",
        f"Its images come near {percent(course.coverage)} of the held-out images, where as many real ones "
        f"come near {percent(course.real_coverage)}.",
        "Train longer or with another seed; lower the learning rate; or take vae, which must account for "
        "every training image.",
        f"Found where the coverage is below {percent(FEW_KINDS)} of that of real images. Coverage is the "
        "share of held-out images that have a made one nearer than their fifth held-out neighbour (Naeem et "
        "al. 2020).",
        {"coverage": course.coverage, "real_coverage": course.real_coverage},
    )
