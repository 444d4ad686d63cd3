"""A number for each example, in its own unit."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64, Shaped

from pellucid.arithmetic.metrics import OF_NUMBERS, number_errors
from pellucid.targets.target import Answering, Statements, Target

# Parts of the range that take the place of classes where data is divided.
MOST_STRATA = 10


def deciles(values: Shaped[np.ndarray, " n"], least: int = 15) -> Int64[np.ndarray, " n"]:
    """Stratum, from 0, of each of one or more numbers: ten of about equal size, equal numbers in the same.

    They are fewer and wider where the numbers are too few for `least` in each.
    """
    number = max(1, min(MOST_STRATA, len(values) // least))
    cuts = np.unique(np.sort(values)[np.arange(1, number) * len(values) // number])
    parts = np.searchsorted(cuts, values, side="right")
    return np.unique(parts, return_inverse=True)[1].reshape(-1).astype(np.int64)


class Numbers(Target):
    """A number for each example: labels and answers are numbers (n,) in the same unit."""

    def outputs(self, classes: int) -> int:
        """One, the number."""
        return 1

    def ask(self, model: Answering, inputs: Any) -> Float64[np.ndarray, " n"]:
        """The model's numbers."""
        return model.predict_values(inputs)

    def no_answers(self, classes: int) -> Float64[np.ndarray, " 0"]:
        """No numbers."""
        return np.zeros(0)

    def of_columns(self, outputs: Float64[np.ndarray, "n 1"]) -> Float64[np.ndarray, " n"]:
        """The numbers of column 0."""
        return outputs[:, 0]

    def columns(self, answers: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, "n 1"]:
        """The numbers as a column."""
        return answers[:, None]

    def of_logits(
        self, outputs: Float64[np.ndarray, "n 1"], temperature: float = 1.0
    ) -> Float64[np.ndarray, " n"]:
        """The numbers of column 0; they have no temperature."""
        return outputs[:, 0]

    def calibrated(self, answers: Float64[np.ndarray, " n"], temperature: float) -> Float64[np.ndarray, " n"]:
        """The very same."""
        return answers

    def quoted(self, label: str) -> str:
        """The number as it is."""
        return label

    def labels(
        self,
        answers: Float64[np.ndarray, " n"],
        classes: Sequence[str] = (),
        threshold: Mapping[str, float] | None = None,
    ) -> Float64[np.ndarray, " n"]:
        """The very same: a number decides nothing."""
        return answers

    def checked_threshold(self, value: object, classes: Sequence[str]) -> dict[str, float]:
        """Refused: numbers have none."""
        raise ValueError("'threshold' belongs to classes")

    def texts(self, labels: Shaped[np.ndarray, " n"], classes: Sequence[str]) -> list[str]:
        """The shortest text of each number."""
        return [repr(value) for value in labels.tolist()]

    def probability(
        self, answers: Float[np.ndarray, " n"], labels: Float[np.ndarray, " n"]
    ) -> Float[np.ndarray, " n"]:
        """Refused: a number has no probability of being right."""
        raise ValueError("numbers have no probability")

    def wrong(
        self, predicted: Float64[np.ndarray, " n"], labels: Shaped[np.ndarray, " n"]
    ) -> Bool[np.ndarray, " n"]:
        """Whether the number is another."""
        return np.asarray(predicted != labels)

    def value(
        self,
        key: str,
        labels: Shaped[np.ndarray, " n"],
        answers: Float64[np.ndarray, " n"],
        decided: Float64[np.ndarray, " n"] | None = None,
        positive: int | None = None,
    ) -> float:
        """One of `number_errors`."""
        return float(getattr(number_errors(labels, answers), key))

    def terms(
        self,
        key: str,
        labels: Shaped[np.ndarray, " n"],
        answers: Float64[np.ndarray, " n"],
        decided: Float64[np.ndarray, " n"] | None = None,
    ) -> Float64[np.ndarray, " n"]:
        """Absolute or squared errors."""
        found: np.ndarray = OF_NUMBERS[key](labels, answers)
        return found

    def outcomes(
        self,
        labels: Shaped[np.ndarray, " n"],
        answers: Float64[np.ndarray, " n"],
        decided: Float64[np.ndarray, " n"] | None = None,
    ) -> Float64[np.ndarray, " n"]:
        """How far off each number is."""
        found: np.ndarray = np.abs(answers - labels)
        return found

    def statements(self, labels: Shaped[np.ndarray, " n"], answers: Float64[np.ndarray, " n"]) -> Statements:
        """Refused: a number states no probability."""
        raise ValueError("numbers have no probability")

    def misfits(
        self, labels: Float[np.ndarray, " n"], answers: Float[np.ndarray, " n"]
    ) -> Float[np.ndarray, " n"]:
        """How far off each number is."""
        found: np.ndarray = np.abs(labels - answers)
        return found

    def codes(self, labels: Shaped[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
        """All of one."""
        return np.zeros(len(labels), np.int64)

    def nearest(self, answers: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """The number itself."""
        return answers

    def moved(
        self, labels: Shaped[np.ndarray, " n"], places: Sequence[int], classes: int
    ) -> Shaped[np.ndarray, " n"]:
        """The very same: numbers have no classes."""
        return labels

    def exclusive(self, classes: Sequence[str]) -> Sequence[str]:
        """None."""
        return ()

    def firsts(self, labels: Shaped[np.ndarray, " n"]) -> Int64[np.ndarray, " found"]:
        """None."""
        return np.zeros(0, np.int64)

    def is_known(self, labels: Shaped[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """All of them."""
        return np.ones(len(labels), bool)

    def counts(self, labels: Shaped[np.ndarray, " n"], classes: int) -> tuple[int, ...]:
        """How many there are."""
        return (len(labels),)

    def strata(self, labels: Shaped[np.ndarray, " n"], least: int = 15) -> Int64[np.ndarray, " n"]:
        """Deciles, of `least` numbers or more."""
        return deciles(labels, least)


REGRESSION: Target = Numbers(
    name="regression",
    noun="number",
    nouns="numbers",
    stratum="part of the range",
    dtype="<f8",
    dummy="mean",
    constant="the mean of the training labels",
    loss="mse",
    metric="root-mean-squared-error",
    headline="mean_absolute_error",
    contested=("root_mean_squared_error",),
    cell=float,
)
