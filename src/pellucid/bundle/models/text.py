"""A trained network for texts with everything that belongs to it, as one thing that answers."""

import copy
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Float32, Float64
from torch import Tensor

from pellucid.bundle.checks import (
    checked_temperature,
    require_agreement,
    require_classes,
    require_numbers,
    require_texts,
)
from pellucid.bundle.model import Inputs
from pellucid.bundle.models.answering_texts import answer_texts
from pellucid.bundle.models.on_network import OnNetwork
from pellucid.encoding import Encoder
from pellucid.networks import Network
from pellucid.tasks import TEXTS


class TextModel(OnNetwork):
    """Texts in, class probabilities or numbers out; always fp32, always evaluation mode.

    The answer for a text does not depend on the texts beside it. Every text is answered: of an empty
    one the network sees a single unknown token, of a very long one the first `encoder.length` tokens.

    Attributes:
        input_kind: of what it takes.
        network: the trained network; it takes token ids.
        encoder: from texts to the ids of the network.
        classes: class names in the order of the probabilities; none where a number is predicted.
        temperature: what logits are divided by before the softmax, 0.01 to 100.

    Args:
        network: see the attribute.
        encoder: see the attribute.
        classes: see the attribute.
        temperature: see the attribute.

    Raises:
        ValueError: network and encoder do not speak of the same ids, or the temperature is out of
            bounds, or not 1 where a number is predicted.
    """

    network: Network
    encoder: Encoder
    input_kind = TEXTS
    classes: tuple[str, ...]
    temperature: float

    def __init__(
        self, network: Network, encoder: Encoder, classes: Sequence[str], *, temperature: float = 1.0
    ) -> None:
        require_agreement(network.config, encoder)
        self.network = network
        self.encoder = encoder
        self.classes = tuple(classes)
        self.temperature = checked_temperature(temperature, classes)

    @property
    def preprocessing(self) -> None:
        """None: texts are taken as they are."""
        return None

    def at(self, temperature: float) -> "TextModel":
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
        """Probability of every class for every text.

        Args:
            inputs: any number of texts.

        Returns:
            One row for each text, in the order of `classes`; each row sums to one.

        Raises:
            DataError: it is no list of texts, or the model predicts numbers.
        """
        require_classes(self.classes)
        return self._said(self._asked(inputs, self._outputs_of))

    def predict_values(self, inputs: Inputs) -> Float64[np.ndarray, " examples"]:
        """The number for every text, in the unit of the training labels.

        Args:
            inputs: any number of texts.

        Returns:
            One number for each text.

        Raises:
            DataError: it is no list of texts, or the model predicts classes.
        """
        require_numbers(self.classes)
        return self._said(self._asked(inputs, self._outputs_of))

    def transform(self, inputs: Inputs) -> Float32[np.ndarray, "examples hidden"]:
        """Values of the last hidden layer.

        Args:
            inputs: any number of texts.

        Returns:
            One row for each text.

        Raises:
            DataError: it is no list of texts.
        """
        return self._asked(inputs, self.network.features)

    def _asked(
        self, inputs: Inputs, question: Callable[[Tensor], Float[Tensor, "batch values"]]
    ) -> Float32[np.ndarray, "examples values"]:
        return answer_texts(self.network, self.encoder, require_texts(inputs), question)
