"""The verdict at the head of a report: on a model of classes, or of numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from pellucid.reports import scored_models, trust_sections
from pellucid.reports.axes import Ruler, ruler
from pellucid.reports.error_sections import Pair, most_confused, per_class
from pellucid.reports.facts import ReportFacts
from pellucid.reports.formatting import Score, finite, significant
from pellucid.reports.scored_models import pairings
from pellucid.settings import DUMMIES, METRICS, Metric

# The verdict on a classifier: one sentence, and the classes that it may be trusted with.

TRUSTED = 0.9
NAMES_SHOWN = 6


@dataclass(frozen=True)
class Names:
    """Class names for a sentence.

    Attributes:
        shown: the first few.
        more: how many more there are.
    """

    shown: Sequence[str]
    more: int


@dataclass(frozen=True)
class Baseline:
    """The model that most readers will ask about beside the recommended one.

    Attributes:
        name: the network where a classical model is recommended, else the best of the others.
        is_network: whether it is the network.
        score: its test score.
        measure: name of that score.
        verdict: the paired comparison in words; empty where there is none.
    """

    name: str
    is_network: bool
    score: Score | None
    measure: str
    verdict: str


@dataclass(frozen=True, kw_only=True)
class CommonVerdict:
    """First screen of the report, as far as it is the same for classes and for numbers.

    Attributes:
        model: the recommended model.
        title: its name as the headline has it.
        kind: what kind of model it is, between commas; empty where the title says so, or it is a network.
        is_dummy: whether it always gives the same answer.
        without_leaked: the score without the test examples that also stand in training, or `None`.
        without_siblings: the score without those that have a sibling in training either, or `None`.
        chance: score of the model that knows nothing on the test split, or `None`.
        beats_chance: whether the model is better than that by its whole interval.
        scale: the score on a scale.
        tested: test examples.
        leaked: test examples that also stand in training or validation.
        reason: why this model is recommended.
        contradiction: what the test says to the choice where it contradicts it; else empty.
        disagreement: how validation and test disagree about it beyond chance; else empty.
        groups: what the test is worth by its groups, in sentences; none where these do not matter.
        baseline: the model to be named beside it, or `None`.
    """

    model: str
    title: str
    kind: str
    is_dummy: bool
    without_leaked: Score | None
    without_siblings: Score | None
    chance: float | None
    beats_chance: bool
    scale: Ruler | None
    tested: int
    leaked: int
    reason: str
    contradiction: str
    disagreement: str
    groups: Sequence[str]
    baseline: Baseline | None


@dataclass(frozen=True, kw_only=True)
class Verdict(CommonVerdict):
    """First screen of the report on a classifier.

    Attributes:
        metric: what the score is: the metric that models were chosen by, or accuracy where that is a loss.
        score: on the test split, or `None`.
        trusted: classes that are right at least nine times in ten when predicted, beyond doubt.
        doubtful: classes that are missed or predicted wrongly more than once in ten, beyond doubt.
        undecided: classes with too few test examples to say either.
        confused: the commonest mistake, or `None`.
    """

    metric: Metric
    score: Score | None
    trusted: Names
    doubtful: Names
    undecided: Names
    confused: Pair | None


def judge(facts: ReportFacts) -> Verdict:
    """Judge the recommended model by its test scores."""
    headline = scored_models.headline(facts)
    metric = METRICS["accuracy"] if headline.is_error else headline
    score, chance = facts.score(metric.key), facts.chance_by(metric)
    is_dummy, together = facts.recommended in DUMMIES, facts.all_classes is not None
    beats_chance = not is_dummy and score is not None and chance is not None and score.low > chance
    title, kind = scored_models.in_words(facts, facts.recommended)
    rows = per_class(facts)
    trusted = [
        row.name
        for row in rows
        if beats_chance and (row.precision is not None and row.precision.low >= TRUSTED)
    ]
    doubtful = [
        row.name
        for row in rows
        if any(score is not None and score.high < TRUSTED for score in (row.precision, row.recall))
    ]
    decided = {*trusted, *doubtful}
    reference = None if chance is None else (chance, f"largest class {significant(chance)}")
    confused = most_confused(facts, 1)
    return Verdict(
        model=facts.recommended,
        title=title,
        kind=kind,
        is_dummy=is_dummy,
        metric=metric,
        score=score,
        without_leaked=None if together else facts.score(metric.key, "test_without_leaked"),
        without_siblings=None if together else facts.score(metric.key, "test_without_siblings"),
        chance=chance,
        beats_chance=beats_chance,
        scale=None if score is None else ruler(score, reference=reference),
        trusted=_names([name for name in trusted if name not in doubtful][::-1]),
        doubtful=_names(doubtful),
        undecided=_names([row.name for row in rows if row.name not in decided]),
        confused=confused[0] if confused else None,
        tested=facts.tested,
        leaked=facts.data_count("leaked"),
        reason=str(facts.metrics.get("reason") or ""),
        contradiction=words_of(facts, "contradiction"),
        disagreement=words_of(facts, "disagreement"),
        groups=by_groups(facts),
        baseline=baseline(facts),
    )


def words_of(facts: ReportFacts, key: str) -> str:
    """A finding of `metrics.json` in words; empty where nothing was found."""
    return str((facts.metrics.get(key) or {}).get("words") or "")


def by_groups(facts: ReportFacts) -> Sequence[str]:
    """What the groups of the test make of its scores, and what leaving groups out in turn gave."""
    found = (facts.model.get(key) or {} for key in ("by_groups", "left_out"))
    return [str(each["words"]) for each in found if "words" in each]


def baseline(facts: ReportFacts) -> Baseline | None:
    """Choose the model to be named beside the recommended one.

    The network where it is not itself recommended; else the best other model by its test score; `None` where
    there is no other.
    """
    network, headline = scored_models.network(facts), scored_models.headline(facts)
    if facts.missing_classes:  # the others choose among fewer classes
        return None
    scores = {
        name: scored_models.test_score(entry, headline)
        for name, entry in scored_models.models(facts).items()
        if name != facts.recommended and name not in DUMMIES
    }
    ranked = sorted(
        ((name, score) for name, score in scores.items() if score is not None),
        key=lambda pair: -headline.better(pair[1].value),
    )
    if network in scores:
        chosen = network
    elif ranked:
        chosen = ranked[0][0]
    else:
        return None
    compared = pairings(facts, facts.metrics.get("comparisons"))
    pair = next((each for each in compared.first if each.second == chosen), None) if compared else None
    return Baseline(
        chosen,
        chosen == network,
        scores[chosen],
        headline.words,
        pair.verdict if pair else "",
    )


def _names(names: Sequence[str]) -> Names:
    return Names(names[:NAMES_SHOWN], max(0, len(names) - NAMES_SHOWN))


# The verdict on a model that predicts numbers: how far off it is, and between which values it was tried.

_NINE_IN_TEN = 0.9
_PARTS = 4
_MUCH_WORSE = 1.5
_LEAST_IN_PART = 10


@dataclass(frozen=True)
class Range:
    """Range of true values with the largest errors.

    Attributes:
        low: smallest true value in it.
        high: largest true value in it.
        error: mean distance of the answers from the truth there.
    """

    low: float
    high: float
    error: float


@dataclass(frozen=True, kw_only=True)
class NumberVerdict(CommonVerdict):
    """First screen of the report on a model that predicts numbers.

    Attributes:
        error: mean absolute error on the test split, or `None`.
        squared: root mean squared error on the test split, or `None`.
        r2: share of the variance explained, or `None`.
        low: smallest true value tested, or `None`.
        high: largest true value tested, or `None`.
        nine_in_ten: nine answers in ten are off by at most this, or `None`.
        worst: where it is much farther off than elsewhere, or `None`.
    """

    error: Score | None
    squared: Score | None
    r2: Score | None
    low: float | None
    high: float | None
    nine_in_ten: float | None
    worst: Range | None


def judge_numbers(facts: ReportFacts) -> NumberVerdict:
    """Judge the recommended model by its test scores, of a run whose target is a number."""
    error, r2 = facts.score("mean_absolute_error"), facts.score("r2")
    is_dummy = facts.recommended in DUMMIES
    truth, predicted = _tested(facts)
    title, kind = scored_models.in_words(facts, facts.recommended)
    distances = np.abs(predicted - truth)
    chance = _of_the_mean(facts, truth)
    return NumberVerdict(
        model=facts.recommended,
        title=title,
        kind=kind,
        is_dummy=is_dummy,
        error=error,
        squared=facts.score("root_mean_squared_error"),
        r2=r2,
        without_leaked=facts.score("mean_absolute_error", "test_without_leaked"),
        without_siblings=facts.score("mean_absolute_error", "test_without_siblings"),
        chance=chance,
        beats_chance=not is_dummy and r2 is not None and r2.low > 0,
        scale=_scale(error, chance),
        low=float(truth.min()) if len(truth) else None,
        high=float(truth.max()) if len(truth) else None,
        nine_in_ten=float(np.quantile(distances, _NINE_IN_TEN)) if len(truth) else None,
        worst=_worst(truth, distances),
        tested=len(truth) or facts.data_count("test"),
        leaked=facts.data_count("leaked"),
        reason=str(facts.metrics.get("reason") or ""),
        contradiction=words_of(facts, "contradiction"),
        disagreement=words_of(facts, "disagreement"),
        groups=by_groups(facts),
        baseline=baseline(facts),
    )


def _tested(facts: ReportFacts) -> tuple[Float64[np.ndarray, " test"], Float64[np.ndarray, " test"]]:
    """True and predicted numbers; both empty where nothing was tested."""
    if facts.numbers is None:
        return np.zeros(0), np.zeros(0)
    return facts.numbers[:, 0], facts.numbers[:, 1]


def _of_the_mean(facts: ReportFacts, truth: Float64[np.ndarray, " test"]) -> float | None:
    """Error of always answering the mean: as measured, or else that of the test split's own mean."""
    dummy = scored_models.models(facts).get(scored_models.dummy(facts) or "", {})
    measured = finite(((dummy.get("test") or {}).get("mean_absolute_error") or {}).get("value"))
    if measured is not None:
        return measured
    return float(np.abs(truth - truth.mean()).mean()) if len(truth) else None


