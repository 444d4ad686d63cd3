"""The verdict, and every model on one scale, on other splits, and after continual training."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.arithmetic.probabilities import LEVEL
from pellucid.evaluation import Interval, wilson
from pellucid.language.catalogue import translated, translated_list
from pellucid.language.sentence import Sentence
from pellucid.reports import scored_models, trust_sections
from pellucid.reports.error_sections import most_confused, per_class
from pellucid.reports.facts import TEST, ReportFacts
from pellucid.reports.formatting import finite, read_score, significant, text_of, whole
from pellucid.reports.plots import round_bounds, ruler
from pellucid.reports.scored_models import pairings
from pellucid.settings import DUMMIES, METRICS, Metric

TRUSTED = 0.9
# Width of the interval of a precision up to which enough was tested: it lies too near TRUSTED to decide.
_NARROW = 0.1
NAMES_SHOWN = 6
_NINE_IN_TEN = 0.9
# Notes of models that a time limit left out, as runs write them and as older ones did.
_SKIPPED = re.compile(r"(?:\S+|The network)(?:: skipped, | is left out: there was no time)")
# Answers, all of them right, from which Wilson's interval of a precision lies above TRUSTED.
_LEAST_ANSWERS = next(answers for answers in range(1, 1000) if wilson(answers, answers).low >= TRUSTED)
# A range of true values is named where the mean error of this quarter is so many times that of all.
_QUARTERS = 4
_MUCH_WORSE = 1.5
_LEAST_IN_QUARTER = 10


def verdict_section(
    facts: ReportFacts, judge: Callable[[ReportFacts], Mapping[str, Any]]
) -> Mapping[str, Any]:
    """What was reached, in one sentence: content of `page/verdict.html`; `judge` is that of the target.

    What it gives names the `template` that shows it.
    """
    return {
        "verdict": judge(facts),
        "models": len(facts.models),
        "trusted_share": TRUSTED,
        "has_novelty": trust_sections.novelty_section(facts) is not None,
    }


def judge(facts: ReportFacts) -> Mapping[str, Any]:
    """The verdict on a classifier by its test scores, and the classes or labels that it may be trusted with.

    A class is trusted if it is right at least nine times in ten when predicted, and doubtful if it is missed
    or predicted wrongly more than once in ten, both beyond doubt; of the others too little was tested, or
    the precision lies too near nine in ten. Where no class is trusted, all answers together may be.
    """
    headline = scored_models.headline(facts)
    is_told_by_target = headline.is_error or facts.labels is not None
    metric = METRICS[facts.target.headline] if is_told_by_target else headline
    judged = facts.headline
    score, chance = facts.score(metric.key, judged.part), scored_models.score_of_constant(facts, metric)
    # What was held out may have nothing to compare with, of which nothing is then said.
    beats_chance = score is not None and (judged.is_held_out if chance is None else score.low > chance)
    constant = "largest class" if facts.labels is None else "same labels always"
    reference = (
        None if chance is None else (chance, Sentence("{constant} {chance}", constant, significant(chance)))
    )
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
    open_rows = [row for row in rows if row.name not in (*trusted, *doubtful)]
    # A class that is mostly right where the model is no better than chance is neither.
    undecided = [row for row in open_rows if row.precision is None or row.precision.low < TRUSTED]
    near = [row for row in undecided if row.precision is not None and _width(row.precision) <= _NARROW]
    few = [row for row in undecided if row not in near]
    of_all = facts.score("accuracy", judged.part) if facts.labels is None and common["beats_chance"] else None
    return {
        **common,
        "template": "verdict_names.html",
        "metric": metric,
        "score": score,
        "chance": chance,
        "scale": None if score is None else ruler(score, reference=reference),
        "trusted": _names([name for name in trusted if name not in doubtful][::-1]),
        "doubtful": _names(doubtful),
        "undecided": _names([row.name for row in few]),
        "near": _names([row.name for row in near]),
        "near_one": near[0].precision if len(near) == 1 else None,
        # All answers together, and how many answers with its name a class needs to be trusted.
        "together": of_all if of_all is not None and of_all.low >= TRUSTED else None,
        "needed": _LEAST_ANSWERS,
        "confused": next(iter(most_confused(facts, 1)), None) if facts.labels is None else None,
        "all_right": None if facts.labels is None else facts.score(facts.target.right, judged.part),
        "tested": judged.examples if judged.known else facts.tested,
    }


def judge_numbers(facts: ReportFacts) -> Mapping[str, Any]:
    """The verdict on a model of numbers: how far off it is, and between which values it was tested."""
    part = facts.headline.part
    error, squared, r2 = (
        facts.score(key, part) for key in ("mean_absolute_error", "root_mean_squared_error", "r2")
    )
    truth, predicted = (np.zeros((0, 2)) if facts.numbers is None else facts.numbers).T
    distances = np.abs(predicted - truth)
    # Error of always answering the mean: as measured, or else that of the test split's own mean.
    dummy = facts.models.get(scored_models.dummy(facts) or "", {})
    measured = scored_models.model_score(dummy, METRICS["mean_absolute_error"], part)
    chance = None if measured is None else measured.value
    if measured is None and len(truth):
        chance = float(np.abs(truth - truth.mean()).mean())
    scale = None
    if error is not None and (high := 1.05 * max(error.high, chance or 0.0)) > 0:
        reference = None if chance is None else (chance, Sentence("mean alone {chance}", significant(chance)))
        scale = ruler(error, (0.0, high), reference)
    return {
        **_common(facts, "mean_absolute_error", beats_chance=r2 is not None and r2.low > 0),
        "template": "verdict_numbers.html",
        "error": error,
        "squared": squared,
        "r2": r2,
        "chance": chance,
        "scale": scale,
        "low": float(truth.min()) if len(truth) else None,
        "high": float(truth.max()) if len(truth) else None,
        "nine_in_ten": float(np.quantile(distances, _NINE_IN_TEN)) if len(truth) else None,
        "worst": _worst(truth, distances),
        "tested": facts.headline.examples or len(truth),
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
        "headline": facts.headline,
        "of_all": facts.score(key) if facts.headline.known else None,
        # only where old and new examples are tested together; else none of these is in the headline
        "leaked": 0 if facts.all_classes is None else facts.data_count("leaked"),
        "reason": text_of(facts.metrics.get("reason")),
        "findings": [
            words
            for each in (
                *(facts.metrics.get(key) for key in ("contradiction", "disagreement", "order")),
                *(facts.metrics.get("giveaways") or ()),
            )
            if (words := text_of((each or {}).get("words")))
        ],
        "groups": [
            text_of(each["words"])
            for each in by_groups
            if "words" in each and not facts.headline.is_held_out  # else of a test known from training
        ],
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
        name: scored_models.model_score(entry, headline, facts.headline.part)
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
        "compared": "" if headline == (compares := scored_models.compared(facts)) else compares.words,
        "verdict": pair.verdict if pair else "",
    }


def _width(interval: Interval) -> float:
    return interval.high - interval.low


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


def model_table(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Every trained model, the recommended one first, then by score: content of `page/models.html`."""
    if not facts.models:
        return None
    headline, *others = scored_models.metrics(facts)
    judged = facts.headline
    # Models that are still being trained have their scores of validation where those of the test will be.
    part, of = TEST, facts.judged
    if judged.known and not facts.is_under_way:
        part, of = judged.part, "held-out" if judged.is_held_out else "unseen test"
    scores = {name: scored_models.model_score(entry, headline, part) for name, entry in facts.models.items()}
    bounds, reference = _scale(facts, scores, headline)
    level = None if reference is None else (reference, "")

    def row(name: str, entry: Mapping[str, Any]) -> Mapping[str, Any]:
        score = scores[name]
        return {
            "name": name,
            "colour": scored_models.colour(name),
            "is_recommended": name == facts.recommended,
            "saw_fewer": scored_models.saw_fewer(facts, entry),
            "score": score,
            "bar": None if score is None else ruler(score, bounds, level),
            "others": [scored_models.model_score(entry, measure, part) for measure in others],
            "of_all": scored_models.model_score(entry, headline),
            "without_leaked": scored_models.model_score(entry, headline, "test_without_leaked"),
            "without_siblings": scored_models.model_score(entry, headline, "test_without_siblings"),
            "members": scored_models.members(entry),
            "facts": entry,
        }

    rows = [row(name, entry) for name, entry in facts.models.items()]
    rows.sort(key=lambda row: (not row["is_recommended"], *_by_score(row["score"], headline)))
    found = facts.metrics.get("notes")
    notes = [text_of(each) for each in found] if isinstance(found, list) else []
    return {
        "rows": rows,
        "recommended": rows[0],
        "headline": headline,
        "of": of,
        "others": others,
        "has_known": part != TEST,
        "bounds": bounds,
        "reference": reference,
        "off_scale": reference is not None and not bounds[0] <= reference <= bounds[1],
        "same_examples": len({row["facts"].get("train_examples") for row in rows if not row["members"]}) == 1,
        "asked_fewer": _asked_fewer({row["name"]: row["facts"] for row in rows}),
        "fewer": [row for row in rows if row["saw_fewer"]],
        "again": [row["name"] for row in rows if row["facts"].get("trained_again") is True],
        "has_leaked": any(row["without_leaked"] for row in rows),
        "has_siblings": any(row["without_siblings"] for row in rows),
        "tried": [found for row in rows if (found := _tried(row["name"], row["facts"]))],
        "pairings": pairings(facts, facts.metrics.get("comparisons")),
        "folds": read_folds(facts),
        "notes": notes,
        "skipped": sum(_SKIPPED.match(each) is not None for each in notes),
    }


