"""The kinds of models that a folder can hold."""

from typing import NamedTuple


class Kind(NamedTuple):
    """What a model takes, gives and is made of.

    Attributes:
        takes_pictures: or else feature vectors.
        gives_numbers: or else probabilities of classes.
        is_classical: or else a network.
    """

    takes_pictures: bool
    gives_numbers: bool
    is_classical: bool

    @property
    def name(self) -> str:
        """The name in `model.json`."""
        return next(name for name, kind in KINDS.items() if kind == self)


KINDS = {
    "image-classifier": Kind(takes_pictures=True, gives_numbers=False, is_classical=False),
    "image-regressor": Kind(takes_pictures=True, gives_numbers=True, is_classical=False),
    "feature-classifier": Kind(takes_pictures=False, gives_numbers=False, is_classical=False),
    "feature-regressor": Kind(takes_pictures=False, gives_numbers=True, is_classical=False),
    "classical-image-classifier": Kind(takes_pictures=True, gives_numbers=False, is_classical=True),
    "classical-image-regressor": Kind(takes_pictures=True, gives_numbers=True, is_classical=True),
    "classical-feature-classifier": Kind(takes_pictures=False, gives_numbers=False, is_classical=True),
    "classical-feature-regressor": Kind(takes_pictures=False, gives_numbers=True, is_classical=True),
}
