"""The one protocol in which networks and classical models meet."""

from collections.abc import Hashable, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Float32, Float64, Shaped

from pellucid.bundle.held_out import HeldOut
from pellucid.bundle.models.with_novelty import Answers
from pellucid.classical.features.rows import Rows
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.novelty import Detector, Sort
from pellucid.tasks import InputKind, Target

Inputs: TypeAlias = Shaped[np.ndarray, "examples ..."] | Sequence[str]
"""What models are asked about: images or feature vectors as one array, or texts."""


@runtime_checkable
class Model(Protocol):
    """A trained model, of images, of texts or of feature vectors, for classes or for numbers.

    Images are uint8 (examples, height, width, channels) as `preprocessing` makes them; they may
    be a memory map. Texts are taken as they are: each model holds what turns them into numbers.
    Feature vectors are float32 (examples, length). Other inputs are a `DataError`.
    """

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities; none where a number is predicted."""
        ...

    @property
    def input_kind(self) -> InputKind:
        """Kind of the inputs: images, texts or feature vectors."""
        ...

    @property
    def target(self) -> Target:
        """Target of the answers: classes or a number."""
        ...

    @property
    def is_regression(self) -> bool:
        """Regression: a number is predicted."""
        ...

    @property
    def preprocessing(self) -> Preprocessing | None:
        """Preprocessing of images of any size; `None` where none are taken."""
        ...

    @property
    def temperature(self) -> float:
        """Temperature of the probabilities; 1 leaves them as they are."""
        ...

    @property
    def parameters(self) -> int:
        """Number of learnt weights."""
        ...

    @property
    def name(self) -> str:
        """The network's family, or the kind of classical model in words."""
        ...

    def predict_proba(self, inputs: Inputs) -> Float64[np.ndarray, "examples classes"]:
        """Probability of every class for every input; a `DataError` where numbers are predicted."""
        ...

    def predict_values(self, inputs: Inputs) -> Float64[np.ndarray, " examples"]:
        """The number for every input, in the labels' own unit; a `DataError` where classes are."""
        ...

    def transform(self, inputs: Inputs) -> Float32[np.ndarray, "examples hidden"]:
        """Values of the last hidden layer; a `DataError` where there is none."""
        ...

    @property
    def detector(self) -> Detector | None:
        """Detector of inputs that are unlike the training data; `None` where there is none."""
        ...

    @property
    def columns_seen(self) -> int:
        """Features that a detector looks at; 0 where the model looks at nothing."""
        ...

    @property
    def sort_seen(self) -> Sort:
        """Sort of the detector's features."""
        ...

    @property
    def sees_through(self) -> Hashable:
        """Cache key of shared features: equal for models that see the same of an input."""
        ...

    def seen(self, inputs: Inputs) -> Rows:
        """Features for a detector: the last hidden layer, or those of a classical model."""
        ...

    def answer(self, inputs: Inputs) -> Answers:
        """Answers and novelty, in one pass."""
        ...

    def with_detector(self, detector: Detector | None) -> "Model":
        """The same model with another detector; a `ValueError` where it does not fit."""
        ...

    @property
    def held_out(self) -> HeldOut | None:
        """Answers about examples that it did not learn from; `None` where none were kept."""
        ...

    def with_held_out(self, held_out: HeldOut | None) -> "Model":
        """The same model with other held-out answers; a `ValueError` where they do not fit."""
        ...

    def at(self, temperature: float) -> "Model":
        """The same model at another temperature, without held-out answers.

        Raises: `ValueError` where that temperature makes no sense.
        """
        ...
