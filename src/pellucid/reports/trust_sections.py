"""Sections on trust in answers: reliability, abstention, novelty, slices, the learning curve."""

from collections.abc import Mapping
from typing import Any

from pellucid.arithmetic.rounding import per_cent
from pellucid.evaluation import Interval
from pellucid.evaluation.promises import least_examples
from pellucid.language.sentence import Sentence, join
from pellucid.reports import scored_models
from pellucid.reports.facts import AbstentionFacts, ReportFacts, scores_of
from pellucid.reports.formatting import count, finite, interval, percent, read_score, scored, significant
from pellucid.reports.plots import curve_plot, error_plot, reliability_plot, round_bounds, ruler
from pellucid.settings import METRICS, NEURAL

# Temperatures that near to 1 change nothing; from this calibration error on probabilities are far off.
_UNCHANGED = 0.005
_FAR = 0.05


def reliability_section(facts: ReportFacts, words: tuple[str, str]) -> Mapping[str, Any] | None:
    """Accuracy against confidence before and after the temperature: content of `page/reliability.html`.

    The two are called `words`. `None` without a test split.
    """
    found = facts.calibration
    if found is None or not any(each.examples for each in found.after.bins):
        return None
    is_changed = abs(found.temperature - 1) > _UNCHANGED
    parts = []
    for when, part in (("before", found.before), ("after", found.after)):
        if not is_changed and when == "before":
            continue
        caption: str = Sentence("{when} the temperature", when)
        note = Sentence("at temperature {word}", "1" if when == "before" else significant(found.temperature))
        stated, seen = words
        label = Sentence(
            "Reliability {caption}: {seen} against {stated}; every figure is in the table below",
            caption,
            seen,
            stated,
        )
        caption = caption if is_changed else "as trained"
        title = when.capitalize() if is_changed else "As trained"
        plot = reliability_plot(part, title, note, label, words)
        parts.append((caption, plot, [each for each in part.bins if each.examples]))
    filled = [each for each in found.after.bins if each.examples]
    return {
        "temperature": found.temperature,
        "is_changed": is_changed,
        "before": found.before.error,
        "after": found.after.error,
        "is_worse": is_changed and found.after.error.low > found.before.error.value,
        "is_far": found.after.error.value >= _FAR,
        "is_chance": found.after.error.low <= 0,
        # Mean confidence is above the accuracy.
        "is_overconfident": sum(each.examples * (each.confidence - each.accuracy.value) for each in filled)
        > 0,
        "words": words,
        "parts": parts,
    }


_LED_BY = 0.05


def abstention_section(facts: ReportFacts) -> Mapping[str, Any] | None:
    """The error among the answered against their share, and what is promised: `page/abstention.html`.

    `None` for numbers and without a test split.
    """
    found = facts.abstention
    if found is None or not found.curve:
        return None
    rows = [(each, _share(each.error)) for each in found.curve]
    spoken = join(
        "; ",
        [
            Sentence(
                "{share:.3g}\u00a0% answered, {figures} of them wrong", 100 * point.share, " ".join(figures)
            )
            for point, figures in rows
        ],
    )
    label = Sentence("Error among the answered against the share answered. {spoken}", spoken)
    note = Sentence("on the test {noun}s, smaller is better", facts.noun)
    colour = scored_models.colour(facts.recommended)
    return {
        "all": percent(found.curve[-1].error.value),
        "examples": found.examples,
        "led_by": _LED_BY,
        "lead": _promised(found, _LED_BY),
        "tested": max((each.tested for each in found.promises.values() if each is not None), default=0),
        "promises": [(each, _promised(found, each), least_examples(each)) for each in found.promises],
        "plot": error_plot(found.curve, colour, "Error among the answered", note, label),
        "rows": rows,
        "has_novelty": bool(facts.model.get("novelty")),
    }


def _promised(found: AbstentionFacts, max_error: float) -> Mapping[str, Any] | None:
    """A promise and what it does on the test split; `None` where the examples are too few."""
    promise = found.promises.get(max_error)
    if promise is None:
        return None
    kept = promise.on_test
    return {
        "threshold": promise.threshold if promise.answered else None,
        "answered": _share(promise.expected if kept is None else kept.answered),
        "error": None if kept is None or kept.error is None else _share(kept.error),
        "is_tested": kept is not None,
        "basis": promise.basis,
        "is_refuted": promise.is_refuted,
    }


def _share(share: Interval) -> tuple[str, str]:
    """A share in per cent, and its interval."""
    low, high = (per_cent(end, share.value) for end in share[1:])
    return percent(share.value), f"[{low},\u00a0{high}]"


_SYNTHETIC_OUTLIERS = {
    "noise": "random noise",
    "shuffled_pieces": "shuffled 4 \u00d7 4 patches",
    "inverted": "inverted brightness",
    "shuffled_letters": "shuffled letters",
    "random_letters": "random letters, as frequent as in the test texts",
}
# AUROC from which the detection of a kind of synthetic outlier is called probable, and up to which partial.
_GOOD = 0.95
_FAIR = 0.8


