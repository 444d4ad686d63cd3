"""The kinds of models that a folder can hold."""

from typing import Literal, NamedTuple

Takes = Literal["images", "texts", "values"]
"""What a model takes; values are feature vectors."""


class Kind(NamedTuple):
    """What a model takes, gives and is made of.

    Attributes:
        takes: images, texts or feature vectors.
        gives_numbers: or else probabilities of classes.
        is_classical: or else a network.
    """

    takes: Takes
    gives_numbers: bool
    is_classical: bool

    @property
    def name(self) -> str:
        """The name in `model.json`."""
        return next(name for name, kind in KINDS.items() if kind == self)


KINDS = {
    "image-classifier": Kind("images", gives_numbers=False, is_classical=False),
    "image-regressor": Kind("images", gives_numbers=True, is_classical=False),
    "feature-classifier": Kind("values", gives_numbers=False, is_classical=False),
    "feature-regressor": Kind("values", gives_numbers=True, is_classical=False),
    "text-classifier": Kind("texts", gives_numbers=False, is_classical=False),
    "text-regressor": Kind("texts", gives_numbers=True, is_classical=False),
    "classical-image-classifier": Kind("images", gives_numbers=False, is_classical=True),
    "classical-image-regressor": Kind("images", gives_numbers=True, is_classical=True),
    "classical-feature-classifier": Kind("values", gives_numbers=False, is_classical=True),
    "classical-feature-regressor": Kind("values", gives_numbers=True, is_classical=True),
    "classical-text-classifier": Kind("texts", gives_numbers=False, is_classical=True),
    "classical-text-regressor": Kind("texts", gives_numbers=True, is_classical=True),
}
