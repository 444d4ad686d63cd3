"""What changed from one model to another: which examples are newly right or newly wrong, and is it chance."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Int64, Shaped

from pellucid.arithmetic.probabilities import LEVEL, holm
from pellucid.arithmetic.rounding import figure, per_cent
from pellucid.data.wording import count_of
from pellucid.evaluation.by_target import SCORING
from pellucid.evaluation.comparisons import Comparison
from pellucid.evaluation.intervals import Groups
from pellucid.language.sentence import Sentence
from pellucid.settings import Metric
from pellucid.targets import Labels


@dataclass(frozen=True)
class Changes:
    """Two models' labels of the same examples, the earlier one's and the later one's."""

    names: tuple[str, str]  # of the two models, the earlier one first
    examples: int
    metric: Metric  # by which they are compared: accuracy, micro-F1 or root mean squared error
    scores: tuple[float, float]  # of the two models
    comparison: Comparison  # the later one less the earlier one
    # rows of the examples that only the later model labels right, and only the earlier one; of numbers those
    # whose error became smaller, and larger, the largest change first
    newly_right: Int64[np.ndarray, " right"]
    newly_wrong: Int64[np.ndarray, " wrong"]
    became: tuple[str, str]  # what they did, in words

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
            "better": Sentence("{second} is better than {first} beyond chance", second, first),
            "worse": Sentence("{second} is worse than {first} beyond chance", second, first),
            "chance": Sentence("The difference between {second} and {first} could be chance", second, first),
        }[self.finding]
        right, wrong = len(self.newly_right), len(self.newly_wrong)
        became = self.became
        return Sentence(
            "{verdict}: of {examples} {right:,} {word} "
            "{became} and {wrong:,} {became2}; {words} {scores} "
            "before, {scores2} after, difference {difference} "
            "({adjusted}).",
            verdict,
            count_of(self.examples, noun),
            right,
            "is" if right == 1 else "are",
            became[0],
            wrong,
            became[1],
            self.metric.words,
            self.shown(self.scores[0]),
            self.shown(self.scores[1]),
            self.difference,
            _p_value(found.adjusted),
        )

    def shown(self, value: float) -> str:
        """A score in words."""
        return f"{per_cent(value, value)} %" if self.metric.key == "accuracy" else figure(value)

    @property
    def difference(self) -> str:
        """The difference with its interval, in words, in points where it is of accuracies."""
        of_shares = self.metric.key == "accuracy"
        shown = [
            f"{(100 if of_shares else 1) * each:+.3g}".replace("-", "\u2212")
            for each in self.comparison.difference
        ]
        return Sentence("{value} points [{low}, {high}]" if of_shares else "{value} [{low}, {high}]", *shown)

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
    labels: Labels,
    predicted: Mapping[str, Shaped[np.ndarray, "n ..."]],
    seed: int,
    groups: Groups | None = None,
) -> Changes:
    """Compare an earlier and a later model, by name in this order, on examples of which labels are known.

    Labels predicted are codes of classes, states of several labels, or numbers. Accuracies are
    compared by McNemar's exact test and Tango's interval, the others by exchanging answers and the bootstrap.

    Raises: `ValueError` if there is no example.
    """
    (first, second), scoring = predicted, SCORING[labels.target]
    backwards = {name: predicted[name] for name in (second, first)}
    (comparison,) = scoring.compare(labels.values, backwards, groups, seed)
    before, after = predicted[first], predicted[second]
    right, wrong = scoring.changed(labels, before, after)
    scores = scoring.value(labels, before), scoring.value(labels, after)
    return Changes(
        (first, second),
        len(labels),
        scoring.metric,
        scores,
        comparison,
        right,
        wrong,
        scoring.became,
    )


def together(*found: Changes) -> list[Changes]:
    """Comparisons that answer one question in several ways, their p-values adjusted by Holm's method."""
    adjusted = holm([each.comparison.p_value for each in found])
    return [
        replace(each, comparison=replace(each.comparison, adjusted=value))
        for each, value in zip(found, adjusted, strict=True)
    ]
