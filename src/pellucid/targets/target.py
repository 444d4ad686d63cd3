"""What a target is: a kind of labels to predict, with the rules in which such kinds differ."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64, Shaped

from pellucid.settings import METRICS, Metric, metric_of

# State of a label of an example that may have several.
PRESENT = 1
ABSENT = 0
UNKNOWN = -1

# Between labels in one cell, of a table that is read and of answers.
SEPARATOR = ";"


@runtime_checkable
class Answering(Protocol):
    """A model, as far as it is asked here."""

    def predict_proba(self, inputs: Any) -> np.ndarray:
        """Probability of every class for every input."""

    def predict_values(self, inputs: Any) -> np.ndarray:
        """The number for every input."""


class Statements(NamedTuple):
    """What was stated: the class of each example, or of each known label that it is present."""

    confidence: Float64[np.ndarray, " statements"]  # probability of what is stated
    holds: Bool[np.ndarray, " statements"]  # whether it is so
    example: Int64[np.ndarray, " statements"] | None  # of each statement; None where each has its own
    # the same as probabilities of classes that exclude each other, of a label of absent and present
    codes: Int64[np.ndarray, " statements"]
    probabilities: Float64[np.ndarray, "statements classes"]

    @property
    def of_truth(self) -> Float64[np.ndarray, " statements"]:
        """Probability of what is true."""
        found: np.ndarray = self.probabilities[np.arange(len(self.codes)), self.codes]
        return found


@dataclass(frozen=True)
class Target(ABC):
    """Kind of labels to predict, and everything in which classes, numbers and several labels differ.

    Labels are codes of classes (n,), numbers (n,), or, of examples with several labels, whether each is
    `PRESENT`, `ABSENT` or `UNKNOWN` (n, labels). Answers are probabilities (n, classes), of which those of
    several labels do not exclude each other, or numbers (n,).
    """

    name: str  # second word of the task's name, as in `image-classification`
    noun: Literal["class", "number", "image", "labels", "ordered"]  # the value of `--target`, and of metrics
    nouns: str  # several labels, for people
    stratum: str  # what gives its share to a part of the data, for people
    dtype: str  # of labels
    dummy: str  # baseline that sees no inputs
    constant: str  # what that baseline answers, for people
    loss: str  # that is used by default
    metric: str  # the one that always decides; empty where the setting does
    headline: str  # key of the metric that titles a report
    contested: tuple[str, ...]  # keys of the metrics by which the test may contradict the choice of a model
    cell: type[str] | type[float]  # type of a label in a table of answers
    right: str = ""  # key of the share of examples that are answered right; empty where there is none

    def decides(self, setting: str | None) -> Metric:
        """Metric by which models are chosen: that of the setting, where the target has none of its own."""
        found = metric_of(self.metric or setting or self.headline.replace("_", "-"))
        return found if self.noun in found.targets else METRICS[self.headline]

    def has_metric(self, key: str) -> bool:
        """Whether answers of this target are scored by a metric, by its key."""
        return self.noun in METRICS[key].targets

    @abstractmethod
    def outputs(self, classes: int) -> int:
        """Outputs of a model of so many classes."""

    @abstractmethod
    def ask(self, model: Answering, inputs: Any) -> Float64[np.ndarray, "n ..."]:
        """Answers of a model of this target; a `DataError` where the inputs are of another form."""

    @abstractmethod
    def no_answers(self, classes: int) -> Float64[np.ndarray, "0 ..."]:
        """The answers of a model of so many classes about no inputs."""

    @abstractmethod
    def of_columns(self, outputs: Float64[np.ndarray, "n outputs"]) -> Float64[np.ndarray, "n ..."]:
        """Answers from a classical predictor's outputs: probabilities, or numbers in column 0."""

    @abstractmethod
    def columns(self, answers: Float64[np.ndarray, "n ..."]) -> Float64[np.ndarray, "n outputs"]:
        """Answers as rows of numbers: one for each class or label, or the number alone."""

    @abstractmethod
    def of_logits(
        self, outputs: Float64[np.ndarray, "n outputs"], temperature: float = 1.0
    ) -> Float64[np.ndarray, "n ..."]:
        """Answers of a network's outputs at a temperature: softmax, sigmoids, or the numbers of column 0."""

    @abstractmethod
    def calibrated(
        self, answers: Float64[np.ndarray, "n ..."], temperature: float
    ) -> Float64[np.ndarray, "n ..."]:
        """Answers at a temperature; numbers have none."""

    @abstractmethod
    def quoted(self, label: str) -> str:
        """A label in a sentence: names of classes between quotation marks."""

    @abstractmethod
    def labels(
        self,
        answers: Float64[np.ndarray, "n ..."],
        classes: Sequence[str] = (),
        threshold: Mapping[str, float] | None = None,
    ) -> Shaped[np.ndarray, "n ..."]:
        """Predicted labels: the most probable class, all labels that are probable enough, or the number.

        `threshold` holds the probability from which on a class is answered: of one of two classes, or of any
        label; a label without one is answered from one half on.
        """

    def thresholds(self, own: Mapping[str, float], given: Mapping[str, float] | None) -> Mapping[str, float]:
        """The threshold that is given, or else a model's own."""
        return own if given is None else given

    @abstractmethod
    def checked_threshold(self, value: object, classes: Sequence[str]) -> dict[str, float]:
        """A threshold as `labels` takes it, read from a file that is not trusted.

        Raises: `ValueError` if it is no object of classes that this target may have a threshold of, and
        probabilities.
        """

    @abstractmethod
    def texts(self, labels: Shaped[np.ndarray, "n ..."], classes: Sequence[str]) -> list[str]:
        """Labels by the names of their classes, those of one example joined by `;`."""

    @abstractmethod
    def probability(
        self, answers: Float[np.ndarray, "n classes"], labels: Shaped[np.ndarray, "n ..."]
    ) -> Float[np.ndarray, " n"]:
        """Probability that predicted labels are right; of several, that all are, were they independent."""

    @abstractmethod
    def wrong(
        self, predicted: Shaped[np.ndarray, "n ..."], labels: Shaped[np.ndarray, "n ..."]
    ) -> Bool[np.ndarray, " n"]:
        """Whether predicted labels are wrong; of several, whether any of those known is."""

    @abstractmethod
    def value(
        self,
        key: str,
        labels: Shaped[np.ndarray, "n ..."],
        answers: Float64[np.ndarray, "n ..."],
        decided: Shaped[np.ndarray, "n ..."] | None = None,
        positive: int | None = None,
    ) -> float:
        """Value of a metric of this target, by its key.

        Where it goes by decisions about several labels they are `decided`, by default those from one half on;
        where it is about one of two classes that is `positive`, by default the rarer of the labels.
        """

    @abstractmethod
    def terms(
        self,
        key: str,
        labels: Shaped[np.ndarray, "n ..."],
        answers: Float64[np.ndarray, "n ..."],
        decided: Shaped[np.ndarray, "n ..."] | None = None,
    ) -> Float64[np.ndarray, " n"]:
        """What each example adds to a metric that is a mean over examples; arguments as of `value`."""

    @abstractmethod
    def outcomes(
        self,
        labels: Shaped[np.ndarray, "n ..."],
        answers: Float64[np.ndarray, "n ..."],
        decided: Shaped[np.ndarray, "n ..."] | None = None,
    ) -> Float64[np.ndarray, " n"]:
        """1 for an example that is answered right and 0 for another; of numbers how far off the answer is."""

    @abstractmethod
    def statements(
        self, labels: Shaped[np.ndarray, "n ..."], answers: Float64[np.ndarray, "n classes"]
    ) -> "Statements":
        """What probabilities state about examples, or each known label of them, and whether it holds."""

    @abstractmethod
    def misfits(
        self, labels: Shaped[np.ndarray, " n"], answers: Float[np.ndarray, "n ..."]
    ) -> Float[np.ndarray, " n"]:
        """How badly the truth fits each answer: its probability negated, or how far off a number is."""

    @abstractmethod
    def codes(self, labels: Shaped[np.ndarray, "n ..."]) -> Int64[np.ndarray, " n"]:
        """Class of each example; its rarest label, or else 0; numbers are all of one."""

    @abstractmethod
    def nearest(self, answers: Float64[np.ndarray, "n ..."]) -> Shaped[np.ndarray, " n"]:
        """The most probable class or label of each answer, or the number itself."""

    @abstractmethod
    def moved(
        self, labels: Shaped[np.ndarray, "n ..."], places: Sequence[int], classes: int
    ) -> Shaped[np.ndarray, "n ..."]:
        """Labels by so many other classes: `places` has for each old one its new code, or -1 for none.

        Several old classes may become one. What is left of an example without a class has code 0; a label
        that no old one becomes is unknown.
        """

    @abstractmethod
    def exclusive(self, classes: Sequence[str]) -> Sequence[str]:
        """Classes of which an example has exactly one; none of labels that go together, or of numbers."""

    def arranged(self, names: Iterable[str], own: Sequence[str]) -> tuple[str, ...]:
        """Names of classes, each once, in the order of a model's answers; `own` are all that there are."""
        return tuple(sorted({*names}))

    @abstractmethod
    def firsts(self, labels: Shaped[np.ndarray, "n ..."]) -> Int64[np.ndarray, " found"]:
        """Place of the first example of each class or label that occurs, in their order; none of numbers."""

    @abstractmethod
    def is_known(self, labels: Shaped[np.ndarray, "n ..."]) -> Bool[np.ndarray, " n"]:
        """Whether an example has a label that can be learnt; of several, whether any of them is known."""

    @abstractmethod
    def counts(self, labels: Shaped[np.ndarray, "n ..."], classes: int) -> tuple[int, ...]:
        """Examples of each of so many classes; of numbers, how many there are."""

    @abstractmethod
    def strata(self, labels: Shaped[np.ndarray, "n ..."], least: int = 15) -> Int64[np.ndarray, " n"]:
        """Stratum of each example, from 0 without gaps: its class, rarest label, or decile of numbers.

        Deciles are of `least` numbers or more. Splits take equal shares of each stratum.
        """


def probabilities_of(value: object, classes: Sequence[str]) -> dict[str, float]:
    """An object of some classes and probabilities, read from a file that is not trusted.

    Raises: `ValueError` if it is none.
    """
    if not isinstance(value, dict) or not value.keys() <= {*classes}:
        raise ValueError("'threshold' is not an object of classes")
    for least in value.values():
        if isinstance(least, bool) or not isinstance(least, (int, float)) or not 0 <= least <= 1:
            raise ValueError("'threshold' is not a probability from 0 to 1")
    return {name: float(least) for name, least in value.items()}
