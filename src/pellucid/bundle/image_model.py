"""A trained network for pictures with everything that belongs to it, as one thing that answers."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32, Float64, Shaped
from torch import Tensor

from pellucid.bundle.answering import answer_in_batches, softmax
from pellucid.data.preprocessing import Preprocessing
from pellucid.errors import DataError
from pellucid.networks import Network


class ImageModel:
    """Pictures in, class probabilities out; always fp32, always evaluation mode.

    Attributes:
        network: the trained network; it takes raw pixel values 0 to 255.
        preprocessing: how a picture of any size becomes the pixels that the network takes.
        classes: class names in the order of the probabilities.
        mirror: whether the logits of the picture and of its left-right mirror image are averaged.

    Args:
        network: see the attribute.
        preprocessing: see the attribute.
        classes: see the attribute.
        mirror: see the attribute.
    """

    network: Network
    preprocessing: Preprocessing
    classes: tuple[str, ...]
    mirror: bool

    def __init__(
        self,
        network: Network,
        preprocessing: Preprocessing,
        classes: Sequence[str],
        *,
        mirror: bool = False,
    ) -> None:
        self.network = network
        self.preprocessing = preprocessing
        self.classes = tuple(classes)
        self.mirror = mirror

    def predict_proba(
        self, pixels: Shaped[np.ndarray, "examples ..."]
    ) -> Float64[np.ndarray, "examples classes"]:
        """Probability of every class for every picture.

        A memory-mapped array is read batch by batch and never copied whole.

        Args:
            pixels: uint8 (examples, height, width, channels), as `preprocessing` makes them.

        Returns:
            One row for each picture, in the order of `classes`; each row sums to one.

        Raises:
            DataError: the pictures are of another size, channel count or type.
        """
        self._check(pixels)
        return softmax(answer_in_batches(self.network, pixels, self._logits).astype(np.float64))

    def transform(
        self, pixels: Shaped[np.ndarray, "examples ..."]
    ) -> Float32[np.ndarray, "examples features"]:
        """Values of the last hidden layer, of the picture as it is (never mirrored).

        Args:
            pixels: uint8 (examples, height, width, channels), as `preprocessing` makes them.

        Returns:
            One row of features for each picture.

        Raises:
            DataError: the pictures are of another size, channel count or type.
        """
        self._check(pixels)
        return answer_in_batches(self.network, pixels, self.network.features)

    def _logits(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        logits: Tensor = self.network(images)
        if self.mirror:
            logits = (logits + self.network(images.flip(3))) / 2
        return logits

    def _check(self, pixels: np.ndarray) -> None:
        """Refuse arrays that the preprocessing of this model did not make.

        Raises:
            DataError: with what was found and what is expected.
        """
        expected = (self.preprocessing.height, self.preprocessing.width, self.preprocessing.channels)
        if pixels.ndim != 4 or pixels.shape[1:] != expected or pixels.dtype != np.uint8:
            raise DataError(
                f"pictures: found {pixels.dtype} of shape {pixels.shape}, expected uint8 of shape "
                f"(n, {', '.join(map(str, expected))}); pass them through the model's preprocessing"
            )
