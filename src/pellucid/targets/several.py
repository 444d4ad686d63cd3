"""Any number of labels of each example, none included: sigmoids, and each label by its own threshold."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int8, Int64

from pellucid.arithmetic.metrics import label_terms, label_value
from pellucid.arithmetic.probabilities import of_all, sigmoid, sigmoid_at_temperature
from pellucid.targets.classes import Named
from pellucid.targets.labels import Labels
from pellucid.targets.target import (
    ABSENT,
    PRESENT,
    SEPARATOR,
    UNKNOWN,
    Statements,
    Target,
    probabilities_of,
)

# Cells that say of one label whether it applies.
_STATES: dict[object, int] = {
    **dict.fromkeys((1, 1.0, True, "1", "1.0", "true", "yes"), PRESENT),
    **dict.fromkeys((0, 0.0, False, "0", "0.0", "false", "no"), ABSENT),
    **dict.fromkeys((None, ""), UNKNOWN),
}

# Probability from which on a label is answered that has no threshold of its own.
EVEN = 0.5


class States(NamedTuple):
    """What is known of each label of each example."""

    present: Bool[np.ndarray, "n labels"]  # whether the example has the label
    known: Bool[np.ndarray, "n labels"]  # whether it is known to have it or not

    @classmethod
    def of(cls, labels: Int8[np.ndarray, "n labels"]) -> "States":
        """Those of labels as they travel."""
        return cls(labels == PRESENT, labels != UNKNOWN)


class SeveralLabels(Named):
    """Labels are `PRESENT`, `ABSENT` or `UNKNOWN` (n, labels); probabilities do not exclude each other."""

    def of_logits(
        self, outputs: Float64[np.ndarray, "n labels"], temperature: float = 1.0
    ) -> Float64[np.ndarray, "n labels"]:
        """The sigmoid of each logit, divided by the temperature."""
        return sigmoid(outputs / temperature)

    def calibrated(
        self, answers: Float64[np.ndarray, "n labels"], temperature: float
    ) -> Float64[np.ndarray, "n labels"]:
        """Each sigmoid at a temperature."""
        return sigmoid_at_temperature(answers, temperature)

    def labels(
        self,
        answers: Float64[np.ndarray, "n labels"],
        classes: Sequence[str] = (),
        threshold: Mapping[str, float] | None = None,
    ) -> Int8[np.ndarray, "n labels"]:
        """Every label whose probability reaches its threshold."""
        least = np.array([(threshold or {}).get(name, EVEN) for name in classes] or EVEN)
        states: np.ndarray = (answers >= least).astype(np.int8)
        return states

    def thresholds(self, own: Mapping[str, float], given: Mapping[str, float] | None) -> Mapping[str, float]:
        """Those that are given; labels that are not named keep the model's own."""
        return {**own, **(given or {})}

    def checked_threshold(self, value: object, classes: Sequence[str]) -> dict[str, float]:
        """Those of any labels."""
        return probabilities_of(value, classes)

    def texts(self, labels: Int8[np.ndarray, "n labels"], classes: Sequence[str]) -> list[str]:
        """The names of those present, joined by `;`."""
        return [
            SEPARATOR.join(classes[code] for code in np.flatnonzero(row == PRESENT).tolist())
            for row in labels
        ]

    def probability(
        self, answers: Float[np.ndarray, "n labels"], labels: Int8[np.ndarray, "n labels"]
    ) -> Float[np.ndarray, " n"]:
        """Probability that every label is right, were they independent."""
        return of_all(answers, labels)

    def wrong(
        self, predicted: Int8[np.ndarray, "n labels"], labels: Int8[np.ndarray, "n labels"]
    ) -> Bool[np.ndarray, " n"]:
        """Whether any label that is known is another."""
        found: np.ndarray = ((predicted != labels) & (labels != UNKNOWN)).any(axis=1)
        return found

    def value(
        self,
        key: str,
        labels: Int8[np.ndarray, "n labels"],
        answers: Float64[np.ndarray, "n labels"],
        decided: Int8[np.ndarray, "n labels"] | None = None,
        positive: int | None = None,
    ) -> float:
        """Over the known labels; 0 where there is nothing to rank."""
        return label_value(key, labels, answers, self.labels(answers) if decided is None else decided)

    def terms(
        self,
        key: str,
        labels: Int8[np.ndarray, "n labels"],
        answers: Float64[np.ndarray, "n labels"],
        decided: Int8[np.ndarray, "n labels"] | None = None,
    ) -> Float64[np.ndarray, " n"]:
        """Over the known labels; not a number where an example has nothing to rank."""
        decisions = self.labels(answers) if decided is None else decided
        return label_terms(key, labels, answers, decisions).astype(np.float64)

    def statements(
        self, labels: Int8[np.ndarray, "n labels"], answers: Float64[np.ndarray, "n labels"]
    ) -> Statements:
        """That a label is present, of every known one, example by example."""
        known = labels != UNKNOWN
        stated, holds = answers[known], labels[known] == PRESENT
        of_states = np.stack([1 - stated, stated], axis=1)
        return Statements(stated, holds, np.nonzero(known)[0], holds.astype(np.int64), of_states)

    def misfits(
        self, labels: Int8[np.ndarray, "n labels"], answers: Float[np.ndarray, "n labels"]
    ) -> Float[np.ndarray, " n"]:
        """The probability of all labels, were they independent, negated."""
        return -of_all(answers, labels)

    def codes(self, labels: Int8[np.ndarray, "n labels"]) -> Int64[np.ndarray, " n"]:
        """The rarest label of each example, 0 where it has none."""
        found: np.ndarray = np.maximum(rarest_labels(labels), 0)
        return found

    def is_known(self, labels: Int8[np.ndarray, "n labels"]) -> Bool[np.ndarray, " n"]:
        """Whether at least one label is known."""
        found: np.ndarray = (labels != UNKNOWN).any(axis=1)
        return found

    def moved(
        self, labels: Int8[np.ndarray, "n labels"], places: Sequence[int], classes: int
    ) -> Int8[np.ndarray, "n others"]:
        """The state of each new label: present where one of the old ones is, else absent where one is."""
        states = np.full((len(labels), classes), UNKNOWN, np.int8)
        for code, place in enumerate(places):
            if place >= 0:
                states[:, place] = np.maximum(states[:, place], labels[:, code])
        return states

    def exclusive(self, classes: Sequence[str]) -> Sequence[str]:
        """None: an example may have any number of them."""
        return ()

    def firsts(self, labels: Int8[np.ndarray, "n labels"]) -> Int64[np.ndarray, " found"]:
        """That of each label that any example has."""
        is_present = labels == PRESENT
        found: np.ndarray = is_present.argmax(axis=0)[is_present.any(axis=0)]
        return found

    def counts(self, labels: Int8[np.ndarray, "n labels"], classes: int) -> tuple[int, ...]:
        """Examples in which each label is present."""
        return tuple((labels == PRESENT).sum(axis=0).tolist())

    def strata(self, labels: Int8[np.ndarray, "n labels"], least: int = 15) -> Int64[np.ndarray, " n"]:
        """Rarest labels, and examples without any, numbered without gaps."""
        strata: np.ndarray = np.unique(rarest_labels(labels), return_inverse=True)[1]
        return strata.reshape(-1).astype(np.int64)


