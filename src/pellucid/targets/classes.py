"""One class of each example: softmax, the most probable class, and shares of right answers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64, Shaped

from pellucid.arithmetic import at_temperature, softmax
from pellucid.arithmetic.metrics import OF_CLASSES, class_value
from pellucid.arithmetic.probabilities import stored
from pellucid.targets.labels import Labels
from pellucid.targets.target import Answering, Statements, Target, probabilities_of


class Named(Target):
    """Labels with names; a model answers a probability for each of them."""

    def outputs(self, classes: int) -> int:
        """One for each class or label."""
        return classes

    def ask(self, model: Answering, inputs: Any) -> Float64[np.ndarray, "n classes"]:
        """The model's probabilities."""
        return model.predict_proba(inputs)

    def no_answers(self, classes: int) -> Float64[np.ndarray, "0 classes"]:
        """No rows of probabilities."""
        return np.zeros((0, classes))

    def of_columns(self, outputs: Float64[np.ndarray, "n classes"]) -> Float64[np.ndarray, "n classes"]:
        """The very same: a predictor's outputs are probabilities."""
        return outputs

    def columns(self, answers: Float64[np.ndarray, "n classes"]) -> Float64[np.ndarray, "n classes"]:
        """The very same."""
        return answers

    def quoted(self, label: str) -> str:
        """The name between quotation marks."""
        return repr(label)

    def outcomes(
        self,
        labels: Shaped[np.ndarray, "n ..."],
        answers: Float64[np.ndarray, "n classes"],
        decided: Shaped[np.ndarray, "n ..."] | None = None,
    ) -> Float64[np.ndarray, " n"]:
        """Whether every label is answered right, by default that of the most probable ones."""
        predicted = self.labels(answers) if decided is None else decided
        return (~self.wrong(predicted, labels)).astype(np.float64)

    def nearest(self, answers: Float64[np.ndarray, "n classes"]) -> Int64[np.ndarray, " n"]:
        """The most probable class or label."""
        codes: np.ndarray = answers.argmax(axis=1)
        return codes


class Classes(Named):
    """One class of each example: labels are codes (n,), answers are probabilities that add up to 1."""

    def of_logits(
        self, outputs: Float64[np.ndarray, "n classes"], temperature: float = 1.0
    ) -> Float64[np.ndarray, "n classes"]:
        """The softmax of the logits, divided by the temperature."""
        return softmax(outputs / temperature)

    def calibrated(
        self, answers: Float64[np.ndarray, "n classes"], temperature: float
    ) -> Float64[np.ndarray, "n classes"]:
        """The softmax at a temperature."""
        return at_temperature(answers, temperature)

    def labels(
        self,
        answers: Float64[np.ndarray, "n classes"],
        classes: Sequence[str] = (),
        threshold: Mapping[str, float] | None = None,
    ) -> Int64[np.ndarray, " n"]:
        """The most probable class, of equals the first; or by the threshold of one of two classes."""
        found: np.ndarray = answers.argmax(axis=1)
        for name, least in (threshold or {}).items():
            code = classes.index(name)
            found = np.where(answers[:, code] >= least, code, 1 - code)
        return found

    def checked_threshold(self, value: object, classes: Sequence[str]) -> dict[str, float]:
        """That of one of two classes."""
        found = probabilities_of(value, classes)
        if len(found) != 1 or len(classes) != 2:
            raise ValueError("'threshold' is not an object of one of two classes")
        return found

    def texts(self, labels: Int64[np.ndarray, " n"], classes: Sequence[str]) -> list[str]:
        """The name of each class."""
        return [classes[code] for code in labels.tolist()]

    def probability(
        self, answers: Float[np.ndarray, "n classes"], labels: Int64[np.ndarray, " n"]
    ) -> Float[np.ndarray, " n"]:
        """Probability of the class that is answered."""
        return np.take_along_axis(answers, labels[:, None], axis=1)[:, 0]

    def wrong(
        self, predicted: Int64[np.ndarray, " n"], labels: Int64[np.ndarray, " n"]
    ) -> Bool[np.ndarray, " n"]:
        """Whether the class is another."""
        return np.asarray(predicted != labels)

    def value(
        self,
        key: str,
        labels: Int64[np.ndarray, " n"],
        answers: Float64[np.ndarray, "n classes"],
        decided: Int64[np.ndarray, " n"] | None = None,
        positive: int | None = None,
    ) -> float:
        """That of the most probable classes, whatever a threshold decides."""
        return class_value(key, labels, answers, positive)

    def terms(
        self,
        key: str,
        labels: Int64[np.ndarray, " n"],
        answers: Float64[np.ndarray, "n classes"],
        decided: Int64[np.ndarray, " n"] | None = None,
    ) -> Float64[np.ndarray, " n"]:
        """Those of the most probable classes, whatever a threshold decides."""
        return OF_CLASSES[key](labels, answers).astype(np.float64)

    def statements(
        self, labels: Int64[np.ndarray, " n"], answers: Float64[np.ndarray, "n classes"]
    ) -> Statements:
        """The most probable class of each example."""
        right = answers.argmax(axis=1) == labels
        return Statements(answers.max(axis=1), right, None, labels, answers)

    def misfits(
        self, labels: Int64[np.ndarray, " n"], answers: Float[np.ndarray, "n classes"]
    ) -> Float[np.ndarray, " n"]:
        """The probability of the true class, negated, as it is stored."""
        return np.asarray(-stored(answers)[np.arange(len(labels)), labels])

    def codes(self, labels: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
        """The very same."""
        return labels

    def moved(
        self, labels: Int64[np.ndarray, " n"], places: Sequence[int], classes: int
    ) -> Int64[np.ndarray, " n"]:
        """The new code of each class."""
        found: np.ndarray = np.maximum(np.array(places, np.int64), 0)[labels]
        return found

    def exclusive(self, classes: Sequence[str]) -> Sequence[str]:
        """All of them."""
        return classes

    def firsts(self, labels: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " found"]:
        """That of each class that occurs."""
        return np.unique(labels, return_index=True)[1]

    def is_known(self, labels: Int64[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """Whether the class is none that was left out, whose code is -1."""
        return np.asarray(labels >= 0)

    def counts(self, labels: Int64[np.ndarray, " n"], classes: int) -> tuple[int, ...]:
        """Examples of each class."""
        return tuple(np.bincount(labels, minlength=classes).tolist())

    def strata(self, labels: Shaped[np.ndarray, " n"], least: int = 15) -> Int64[np.ndarray, " n"]:
        """Classes that occur, numbered without gaps."""
        return np.unique(labels, return_inverse=True)[1].reshape(-1).astype(np.int64)


CLASSIFICATION: Target = Classes(
    name="classification",
    noun="class",
    nouns="classes",
    stratum="class",
    dtype="<i8",
    dummy="majority",
    constant="the shares of the training classes",
    loss="cross-entropy",
    metric="",
    headline="accuracy",
    contested=("accuracy", "log_loss"),
    cell=str,
    right="accuracy",
)


def class_labels(texts: Sequence[str]) -> Labels:
    """Labels of which each text is the name of a class; classes are sorted by code point."""
    names = tuple(sorted(set(texts)))
    codes = {name: code for code, name in enumerate(names)}
    return Labels(np.array([codes[text] for text in texts], np.int64), names, CLASSIFICATION)
