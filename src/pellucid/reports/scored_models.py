"""The models of a run: how each is scored, which colour is its own, and how two of them compare."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.evaluation.comparisons import LEVEL
from pellucid.reports.axes import Ruler, ruler
from pellucid.reports.facts import ReportFacts
from pellucid.reports.formatting import Score, finite
from pellucid.settings import AVERAGE, DUMMIES, Metric, metrics_of

# Places in the Okabe-Ito order, which the style sheet holds: a model has one colour on every page.
_COLOURS = {
    "majority": 0,
    "mean": 0,
    "logistic-regression": 1,
    "ridge": 1,
    "svm": 2,
    "random-forest": 3,
}
_ON_NETWORK_COLOURS = {"logistic-regression": 4, "ridge": 4, "svm": 5}
_NETWORK_COLOUR, _AVERAGE_COLOUR = 6, 7
_ON = "-on-"
# Pretrained networks as their makers write them; the room that knows them loads torch, and a page needs none.
_WRITTEN = {
    "efficientnet-lite0": "EfficientNet-Lite0",
    "all-minilm-l6-v2": "all-MiniLM-L6-v2",
    "glove-6b-50d": "GloVe 6B",
}
# Share of the rarer of two classes up to which scores of rankings are shown beside the others.
IMBALANCED = 0.2


def metrics(facts: ReportFacts) -> tuple[Metric, ...]:
    """The metrics of a run, the one that its models were chosen by first."""
    first = headline(facts)
    return (first, *(each for each in _of_task(facts) if each != first))


def headline(facts: ReportFacts) -> Metric:
    """The metric that models were chosen by on validation, and that the table of models is about."""
    return facts.target.decides(str(facts.settings.get("metric") or "accuracy"))


def compared(facts: ReportFacts) -> Metric:
    """The metric that pairs of models are compared by on the test split."""
    return facts.target.decides("accuracy")


def metric_named(facts: ReportFacts, key: Any) -> Metric:
    """A metric by its name in `metrics.json`; the headline's where the name is unknown."""
    return next((each for each in _of_task(facts) if each.key == key), headline(facts))


def _of_task(facts: ReportFacts) -> tuple[Metric, ...]:
    found = metrics_of(facts.target.noun, len(facts.classes))
    rarest = float(facts.confusion.sum(axis=1).min(initial=0.0)) if facts.tested else 0.0
    if len(found) and rarest > IMBALANCED * facts.tested:
        return tuple(each for each in found if not each.of_two or each == headline(facts))
    return found


def models(facts: ReportFacts) -> Mapping[str, Mapping[str, Any]]:
    """Every trained model's entry in `metrics.json`.

    Entries by name, in the order of the file: simplest first.
    """
    entries: Mapping[str, Any] = facts.metrics.get("models") or {}
    return {str(name): entry for name, entry in entries.items() if isinstance(entry, Mapping)}


def test_score(entry: Mapping[str, Any], metric: Metric) -> Score | None:
    """Read one test score of a model's entry in `metrics.json`; `None` where it was not measured."""
    return Score.read((entry.get("test") or {}).get(metric.key))


def is_classical(name: str) -> bool:
    """True for a model that is no network, though it may stand on one, by its name in `metrics.json`."""
    return name.split(_ON)[0] in _COLOURS


def in_words(facts: ReportFacts, name: str) -> tuple[str, str]:
    """A model's name as a headline has it, and what kind of model it is between commas, or nothing.

    A simple model on a pretrained network is no classical model alone: its features are most of it.
    """
    count = len(members(models(facts).get(name) or {}))
    if count:
        return name, f", an ensemble of {count} models,"
    learner, _, below = name.partition(_ON)
    if below and is_classical(name):
        return f"{_WRITTEN.get(below, below)} features + {learner.replace('-', ' ')}", ""
    return name, ", a classical model," if is_classical(name) and len(models(facts)) > 1 else ""


def network(facts: ReportFacts) -> str | None:
    """Name the network among the models.

    Its name; `None` where only classical models were trained.
    """
    return next((name for name in models(facts) if name != AVERAGE and not is_classical(name)), None)


