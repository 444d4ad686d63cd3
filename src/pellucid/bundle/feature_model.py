"""A trained network for tables of feature vectors, as one thing that answers."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Float64, Shaped

from pellucid.bundle.answering import answer_in_batches, softmax
from pellucid.errors import DataError
from pellucid.networks import Network


class FeatureModel:
    """Feature vectors in, class probabilities out; always fp32, always evaluation mode.

    Attributes:
        network: the trained network; it takes raw feature values.
        classes: class names in the order of the probabilities.

    Args:
        network: see the attribute.
        classes: see the attribute.
    """

    network: Network
    classes: tuple[str, ...]

    def __init__(self, network: Network, classes: Sequence[str]) -> None:
        self.network = network
        self.classes = tuple(classes)

    @property
    def features(self) -> int:
        """Numbers in one vector."""
        return self.network.config.input_shape[0]

    def predict_proba(
        self, rows: Shaped[np.ndarray, "examples ..."]
    ) -> Float64[np.ndarray, "examples classes"]:
        """Probability of every class for every vector.

        Args:
            rows: float32 (examples, features), finite.

        Returns:
            One row for each vector, in the order of `classes`; each row sums to one.

        Raises:
            DataError: the vectors are of another length or type.
        """
        self._check(rows)
        return softmax(answer_in_batches(self.network, rows, self.network.forward).astype(np.float64))

    def transform(self, rows: Shaped[np.ndarray, "examples ..."]) -> Float32[np.ndarray, "examples hidden"]:
        """Values of the last hidden layer.

        Args:
            rows: float32 (examples, features), finite.

        Returns:
            One row for each vector.

        Raises:
            DataError: the vectors are of another length or type.
        """
        self._check(rows)
        return answer_in_batches(self.network, rows, self.network.features)

    def _check(self, rows: np.ndarray) -> None:
        """Refuse other arrays than `network` takes.

        Raises:
            DataError: with what was found and what is expected.
        """
        if rows.ndim != 2 or rows.shape[1] != self.features or rows.dtype != np.float32:
            raise DataError(
                f"features: found {rows.dtype} of shape {rows.shape}, expected float32 of shape "
                f"(n, {self.features})"
            )
