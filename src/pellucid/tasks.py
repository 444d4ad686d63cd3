"""Tasks: the target that is predicted, the kind of inputs, and everything that follows from either."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float64, Int8, Int64, Shaped

from pellucid.arithmetic import at_temperature, softmax
from pellucid.arithmetic.probabilities import decided, of_all, sigmoid, sigmoid_at_temperature
from pellucid.settings import METRICS, Metric, metric_of

# Names of the kinds of input, as `model.json` has them; values are feature vectors.
InputName = Literal["images", "texts", "values"]


@dataclass(frozen=True)
class InputKind:
    """A kind of input, and what follows from it wherever images, texts and feature vectors differ."""

    name: InputName
    task: str  # first word of the task's name, as in `image-classification`; a value of `--task`
    noun: str  # one example, for people
    classifier: str  # a model of classes, for people, with its article
    axes: int  # of an array of them; 0 where they are no array
    network: str  # family that serves by default; empty where the data decides
    has_lengths: bool  # whether examples differ in length, and steps of training with them
    is_augmented: bool  # whether a shifted or mirrored example keeps its label
    smaller: str  # setting that makes a step of training cheaper
    speed: str  # name of the examples trained on in a second in `history.jsonl`
    example: str  # one file as a command takes it
    examples: str  # new data as `pellucid predict` takes it

    @property
    def nouns(self) -> str:
        """Several examples, for people."""
        return f"{self.noun}s"

    def __reduce__(self) -> str:
        # Kinds are compared by identity: a copy of one, or one that was pickled, is the constant itself.
        return self.name.upper()


IMAGES = InputKind(
    name="images",
    task="image",
    noun="image",
    classifier="An image classifier",
    axes=4,
    network="cnn",
    has_lengths=False,
    is_augmented=True,
    smaller="--image-size",
    speed="images_per_second",
    example="IMAGE",
    examples="IMAGE...",
)
TEXTS = InputKind(
    name="texts",
    task="text",
    noun="text",
    classifier="A text classifier",
    axes=0,
    network="",
    has_lengths=True,
    is_augmented=False,
    smaller="--length",
    speed="texts_per_second",
    example="TEXT.txt",
    examples="TEXTS.csv",
)
VALUES = InputKind(
    name="values",
    task="feature",
    noun="feature vector",
    classifier="A classifier of feature vectors",
    axes=2,
    network="mlp",
    has_lengths=False,
    is_augmented=False,
    smaller="--image-size",
    speed="images_per_second",
    example="",
    examples="",
)

# Every kind of input by its name.
INPUT_KINDS: dict[InputName, InputKind] = {"images": IMAGES, "texts": TEXTS, "values": VALUES}


MOST_STRATA = 10


def deciles(values: Float64[np.ndarray, " n"], least: int = 15) -> Int64[np.ndarray, " n"]:
    """Stratum, from 0, of each of one or more numbers: ten of about equal size, equal numbers in the same.

    They are fewer and wider where the numbers are too few for `least` in each.
    """
    number = max(1, min(MOST_STRATA, len(values) // least))
    cuts = np.unique(np.sort(values)[np.arange(1, number) * len(values) // number])
    parts = np.searchsorted(cuts, values, side="right")
    return np.unique(parts, return_inverse=True)[1].reshape(-1).astype(np.int64)


@runtime_checkable
class Answering(Protocol):
    """A model, as far as it is asked here."""

    def predict_proba(self, inputs: Any) -> np.ndarray:
        """Probability of every class for every input."""

    def predict_values(self, inputs: Any) -> np.ndarray:
        """The number for every input."""


# State of a label of an example that may have several.
PRESENT, ABSENT, UNKNOWN = 1, 0, -1

# Probability from which on a label is answered that has no threshold of its own.
EVEN = 0.5

# Between labels in one cell, of a table that is read and of answers.
SEPARATOR = ";"


@dataclass(frozen=True)
class Target:
    """Kind of labels to predict, and everything in which classes, numbers and several labels differ.

    Labels are codes of classes (n,), numbers (n,), or, of examples with several labels, whether each is
    `PRESENT`, `ABSENT` or `UNKNOWN` (n, labels). Answers are probabilities (n, classes), of which those of
    several labels do not exclude each other, or numbers (n,).
    """

    name: str  # second word of the task's name, as in `image-classification`
    noun: Literal["class", "number", "image", "labels"]  # the value of `--target`, and of metrics
    nouns: str  # several labels, for people
    stratum: str  # what gives its share to a part of the data, for people
    dtype: str  # of labels
    # whether answers are probabilities, which are calibrated, and labels have names; or else numbers in the
    # labels' own unit
    has_probabilities: bool
    dummy: str  # baseline that sees no inputs
    constant: str  # what that baseline answers, for people
    loss: str  # that is used by default
    metric: str  # the one that always decides; empty where the setting does
    headline: str  # key of the metric that titles a report
    contested: tuple[str, ...]  # keys of the metrics by which the test may contradict the choice of a model
    cell: type[str] | type[float]  # type of a label in a table of answers
    right: str = ""  # key of the share of examples that are answered right; empty where there is none
    is_exclusive: bool = True  # whether an example has one label only

    def decides(self, setting: str | None) -> Metric:
        """Metric by which models are chosen: that of the setting, where the target has none of its own."""
        found = metric_of(self.metric or setting or self.headline.replace("_", "-"))
        return found if self.noun in found.targets else METRICS[self.headline]

    def outputs(self, classes: int) -> int:
        """Outputs of a model of so many classes."""
        return classes if self.has_probabilities else 1

    def ask(self, model: Answering, inputs: Any) -> Float64[np.ndarray, "n ..."]:
        """Answers of a model of this target; a `DataError` where the inputs are of another form."""
        return model.predict_proba(inputs) if self.has_probabilities else model.predict_values(inputs)

    def no_answers(self, classes: int) -> Float64[np.ndarray, "0 ..."]:
        """The answers of a model of so many classes about no inputs."""
        return np.zeros((0, classes)) if self.has_probabilities else np.zeros(0)

    def of_columns(self, outputs: Float64[np.ndarray, "n outputs"]) -> Float64[np.ndarray, "n ..."]:
        """Answers from a classical predictor's outputs: probabilities, or numbers in column 0."""
        return outputs if self.has_probabilities else outputs[:, 0]

    def columns(self, answers: Float64[np.ndarray, "n ..."]) -> Float64[np.ndarray, "n outputs"]:
        """The inverse of `of_columns`."""
        return answers if self.has_probabilities else answers[:, None]

    def of_logits(
        self, outputs: Float64[np.ndarray, "n outputs"], temperature: float = 1.0
    ) -> Float64[np.ndarray, "n ..."]:
        """Answers of a network's outputs at a temperature: softmax, sigmoids, or the numbers of column 0."""
        if not self.has_probabilities:
            return outputs[:, 0]
        return softmax(outputs / temperature) if self.is_exclusive else sigmoid(outputs / temperature)

    def calibrated(
        self, answers: Float64[np.ndarray, "n ..."], temperature: float
    ) -> Float64[np.ndarray, "n ..."]:
        """Answers at a temperature; numbers have none."""
        if not self.has_probabilities:
            return answers
        tempered = at_temperature if self.is_exclusive else sigmoid_at_temperature
        return tempered(answers, temperature)

    def quoted(self, label: str) -> str:
        """A label in a sentence: names of classes between quotation marks."""
        return repr(label) if self.has_probabilities else label

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
        if not self.has_probabilities:
            return answers
        if self.is_exclusive:
            return decided(answers, classes, threshold or {})
        least = np.array([(threshold or {}).get(name, EVEN) for name in classes] or EVEN)
        return (answers >= least).astype(np.int8)

    def texts(self, labels: Shaped[np.ndarray, "n ..."], classes: Sequence[str]) -> list[str]:
        """Labels by the names of their classes, those of one example joined by `;`."""
        if self.is_exclusive:
            return [classes[code] for code in labels.tolist()]
        return [
            SEPARATOR.join(classes[code] for code in np.flatnonzero(row == PRESENT).tolist())
            for row in labels
        ]

    def probability(
        self, answers: Float64[np.ndarray, "n classes"], labels: Shaped[np.ndarray, "n ..."]
    ) -> Float64[np.ndarray, " n"]:
        """Probability that predicted labels are right; of several, that all are, were they independent."""
        if not self.is_exclusive:
            return of_all(answers, labels)
        return np.take_along_axis(answers, labels[:, None], axis=1)[:, 0]

    def wrong(
        self, predicted: Shaped[np.ndarray, "n ..."], labels: Shaped[np.ndarray, "n ..."]
    ) -> Bool[np.ndarray, " n"]:
        """Whether predicted labels are wrong; of several, whether any of those known is."""
        if self.is_exclusive:
            return np.asarray(predicted != labels)
        return np.asarray(((predicted != labels) & (labels != UNKNOWN)).any(axis=1))

    def codes(self, labels: Shaped[np.ndarray, "n ..."]) -> Int64[np.ndarray, " n"]:
        """Class of each example; its rarest label, or else 0; numbers are all of one."""
        if not self.has_probabilities:
            return np.zeros(len(labels), np.int64)
        return labels if self.is_exclusive else np.maximum(rarest_labels(labels), 0)

    def nearest(self, answers: Float64[np.ndarray, "n ..."]) -> Shaped[np.ndarray, " n"]:
        """The most probable class or label of each answer, or the number itself."""
        return answers.argmax(axis=1) if self.has_probabilities else answers

    def counts(self, labels: Shaped[np.ndarray, "n ..."], classes: int) -> tuple[int, ...]:
        """Examples of each of so many classes; of numbers, how many there are."""
        if not self.has_probabilities:
            return (len(labels),)
        if not self.is_exclusive:
            return tuple((labels == PRESENT).sum(axis=0).tolist())
        return tuple(np.bincount(labels, minlength=classes).tolist())

    def strata(self, labels: Shaped[np.ndarray, "n ..."], least: int = 15) -> Int64[np.ndarray, " n"]:
        """Stratum of each example, from 0 without gaps: its class, rarest label, or decile of numbers.

        Deciles are of `least` numbers or more. Splits take equal shares of each stratum.
        """
        if not self.has_probabilities:
            return deciles(labels, least)
        codes = labels if self.is_exclusive else rarest_labels(labels)
        return np.unique(codes, return_inverse=True)[1].reshape(-1).astype(np.int64)


