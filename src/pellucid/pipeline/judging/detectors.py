"""Detectors of inputs that are unlike the training data, one for every model of a run."""

import dataclasses
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import scipy.sparse
from jaxtyping import Int64
from threadpoolctl import threadpool_limits

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.bundle import Model
from pellucid.classical.features.rows import Rows
from pellucid.novelty import Measure, fit_detector, fit_measure
from pellucid.pipeline.learners.asked_later import MOST_JUDGED, MOST_TRAINED_ON
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.learners.planning.preparation import Material

_BLOCK = 4096


class _Look(NamedTuple):
    """View that several models on one network share, computed once.

    Attributes:
        measure: fitted on the training examples drawn; `None` where there are too few.
        validation: features of the validation examples drawn.
    """

    measure: Measure | None
    validation: Rows


def _look(
    model: Model, material: Material, seed: int, see: Callable[[Int64[np.ndarray, " n"]], Rows]
) -> _Look:
    train = _drawn(material.train, MOST_TRAINED_ON, seed, Purpose.DETECTOR_TRAINING)
    labels = np.zeros(len(train), np.int64) if material.is_regression else material.labels[train]
    rows = see(train)
    with threadpool_limits(1):  # another number of threads would round otherwise
        measure = fit_measure(rows, labels, model.sort_seen, seed)
    places = judged_places(material, seed)
    return _Look(measure, see(material.validation[places]))


def judged_places(material: Material, seed: int) -> Int64[np.ndarray, " judged"]:
    """Validation examples that detectors are calibrated on: ascending places in the validation split."""
    return _drawn(np.arange(len(material.validation)), MOST_JUDGED, seed, Purpose.DETECTOR_CALIBRATION)


def with_detectors(candidates: Sequence[Candidate], material: Material, seed: int) -> list[Candidate]:
    """Give every model that looks at its inputs a detector, where validation examples are enough for one.

    Models that see the same of their inputs, as those on one network do, share what is computed of it.
    """
    looks: dict[Hashable, _Look] = {}
    found = []
    for candidate in candidates:
        model = candidate.model
        if model.columns_seen == 0 or len(material.validation) == 0:
            found.append(candidate)
            continue
        key = model.sees_through
        if key not in looks:
            looks[key] = _look_of(candidate, material, seed)
        said = candidate.validation[judged_places(material, seed)]
        found.append(_watched(candidate, looks[key], said))
    return found


def _look_of(candidate: Candidate, material: Material, seed: int) -> _Look:
    """View of a model, from the table of the body it stands on where there is one."""
    stored = candidate.stored
    if stored is None:
        return _look(candidate.model, material, seed, partial(_seen, candidate.model, material))
    learnt = dataclasses.replace(material, train=stored.train)
    return _look(candidate.model, learnt, seed, stored.hidden)


def _watched(candidate: Candidate, look: _Look, said: np.ndarray) -> Candidate:
    """The candidate with a detector calibrated on what it said of the validation examples."""
    model = candidate.model
    if look.measure is None:
        return candidate
    answers = model.target.labels(said)
    with threadpool_limits(1):
        detector = fit_detector(look.measure, look.validation, answers, len(model.classes))
        novelty = None if detector is None else detector.novelty(look.validation)
    return dataclasses.replace(candidate, model=model.with_detector(detector), novelty=novelty)


def _drawn(
    places: Int64[np.ndarray, " n"], most: int, seed: int, purpose: Purpose
) -> Int64[np.ndarray, " fewer"]:
    """Some of many places, ascending."""
    if len(places) <= most:
        return places
    return np.sort(generator(seed, purpose).permutation(places)[:most])


def _seen(model: Model, material: Material, places: Int64[np.ndarray, " n"]) -> Rows:
    """Features that a model sees of some examples, read block by block."""
    rows = [
        model.seen(material.inputs[places[at : at + _BLOCK]]) for at in range(0, max(1, len(places)), _BLOCK)
    ]
    return np.concatenate(rows) if isinstance(rows[0], np.ndarray) else scipy.sparse.vstack(rows, "csr")