def _by_score(score: Interval | None, measure: Metric) -> tuple[bool, float]:
    """Sorts the best model first and those without a score last."""
    return (True, 0.0) if score is None else (False, -measure.better(score.value))


def _asked_fewer(entries: Mapping[str, Mapping[str, Any]]) -> Sequence[tuple[Sequence[str], int, int]]:
    """Models that were asked about fewer held-out examples: their names, how many, and of how many."""
    asked = {name: whole(entry.get("held_out_examples")) for name, entry in entries.items()}
    most = max(asked.values())
    by_count: dict[int, list[str]] = {}
    for name, count in asked.items():
        if 0 < count < most:
            by_count.setdefault(count, []).append(name)
    return [(names, count, most) for count, names in by_count.items()]


def _scale(
    facts: ReportFacts, scores: Mapping[str, Interval | None], headline: Metric
) -> tuple[tuple[float, float], float | None]:
    """Ends of the common scale, and the score of the dummy, which always predicts the same.

    Errors reach from round number to round number, the dummy's among them. Shares end at one and start where
    the other models do, so that these can be distinguished; a dummy far below is left of the scale.
    """
    dummy = scores.get(scored_models.dummy(facts) or "")
    reference = facts.chance_by(headline) if dummy is None else dummy.value
    known = [score for name, score in scores.items() if score is not None and name not in DUMMIES]
    if headline.is_error:
        shown = known if dummy is None else [*known, dummy]
        low = min((each.low for each in shown), default=0.0)
        return round_bounds(low, max((each.high for each in shown), default=1.0)), reference
    low = math.floor(10 * min((score.low for score in known), default=0.0)) / 10
    return (min(max(0.0, low), 0.9), 1.0), reference


