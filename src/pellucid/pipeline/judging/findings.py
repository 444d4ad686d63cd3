"""Findings about the training of the network of a run."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.insight.findings import Course, find
from pellucid.pipeline.judging.outcome import Outcome
from pellucid.reports.entries import is_classical


def findings_of(outcome: Outcome) -> list[dict[str, Any]] | None:
    """Look for what went wrong in the training by its history.

    The form of `findings` in `metrics.json`; `None` where no network was trained.
    """
    if not outcome.history:
        return None
    dataset, label_issues = outcome.dataset, outcome.label_issues
    chance, guessing = 0.0, 1.0  # numbers are learnt divided by their standard deviation
    if dataset.target.has_probabilities:
        counts = np.bincount(dataset.labels[dataset.train], minlength=1)
        chance = float(counts.max()) / max(1, int(counts.sum()))
        guessing = math.log(max(1, int((counts > 0).sum())))  # what weights of classes make of it, at most
    history = last_training(outcome.history)
    course = Course(
        history=history,
        is_pretrained="model" in history[-1],
        chance=chance,
        guessing=guessing,
        validated=len(dataset.validation) if outcome.folds is None else int(outcome.folds["test"]),
        label_issues=0 if label_issues is None else label_issues.count,
        examined=0 if label_issues is None else label_issues.examined,
        agreed=0 if label_issues is None else label_issues.agreed,
        label_precision=0.0 if label_issues is None else label_issues.precision or 0.0,
    )
    return [finding.to_json() for finding in find(course)]


def last_training(history: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The last training's records of a history, which holds at least one.

    Fine-tuning stands behind the training of a network in it.
    """
    return [record for record in history if record.get("model") == history[-1].get("model")]


def findings_line(metrics: Mapping[str, Any]) -> str | None:
    """Findings of `metrics.json` in one sentence for the terminal; `None` where there are none.

    The network that they concern is named where another model is recommended.
    """
    if not metrics.get("findings"):
        return None
    names = ", ".join(str(finding["name"]).replace("-", " ") for finding in metrics["findings"])
    network = next((name for name in metrics["models"] if not is_classical(name)), None)
    of_network = "" if network is None or network == metrics["recommended"] else f" of {network}"
    return f"training{of_network}: {names}; the report says how to fix it"
