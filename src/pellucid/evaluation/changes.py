"""What changed from one model to another: which examples are newly right or newly wrong, and is it chance."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Int64, Shaped

from pellucid.arithmetic.label_metrics import label_counts, micro_f1
from pellucid.arithmetic.probabilities import LEVEL, holm
from pellucid.arithmetic.rounding import figure, per_cent
from pellucid.data.wording import count_of
from pellucid.evaluation.comparisons import Comparison, compare_all, compare_numbers
from pellucid.evaluation.intervals import Groups
from pellucid.evaluation.label_comparisons import compare_labels
from pellucid.settings import METRICS, Metric
from pellucid.targets import REGRESSION, Target

# Numbers count as changed where the error does by more than this share of the labels' standard deviation.
_NOTICEABLE = 0.01


@dataclass(frozen=True)
class Changes:
    """Two models' labels of the same examples, the earlier one's and the later one's."""

    target: Target
    names: tuple[str, str]  # of the two models, the earlier one first
    examples: int
    metric: Metric  # by which they are compared: accuracy, micro-F1 or root mean squared error
    scores: tuple[float, float]  # of the two models
    comparison: Comparison  # the later one less the earlier one
    # rows of the examples that only the later model labels right, and only the earlier one; of numbers those
    # whose error became smaller, and larger, the largest change first
    newly_right: Int64[np.ndarray, " right"]
    newly_wrong: Int64[np.ndarray, " wrong"]

    @property
    def finding(self) -> str:
        """`better`, `worse` or `chance`: what may be said of the later model."""
        if self.comparison.adjusted > LEVEL:
            return "chance"
        gain = self.comparison.difference.value * (-1 if self.metric.is_error else 1)
        return "better" if gain > 0 else "worse"

    def sentence(self, noun: str) -> str:
        """What changed and whether that is beyond chance, in words; `noun` is that of one example."""
        (first, second), found = self.names, self.comparison
        verdict = {
            "better": f"{second} is better than {first} beyond chance",
            "worse": f"{second} is worse than {first} beyond chance",
            "chance": f"The difference between {second} and {first} could be chance",
        }[self.finding]
        right, wrong = len(self.newly_right), len(self.newly_wrong)
        became = "nearer to the truth", "farther from it"
        if self.target is not REGRESSION:
            became = "newly right", "newly wrong"
        return (
            f"{verdict}: of {count_of(self.examples, noun)} {right:,} {'is' if right == 1 else 'are'} "
            f"{became[0]} and {wrong:,} {became[1]}; {self.metric.words} {self.shown(self.scores[0])} "
            f"before, {self.shown(self.scores[1])} after, difference {self.difference} "
            f"({_p_value(found.adjusted)})."
        )

    def shown(self, value: float) -> str:
        """A score in words."""
        return f"{per_cent(value, value)} %" if self.metric.key == "accuracy" else figure(value)

    @property
    def difference(self) -> str:
        """The difference with its interval, in words, in points where it is of accuracies."""
        factor, unit = (100, " points") if self.metric.key == "accuracy" else (1, "")
        value, low, high = (
            f"{factor * each:+.3g}".replace("-", "\u2212") for each in self.comparison.difference
        )
        return f"{value}{unit} [{low}, {high}]"

    def to_json(self) -> dict[str, Any]:
        """Scores, counts and the comparison as plain JSON."""
        return {
            "models": list(self.names),
            "examples": self.examples,
            "metric": self.metric.key,
            "scores": dict(zip(("earlier", "later"), self.scores, strict=True)),
            "newly_right": len(self.newly_right),
            "newly_wrong": len(self.newly_wrong),
            "finding": self.finding,
            "comparison": self.comparison.to_json(),
        }


def _p_value(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}"


def changes(
    target: Target,
    labels: Shaped[np.ndarray, "n ..."],
    predicted: Mapping[str, Shaped[np.ndarray, "n ..."]],
    seed: int,
    groups: Groups | None = None,
) -> Changes:
    """Compare an earlier and a later model, by name in this order, on examples of which labels are known.

    Labels and those predicted are codes of classes, states of several labels, or numbers. Accuracies are
    compared by McNemar's exact test and Tango's interval, the others by exchanging answers and the bootstrap.

    Raises: `ValueError` if there is no example.
    """
    first, second = predicted
    backwards = {name: predicted[name] for name in (second, first)}
    if target is REGRESSION:
        metric = METRICS["root_mean_squared_error"]
        (comparison,) = compare_numbers(labels, backwards, seed, groups)
        errors = {name: np.abs(answers - labels) for name, answers in predicted.items()}
        less = errors[first] - errors[second]
        least = _NOTICEABLE * float(labels.std())
        order = np.argsort(-np.abs(less), kind="stable").astype(np.int64)
        right, wrong = order[less[order] > least], order[less[order] < -least]
        scores = tuple(float(np.sqrt(np.mean(errors[name] ** 2))) for name in predicted)
    else:
        are_wrong = {name: target.wrong(answers, labels) for name, answers in predicted.items()}
        right = np.flatnonzero(are_wrong[first] & ~are_wrong[second]).astype(np.int64)
        wrong = np.flatnonzero(~are_wrong[first] & are_wrong[second]).astype(np.int64)
        if target.is_exclusive:
            metric = METRICS["accuracy"]
            (comparison,) = compare_all(labels, backwards, groups, seed)
            scores = tuple(1 - float(each.mean()) for each in are_wrong.values())
        else:
            metric = METRICS["micro_f1"]
            (comparison,) = compare_labels(labels, backwards, groups, seed)
            scores = tuple(float(micro_f1(label_counts(labels, each))) for each in predicted.values())
    return Changes(
        target, (first, second), len(labels), metric, (scores[0], scores[1]), comparison, right, wrong
    )


def together(*found: Changes) -> list[Changes]:
    """Comparisons that answer one question in several ways, their p-values adjusted by Holm's method."""
    adjusted = holm([each.comparison.p_value for each in found])
    return [
        replace(each, comparison=replace(each.comparison, adjusted=value))
        for each, value in zip(found, adjusted, strict=True)
    ]