def states_of(
    is_present: Bool[np.ndarray, "n labels"], is_unknown: Bool[np.ndarray, "n ..."]
) -> Int8[np.ndarray, "n labels"]:
    """State of each label of each example, where some or all of an example may be unknown."""
    return np.where(is_unknown, UNKNOWN, np.where(is_present, PRESENT, ABSENT)).astype(np.int8)


def rarest_labels(labels: Int8[np.ndarray, "n labels"]) -> Int64[np.ndarray, " n"]:
    """The label of each example that the fewest examples have; -1 where it has none."""
    is_present = labels == PRESENT
    order = np.argsort(is_present.sum(axis=0), kind="stable")
    first = is_present[:, order].argmax(axis=1) if len(order) else np.zeros(len(labels), np.int64)
    return np.where(is_present.any(axis=1), order[first], -1)


MULTILABEL: Target = SeveralLabels(
    name="multilabel-classification",
    noun="labels",
    nouns="labels",
    stratum="label",
    dtype="|i1",
    dummy="majority",
    constant="the share of each label in training",
    loss="cross-entropy",
    metric="",
    headline="micro_f1",
    contested=("sample_f1", "log_loss"),
    cell=str,
    right="subset_accuracy",
)


def state_of(cell: object) -> int | None:
    """State of a label by the cell of its column; `None` of any other cell."""
    if isinstance(cell, float) and cell != cell:
        return UNKNOWN
    cell = cell.strip().lower() if isinstance(cell, str) else cell
    return _STATES.get(cell) if isinstance(cell, (str, int, float, type(None))) else None


def labels_of_states(states: Int8[np.ndarray, "n labels"], names: Sequence[str]) -> Labels:
    """Labels of which each example may have several, by their states."""
    return Labels(states, tuple(names), MULTILABEL)


def labels_of_lists(
    lists: Sequence[Sequence[str]], names: Sequence[str], unknown: Sequence[int] = ()
) -> Labels:
    """Labels in a list of them for each example; of the examples at `unknown` nothing is known."""
    codes = {name: code for code, name in enumerate(names)}
    states = np.full((len(lists), len(names)), ABSENT, np.int8)
    for row, each in enumerate(lists):
        states[row, [codes[name] for name in each]] = PRESENT
    states[list(unknown)] = UNKNOWN
    return labels_of_states(states, names)
