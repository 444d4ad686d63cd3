"""The models of a run: how each is scored, which colour is its own, and how two of them compare."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.arithmetic.probabilities import LEVEL
from pellucid.evaluation import Interval
from pellucid.language.sentence import Sentence
from pellucid.reports.facts import ReportFacts, scores_of
from pellucid.reports.formatting import finite, read_score, text_of
from pellucid.reports.plots import Ruler, ruler
from pellucid.settings import AVERAGE, DUMMIES, Metric, metrics_of

# Places in the Okabe-Ito order, which the style sheet contains: a model has one colour on every page.
_COLOURS = {"majority": 0, "mean": 0, "logistic-regression": 1, "ridge": 1, "svm": 2, "random-forest": 3}
_ON_NETWORK_COLOURS = {"logistic-regression": 4, "ridge": 4, "svm": 5}
_NETWORK_COLOUR = 6  # number of a colour in the style sheet
_AVERAGE_COLOUR = 7  # number of a colour in the style sheet
_ON = "-on-"
# Pretrained networks as their makers write them; the room that knows them loads torch, and a page needs none.
_WRITTEN = {
    "efficientnet-lite0": "EfficientNet-Lite0",
    "all-minilm-l6-v2": "all-MiniLM-L6-v2",
    "glove-6b-50d": "GloVe 6B",
    "use-multilingual": "USE multilingual",
    "e5-small": "multilingual-e5-small",
}
# Share of the rarer of two classes up to which scores of rankings are shown too.
IMBALANCED = 0.2


def metrics(facts: ReportFacts) -> tuple[Metric, ...]:
    """The metrics of a run, the one that its models were chosen by first."""
    first = headline(facts)
    return (first, *(each for each in _of_task(facts) if each != first))


def headline(facts: ReportFacts) -> Metric:
    """The metric that models were chosen by on validation, and that the table of models is about."""
    return facts.target.decides(str(facts.settings.get("metric") or "") or None)


def compared(facts: ReportFacts) -> Metric:
    """The metric that pairs of models are compared by on the test split."""
    return facts.target.decides(None)


def metric_named(facts: ReportFacts, key: Any) -> Metric:
    """A metric by its name in `metrics.json`; the headline's where the name is unknown."""
    return next((each for each in _of_task(facts) if each.key == key), headline(facts))


def _of_task(facts: ReportFacts) -> tuple[Metric, ...]:
    found = metrics_of(facts.target.noun, len(facts.classes))
    rarest = float(facts.confusion.sum(axis=1).min(initial=0.0)) if facts.tested else 0.0
    if found and rarest > IMBALANCED * facts.tested:
        return tuple(each for each in found if not each.of_two or each == headline(facts))
    return found


def model_score(entry: Mapping[str, Any], metric: Metric, part: str = "test") -> Interval | None:
    """A score of a model's entry in `metrics.json`, such as `test_without_leaked`; `None` if not measured."""
    return read_score(scores_of(entry, part).get(metric.key))


def is_classical(name: str) -> bool:
    """True for a model that is no network, though it may be built on one, by its name in `metrics.json`."""
    return name.split(_ON)[0] in _COLOURS


def in_words(facts: ReportFacts, name: str) -> tuple[str, str]:
    """A model's name as a headline has it, and what kind of model it is between commas, or nothing.

    A simple model on a pretrained network is no classical model alone: its features are most of it.
    """
    count = len(members(facts.models.get(name) or {}))
    if count:
        return name, Sentence(", an ensemble of {count} models,", count)
    learner, _, below = name.partition(_ON)
    if below and is_classical(name):
        return Sentence(
            "{below} features + {replace}", _WRITTEN.get(below, below), learner.replace("-", " ")
        ), ""
    return name, ", a classical model," if is_classical(name) and len(facts.models) > 1 else ""


def network(facts: ReportFacts) -> str | None:
    """Name of the network; `None` where only classical models were trained."""
    return next((name for name in facts.models if name != AVERAGE and not is_classical(name)), None)


def dummy(facts: ReportFacts) -> str | None:
    """Name of the model that always predicts the commonest class or the mean; `None` where there is none."""
    return next((name for name in facts.models if name in DUMMIES), None)