def novelty_section(facts: ReportFacts) -> Mapping[str, Any] | None:
    """False alarms of the novelty detector, and its detection of synthetic outliers: `page/novelty.html`.

    `None` where the model has no detector.
    """
    found = facts.model.get("novelty") or {}
    alarms = read_score(found.get("false_alarm_rate"))
    if alarms is None:
        return None
    by_kind: Mapping[str, Any] = found.get("area_under_roc") or {}
    rows = [(_SYNTHETIC_OUTLIERS.get(name, name), finite(area) or 0.0) for name, area in by_kind.items()]
    areas = [area for _, area in rows]
    stated = finite(found.get("stated_rate")) or 0.0
    ends = min(areas, default=1.0), max(areas, default=1.0)
    least_and_most = [significant(100 * area, 2) if area < 1 else "100" for area in ends]
    return {
        "alarms": alarms,
        "stated": stated,
        "is_kept": alarms.low <= stated <= alarms.high,
        "is_often": alarms.value > stated,
        "threshold": finite(found.get("threshold")) or 0.0,
        "validation": found.get("validation_examples"),
        "synthetic_outliers": found.get("synthetic_outliers"),
        "rows": rows,
        "range": f"{' to '.join(dict.fromkeys(least_and_most))} %",
        "is_good": all(area >= _GOOD for area in areas),
        "is_fair": all(area >= _FAIR for area in areas),
        "is_neighbours": found.get("detector") == "neighbours",
    }


# Values of a column that the page shows, worst first.
_SLICES_SHOWN = 30


def slices_section(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Where the recommended model is worst, by the values of a column: content of `page/slices.html`.

    `None` where no column was asked for.
    """
    found = facts.metrics.get("slices")
    if not found:
        return None
    metric, pooled = METRICS[found["metric"]], found["pooled"]
    whole = read_score(scores_of(facts.model, facts.headline.part).get(metric.key))
    entries = [*found["values"], *([pooled] if pooled else [])]
    scores = [read_score(each["score"]) for each in entries]
    bounds = (0.0, 1.0)
    if metric.is_error:
        bounds = round_bounds(0.0, max((score.high for score in scores if score is not None), default=1.0))
    reference = None if whole is None else (whole.value, "")
    rows = [
        {
            "value": str(each["value"] or ""),
            "examples": int(each["examples"]),
            "score": score,
            "bar": None if score is None else ruler(score, bounds, reference),
            "is_worse": bool(each["worse_than_all"]),
        }
        for each, score in zip(entries, scores, strict=True)
    ]
    small = rows.pop() if pooled else None
    return {
        "column": found["column"],
        "metric": metric,
        "whole": whole,
        "rows": rows[:_SLICES_SHOWN],
        "more": max(0, len(rows) - _SLICES_SHOWN),
        "pooled": small,
        "pooled_values": (pooled or {}).get("values"),
        "left_out": found["left_out"],
        "bounds": bounds,
        "worse": [row["value"] for row in rows if row["is_worse"]],
        "count": len(entries),
    }


def curve_section(facts: ReportFacts) -> Mapping[str, Any] | None:
    """The learning curve: content of `page/curve.html`; `None` where none was made."""
    found = facts.learning_curve
    if found is None or not found.curves:
        return None
    measure = scored_models.metric_named(facts, found.metric)
    colours = {name: scored_models.colour(name) for name in found.curves}
    rows = [
        (name, colours[name], point.examples, point.score)
        for name, points in found.curves.items()
        for point in points
    ]
    spoken = join(
        "; ",
        [
            Sentence(
                "{name} with {examples} examples {score} {score2}",
                name,
                count(examples),
                scored(score),
                interval(score),
            ).strip()
            for name, _, examples, score in rows
        ],
    )
    note = Sentence(
        "on the validation {noun}s{word}", facts.noun, ", smaller is better" if measure.is_error else ""
    )
    label = Sentence(
        "Learning curve: {words} against number of training examples. {spoken}", measure.words, spoken
    )
    return {
        "measure": measure,
        "outlook": found.outlook,
        "model": found.model,
        "has_network": any(name in NEURAL for name in found.curves),
        "is_built_on": facts.recommended.endswith(f"-on-{found.model}"),
        "plot": curve_plot(found.curves, colours, measure.title, note, label),
        "rows": rows,
    }


# What gives classes away: features that are no content and alone mark a class.

_EXAMPLES = 3


def giveaways_section(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Giveaways and what was looked at: content of `page/giveaways.html`; `None` without a search."""
    details = {} if facts.check is None else facts.check.to_json().get("giveaways") or {}
    if not details.get("kinds"):
        return None
    judged = facts.metrics.get("giveaways") or details["found"]
    metric = METRICS[facts.target.headline]
    return {
        "rows": [
            {**each, "examples": each["examples"][:_EXAMPLES], "score": read_score(each.get("score_without"))}
            for each in judged
        ],
        "metric": metric,
        "whole": facts.score(metric.key),
        "kinds": details["kinds"],
        "searched": details["searched"],
    }
