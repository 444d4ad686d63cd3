"""Constraints that an earlier model puts on data for continual training."""

from typing import NamedTuple

from pellucid.data.images.preprocessing import Preprocessing


class EarlierConstraints(NamedTuple):
    """Classes and preprocessing of an earlier model.

    Attributes:
        classes: those that it can answer; they stay, whether or not new data has any example of them.
        preprocessing: how images are fitted to it; `None` for texts, and where a rule decides.
    """

    classes: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None


# Data that no earlier model has a say in.
NOTHING = EarlierConstraints()
