r"""One of several ordered classes: cumulative logits, and scores that know how far off an answer is.

Notation: $K$ classes from the lowest, 0, to the highest. A model answers $K - 1$ questions, of each class but
the last how probable a higher one is: $P_k = P(y > k) = 1 / (1 + e^{-z_k})$ with its logit $z_k$. So
$p_k = P_{k-1} - P_k$, where $P_{-1} = 1$ and $P_{K-1} = 0$. Nothing forces $P_k$ to descend; what is less
than `LEAST` counts as that, and the probabilities are divided by their sum.

Source: McCullagh 1980, "Regression Models for Ordinal Data"; Frank and Hall 2001, "A Simple Approach to
Ordinal Classification", for answers of any models to these questions.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float64, Int8, Int64

from pellucid.arithmetic import at_temperature
from pellucid.arithmetic.probabilities import sigmoid
from pellucid.targets.classes import Classes
from pellucid.targets.labels import Labels
from pellucid.targets.target import ABSENT, PRESENT, Target

# Two classes have no order that anything could be learnt from.
FEWEST_CLASSES = 3

# Least probability of a class, before division by the sum: questions that contradict each other would give a
# class none at all, which no loss forgives.
LEAST = 1e-4


def of_questions(above: Float64[np.ndarray, "n questions"]) -> Float64[np.ndarray, "n classes"]:
    """Probability of each class by those of a higher one."""
    ends = np.ones((len(above), 1)), np.zeros((len(above), 1))
    differences = -np.diff(np.concatenate([ends[0], above, ends[1]], axis=1), axis=1)
    shares: np.ndarray = np.maximum(differences, LEAST)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def questions(labels: Int64[np.ndarray, " n"], classes: int) -> Int8[np.ndarray, "n questions"]:
    """The truth about each question, in the form of several labels: whether the class is a higher one."""
    return np.where(labels[:, np.newaxis] > np.arange(classes - 1), PRESENT, ABSENT).astype(np.int8)


def kappa(means: Float64[np.ndarray, "... moments"]) -> Float64[np.ndarray, "..."]:
    r"""Quadratic-weighted kappa from the means of `kappa_moments`.

    $\kappa = 2 (\overline{a y} - \bar a \bar y) / (\overline{a^2} + \overline{y^2} - 2 \bar a \bar y)$: 1
    less the ratio of the mean squared distance of answers $a$ from labels $y$ to that from labels drawn
    independently of them. Where the latter is 0 all are met: 1.

    Source: Cohen 1968, "Weighted kappa: Nominal scale agreement with provision for scaled disagreement or
    partial credit".
    """
    answer, label, squared_answer, squared_label, product = np.moveaxis(means, -1, 0)
    above, below = 2 * (product - answer * label), squared_answer + squared_label - 2 * answer * label
    above = np.where(np.abs(above) > _ROUNDING, above, 0.0)
    return np.asarray(np.divide(above, below, out=np.ones(np.shape(above)), where=below > _ROUNDING))


_ROUNDING = 1e-12


def kappa_moments(
    labels: Int64[np.ndarray, " n"], decided: Int64[np.ndarray, " n"]
) -> Float64[np.ndarray, "n moments"]:
    """What each example adds to the moments that kappa is made of."""
    answer, label = decided.astype(np.float64), labels.astype(np.float64)
    return np.stack([answer, label, answer**2, label**2, answer * label], axis=1)


# What one example adds to a metric of ordered classes that is a mean over examples, by labels and decisions.
_OF_DISTANCES = {
    "mean_error_in_classes": lambda labels, decided: np.abs(decided - labels),
    "within_one_class": lambda labels, decided: np.abs(decided - labels) <= 1,
}


class Ordered(Classes):
    """One of several classes from the lowest to the highest: labels and answers are as those of classes."""

    def outputs(self, classes: int) -> int:
        """One for each class but the last: whether a higher one is right."""
        return classes - 1

    def of_columns(self, outputs: Float64[np.ndarray, "n questions"]) -> Float64[np.ndarray, "n classes"]:
        """Probabilities of the classes by those of a higher one."""
        return of_questions(outputs)

    def of_logits(
        self, outputs: Float64[np.ndarray, "n questions"], temperature: float = 1.0
    ) -> Float64[np.ndarray, "n classes"]:
        """Those of the sigmoid of each logit; the temperature is one of the classes' probabilities."""
        return at_temperature(of_questions(sigmoid(outputs)), temperature)

    def value(
        self,
        key: str,
        labels: Int64[np.ndarray, " n"],
        answers: Float64[np.ndarray, "n classes"],
        decided: Int64[np.ndarray, " n"] | None = None,
        positive: int | None = None,
    ) -> float:
        """As of classes; those of ordered classes alone go by the most probable ones, too."""
        if key == self.headline:
            return float(kappa(kappa_moments(labels, self.labels(answers)).mean(axis=0)))
        if key in _OF_DISTANCES:
            return float(self.terms(key, labels, answers).mean())
        return super().value(key, labels, answers, decided, positive)

    def terms(
        self,
        key: str,
        labels: Int64[np.ndarray, " n"],
        answers: Float64[np.ndarray, "n classes"],
        decided: Int64[np.ndarray, " n"] | None = None,
    ) -> Float64[np.ndarray, " n"]:
        """As of classes; or how many classes each answer is off, and whether that is at most one."""
        if key not in _OF_DISTANCES:
            return super().terms(key, labels, answers, decided)
        found: np.ndarray = _OF_DISTANCES[key](labels, self.labels(answers)).astype(np.float64)
        return found

    def checked_threshold(self, value: object, classes: Sequence[str]) -> dict[str, float]:
        """Refused: there are more than two classes."""
        raise ValueError("'threshold' belongs to two classes, or to several labels")

    def arranged(self, names: Iterable[str], own: Sequence[str]) -> tuple[str, ...]:
        """From the lowest to the highest, as they are among `own`."""
        wanted = {*names}
        return tuple(dict.fromkeys(name for name in own if name in wanted))


