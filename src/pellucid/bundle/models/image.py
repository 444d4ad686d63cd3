"""Networks for images: preprocessing, and answers averaged with the mirrored image's."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Float32
from torch import Tensor

from pellucid.bundle.checks import require_images
from pellucid.bundle.model import Inputs
from pellucid.bundle.models.answering import answer_in_batches
from pellucid.bundle.models.on_network import OnNetwork
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.networks import Network
from pellucid.tasks import IMAGES


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
