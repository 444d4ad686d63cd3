"""Standings over folds and seeds: means, paired differences, and which of them are beyond chance.

The scores of trainings that share examples are not independent, so the plain standard error is far too small.
All intervals and tests here are those of `pellucid.evaluation.comparisons`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from pellucid.arithmetic.probabilities import LEVEL, holm
from pellucid.arithmetic.rounding import figure
from pellucid.data import Dataset
from pellucid.evaluation import corrected_interval, corrected_p_value
from pellucid.evaluation.intervals import Interval, span
from pellucid.language.sentence import Sentence, join
from pellucid.pipeline.learners.candidates import Candidate, held_out_score
from pellucid.pipeline.learners.evaluation_budget import Folds
from pellucid.settings import Metric, Settings, metrics_of
from pellucid.targets import Labels, metric_value

BETTER = "is better than"
IDENTICAL = "the same in every training"
ALIKE = "no difference that matters"
UNDECIDED = "too few trainings to tell"

# Words about the best contender and the others, by finding.
_AGAINST = {
    BETTER: "better beyond chance than {}",
    IDENTICAL: "the same in every training as {}",
    ALIKE: "no different in a way that matters from {}",
    UNDECIDED: "not better beyond chance than {} (too few trainings to tell)",
}


def scores_of(labels: Labels, answers: np.ndarray) -> dict[str, float]:
    """Plain scores by the names of `metrics.json`; their spread over trainings shows how sure they are.

    They are those that may decide, or all of a target that leaves no choice.
    """
    target = labels.target
    shown = [
        each for each in metrics_of(target.noun, len(labels.names)) if each.test is not None or target.metric
    ]
    return {metric.key: metric_value(metric, labels, answers) for metric in shown}


@dataclass(frozen=True)
class Contrast:
    """Two contenders on the same folds, seeds and order."""

    a: str
    b: str
    measure: Metric
    difference: Interval  # mean of a minus b, with its corrected 95 % interval
    p_value: float  # of the corrected resampled t-test
    adjusted: float  # the same, adjusted over all pairs by Holm's method
    finding: str  # `BETTER`, `IDENTICAL`, `ALIKE` or `UNDECIDED`
    better: str | None  # the contender that is better beyond chance

    def to_json(self) -> dict[str, Any]:
        """The form in `metrics.json`."""
        verdict: str = Sentence("{a} and {b}: {finding}", self.a, self.b, self.finding)
        if self.better is not None:
            verdict = Sentence(
                "{better} {finding} {b}",
                self.better,
                self.finding,
                self.b if self.better == self.a else self.a,
            )
        return {
            "a": self.a,
            "b": self.b,
            f"{self.measure.key}_difference": self.difference._asdict(),
            "p_value": self.p_value,
            "p_value_holm": self.adjusted,
            "verdict": verdict,
        }


@dataclass(frozen=True)
class Standings:
    """Contenders compared."""

    measure: Metric
    means: Mapping[str, Interval]  # mean score of each, with its corrected 95 % interval, in the order given
    contrasts: Sequence[Contrast]  # every pair, in the same order
    trainings: int  # of each contender

    @property
    def best(self) -> str:
        """The contender with the best mean; of equals, the first."""
        return max(self.means, key=lambda name: self.measure.better(self.means[name].value))

    def sentence(self) -> str:
        """The outcome in one or two sentences: the best contender, and which it beats beyond chance."""
        best, words = self.best, self.measure.words
        of_best = [each for each in self.contrasts if best in (each.a, each.b)]
        found = {each.b if each.a == best else each.a: each.finding for each in of_best}
        interval = span(self.means[best])
        level = Sentence("mean {words} {interval}", words, interval)
        if all(finding == BETTER for finding in found.values()):
            others = (
                next(iter(found)) if len(found) == 1 else Sentence("each of the other {found}", len(found))
            )
            return Sentence(
                "{best} is best: {level} over {trainings:,} trainings, better beyond chance than {others}.",
                best,
                level,
                self.trainings,
                others,
            )
        if all(finding == IDENTICAL for finding in found.values()):
            value = figure(self.means[best].value)
            return Sentence(
                "Nothing differs: all gave the same {words}, {value}, in every training.", words, value
            )
        parts = []
        for finding, form in _AGAINST.items():
            if names := [name for name, each in found.items() if each == finding]:
                parts.append(form.format(_listed(names)))
        against = join("; ", parts)
        return Sentence(
            "{best} has the best {level} over {trainings:,} trainings; it is {against}.",
            best,
            level,
            self.trainings,
            against,
        )


def _listed(names: Sequence[str], most: int = 3) -> str:
    """Names in a sentence: `a, b and c`, or `5 others` where they are many."""
    if len(names) > most:
        return Sentence("{names} others", len(names))
    return names[0] if len(names) == 1 else Sentence("{names} and {names2}", ", ".join(names[:-1]), names[-1])


def rank(scores: Mapping[str, Sequence[float]], train: float, test: float, measure: Metric) -> Standings:
    """Compare contenders by their scores over the same folds and seeds.

    Two are alike where the whole interval of their difference is too small to matter; where it is not, and
    the test does not separate them, there are too few trainings to tell. Scores are two or more, one for each
    training, in the same order for every contender; `train` and `test` are the examples that each was trained
    and judged on, on average.
    """
    sizes = round(train), round(test)
    values = {name: np.asarray(each, np.float64) for name, each in scores.items()}
    means = {name: corrected_interval(each, *sizes, measure.bounds) for name, each in values.items()}
    pairs = list(combinations(values, 2))
    differences = [values[a] - values[b] for a, b in pairs]
    p_values = [corrected_p_value(each, *sizes) for each in differences]
    contrasts = []
    for (a, b), each, p_value, adjusted in zip(pairs, differences, p_values, holm(p_values), strict=True):
        difference = corrected_interval(each, *sizes)
        smaller = 1.0 if measure.highest is not None else min(abs(means[a].value), abs(means[b].value))
        slight = measure.matters * smaller
        finding, better = UNDECIDED, None
        if not each.any():
            finding = IDENTICAL
        elif adjusted <= LEVEL:
            finding, better = BETTER, a if measure.better(difference.value) > 0 else b
        elif -slight < difference.low and difference.high < slight:
            finding = ALIKE
        contrasts.append(Contrast(a, b, measure, difference, p_value, adjusted, finding, better))
    return Standings(measure, means, contrasts, len(next(iter(values.values()))))


def scores_of_folds(
    candidates: Sequence[Candidate], folds: Folds, settings: Settings
) -> dict[str, Any] | None:
    """Compare the models of a run, simplest first, that were judged on every example of the folds.

    Models that were judged on fewer are in `fewer`, with the folds that they know, and are not compared. The
    form of `folds` in `metrics.json`; `None` where the validation split judged, or no model was judged on
    every example.
    """
    dataset, parts, pool = folds.dataset, folds.parts, len(folds.learning.train)
    asked = {each.name: each.held_out.positions for each in candidates}
    judged = [each.name for each in candidates if len(asked[each.name]) == pool]
    if not parts or not judged:
        return None
    measure = dataset.target.decides(settings.metric)

    def scored(candidate: Candidate, part: Dataset) -> float | None:
        """Score on the examples of a fold that the model was asked about; `None` without any."""
        some = np.intersect1d(part.validation, asked[candidate.name])
        if not len(some):
            return None
        return held_out_score(measure, candidate, dataset, settings.seed, some)

    scores: dict[str, list[Any]] = {
        each.name: [scored(each, part) for part in parts] for each in candidates if len(asked[each.name])
    }
    train, test = (
        float(np.mean([len(getattr(part, split)) for part in parts])) for split in ("train", "validation")
    )
    standings = rank({name: scores[name] for name in judged}, train, test, measure)
    return {
        "folds": len(parts),
        "metric": measure.key,
        "train": round(train),
        "test": round(test),
        "models": {
            name: {"scores": scores[name], "mean": mean._asdict()} for name, mean in standings.means.items()
        },
        "fewer": {
            name: {"examples": len(asked[name]), "of": pool, "scores": scores[name]}
            for name in scores
            if name not in standings.means
        },
        "comparisons": [each.to_json() for each in standings.contrasts],
    }