def score_of_constant(facts: ReportFacts, metric: Metric) -> float | None:
    """Score of always predicting the same: the dummy's, or that of the commonest class."""
    headline = facts.headline
    score = model_score(facts.models.get(dummy(facts) or "", {}), metric, headline.part)
    if score is not None and facts.all_classes is None:
        return score.value
    if headline.is_held_out:
        is_accuracy = metric.key == "accuracy"
        return finite((facts.model.get(headline.part) or {}).get("most_frequent")) if is_accuracy else None
    return facts.chance_by(metric)


def colour(name: str) -> int:
    """Place of a model's colour, by its name in `metrics.json`: 0 to 7, the style sheet's `model-N`."""
    if name == AVERAGE:
        return _AVERAGE_COLOUR
    learner, _, below = name.partition(_ON)
    if below and learner in _ON_NETWORK_COLOURS:
        return _ON_NETWORK_COLOURS[learner]
    return _COLOURS.get(name, _NETWORK_COLOUR)


def members(entry: Mapping[str, Any]) -> Sequence[tuple[str, int]]:
    """Members of an average, from its entry in `metrics.json`, with their weights; none of other models."""
    found = entry.get("members")
    listed = found if isinstance(found, list) else []
    return [(str(each["name"]), int(each["weight"])) for each in listed]


def saw_fewer(facts: ReportFacts, entry: Mapping[str, Any]) -> bool:
    """True for a model that learned from some of the training examples only, by its entry or its count."""
    seen, all_of_them = finite(entry.get("train_examples")), facts.learning_count
    return bool(entry.get("saw_fewer", seen is not None and seen < all_of_them))


@dataclass(frozen=True)
class Pairing:
    """Two models compared on the same test examples.

    `difference`: score of the first minus score of the second; `bar`: the same on the list's common scale,
    zero marked, `None` where it lies off the scale; `p_value`: adjusted for the number of pairs; `verdict`:
    in words; `word`: `better`, `worse` or `inconclusive`, of the first.
    """

    first: str
    second: str
    difference: Interval | None
    bar: Ruler | None
    p_value: float | None
    verdict: str
    word: str = "inconclusive"


@dataclass(frozen=True)
class Pairings:
    """Every pair that was compared.

    `measure`: the score that differs; `first`: pairs with the recommended model, seen from it, the nearest
    other first; `rest`: the other pairs; `bounds`: ends of the scale of the first list.
    """

    measure: Metric
    first: Sequence[Pairing]
    rest: Sequence[Pairing]
    bounds: tuple[float, float]


def pairings(facts: ReportFacts, comparisons: Any, measure: Metric | None = None) -> Pairings | None:
    """Read the comparisons of `metrics.json`; `None` where there are none.

    `measure` is the score that differs; by default the one that models are compared by on the test split.
    """
    measure = measure or compared(facts)
    read = [read_pair(each, facts.recommended, measure) for each in comparisons or ()]
    if not read:
        return None
    first = sorted(
        (each for each in read if each.first == facts.recommended),
        key=lambda pair: math.inf if pair.difference is None else abs(pair.difference.value),
    )
    rest = [each for each in read if each.first != facts.recommended]
    # The scale is around zero, and wide enough for all but the model that always predicts the same.
    kept = [each for each in first if each.second not in DUMMIES] or first
    ends = [end for each in kept if each.difference for end in (each.difference.low, each.difference.high)]
    reach = 1.1 * max((abs(end) for end in ends), default=0.0) or 1.0
    bounds = (-reach, reach)
    for place, pair in enumerate(first):
        difference = pair.difference
        if difference is not None and bounds[0] <= difference.value <= bounds[1]:
            first[place] = dataclasses.replace(pair, bar=ruler(difference, bounds, (0.0, "0")))
    return Pairings(measure, first, rest, bounds)


def read_pair(comparison: Mapping[str, Any], seen_from: str, measure: Metric) -> Pairing:
    """One comparison of `metrics.json`, turned around where the model it is seen from comes second."""
    first, second = str(comparison.get("a", "")), str(comparison.get("b", ""))
    difference = read_score(comparison.get(f"{measure.key}_difference"))
    if second == seen_from:
        first, second = second, first
        if difference is not None:
            difference = Interval(-difference.value, -difference.high, -difference.low)
    adjusted = finite(comparison.get("p_value_holm"))
    p_value = finite(comparison.get("p_value")) if adjusted is None else adjusted
    word = "inconclusive"
    if difference is not None and p_value is not None and p_value <= LEVEL:
        word = "better" if measure.better(difference.value) > 0 else "worse"
    return Pairing(first, second, difference, None, p_value, text_of(comparison.get("verdict")), word)
