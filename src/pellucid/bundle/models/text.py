"""Networks for texts: their encoder, and answers that do not depend on the texts beside them."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Float32
from torch import Tensor

from pellucid.bundle.checks import require_agreement, require_texts
from pellucid.bundle.model import Inputs
from pellucid.bundle.models.answering_texts import answer_texts
from pellucid.bundle.models.on_network import OnNetwork
from pellucid.encoding import Encoder
from pellucid.networks import Network
from pellucid.tasks import TEXTS


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

    def _asked(
        self, inputs: Inputs, question: Callable[[Tensor], Float[Tensor, "batch values"]]
    ) -> Float32[np.ndarray, "examples values"]:
        return answer_texts(self.network, self.encoder, require_texts(inputs), question)
