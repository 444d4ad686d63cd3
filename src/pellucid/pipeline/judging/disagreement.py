"""Disagreement of validation and test about the recommended model, beyond chance, and why that may be."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pellucid.arithmetic.metrics import log_loss_terms, metric_value
from pellucid.arithmetic.rounding import figure
from pellucid.data import Dataset
from pellucid.data.listing import TEST
from pellucid.evaluation import holm
from pellucid.evaluation.comparisons.exchange import splits_p_value
from pellucid.evaluation.comparisons.paired import LEVEL
from pellucid.pipeline.judging.testing import Tested
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.settings import METRICS

# With fewer examples in either split no score is stable enough to speak of.
_FEWEST = 20


def disagreement(
    candidate: Candidate, tested: Tested, dataset: Dataset, settings: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Compare the recommended model's scores in validation and test, which are other examples.

    Classes are compared by accuracy and log loss, numbers by squared errors, with Holm's correction.

    The form of `disagreement` in `metrics.json`: metric, both scores, both sizes, p-value, whether the test
    is the worse one, and all of it in words; `None` where the difference can be chance.
    """
    positions = candidate.held_out.positions
    if min(len(positions), len(dataset.test)) < _FEWEST:
        return None
    places = np.concatenate([positions, dataset.test])
    in_test = np.arange(len(places)) >= len(positions)
    labels = dataset.labels[places]
    answers = np.concatenate([candidate.held_out.answers, tested.answers])
    keys = dataset.target.contested
    p_values = [
        splits_p_value(_terms(key, labels, answers), in_test, dataset.together[places], settings["seed"])
        for key in keys
    ]
    clear = [(key, p) for key, p in zip(keys, holm(p_values), strict=True) if p <= LEVEL]
    if not clear:
        return None
    key, p_value = clear[0]  # the first is the one that people know best
    metric = METRICS[key]
    validation, test = (metric_value(metric, labels[part], answers[part]) for part in (~in_test, in_test))
    is_worse = metric.better(test) < metric.better(validation)
    noun = dataset.noun
    return {
        "metric": key,
        "validation": validation,
        "test": test,
        "validation_examples": len(positions),
        "test_examples": len(dataset.test),
        "p_value_holm": p_value,
        "test_is_worse": is_worse,
        "words": f"Validation and test disagree beyond chance (p = {p_value:.2g}): {metric.words} "
        f"{figure(test)} on {len(dataset.test):,} test {noun}s against {figure(validation)} on "
        f"{len(positions):,} held-out {noun}s. {_reason(dataset, settings, is_worse=is_worse)}",
    }


def _terms(key: str, labels: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """What each example adds to a score, by the key of its metric."""
    if key == "log_loss":
        return log_loss_terms(labels, answers)
    is_right = key == "accuracy"
    found: np.ndarray = answers.argmax(axis=1) == labels if is_right else (answers - labels) ** 2
    return found.astype(np.float64)


def _reason(dataset: Dataset, settings: Mapping[str, Any], *, is_worse: bool) -> str:
    """What may have set the splits apart, by who made them, and what to go by."""
    if TEST in dataset.given_splits:
        why = (
            "The test came with the data: it may be of another source, other groups (people, devices, "
            "places) or another time than what was trained on"
        )
        remedy = "train on more data like it"
    elif settings["time_column"]:
        why = "The test is the latest part of the data: what is asked may have changed with time"
        remedy = "train on later data"
    elif settings["group_column"]:
        why = "The groups of the test are others than those of validation, and groups differ"
        remedy = "train on more groups"
    elif is_worse:
        why = (
            "Both were drawn at random from the same data, so it is groups that no column names (people, "
            "devices, places), or the choice of model and epoch by validation, which flatters its score"
        )
        remedy = "name groups by --group-column"
    else:
        why = (
            "Both were drawn at random from the same data, so it is groups that no column names, or that "
            "validation judged a model that had learned from fewer examples"
        )
        remedy = "name groups by --group-column"
    return f"{why}. Go by the test score" + (f"; {remedy}." if is_worse else ".")
