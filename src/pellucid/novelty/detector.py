r"""Novelty from 0 to 1 out of features: how unlike the training data they are.

Notation: $a_j$ the signals of a measure; $m_j$ their median over the validation examples and $q_j$ the
95 % quantile, $z_j = (a_j - m_j) / (q_j - m_j)$. How foreign an input is:
$f = z_1 + \sum_{j>1} \max(0, z_j)$. A further signal counts only where it speaks against the input.

What is said is the share of validation examples that look less foreign, $(k + 1/2) / (n + 1)$ where $k$ of
$n$ do. Beyond all of them it goes on rising towards 1, $1 - \frac{1/2}{n + 1} \frac{h}{h + f - f_n}$ with
$h = f_n - f_{n/2}$, so that the most foreign inputs are still ranked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from pellucid.classical.features.rows import Rows
from pellucid.novelty.directions import Directions
from pellucid.novelty.measures import Measure
from pellucid.novelty.neighbours import Neighbours
from pellucid.strict import Anything, Fields, Forms, Number, OneOf, Whole, read_arrays, read_object

# Every measure by its kind, as saved models have it.
MEASURES: dict[str, type[Measure]] = {each.kind: each for each in (Directions, Neighbours)}

MOST_REFERENCES = 2000  # saved with every model
_MOST_ANSWERS, _MOST_EXAMPLES = 100_000, 1 << 40
_MEASURE = "measure."
_TINY = 1e-9
_FIELDS: Fields = {
    "kind": OneOf(tuple(MEASURES)),
    "measure": Anything(),
    "rate": Number(0.0, 1.0),
    "examples": Whole(1, _MOST_EXAMPLES),
    "references": Whole(1, MOST_REFERENCES),
    "answers": Whole(1, _MOST_ANSWERS),
    "signals": Whole(1, 2),
}


@dataclass(frozen=True, eq=False)
class Detector:
    """Calibrated novelty detector: how unlike the training data features are, and when to raise the alarm.

    Attributes:
        measure: fitted on training examples.
        middle: median of each signal over the validation examples.
        spread: from there to the 95 % quantile; positive.
        reference: how foreign the validation examples are, ascending; of many, some at equal steps.
        answers: what the model said of the validation examples: how often each class, or numbers,
            ascending, of many some at equal steps.
        examples: validation examples that all this comes from.
        rate: share of the examples like the training data for which the alarm may be raised.
    """

    measure: Measure
    middle: Float64[np.ndarray, " signals"]
    spread: Float64[np.ndarray, " signals"]
    reference: Float64[np.ndarray, " references"]
    answers: Float64[np.ndarray, " answers"]
    examples: int
    rate: float

    @property
    def threshold(self) -> float:
        """Novelty above which an input counts as unlike the training data."""
        return 1 - self.rate

    def foreignness(self, rows: Rows) -> Float64[np.ndarray, " n"]:
        """Foreignness of each row: about 0 in the middle of the validation examples, infinite for NaN."""
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            return combined(self.measure.measure(rows), self.middle, self.spread)

    def novelty(self, rows: Rows) -> Float64[np.ndarray, " n"]:
        """Novelty of each row, 0 to 1: the share of validation examples that look less foreign."""
        return self.placed(self.foreignness(rows))

    def novelty_of(self, signals: Float64[np.ndarray, "n signals"]) -> Float64[np.ndarray, " n"]:
        """Novelty, 0 to 1, of examples by what a measure found in them."""
        return self.placed(combined(signals, self.middle, self.spread))

    def placed(self, foreign: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """Rank of each foreignness among the validation examples, 0 to 1; ties count half."""
        count = len(self.reference)
        below = np.searchsorted(self.reference, foreign, "left")
        upto = np.searchsorted(self.reference, foreign, "right")
        found: np.ndarray = ((below + upto) / 2 + 0.5) / (count + 1)
        reach = max(self.reference[-1] - self.reference[count // 2], _TINY)
        excess = np.maximum(foreign - self.reference[-1], 0)
        return np.where(excess > 0, 1 - 0.5 / (count + 1) * reach / (reach + excess), found)

    def superiority(self, novelty: float) -> float:
        """Chance, 0 to 1, that inputs of this mean novelty look more foreign than validation examples."""
        count = len(self.reference)
        return float(np.clip((novelty * (count + 1) - 0.5) / count, 0, 1))

    def arrays(self) -> dict[str, np.ndarray]:
        """Fitted arrays, for a file."""
        return {
            "middle": self.middle,
            "spread": self.spread,
            "reference": self.reference,
            "answers": self.answers,
            **{_MEASURE + name: array for name, array in self.measure.arrays().items()},
        }

    def to_json(self) -> dict[str, Any]:
        """Settings as plain JSON values, from which `expected` tells the forms of the arrays."""
        return {
            "kind": self.measure.kind,
            "measure": self.measure.to_json(),
            "rate": self.rate,
            "examples": self.examples,
            "references": len(self.reference),
            "answers": len(self.answers),
            "signals": len(self.middle),
        }

    @staticmethod
    def expected(settings: object) -> Forms:
        """Forms of the arrays, or `ValueError`, as `Measure.expected`."""
        stated = read_object("novelty", settings, _FIELDS)
        if not 0 < stated["rate"] < 1:
            raise ValueError("novelty: rate must be a number between 0 and 1")
        signals = stated["signals"]
        measure = MEASURES[stated["kind"]].expected(stated["measure"])
        return {
            "middle": ("float64", (signals,)),
            "spread": ("float64", (signals,)),
            "reference": ("float64", (stated["references"],)),
            "answers": ("float64", (stated["answers"],)),
            **{_MEASURE + name: form for name, form in measure.items()},
        }

    @classmethod
    def from_parts(cls, settings: object, arrays: Mapping[str, np.ndarray]) -> "Detector":
        """Detector from a file's content, or `ValueError`, as `Measure.from_parts`."""
        found = read_arrays("novelty", cls.expected(settings), arrays)
        assert isinstance(settings, dict)  # `expected` refused everything else
        inner = {name.removeprefix(_MEASURE): found.pop(name) for name in [*found] if _MEASURE in name}
        measure = MEASURES[settings["kind"]].from_parts(settings["measure"], inner)
        if measure.signals != settings["signals"]:
            raise ValueError(
                f"novelty: {settings['signals']} signals where the measure has {measure.signals}"
            )
        if not (found["spread"] > 0).all() or (found["reference"][1:] < found["reference"][:-1]).any():
            raise ValueError("novelty: a spread is not positive, or references do not ascend")
        return cls(measure=measure, examples=settings["examples"], rate=settings["rate"], **found)


def combined(
    signals: Float64[np.ndarray, "n signals"],
    middle: Float64[np.ndarray, " signals"],
    spread: Float64[np.ndarray, " signals"],
) -> Float64[np.ndarray, " n"]:
    """Foreignness $f$ of each row from its signals; infinite where a signal is no number."""
    relative = (signals - middle) / spread
    foreign = relative[:, 0] + np.maximum(relative[:, 1:], 0).sum(axis=1)
    return np.where(np.isfinite(foreign), foreign, np.inf)
