"""Interface of every measure of foreignness, and all kinds of them in one dict."""

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
    """Map from features to one or two numbers, larger for what is foreign, fitted on training examples.

    Attributes:
        kind: key in `MEASURES`.
    """

    kind: ClassVar[str]

    @property
    def columns(self) -> int:
        """Features of a row."""

    @property
    def signals(self) -> int:
        """Numbers given for each row."""

    def measure(self, rows: Rows) -> Float64[np.ndarray, "n signals"]:
        """Signals of each row of length `columns`; larger is more foreign."""

    def arrays(self) -> dict[str, np.ndarray]:
        """Fitted arrays, for a file."""

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
        """Build a measure from a file's content, nothing trusted.

        Args:
            settings: as `to_json` gives them.
            arrays: as `arrays` gives them; taken over, not copied.

        Returns:
            The checked measure.

        Raises:
            ValueError: something is impossible.
        """


MEASURES: dict[str, type[Measure]] = {"directions": Directions, "neighbours": Neighbours}