def _scale(error: Score | None, chance: float | None) -> Ruler | None:
    if error is None:
        return None
    reference = None if chance is None else (chance, f"mean alone {significant(chance)}")
    high = 1.05 * max(error.high, chance or 0.0)
    return ruler(error, (0.0, high), reference) if high > 0 else None


def _worst(truth: Float64[np.ndarray, " test"], distances: Float64[np.ndarray, " test"]) -> Range | None:
    """The quarter of the test examples, by true value, where it is farthest off, if much farther."""
    if len(truth) < _PARTS * _LEAST_IN_PART or not distances.any():
        return None
    quarters = np.array_split(np.argsort(truth, kind="stable"), _PARTS)
    rows = max(quarters, key=lambda rows: float(distances[rows].mean()))
    if distances[rows].mean() < _MUCH_WORSE * distances.mean():
        return None
    return Range(float(truth[rows].min()), float(truth[rows].max()), float(distances[rows].mean()))


def verdict_section(facts: ReportFacts) -> Mapping[str, Any]:
    """Say in one sentence what was reached.

    Content of `page/verdict.html`.
    """
    return {
        "verdict": judge_numbers(facts) if facts.is_regression else judge(facts),
        "models": len(scored_models.models(facts)),
        "trusted_share": TRUSTED,
        "tells_foreign": trust_sections.novelty_section(facts) is not None,
    }
