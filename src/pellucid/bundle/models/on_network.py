"""Networks as models: everything but how their inputs are checked and brought to the network."""

import copy
from abc import abstractmethod
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Shaped
from torch import Tensor

from pellucid.bundle.checks import checked_temperature, require_classes, require_numbers
from pellucid.bundle.hidden import hidden_size
from pellucid.bundle.model import Inputs
from pellucid.bundle.models.with_novelty import Answers, WithNovelty
from pellucid.networks import Network
from pellucid.novelty import Sort
from pellucid.tasks import InputKind

Model = TypeVar("Model", bound="OnNetwork")


class OnNetwork(WithNovelty):
    """A model whose answers are a network's; always fp32, always evaluation mode.

    Attributes:
        input_kind: of what it takes.
        network: the trained network.
        classes: class names in the order of the probabilities; none where a number is predicted.
        temperature: what logits are divided by before the softmax, 0.01 to 100.

    Args:
        network: see the attribute.
        classes: see the attribute.
        temperature: see the attribute.

    Raises:
        ValueError: the temperature is out of bounds, or not 1 where a number is predicted.
    """

    input_kind: InputKind
    network: Network
    classes: tuple[str, ...]
    temperature: float

    def __init__(self, network: Network, classes: Sequence[str], *, temperature: float = 1.0) -> None:
        self.network = network
        self.classes = tuple(classes)
        self.temperature = checked_temperature(temperature, classes)

    def at(self: Model, temperature: float) -> Model:
        """The same model, on the same network, at another temperature and without held-out answers.

        It is a `ValueError` where it is out of bounds, or not 1 where a number is predicted.
        """
        model = copy.copy(self)
        model.temperature = checked_temperature(temperature, self.classes)
        model.held_out = None  # said at the former temperature
        return model

    def predict_proba(self, inputs: Inputs) -> Float64[np.ndarray, "examples classes"]:
        """Probability of every class for every input.

        A memory-mapped array is read batch by batch and never copied whole.

        Args:
            inputs: of the model's kind, see the class.

        Returns:
            One row for each input, in the order of `classes`; each row sums to one.

        Raises:
            DataError: the inputs are of another form, or the model predicts numbers.
        """
        require_classes(self.classes)
        return self._said(self._asked(inputs, self._outputs_of))

    def predict_values(self, inputs: Inputs) -> Float64[np.ndarray, " examples"]:
        """The number for every input, in the unit of the training labels.

        A `DataError` where the inputs are of another form, or the model predicts classes.
        """
        require_numbers(self.classes)
        return self._said(self._asked(inputs, self._outputs_of))

    def transform(self, inputs: Inputs) -> Float32[np.ndarray, "examples hidden"]:
        """Values of the last hidden layer, of images as they are (never mirrored).

        A `DataError` where the inputs are of another form.
        """
        return self._asked(inputs, self.network.features)

    @property
    def parameters(self) -> int:
        """Weights and biases that were learnt."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    @property
    def name(self) -> str:
        """The network's family, or the name of the weights that others trained."""
        return self.network.name

    @property
    def columns_seen(self) -> int:
        """Units of the last hidden layer, which is what a detector looks at."""
        return hidden_size(self.network)

    @property
    def sort_seen(self) -> Sort:
        """Sort of the detector's features: a hidden layer."""
        return "layer"

    @property
    def sees_through(self) -> Hashable:
        """The network: models that stand on it see its last hidden layer as well."""
        return self.network

    def seen(self, inputs: Inputs) -> Float32[np.ndarray, "examples hidden"]:
        """The last hidden layer, which a detector looks at; a `DataError` as for `transform`."""
        return self.transform(inputs)

    def answer(self, inputs: Inputs) -> Answers:
        """Answer, and say how unlike the training data each input is, in one pass.

        Answers as `predict_proba` or `predict_values` give them.

        Raises: `DataError` if the inputs are of another form.
        """
        if self.detector is None:
            return Answers(self._said(self._asked(inputs, self._outputs_of)), None)
        both = self._asked(inputs, self._outputs_and_hidden)
        outputs = self.network.config.outputs
        return Answers(self._said(both[:, :outputs]), self.detector.novelty(both[:, outputs:]))

    def outputs_and_seen(self, inputs: Inputs) -> Float32[np.ndarray, "examples values"]:
        """Outputs of the network and behind them its last hidden layer, in one pass.

        One row for each; `said_of` turns the outputs into an answer.

        Raises: `DataError` if the inputs are of another form.
        """
        return self._asked(inputs, self._outputs_and_hidden)

    def said_of(
        self, outputs: Float32[np.ndarray, "examples outputs"]
    ) -> Float64[np.ndarray, "examples ..."]:
        """Probabilities at the model's temperature, or numbers, from outputs of the network."""
        return self._said(outputs)

    @abstractmethod
    def _asked(
        self, inputs: Inputs, question: Callable[[Shaped[Tensor, "batch ..."]], Float[Tensor, "batch values"]]
    ) -> Float32[np.ndarray, "examples values"]:
        """Check inputs, and run a function of the network over a bounded number of them at a time."""

    def _said(self, outputs: Float32[np.ndarray, "examples outputs"]) -> Float64[np.ndarray, "examples ..."]:
        """Probabilities, or numbers, from outputs of the network."""
        wide = outputs.astype(np.float64)
        return self.target.of_logits(wide, self.temperature)

    def _outputs_of(self, batch: Shaped[Tensor, "batch ..."]) -> Float[Tensor, "batch outputs"]:
        return self._averaged(batch, self.network(batch))

    def _outputs_and_hidden(self, batch: Shaped[Tensor, "batch ..."]) -> Float[Tensor, "batch values"]:
        hidden = self.network.features(batch)
        return torch.cat([self._averaged(batch, self.network.head(hidden)), hidden], dim=1)

    def _averaged(
        self, batch: Shaped[Tensor, "batch ..."], outputs: Float[Tensor, "batch outputs"]
    ) -> Float[Tensor, "batch outputs"]:
        """Outputs averaged with those of other views of the inputs, where a model takes such."""
        del batch
        return outputs
