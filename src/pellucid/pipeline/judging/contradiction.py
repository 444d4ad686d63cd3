"""Contradiction: the test's word on the choice of a model, which was made without it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pellucid.arithmetic.metrics import log_loss_terms, metric_value
from pellucid.arithmetic.rounding import figure
from pellucid.data import Dataset
from pellucid.evaluation import holm
from pellucid.evaluation.comparisons.flips import flip_p_values
from pellucid.evaluation.comparisons.paired import LEVEL, mcnemar
from pellucid.evaluation.contests import ADDED
from pellucid.pipeline.judging.testing import Tested, groups_of_test
from pellucid.settings import METRICS, metric_of

# Test examples below which nothing is said.
_FEWEST = 20

# Contribution of each example to a score, by the key of the metric.
_TERMS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "accuracy": lambda labels, answers: (answers.argmax(axis=1) == labels).astype(np.float64),
    "log_loss": log_loss_terms,
    "root_mean_squared_error": lambda labels, answers: (answers - labels) ** 2,
}


def contradiction(
    recommended: str, tested: Mapping[str, Tested], dataset: Dataset, metric: str | None, seed: int
) -> dict[str, Any] | None:
    """Find the model that is farthest ahead of the recommended one on the test, beyond chance and noticeably.

    Classes are compared by accuracy (McNemar's test) and by log loss (exchanged answers), numbers by squared
    errors; all comparisons are counted (Holm). A lead below what `Metric.matters` states is none.
    `metric` is the value of `--metric`, which is then the only score that may contradict.

    The form of `contradiction` in `metrics.json`: the model, the metric, both scores, the p-value and all of
    it in words; `None` where no model is ahead beyond chance.
    """
    labels = dataset.labels[dataset.test]
    others = [name for name in tested if name != recommended]
    if not others or len(labels) < _FEWEST:
        return None
    found, groups = [], groups_of_test(dataset)
    asked = None if metric is None or dataset.is_regression else metric_of(metric).key
    for key in dataset.target.contested:
        if asked not in (None, key):
            continue
        terms = {name: _TERMS[key](labels, each.answers) for name, each in tested.items()}
        sign = -1.0 if METRICS[key].is_error else 1.0
        for name in others:
            ahead = sign * (terms[name] - terms[recommended])
            if key == "accuracy" and groups is None:
                p_value = mcnemar(int((ahead > 0).sum()), int((ahead < 0).sum()))
            else:
                p_value = float(flip_p_values(ahead[:, None], seed, groups)[0])
            found.append(
                (name, key, _lead(key, terms[name].mean(), terms[recommended].mean()), p_value, terms)
            )
    if not found:
        return None
    counted = holm([p_value for *_, p_value, _ in found])
    clear = [
        (p_value, -ahead, name, key, terms)
        for (name, key, ahead, _, terms), p_value in zip(found, counted, strict=True)
        if ahead >= METRICS[key].matters and p_value <= LEVEL
    ]
    if not clear:
        return None
    p_value, _, name, key, terms = min(clear, key=lambda each: each[:4])
    answers = (tested[each].answers for each in (name, recommended))
    value, of_recommended = (metric_value(METRICS[key], labels, each) for each in answers)
    return {
        "model": name,
        "metric": key,
        "value": value,
        "recommended_value": of_recommended,
        "p_value_holm": float(p_value),
        "words": f"The test contradicts the choice: {name} is better there beyond chance, with "
        f"{METRICS[key].words} {figure(value)} against {figure(of_recommended)} of "
        f"{recommended}. The choice was made without the test and remains: a model chosen by its test score "
        "would have a biased (too good) one.",
    }


def _lead(key: str, other: float, recommended: float) -> float:
    """Lead of another model by means over the test: absolute in accuracy, else a share of its error."""
    if key == "accuracy":
        return other - recommended
    added = ADDED[key]
    ratio = (recommended + added) / max(other + added, float(np.finfo(np.float64).tiny))
    return float(np.sqrt(ratio) if key == "root_mean_squared_error" else ratio) - 1