ORDERED: Target = Ordered(
    name="ordinal-classification",
    noun="ordered",
    nouns="ordered classes",
    stratum="class",
    dtype="<i8",
    dummy="majority",
    constant="the shares of the training classes",
    loss="cross-entropy",
    metric="",
    headline="quadratic_weighted_kappa",
    contested=("mean_error_in_classes", "log_loss"),
    cell=str,
    right="accuracy",
)


def in_order(labels: Labels, order: Sequence[str]) -> Labels:
    """Labels of classes as ordered ones, from the lowest to the highest of `order`, which names all."""
    return replace(labels.by(order), target=ORDERED)


# An order that names of classes imply.

# From the lowest to the highest; words between bars mean the same.
_SCALES = (
    "none|no < minimal < mild < moderate < severe < extreme|critical",
    "very-low < low < medium|middle|mid|moderate|average|normal < high < very-high",
    "very-small < small < medium|middle|mid < large|big < very-large",
    "xs < s < m < l < xl < xxl",
    "terrible|awful < bad|poor < fair|ok|okay|average|acceptable < good < very-good|great < excellent",
    "very-negative < negative < neutral < positive < very-positive",
    "strongly-disagree < disagree < neutral|undecided < agree < strongly-agree",
    "very-dissatisfied < dissatisfied < neutral < satisfied < very-satisfied",
    "very-unlikely < unlikely < possible|neutral < likely < very-likely",
    "never < rarely|seldom < sometimes|occasionally < often|usually < always",
    "very-easy < easy < medium|middle|moderate|normal < hard|difficult < very-hard",
    "beginner|novice|elementary < intermediate < advanced < expert",
    "very-slow < slow < medium|moderate|normal < fast < very-fast",
    "cold < cool < mild|warm < hot",
)

# Words that a number has beside it where it is a grade.
_GRADES = {"", "degree", "grade", "level", "point", "rating", "score", "severity", "stage", "star", "tier"}
_NUMBERED = re.compile(r"(\D*?)[ _-]*(\d{1,4})[ _-]*(\D*)", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,15}(\.0+)?", re.ASCII)


def order_of(names: Sequence[str]) -> tuple[str, ...] | None:
    """Names of three classes or more, from the lowest to the highest, if they tell; else `None`.

    They do where all are different whole numbers, grades such as `1 star`, or words of one scale.
    """
    if len(names) < FEWEST_CLASSES:
        return None
    plain = {name: re.sub(r"[\s_-]+", "-", name.strip().lower()) for name in names}
    for places in (_whole_numbers(names), _grades(names), *(_on_scale(plain, each) for each in _SCALES)):
        if places is not None and len({*places.values()}) == len(names):
            return tuple(sorted(names, key=places.__getitem__))
    return None


def is_telling(order: Sequence[str]) -> bool:
    """Whether an order is worth telling unasked: numbers that do not count from 1 may be mere names."""
    places = _whole_numbers(order)
    return places is None or [*places.values()] == list(range(1, len(order) + 1))


def _whole_numbers(names: Sequence[str]) -> Mapping[str, float] | None:
    is_whole = all(_WHOLE.fullmatch(name.strip()) for name in names)
    return {name: float(name) for name in names} if is_whole else None


def _grades(names: Sequence[str]) -> Mapping[str, float] | None:
    """Numbers with the same word before or behind, in the singular or plural."""
    found = {name: _NUMBERED.fullmatch(name.strip().lower()) for name in names}
    parts = {name: each.groups() for name, each in found.items() if each is not None}
    words = {
        tuple(word.strip(" _-.").removesuffix("s") for word in (before, after))
        for before, _, after in parts.values()
    }
    if len(parts) < len(names) or len(words) != 1 or not {*next(iter(words))} <= _GRADES:
        return None
    return {name: float(number) for name, (_, number, _) in parts.items()}


def _on_scale(names: Mapping[str, str], scale: str) -> Mapping[str, float] | None:
    places = {word: place for place, words in enumerate(scale.split(" < ")) for word in words.split("|")}
    if not {*names.values()} <= places.keys():
        return None
    return {name: float(places[plain]) for name, plain in names.items()}
