"""Verdict of `tune`: the tuned settings against the default on the test split, over several trainings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from pellucid.arithmetic import metric_value
from pellucid.arithmetic.metrics import rarer_class
from pellucid.arithmetic.rounding import figure
from pellucid.data import Dataset
from pellucid.data.wording import count_of
from pellucid.evaluation.comparisons import LEVEL, flip_p_values, mean_difference, rmse_differences
from pellucid.evaluation.intervals import Groups, Interval, percentile_interval, resample, span
from pellucid.pipeline.judging.disagreement import terms_of
from pellucid.pipeline.judging.testing import groups_of_test
from pellucid.reports.formatting import p_value as shown_p_value
from pellucid.settings import NUMBER_METRIC, Metric

DEFAULT, TUNED = "default", "tuned"
# Metrics that are means over examples, so that the two answers about an example can be exchanged.
_MEANS = ("accuracy", "log_loss", "sample_f1", NUMBER_METRIC.key)


@dataclass(frozen=True)
class Answered:
    """Answers of one training about the test split."""

    answers: Float64[np.ndarray, "test ..."]  # calibrated probabilities, or numbers
    decided: np.ndarray | None = None  # states of several labels; None where an example has one


@dataclass(frozen=True)
class Verdict:
    """What tuning has brought, by trainings with seeds that no trial used and examples that none saw."""

    metric: Metric
    scores: Mapping[str, Sequence[float]]  # of `default` and `tuned`, one for each seed
    means: Mapping[str, float]  # of each over its trainings
    difference: Interval  # of `tuned` minus `default`
    p_value: float
    examples: str  # the test examples in words
    trials: int  # that have ended, the default among them

    @property
    def finding(self) -> str:
        """`gained`, `lost` or `nothing`: beyond chance by the examples, and alike with every seed."""
        ahead = [
            self.metric.better(tuned) - self.metric.better(default)
            for default, tuned in zip(self.scores[DEFAULT], self.scores[TUNED], strict=True)
        ]
        if self.p_value > LEVEL:
            return "nothing"
        if min(ahead) > 0 < self.metric.better(self.difference.value):
            return "gained"
        return "lost" if max(ahead) < 0 > self.metric.better(self.difference.value) else "nothing"

    def sentence(self) -> str:
        """The outcome in one sentence."""
        start = {
            "gained": "Tuning gained",
            "lost": "Tuning made it worse",
            "nothing": "Tuning gained nothing beyond chance",
        }[self.finding]
        seeds, chance = len(self.scores[DEFAULT]), shown_p_value(self.p_value)
        over = f", over {count_of(seeds, 'training')} of each" if seeds > 1 else ""
        tuned, default = (figure(self.means[name]) for name in (TUNED, DEFAULT))
        return (
            f"{start}: the best of {self.trials} trials has {self.metric.words} {tuned}, the default recipe "
            f"{default}, on {self.examples} that no trial saw{over} (difference {span(self.difference)}, "
            f"p {chance if chance.startswith('<') else f'= {chance}'})."
        )

    def to_json(self) -> dict[str, Any]:
        """Its part of `tune` in `metrics.json`."""
        return {
            "finding": self.finding,
            "test_scores": {name: list(each) for name, each in self.scores.items()},
            "test_means": dict(self.means),
            f"{self.metric.key}_difference": self.difference._asdict(),
            "p_value": self.p_value,
        }


def judge(
    found: Mapping[str, Sequence[Answered]], dataset: Dataset, metric: Metric, trials: int, seed: int
) -> Verdict:
    """Compare the two settings on the test split; `found` has the answers of each, one for each seed.

    What an example adds to a mean is averaged over the trainings of a setting, and differences are compared
    with those under random signs. Other metrics are compared by resampling the examples.
    """
    labels, groups = dataset.labels[dataset.test], groups_of_test(dataset)
    positive = rarer_class(dataset.labels[dataset.train]) if metric.of_two else 0

    def score(each: Answered, some: np.ndarray | slice = slice(None)) -> float:
        decided = None if each.decided is None else each.decided[some]
        return metric_value(metric, labels[some], each.answers[some], positive, decided)

    scores = {name: [score(each) for each in found[name]] for name in (DEFAULT, TUNED)}
    means = {name: float(np.mean(each)) for name, each in scores.items()}
    if metric.key in _MEANS:
        terms = {
            name: np.mean(
                [terms_of(metric.key, labels, each.answers, each.decided) for each in answered], axis=0
            )
            for name, answered in found.items()
        }
        ahead = terms[TUNED] - terms[DEFAULT]
        p_value = float(flip_p_values(ahead[:, None], seed, groups)[0])
        if metric is NUMBER_METRIC:
            squares = np.stack([terms[TUNED], terms[DEFAULT]], axis=1)
            means = {name: float(np.sqrt(each.mean())) for name, each in terms.items()}
            difference = rmse_differences(squares, np.array([[0, 1]]), seed, groups)[0]
        else:
            difference = mean_difference(ahead, seed, groups)
    else:
        difference, p_value = _by_resampling(found, score, len(labels), groups, seed)
    examples = count_of(len(labels), f"test {dataset.noun}")
    return Verdict(metric, scores, means, difference, p_value, examples, trials)


def _by_resampling(
    found: Mapping[str, Sequence[Answered]],
    score: Callable[[Answered, np.ndarray], float],
    examples: int,
    groups: Groups | None,
    seed: int,
) -> tuple[Interval, float]:
    """Difference of the mean scores with its bootstrap interval, and twice the smaller share beyond zero."""

    def gap(some: np.ndarray) -> float:
        tuned, default = (np.mean([score(each, some) for each in found[name]]) for name in (TUNED, DEFAULT))
        return float(tuned - default)

    def gaps(weights: np.ndarray) -> np.ndarray:
        every = np.arange(examples)
        return np.array([[gap(np.repeat(every, row.astype(np.int64)))] for row in weights])

    draws = resample(gaps, examples, seed, groups=groups)[:, 0]
    draws = draws[np.isfinite(draws)]
    as_far = min((draws <= 0).sum(), (draws >= 0).sum())
    value = gap(np.arange(examples))
    return percentile_interval(value, draws, groups), float(min(1.0, 2 * (1 + as_far) / (1 + len(draws))))
