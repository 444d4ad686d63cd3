"""Networks for tables of feature vectors."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Float32
from torch import Tensor

from pellucid.bundle.checks import require_vectors
from pellucid.bundle.model import Inputs
from pellucid.bundle.models.answering import answer_in_batches
from pellucid.bundle.models.on_network import OnNetwork
from pellucid.tasks import VALUES


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
