"""Models with a detector of inputs that are unlike the training data, and with held-out answers."""

import copy
from typing import NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float64

from pellucid.bundle.held_out import HeldOut
from pellucid.novelty import Detector
from pellucid.tasks import REGRESSION, Target, target_of

Model = TypeVar("Model", bound="WithNovelty")


class Answers(NamedTuple):
    """Answers of a model about some inputs, and their novelty.

    Attributes:
        said: probabilities (n, classes), or numbers (n,).
        novelty: 0 to 1 for each, the share of validation examples that look less foreign; `None` where
            the model has no detector.
    """

    said: Float64[np.ndarray, "n ..."]
    novelty: Float64[np.ndarray, " n"] | None


class WithNovelty:
    """A model that may have a detector of inputs that are unlike its training data.

    Attributes:
        classes: class names in the order of the probabilities; none where a number is predicted.
        detector: looks at the features of each input; `None` where there is none.
        held_out: answers about examples that it did not learn from; `None` where none were kept.
    """

    classes: tuple[str, ...]
    detector: Detector | None = None
    held_out: HeldOut | None = None

    @property
    def target(self) -> Target:
        """Target of the answers: classes or a number."""
        return target_of(len(self.classes))

    @property
    def is_regression(self) -> bool:
        """Regression: a number is predicted."""
        return self.target is REGRESSION

    @property
    def columns_seen(self) -> int:
        """Features that a detector looks at; 0 where the model looks at nothing."""
        return 0

    def with_detector(self: Model, detector: Detector | None) -> Model:
        """The same model with another detector, or `None`; this one stays as it is.

        The detector was fitted on features as the model computes them.

        Raises: `ValueError` if the detector takes features of another length, or counted other classes.
        """
        if detector is not None:
            taken, seen = detector.measure.columns, self.columns_seen
            if taken != seen:
                raise ValueError(f"the detector takes {taken} features where the model has {seen}")
            counted, classes = len(detector.answers), len(self.classes)
            if classes and counted != classes:
                raise ValueError(f"the detector counted {counted} classes where the model has {classes}")
        model = copy.copy(self)
        model.detector = detector
        return model

    def with_held_out(self: Model, held_out: HeldOut | None) -> Model:
        """The same model with other held-out answers, or `None`; this one stays as it is.

        Raises: `ValueError` if they speak of other classes, or of a novelty that the model cannot tell.
        """
        if held_out is not None:
            width = held_out.said.shape[1] if held_out.said.ndim == 2 else 0
            if width != len(self.classes):
                raise ValueError(
                    f"the held-out answers are about {width} classes where the model has {len(self.classes)}"
                )
            if held_out.novelty is not None and self.detector is None:
                raise ValueError("the held-out answers have a novelty, but the model has no detector")
        model = copy.copy(self)
        model.held_out = held_out
        return model
