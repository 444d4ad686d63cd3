"""The verdict at the head of a report: on a model of classes, or of numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.evaluation import Interval
from pellucid.reports import scored_models, trust_sections
from pellucid.reports.error_sections import most_confused, per_class
from pellucid.reports.facts import ReportFacts
from pellucid.reports.formatting import significant
from pellucid.reports.plots import ruler
from pellucid.settings import DUMMIES, METRICS

TRUSTED = 0.9
NAMES_SHOWN = 6
_NINE_IN_TEN = 0.9
# A range of true values is named where the mean error of this quarter is so many times that of all.
_QUARTERS, _MUCH_WORSE, _LEAST_IN_QUARTER = 4, 1.5, 10


def verdict_section(facts: ReportFacts) -> Mapping[str, Any]:
    """What was reached, in one sentence: content of `page/verdict.html`."""
    return {
        "verdict": judge_numbers(facts) if facts.is_regression else judge(facts),
        "models": len(facts.models),
        "trusted_share": TRUSTED,
        "has_novelty": trust_sections.novelty_section(facts) is not None,
    }


def judge(facts: ReportFacts) -> Mapping[str, Any]:
    """The verdict on a classifier by its test scores, and the classes that it may be trusted with.

    A class is trusted if it is right at least nine times in ten when predicted, and doubtful if it is missed
    or predicted wrongly more than once in ten, both beyond doubt; of the others too little was tested.
    """
    headline = scored_models.headline(facts)
    metric = METRICS["accuracy"] if headline.is_error else headline
    score, chance = facts.score(metric.key), facts.chance_by(metric)
    beats_chance = score is not None and chance is not None and score.low > chance
    reference = None if chance is None else (chance, f"largest class {significant(chance)}")
    common = _common(facts, metric.key, beats_chance=beats_chance)
    rows = per_class(facts)
    trusted = [
        row.name
        for row in rows
        if common["beats_chance"] and row.precision is not None and row.precision.low >= TRUSTED
    ]
    doubtful = [
        row.name
        for row in rows
        if any(score is not None and score.high < TRUSTED for score in (row.precision, row.recall))
    ]
    without = {} if facts.all_classes is None else {"without_leaked": None, "without_siblings": None}
    return {
        **common,
        **without,
        "metric": metric,
        "score": score,
        "chance": chance,
        "scale": None if score is None else ruler(score, reference=reference),
        "trusted": _names([name for name in trusted if name not in doubtful][::-1]),
        "doubtful": _names(doubtful),
        "undecided": _names([row.name for row in rows if row.name not in (*trusted, *doubtful)]),
        "confused": next(iter(most_confused(facts, 1)), None),
        "tested": facts.tested,
    }


def judge_numbers(facts: ReportFacts) -> Mapping[str, Any]:
    """The verdict on a model of numbers: how far off it is, and between which values it was tested."""
    error, r2 = facts.score("mean_absolute_error"), facts.score("r2")
    truth, predicted = (np.zeros((0, 2)) if facts.numbers is None else facts.numbers).T
    distances = np.abs(predicted - truth)
    # Error of always answering the mean: as measured, or else that of the test split's own mean.
    dummy = facts.models.get(scored_models.dummy(facts) or "", {})
    measured = scored_models.model_score(dummy, METRICS["mean_absolute_error"])
    chance = None if measured is None else measured.value
    if measured is None and len(truth):
        chance = float(np.abs(truth - truth.mean()).mean())
    scale = None
    if error is not None and (high := 1.05 * max(error.high, chance or 0.0)) > 0:
        reference = None if chance is None else (chance, f"mean alone {significant(chance)}")
        scale = ruler(error, (0.0, high), reference)
    return {
        **_common(facts, "mean_absolute_error", beats_chance=r2 is not None and r2.low > 0),
        "error": error,
        "squared": facts.score("root_mean_squared_error"),
        "r2": r2,
        "chance": chance,
        "scale": scale,
        "low": float(truth.min()) if len(truth) else None,
        "high": float(truth.max()) if len(truth) else None,
        "nine_in_ten": float(np.quantile(distances, _NINE_IN_TEN)) if len(truth) else None,
        "worst": _worst(truth, distances),
        "tested": len(truth) or facts.data_count("test"),
    }


def _common(facts: ReportFacts, key: str, *, beats_chance: bool) -> dict[str, Any]:
    """What the verdicts on classes and on numbers have in common; `key` is the score that they name."""
    is_dummy = facts.recommended in DUMMIES
    title, kind = scored_models.in_words(facts, facts.recommended)
    by_groups = (facts.model.get(each) or {} for each in ("by_groups", "left_out"))
    return {
        "model": facts.recommended,
        "title": title,
        "kind": kind,
        "is_dummy": is_dummy,
        "beats_chance": beats_chance and not is_dummy,
        "without_leaked": facts.score(key, "test_without_leaked"),
        "without_siblings": facts.score(key, "test_without_siblings"),
        "leaked": facts.data_count("leaked"),
        "reason": str(facts.metrics.get("reason") or ""),
        "findings": [
            words
            for each in ("contradiction", "disagreement")
            if (words := str((facts.metrics.get(each) or {}).get("words") or ""))
        ],
        "groups": [str(each["words"]) for each in by_groups if "words" in each],
        "baseline": _baseline(facts),
    }


def _baseline(facts: ReportFacts) -> Mapping[str, Any] | None:
    """The model that the recommended one is compared with; `None` where there is no other.

    The network where it is not itself recommended; else the best other model by its test score.
    """
    network, headline = scored_models.network(facts), scored_models.headline(facts)
    if facts.missing_classes:  # the others choose among fewer classes
        return None
    scores: dict[str, Interval | None] = {
        name: scored_models.model_score(entry, headline)
        for name, entry in facts.models.items()
        if name != facts.recommended and name not in DUMMIES
    }
    ranked = sorted(
        ((name, score) for name, score in scores.items() if score is not None),
        key=lambda pair: -headline.better(pair[1].value),
    )
    if network not in scores and not ranked:
        return None
    name = network if network in scores else ranked[0][0]
    compared = scored_models.pairings(facts, facts.metrics.get("comparisons"))
    pair = next((each for each in compared.first if each.second == name), None) if compared else None
    return {
        "name": name,
        "is_network": name == network,
        "score": scores[name or ""],
        "measure": headline.words,
        "verdict": pair.verdict if pair else "",
    }


def _names(names: Sequence[str]) -> Mapping[str, Any]:
    """The first few of some names, and how many more there are."""
    return {"shown": names[:NAMES_SHOWN], "more": max(0, len(names) - NAMES_SHOWN)}


def _worst(truth: np.ndarray, distances: np.ndarray) -> Mapping[str, float] | None:
    """Ends of the quarter of the test examples, by true value, with the largest errors, if much larger."""
    if len(truth) < _QUARTERS * _LEAST_IN_QUARTER or not distances.any():
        return None
    quarters = np.array_split(np.argsort(truth, kind="stable"), _QUARTERS)
    rows = max(quarters, key=lambda rows: float(distances[rows].mean()))
    if distances[rows].mean() < _MUCH_WORSE * distances.mean():
        return None
    low, high, error = truth[rows].min(), truth[rows].max(), distances[rows].mean()
    return {"low": float(low), "high": float(high), "error": float(error)}
