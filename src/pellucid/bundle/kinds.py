"""The kinds of models that a folder can hold."""

from typing import NamedTuple

from pellucid.tasks import CLASSIFICATION, GENERATION, IMAGES, REGRESSION, TEXTS, VALUES, InputKind, Target

LEAST_MEMBERS, MOST_MEMBERS = 2, 5
# Models in an average, and how much one of them may weigh.
MOST_WEIGHT = 1_000


class Kind(NamedTuple):
    """A kind of model.

    Attributes:
        input_kind: of what it takes.
        target: of its answers.
        is_classical: or else a network, or an average.
        is_average: or else one model.
    """

    input_kind: InputKind
    target: Target
    is_classical: bool
    is_average: bool = False

    @property
    def name(self) -> str:
        """The name in `model.json`."""
        return next(name for name, kind in KINDS.items() if kind == self)


KINDS = {
    "image-classifier": Kind(IMAGES, CLASSIFICATION, is_classical=False),
    "image-regressor": Kind(IMAGES, REGRESSION, is_classical=False),
    "image-generator": Kind(IMAGES, GENERATION, is_classical=False),
    "feature-classifier": Kind(VALUES, CLASSIFICATION, is_classical=False),
    "feature-regressor": Kind(VALUES, REGRESSION, is_classical=False),
    "text-classifier": Kind(TEXTS, CLASSIFICATION, is_classical=False),
    "text-regressor": Kind(TEXTS, REGRESSION, is_classical=False),
    "classical-image-classifier": Kind(IMAGES, CLASSIFICATION, is_classical=True),
    "classical-image-regressor": Kind(IMAGES, REGRESSION, is_classical=True),
    "classical-feature-classifier": Kind(VALUES, CLASSIFICATION, is_classical=True),
    "classical-feature-regressor": Kind(VALUES, REGRESSION, is_classical=True),
    "classical-text-classifier": Kind(TEXTS, CLASSIFICATION, is_classical=True),
    "classical-text-regressor": Kind(TEXTS, REGRESSION, is_classical=True),
    "average-image-classifier": Kind(IMAGES, CLASSIFICATION, is_classical=False, is_average=True),
    "average-image-regressor": Kind(IMAGES, REGRESSION, is_classical=False, is_average=True),
    "average-text-classifier": Kind(TEXTS, CLASSIFICATION, is_classical=False, is_average=True),
    "average-text-regressor": Kind(TEXTS, REGRESSION, is_classical=False, is_average=True),
}
