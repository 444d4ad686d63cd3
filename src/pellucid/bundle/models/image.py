"""A trained network for images with everything that belongs to it, as one thing that answers."""

import copy
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Float32, Float64
from torch import Tensor

from pellucid.bundle.checks import checked_temperature, require_classes, require_images, require_numbers
from pellucid.bundle.model import Inputs
from pellucid.bundle.models.answering import answer_in_batches
from pellucid.bundle.models.on_network import OnNetwork
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.networks import Network
from pellucid.tasks import IMAGES


class ImageModel(OnNetwork):
    """Images in, class probabilities or numbers out; always fp32, always evaluation mode.

    Attributes:
        input_kind: of what it takes.
        network: the trained network; it takes raw pixel values 0 to 255.
        preprocessing: how an image of any size becomes the pixels that the network takes.
        classes: class names in the order of the probabilities; none where a number is predicted.
        mirror: whether the outputs (logits or numbers) for the image and for its left-right mirror
            image are averaged.
        temperature: what logits are divided by before the softmax, 0.01 to 100.

    Args:
        network: see the attribute.
        preprocessing: see the attribute.
        classes: see the attribute.
        mirror: see the attribute.
        temperature: see the attribute.

    Raises:
        ValueError: the temperature is out of bounds, or not 1 where a number is predicted.
    """

    network: Network
    preprocessing: Preprocessing
    input_kind = IMAGES
    classes: tuple[str, ...]
    mirror: bool
    temperature: float

    def __init__(
        self,
        network: Network,
        preprocessing: Preprocessing,
        classes: Sequence[str],
        *,
        mirror: bool = False,
        temperature: float = 1.0,
    ) -> None:
        self.network = network
        self.preprocessing = preprocessing
        self.classes = tuple(classes)
        self.mirror = mirror
        self.temperature = checked_temperature(temperature, classes)

    def at(self, temperature: float) -> "ImageModel":
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
        """Probability of every class for every image.

        A memory-mapped array is read batch by batch and never copied whole.

        Args:
            inputs: uint8 (examples, height, width, channels), as `preprocessing` makes them.

        Returns:
            One row for each image, in the order of `classes`; each row sums to one.

        Raises:
            DataError: the images are of another size, channel count or type, or the model
                predicts numbers.
        """
        require_classes(self.classes)
        return self._said(self._asked(inputs, self._outputs_of))

    def predict_values(self, inputs: Inputs) -> Float64[np.ndarray, " examples"]:
        """The number for every image, in the unit of the training labels.

        Args:
            inputs: as for `predict_proba`.

        Returns:
            One number for each image.

        Raises:
            DataError: the images are of another size, channel count or type, or the model
                predicts classes.
        """
        require_numbers(self.classes)
        return self._said(self._asked(inputs, self._outputs_of))

    def transform(self, inputs: Inputs) -> Float32[np.ndarray, "examples hidden"]:
        """Values of the last hidden layer, of the image as it is (never mirrored).

        Args:
            inputs: uint8 (examples, height, width, channels), as `preprocessing` makes them.

        Returns:
            One row of features for each image.

        Raises:
            DataError: the images are of another size, channel count or type.
        """
        return self._asked(inputs, self.network.features)

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