def dummy(facts: ReportFacts) -> str | None:
    """Name the model that knows nothing: the commonest class, or the mean.

    Its name; `None` where it was not trained.
    """
    return next((name for name in models(facts) if name in DUMMIES), None)


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
    """True for a model that learned from a part of the training examples only.

    Its entry in `metrics.json` says so, or else its count.
    """
    seen, whole = finite(entry.get("train_examples")), facts.data_count("train")
    return bool(entry.get("saw_fewer", seen is not None and seen < whole))


# Pairs of models compared on the same test examples.


@dataclass(frozen=True)
class Pairing:
    """Two models compared.

    Attributes:
        first: the model that the difference belongs to.
        second: the model it is measured against.
        difference: score of the first minus score of the second.
        bar: the difference on the list's common scale, zero marked; `None` where it lies off the scale.
        p_value: adjusted for the number of pairs.
        verdict: in words.
        word: `better`, `worse` or `inconclusive`, said of the first.
    """

    first: str
    second: str
    difference: Score | None
    bar: Ruler | None
    p_value: float | None
    verdict: str
    word: str = "inconclusive"


@dataclass(frozen=True)
class Pairings:
    """Every pair that was compared.

    Attributes:
        measure: the score that differs.
        first: pairs with the recommended model, seen from it, the nearest other first.
        rest: the other pairs.
        bounds: ends of the scale of the first list.
    """

    measure: Metric
    first: Sequence[Pairing]
    rest: Sequence[Pairing]
    bounds: tuple[float, float]

    @property
    def count(self) -> int:
        """Number of pairs compared."""
        return len(self.first) + len(self.rest)


def pairings(facts: ReportFacts, comparisons: Any, measure: Metric | None = None) -> Pairings | None:
    """Read the comparisons of `metrics.json`; `None` where there are none.

    `measure` is the score that differs; by default the one that models are compared by on the test split.
    """
    measure = measure or compared(facts)
    read = [read_pair(each, facts.recommended, measure) for each in comparisons or ()]
    if not read:
        return None
    first = sorted((each for each in read if each.first == facts.recommended), key=_distance)
    rest = [each for each in read if each.first != facts.recommended]
    bounds = _bounds(first)
    return Pairings(measure, [drawn(each, bounds) for each in first], rest, bounds)


def read_pair(comparison: Mapping[str, Any], seen_from: str, measure: Metric) -> Pairing:
    """One comparison of `metrics.json`, turned around where the model it is seen from comes second."""
    first, second = str(comparison.get("a", "")), str(comparison.get("b", ""))
    difference = Score.read(comparison.get(f"{measure.key}_difference"))
    if second == seen_from:
        first, second = second, first
        if difference is not None:
            difference = Score(-difference.value, -difference.high, -difference.low)
    raw = finite(comparison.get("p_value"))
    adjusted = finite(comparison.get("p_value_holm"))
    p_value = raw if adjusted is None else adjusted
    word = "inconclusive"
    if difference is not None and p_value is not None and p_value <= LEVEL:
        word = "better" if measure.better(difference.value) > 0 else "worse"
    return Pairing(first, second, difference, None, p_value, str(comparison.get("verdict") or ""), word)


def _distance(pair: Pairing) -> float:
    """Distance between the two; infinite where it is not known."""
    return math.inf if pair.difference is None else abs(pair.difference.value)


def _bounds(pairs: Sequence[Pairing]) -> tuple[float, float]:
    """A scale around zero, wide enough for all but the model that knows nothing."""
    kept = [each for each in pairs if each.second not in DUMMIES] or pairs
    ends = [end for each in kept if each.difference for end in (each.difference.low, each.difference.high)]
    reach = 1.1 * max((abs(end) for end in ends), default=0.0) or 1.0
    return (-reach, reach)


def drawn(pair: Pairing, bounds: tuple[float, float]) -> Pairing:
    """The pair with its difference on a scale of these ends, unless it lies off that scale."""
    difference = pair.difference
    if difference is None or not bounds[0] <= difference.value <= bounds[1]:
        return pair
    return dataclasses.replace(pair, bar=ruler(difference, bounds, (0.0, "0")))
