"""What every measure of foreignness is, and every kind of them in one dict."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64

from pellucid.classical.features.rows import Rows
from pellucid.novelty.directions import Directions
from pellucid.novelty.neighbours import Neighbours
from pellucid.strict import Forms


@runtime_checkable
class Measure(Protocol):
    """From features to one or two numbers that are larger for what is foreign, fitted on training examples.

    Attributes:
        kind: key in `MEASURES`.
    """

    kind: ClassVar[str]

    @property
    def columns(self) -> int:
        """Features it takes."""

    @property
    def signals(self) -> int:
        """Numbers it gives for each row."""

    def measure(self, rows: Rows) -> Float64[np.ndarray, "n signals"]:
        """Say how foreign features are.

        Args:
            rows: of the length `columns`.

        Returns:
            One row for each; larger is more foreign.
        """

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that was fitted, for a file."""

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
    def from_parts(cls, settings: object, arrays: Mapping[str, np.ndarray]) -> "Measure":
        """Put a measure together from a file's content, nothing trusted.

        Args:
            settings: as `to_json` gives them.
            arrays: as `arrays` gives them; taken over, not copied.

        Returns:
            The checked measure.

        Raises:
            ValueError: something is impossible.
        """


MEASURES: dict[str, type[Measure]] = {"directions": Directions, "neighbours": Neighbours}
