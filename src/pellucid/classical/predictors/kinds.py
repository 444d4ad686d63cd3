"""Interface of every trained classical model: plain arrays that answer; all kinds in one dict."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64

from pellucid.classical.features.rows import Rows
from pellucid.classical.predictors.constant import Constant
from pellucid.classical.predictors.forest import Forest
from pellucid.classical.predictors.kernel import Kernel
from pellucid.classical.predictors.linear import Linear
from pellucid.strict import Forms


@runtime_checkable
class Predictor(Protocol):
    """Trained model in NumPy alone: features in, probabilities or a number out.

    Attributes:
        kind: key in `PREDICTORS`.
    """

    kind: ClassVar[str]

    @property
    def outputs(self) -> int:
        """Classes, or 1 for a number."""

    @property
    def inputs(self) -> int:
        """Features of a row; 0 where any will do."""

    @property
    def parameters(self) -> int:
        """Numbers stored."""

    def predict(self, features: Rows) -> Float64[np.ndarray, "n outputs"]:
        """Probabilities that sum to one, or the number in column 0, for every row of length `inputs`.

        A row does not depend on the others.
        """

    def arrays(self) -> dict[str, np.ndarray]:
        """Learnt arrays, for a file."""

    def to_json(self) -> dict[str, Any]:
        """Settings as plain JSON values, the kind not included."""

    @staticmethod
    def expected(settings: object) -> Forms:
        """Tell type and shape of every array from the settings alone, nothing trusted.

        Args:
            settings: as `to_json` gives them.

        Returns:
            Name to type and shape.

        Raises:
            ValueError: they are impossible.
        """

    @classmethod
    def from_parts(cls, settings: object, arrays: Mapping[str, np.ndarray]) -> "Predictor":
        """Build a predictor from a file's content, nothing trusted.

        Args:
            settings: as `to_json` gives them.
            arrays: as `arrays` gives them; taken over, not copied.

        Returns:
            The checked predictor.

        Raises:
            ValueError: something is impossible.
        """


PREDICTORS: dict[str, type[Predictor]] = {
    "constant": Constant,
    "linear": Linear,
    "kernel": Kernel,
    "forest": Forest,
}