def _tried(model: str, entry: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Configurations that a model tried: in words, the score on validation, and whether it was chosen."""
    configurations = [each for each in entry.get("configurations") or () if isinstance(each, Mapping)]
    features = text_of(entry.get("features"))
    if not configurations and not features:
        return None
    scores = [finite(each.get("score")) for each in configurations]
    best = max((score for score in scores if score is not None), default=None)
    marked = [place for place, each in enumerate(configurations) if each.get("chosen") is True]
    chosen = marked[0] if marked else -1 if best is None else scores.index(best)
    lines = []
    for place, (each, score) in enumerate(zip(configurations, scores, strict=True)):
        kind, words = (text_of(each.get(key)) for key in ("features", "words"))
        if kind and not words.lower().startswith(kind.lower()):
            words = Sentence("{kind}, {words}", kind, words) if words else kind
        said = translated(words) if isinstance(words, Sentence) else translated_list(words)
        lines.append((said, None if score is None else abs(score), place == chosen))
    return {"model": model, "features": translated(features), "configurations": lines}


# Cross-validation: the same models on other splits of the same data.


def read_folds(facts: ReportFacts) -> Mapping[str, Any] | None:
    """The cross-validation of `metrics.json`, best model first; `None` where the run had none.

    Models that were asked about some of the examples only come last, and their means have no interval. Pairs
    are those with the recommended model, or else with the best.
    """
    found = facts.metrics.get("folds") or {}
    models = found.get("models")
    if not models:
        return None
    measure = scored_models.metric_named(facts, found.get("metric"))
    fewer = found.get("fewer") or {}
    entries = {str(name): entry for name, entry in {**models, **fewer}.items()}
    scores = {name: [finite(score) for score in entry.get("scores") or ()] for name, entry in entries.items()}
    known = {name: [score for score in each if score is not None] for name, each in scores.items()}
    means = {
        name: (read_score(sum(known[name]) / len(known[name])) if known[name] else None)
        if name in fewer
        else read_score(entry.get("mean"))
        for name, entry in entries.items()
    }
    # The scale contains every fold and interval of all models but the dummies.
    shown = [name for name in scores if name not in DUMMIES] or list(scores)
    values = [score for name in shown for score in known[name]]
    values += [end for name in shown if (mean := means[name]) for end in (mean.low, mean.high)]
    bounds = round_bounds(min(values, default=0.0), max(values, default=1.0))
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "colour": scored_models.colour(name),
            "is_recommended": name == facts.recommended,
            "mean": mean,
            "bar": None if mean is None else ruler(mean, bounds),
            "dots": [ruler(Interval(score, score, score), bounds).value for score in known[name]],
            "scores": scores[name],
            "asked": whole(fewer[name].get("examples")) if name in fewer else 0,
        }
        for name, mean in means.items()
    ]
    rows.sort(key=lambda row: (row["asked"] > 0, *_by_score(row["mean"], measure)))
    pairs, best = pairings(facts, found.get("comparisons"), measure), rows[0]["name"]
    with_best = [] if pairs is None else [each for each in pairs.rest if best in (each.first, each.second)]
    return {
        "count": whole(found.get("folds")) or max(len(each) for each in scores.values()),
        "measure": measure,
        "train": finite(found.get("train")),
        "test": finite(found.get("test")),
        "pool": next((whole(each.get("of")) for each in fewer.values()), None),
        "rows": rows,
        "bounds": bounds,
        "pairs": with_best if pairs is None else pairs.first or with_best,
    }


# Forgetting in continual training: scores on old test examples before and after.

MOST_SHOWN = 10


def forgetting(facts: ReportFacts) -> Mapping[str, Any] | None:
    """What was kept and what was forgotten: content of `page/continual.html`.

    `None` where a fresh network was trained, or none.
    """
    found = facts.metrics.get("continual")
    if not isinstance(found, Mapping):
        return None
    forgetting = found.get("forgetting") or {}
    judged = scored_models.compared(facts)
    measured = [each for each in scored_models.metrics(facts) if each.key in (forgetting.get("after") or {})]
    measures = sorted(measured, key=lambda each: each != judged)
    classes = [_kept(each) for each in forgetting.get("classes") or () if isinstance(each, Mapping)]
    seen, measure = found.get("seen_before"), scored_models.headline(facts)
    return {
        "run": str(found.get("from") or ""),
        "network": str(found.get("model") or ""),
        "sentence": text_of(forgetting.get("sentence")) or "Forgetting was not measured.",
        "not_measured": [text_of(each) for each in found.get("not_measured") or ()],
        "reasons": [text_of(each) for each in found.get("reasons") or ()],
        "examples": finite(forgetting.get("examples")),
        "left_out": whole(forgetting.get("left_out")),
        "places": [str(each) for each in forgetting.get("data") or ()],
        "measures": measures,
        "rows": [
            (words, [read_score((forgetting.get(part) or {}).get(each.key)) for each in measures])
            for words, part in (("Before this training", "before"), ("Now", "after"))
        ],
        "difference": read_score(forgetting.get(f"{judged.key}_difference")),
        "p_value": finite(forgetting.get("p_value")),
        "classes": classes,
        "shown": classes[:MOST_SHOWN],
        "seen": {
            "test": whole(seen.get("test")),
            "validation": whole(seen.get("validation")),
            "measure": measure,
            "without": read_score((seen.get("test_without") or {}).get(measure.key)),
        }
        if isinstance(seen, Mapping)
        else None,
        "of_recommended": text_of((found.get("forgetting_of_recommended") or {}).get("sentence")),
    }


def _kept(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """One old class: accuracy before and after, and whether the loss is significant, all classes counted."""
    before, after = finite(row.get("before")) or 0.0, finite(row.get("after")) or 0.0
    p_value = finite(row.get("p_value_holm"))
    return {
        "name": str(row.get("class")),
        "examples": whole(row.get("examples")),
        "before": before,
        "after": after,
        "is_real": p_value is not None and p_value <= LEVEL and after < before,
    }


def corrections(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Whether corrected labels helped, against the earlier run: content of `page/corrections.html`.

    `None` in a run without corrections.
    """
    found = facts.metrics.get("corrections")
    if not isinstance(found, Mapping):
        return None
    compared = [
        (
            words,
            entry,
            read_score(
                next(
                    (value for key, value in entry["comparison"].items() if key.endswith("_difference")), None
                )
            ),
        )
        for key, words in (("all", "all of them"), ("without_corrected", "those that nobody corrected"))
        if (entry := found.get(key))
    ]
    counts = (facts.metrics.get("data") or {}).get("corrections") or {}
    first, *others = [str(each) for each in found["words"]]
    measure = scored_models.compared(facts)
    return {"first": first, "words": others, "compared": compared, "counts": counts, "measure": measure}
