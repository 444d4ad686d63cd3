"""Networks as models: of images, of texts and of feature vectors."""

from abc import abstractmethod
from collections.abc import Callable, Hashable, Sequence

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Shaped
from torch import Tensor

from pellucid.bundle.checks import (
    Inputs,
    checked_temperature,
    finite_answers,
    require_agreement,
    require_images,
    require_texts,
    require_vectors,
)
from pellucid.bundle.held_out import Answers
from pellucid.bundle.model import Model
from pellucid.bundle.models.answering import answer_in_batches
from pellucid.bundle.models.answering_texts import answer_texts
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.encoding import Encoder
from pellucid.networks import Network
from pellucid.networks.costs import hidden_units
from pellucid.novelty import Sort
from pellucid.tasks import IMAGES, TEXTS, VALUES


class OnNetwork(Model):
    """A model whose answers are a network's; always fp32, always evaluation mode.

    Attributes:
        network: the trained network.

    Args:
        network: see the attribute.
        classes: class names in the order of the logits; none where a number is predicted.
        temperature: what logits are divided by before the softmax, 0.01 to 100.

    Raises:
        ValueError: the temperature is out of bounds, or not 1 where a number is predicted.
    """

    network: Network

    def __init__(self, network: Network, classes: Sequence[str], *, temperature: float = 1.0) -> None:
        self.network = network
        self.classes = tuple(classes)
        self.temperature = checked_temperature(temperature, classes)

    def transform(self, inputs: Inputs) -> Float32[np.ndarray, "examples hidden"]:
        """Values of the last hidden layer, as `Model.transform`."""
        return finite_answers(self._asked(inputs, self.network.features))

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
        return hidden_units(self.network.config)

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
        """Answers and novelty in one pass, as `Model.answer`."""
        if self.detector is None:
            return Answers(self._answers(inputs), None)
        both = self.outputs_and_seen(inputs)
        outputs = self.network.config.outputs
        return Answers(self.said_of(both[:, :outputs]), self.detector.novelty(both[:, outputs:]))

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
        return self.target.of_logits(finite_answers(outputs).astype(np.float64), self.temperature)

    @abstractmethod
    def _asked(
        self, inputs: Inputs, question: Callable[[Shaped[Tensor, "batch ..."]], Float[Tensor, "batch values"]]
    ) -> Float32[np.ndarray, "examples values"]:
        """Check inputs, and run a function of the network over a bounded number of them at a time."""

    def _answers(self, inputs: Inputs) -> Float64[np.ndarray, "examples ..."]:
        return self.said_of(self._asked(inputs, self._outputs_of))

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


class ImageModel(OnNetwork):
    """Images in: uint8 (examples, height, width, channels), as `preprocessing` makes them.

    The network takes raw pixel values 0 to 255.

    Attributes:
        input_kind: images.
        preprocessing: how an image of any size becomes the pixels that the network takes.
        mirror: whether the outputs (logits or numbers) for the image and for its left-right mirror
            image are averaged.

    Args:
        network: see `OnNetwork`.
        preprocessing: see the attribute.
        classes: see `OnNetwork`.
        mirror: see the attribute.
        temperature: see `OnNetwork`.

    Raises:
        ValueError: the temperature is out of bounds, or not 1 where a number is predicted.
    """

    input_kind = IMAGES
    preprocessing: Preprocessing
    mirror: bool

    def __init__(
        self,
        network: Network,
        preprocessing: Preprocessing,
        classes: Sequence[str],
        *,
        mirror: bool = False,
        temperature: float = 1.0,
    ) -> None:
        super().__init__(network, classes, temperature=temperature)
        self.preprocessing = preprocessing
        self.mirror = mirror

    def _asked(
        self, inputs: Inputs, question: Callable[[Tensor], Float[Tensor, "batch values"]]
    ) -> Float32[np.ndarray, "examples values"]:
        return answer_in_batches(self.network, require_images(inputs, self.preprocessing), question)

    def _averaged(
        self,
        batch: Float[Tensor, "batch channels height width"],
        outputs: Float[Tensor, "batch outputs"],
    ) -> Float[Tensor, "batch outputs"]:
        if self.mirror:
            outputs = (outputs + self.network(batch.flip(3))) / 2
        return outputs


class TextModel(OnNetwork):
    """Texts in, any number of them.

    The answer for a text does not depend on the texts beside it. Every text is answered: of an empty
    one the network sees a single unknown token, of a very long one the first `encoder.length` tokens.

    Attributes:
        input_kind: texts.
        preprocessing: none; texts are taken as they are.
        encoder: from texts to the ids that the network takes.

    Args:
        network: see `OnNetwork`.
        encoder: see the attribute.
        classes: see `OnNetwork`.
        temperature: see `OnNetwork`.

    Raises:
        ValueError: network and encoder do not speak of the same ids, or the temperature is out of
            bounds, or not 1 where a number is predicted.
    """

    input_kind = TEXTS
    preprocessing = None
    encoder: Encoder

    def __init__(
        self, network: Network, encoder: Encoder, classes: Sequence[str], *, temperature: float = 1.0
    ) -> None:
        require_agreement(network.config, encoder)
        super().__init__(network, classes, temperature=temperature)
        self.encoder = encoder

    @property
    def encoders(self) -> tuple[Encoder, ...]:
        """From texts to the ids that the network takes."""
        return (self.encoder,)

    def _asked(
        self, inputs: Inputs, question: Callable[[Tensor], Float[Tensor, "batch values"]]
    ) -> Float32[np.ndarray, "examples values"]:
        return answer_texts(self.network, self.encoder, require_texts(inputs), question)


class FeatureModel(OnNetwork):
    """Feature vectors in: float32 (examples, features), finite.

    Attributes:
        input_kind: feature vectors.
        preprocessing: none; vectors are taken as they are.
    """

    input_kind = VALUES
    preprocessing = None

    @property
    def features(self) -> int:
        """Numbers in one vector."""
        return self.network.config.input_shape[0]

    def _asked(
        self, inputs: Inputs, question: Callable[[Tensor], Float[Tensor, "batch values"]]
    ) -> Float32[np.ndarray, "examples values"]:
        return answer_in_batches(self.network, require_vectors(inputs, self.features), question)
