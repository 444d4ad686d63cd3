"""A trained network for tables of feature vectors, as one thing that answers."""

import copy
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Float32, Float64
from torch import Tensor

from pellucid.bundle.checks import checked_temperature, require_classes, require_numbers, require_vectors
from pellucid.bundle.model import Inputs
from pellucid.bundle.models.answering import answer_in_batches
from pellucid.bundle.models.on_network import OnNetwork
from pellucid.networks import Network
from pellucid.tasks import VALUES


class FeatureModel(OnNetwork):
    """Feature vectors in, class probabilities or numbers out; always fp32, always evaluation mode.

    Attributes:
        input_kind: of what it takes.
        network: the trained network; it takes raw feature values.
        classes: class names in the order of the probabilities; none where a number is predicted.
        temperature: what logits are divided by before the softmax, 0.01 to 100.

    Args:
        network: see the attribute.
        classes: see the attribute.
        temperature: see the attribute.

    Raises:
        ValueError: the temperature is out of bounds, or not 1 where a number is predicted.
    """

    network: Network
    input_kind = VALUES
    classes: tuple[str, ...]
    temperature: float

    def __init__(self, network: Network, classes: Sequence[str], *, temperature: float = 1.0) -> None:
        self.network = network
        self.classes = tuple(classes)
        self.temperature = checked_temperature(temperature, classes)

    @property
    def features(self) -> int:
        """Numbers in one vector."""
        return self.network.config.input_shape[0]

    @property
    def preprocessing(self) -> None:
        """None: vectors are taken as they are."""
        return None

    def at(self, temperature: float) -> "FeatureModel":
        """The same model, on the same network, at another temperature.

        Args:
            temperature: see the attribute.

        Returns:
            A new model; this one stays as it is.

        Raises:
            ValueError: the temperature is out of bounds, or not 1 where a number is predicted.
        """
        model = copy.copy(self)
        model.temperature = checked_temperature(temperature, self.classes)
        return model

    def predict_proba(self, inputs: Inputs) -> Float64[np.ndarray, "examples classes"]:
        """Probability of every class for every vector.

        Args:
            inputs: float32 (examples, features), finite.

        Returns:
            One row for each vector, in the order of `classes`; each row sums to one.

        Raises:
            DataError: the vectors are of another length or type, or the model predicts numbers.
        """
        require_classes(self.classes)
        return self._said(self._asked(inputs, self._outputs_of))

    def predict_values(self, inputs: Inputs) -> Float64[np.ndarray, " examples"]:
        """The number for every vector, in the unit of the training labels.

        Args:
            inputs: float32 (examples, features), finite.

        Returns:
            One number for each vector.

        Raises:
            DataError: the vectors are of another length or type, or the model predicts classes.
        """
        require_numbers(self.classes)
        return self._said(self._asked(inputs, self._outputs_of))

    def transform(self, inputs: Inputs) -> Float32[np.ndarray, "examples hidden"]:
        """Values of the last hidden layer.

        Args:
            inputs: float32 (examples, features), finite.

        Returns:
            One row for each vector.

        Raises:
            DataError: the vectors are of another length or type.
        """
        return self._asked(inputs, self.network.features)

    def _asked(
        self, inputs: Inputs, question: Callable[[Tensor], Float[Tensor, "batch values"]]
    ) -> Float32[np.ndarray, "examples values"]:
        return answer_in_batches(self.network, require_vectors(inputs, self.features), question)
