"""What every model that is a network says of itself, whatever it takes."""

from abc import abstractmethod
from collections.abc import Callable, Hashable

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Shaped
from torch import Tensor

from pellucid.arithmetic import softmax
from pellucid.bundle.hidden import hidden_size
from pellucid.bundle.model import Inputs
from pellucid.bundle.models.with_novelty import Answers, WithNovelty
from pellucid.networks import Network
from pellucid.novelty import Sort


class OnNetwork(WithNovelty):
    """A model whose answers are a network's.

    Attributes:
        network: the trained network.
        classes: class names in the order of the probabilities; none where a number is predicted.
        temperature: what logits are divided by before the softmax.
    """

    network: Network
    classes: tuple[str, ...]
    temperature: float

    @property
    def is_numbers(self) -> bool:
        """Whether a number is predicted."""
        return not self.classes

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
        """A detector looks at a hidden layer."""
        return "layer"

    @property
    def sees_through(self) -> Hashable:
        """The network: models that stand on it see its last hidden layer as well."""
        return self.network

    def seen(self, inputs: Inputs) -> Float32[np.ndarray, "examples hidden"]:
        """What a detector looks at: the last hidden layer.

        Args:
            inputs: as the model takes them.

        Returns:
            One row for each.

        Raises:
            DataError: the inputs are of another form.
        """
        return self._asked(inputs, self.network.features)

    def answer(self, inputs: Inputs) -> Answers:
        """Answer, and say how unlike the training data each input is, in one pass.

        Args:
            inputs: as the model takes them.

        Returns:
            The same as `predict_proba` or `predict_values` give, and what the detector says.

        Raises:
            DataError: the inputs are of another form.
        """
        if self.detector is None:
            return Answers(self._said(self._asked(inputs, self._outputs_of)), None)
        both = self._asked(inputs, self._outputs_and_hidden)
        outputs = self.network.config.outputs
        return Answers(self._said(both[:, :outputs]), self.detector.novelty(both[:, outputs:]))

    def outputs_and_seen(self, inputs: Inputs) -> Float32[np.ndarray, "examples values"]:
        """Outputs of the network and behind them its last hidden layer, in one pass.

        Args:
            inputs: as the model takes them.

        Returns:
            One row for each; `said_of` turns its outputs into an answer.

        Raises:
            DataError: the inputs are of another form.
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
        return softmax(wide / self.temperature) if self.classes else wide[:, 0]

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
