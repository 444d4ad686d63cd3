"""Base of every measure of foreignness."""

from abc import abstractmethod

import numpy as np
from jaxtyping import Float64

from pellucid.classical.features.rows import Rows
from pellucid.strict import Stored


class Measure(Stored):
    """Map from features to one or two numbers, larger for what is foreign, fitted on training examples.

    Its `kind` is its key in `MEASURES`.
    """

    @property
    @abstractmethod
    def columns(self) -> int:
        """Features of a row."""

    @property
    @abstractmethod
    def signals(self) -> int:
        """Numbers given for each row."""

    @abstractmethod
    def measure(self, rows: Rows) -> Float64[np.ndarray, "n signals"]:
        """Signals of each row of length `columns`; larger is more foreign."""