def rarest_labels(labels: Int8[np.ndarray, "n labels"]) -> Int64[np.ndarray, " n"]:
    """The label of each example that the fewest examples have; -1 where it has none."""
    is_present = labels == PRESENT
    order = np.argsort(is_present.sum(axis=0), kind="stable")
    first = is_present[:, order].argmax(axis=1) if len(order) else np.zeros(len(labels), np.int64)
    return np.where(is_present.any(axis=1), order[first], -1)


CLASSIFICATION = Target(
    name="classification",
    noun="class",
    nouns="classes",
    stratum="class",
    dtype="<i8",
    has_probabilities=True,
    dummy="majority",
    constant="the shares of the training classes",
    loss="cross-entropy",
    metric="",
    headline="accuracy",
    contested=("accuracy", "log_loss"),
    cell=str,
    right="accuracy",
)
REGRESSION = Target(
    name="regression",
    noun="number",
    nouns="numbers",
    stratum="part of the range",
    dtype="<f8",
    has_probabilities=False,
    dummy="mean",
    constant="the mean of the training labels",
    loss="mse",
    metric="root-mean-squared-error",
    headline="mean_absolute_error",
    contested=("root_mean_squared_error",),
    cell=float,
)

# Any number of labels of each example, none included.
MULTILABEL = Target(
    name="multilabel-classification",
    noun="labels",
    nouns="labels",
    stratum="label",
    dtype="|i1",
    has_probabilities=True,
    dummy="majority",
    constant="the share of each label in training",
    loss="cross-entropy",
    metric="",
    headline="micro_f1",
    contested=("sample_f1", "log_loss"),
    cell=str,
    right="subset_accuracy",
    is_exclusive=False,
)

# New images like those of the training data; labels are conditions, and there may be none.
GENERATION = Target(
    name="generation",
    noun="image",
    nouns="images",
    stratum="class",
    dtype="<i8",
    has_probabilities=False,
    dummy="",
    constant="",
    loss="elbo",
    metric="bits-per-dimension",
    headline="bits_per_dimension",
    contested=(),
    cell=str,
)

# Every target of a prediction by the value of `--target`.
TARGETS: dict[str, Target] = {target.noun: target for target in (CLASSIFICATION, REGRESSION, MULTILABEL)}


def target_of(classes: int, labels: Shaped[np.ndarray, "n ..."] | None = None) -> Target:
    """The target of data with so many classes: a regression has none; several labels have two axes."""
    if labels is not None and labels.ndim == 2:
        return MULTILABEL
    return CLASSIFICATION if classes else REGRESSION
