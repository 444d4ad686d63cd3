"""Judging an adversarial network: what its discriminator takes for real, and what went wrong in training."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.bundle import AdversarialModel
from pellucid.data import Dataset
from pellucid.evaluation.intervals import wilson
from pellucid.insight.findings.adversarial import AdversarialCourse, find_adversarial
from pellucid.reports.verdicts.generator import REAL

_MOST = 2_000


def taken_for_real(model: AdversarialModel, dataset: Dataset, seed: int) -> dict[str, Any]:
    """Share of images that the discriminator takes for real ones of their class, with intervals.

    Of training images, of held-out ones (left out where there are none) and of made ones. Where it takes
    training images for real far more often than held-out ones, it knows them by heart.
    """
    inputs, labels = np.asarray(dataset.inputs), dataset.labels
    held_out = dataset.test if len(dataset.test) else dataset.validation
    shares = {}
    for name, positions in (("train", dataset.train), ("held_out", held_out)):
        some = positions[:: max(1, -(-len(positions) // _MOST))]
        if len(some):
            scores = model.scores(inputs[some], labels[some])
            shares[name] = wilson(int((scores > 0).sum()), len(scores))._asdict()
    turns = model.turns(_MOST)
    made = model.scores(model.sample(turns, seed), turns)
    shares["made"] = wilson(int((made > 0).sum()), len(made))._asdict()
    return shares


def findings_of_generator(
    history: Sequence[Mapping[str, Any]], measures: Mapping[str, Any] | None, name: str
) -> dict[str, Any]:
    """Entry `findings` of `metrics.json` of a run that made images; nothing where none are looked for."""
    if not history or "train_discriminator_accuracy" not in history[-1]:
        return {}
    rows = {} if measures is None else measures["models"]
    course = AdversarialCourse(
        told_apart=[float(record["train_discriminator_accuracy"]) for record in history],
        generator_losses=[float(record["train_generator_loss"]) for record in history],
        coverage=_value(rows, name, "coverage"),
        real_coverage=_value(rows, REAL, "coverage"),
    )
    return {"findings": [finding.to_json() for finding in find_adversarial(course)]}


def _value(rows: Mapping[str, Any], name: str, key: str) -> float | None:
    return float(rows[name][key]["value"]) if name in rows else None
