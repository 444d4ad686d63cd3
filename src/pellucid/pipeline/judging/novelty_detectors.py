"""Novelty detectors, one for every model of a run, and their test on synthetic outliers."""

import dataclasses
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from jaxtyping import Float64, Int64, UInt8
from threadpoolctl import threadpool_limits

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.bundle import Generator, Inputs, Model
from pellucid.classical.predictors import Rows
from pellucid.data import Dataset
from pellucid.evaluation import area_under_roc, wilson
from pellucid.novelty import Measure, calibrated_detector, fit_measure, signals_of
from pellucid.pipeline.judging.testing import Tested, drawn
from pellucid.pipeline.learners.candidates import Candidate, rows_at_hand
from pellucid.pipeline.learners.evaluation_budget import (
    MOST_JUDGED,
    MOST_OUTLIERS,
    MOST_OUTLIERS_WITHIN_LIMIT,
    MOST_TRAINED_ON,
)
from pellucid.pipeline.learners.in_run import everything_of
from pellucid.settings import Settings

_BLOCK = 4096


class _FittedMeasure(NamedTuple):
    """Measure of novelty that several models on one network share, computed once."""

    measure: Measure | None  # fitted on the training examples drawn; None where there are too few
    # how foreign the validation examples drawn look to it; none without a measure
    signals: Float64[np.ndarray, "n signals"]


def _fitted(
    model: Model, material: Dataset, seed: int, see: Callable[[Int64[np.ndarray, " n"]], Rows]
) -> _FittedMeasure:
    train = drawn(material.train, MOST_TRAINED_ON, seed, Purpose.DETECTOR_TRAINING)
    labels = material.target.codes(material.labels[train])
    rows = see(train)
    with threadpool_limits(1):  # another number of threads would round otherwise
        measure = fit_measure(rows, labels, model.sort_seen, seed)
        places = judged_places(material, seed)
        if measure is None or len(places) == 0:
            return _FittedMeasure(measure, np.zeros((len(places), 0)))
        return _FittedMeasure(measure, signals_of(measure, see(material.validation[places])))


def judged_places(material: Dataset, seed: int) -> Int64[np.ndarray, " judged"]:
    """Validation examples that detectors are calibrated on: ascending places in the validation split."""
    return drawn(np.arange(len(material.validation)), MOST_JUDGED, seed, Purpose.DETECTOR_CALIBRATION)


def with_detectors(candidates: Sequence[Candidate], material: Dataset, seed: int) -> list[Candidate]:
    """Give every model that sees its inputs a detector, where enough examples were held out for one.

    Models that see the same of their inputs, as those on one network do, share what is computed of it. Where
    a model learned from the validation examples too, the signals are of the one that these had judged.
    """
    known: dict[Hashable, _FittedMeasure] = {}
    found = []
    for candidate in candidates:
        model, held_out = candidate.model, candidate.held_out
        if model.columns_seen == 0 or len(held_out.positions) == 0:
            found.append(candidate)
            continue
        judged = dataclasses.replace(candidate, model=candidate.judged or model)
        measure, signals = _shared(judged, material, seed, known)
        if measure is not None and candidate.judged is not None:
            measure = _shared(candidate, everything_of(material), seed, known).measure
        if len(material.validation):
            held_out = dataclasses.replace(held_out, signals=_spread(signals, material, seed))
        found.append(_with_novelty(dataclasses.replace(candidate, held_out=held_out), measure))
    return found


def signals_by_model(
    candidates: Sequence[Candidate], material: Dataset, seed: int
) -> dict[str, Float64[np.ndarray, "validation signals"]]:
    """Foreignness of validation examples to the measures of models, by the model's name.

    Not a number where an example is not among those drawn. Models that see nothing of their inputs, or
    learned from too little, have no entry.
    """
    known: dict[Hashable, _FittedMeasure] = {}
    found = {}
    for candidate in candidates:
        if candidate.model.columns_seen == 0:
            continue
        measure, signals = _shared(candidate, material, seed, known)
        if measure is not None:
            found[candidate.name] = _spread(signals, material, seed)
    return found


def generator_with_detector(model: Generator, material: Dataset, seed: int) -> Generator:
    """Give a generator that sees images a detector, where enough examples were held out for one."""
    if model.columns_seen == 0 or len(material.validation) == 0:
        return model
    measure, signals = _fitted(model, material, seed, partial(_seen, model, material))
    if measure is None:
        return model
    # It answers nothing that could drift, so the labels take the place of answers.
    labels = material.labels[material.validation[judged_places(material, seed)]]
    if not model.classes:
        labels = labels.astype(np.float64)  # without classes they are numbers, all 0
    return model.with_detector(calibrated_detector(measure, signals, labels, len(model.classes)))


def _spread(
    signals: Float64[np.ndarray, "drawn signals"], material: Dataset, seed: int
) -> Float64[np.ndarray, "n signals"]:
    """Signals of the validation examples drawn among all of them, not a number elsewhere."""
    found = np.full((len(material.validation), signals.shape[1]), np.nan)
    found[judged_places(material, seed)] = signals
    return found


def _shared(
    candidate: Candidate, material: Dataset, seed: int, known: dict[Hashable, _FittedMeasure]
) -> _FittedMeasure:
    """The measure of a model, computed where no other has shared it before, from its body's table if any."""
    model, stored = candidate.model, candidate.stored
    key = model.sees_through, len(material.validation)
    if key not in known:
        see = partial(_seen, model, material) if stored is None else stored.hidden
        own = material if stored is None else dataclasses.replace(material, train=stored.train)
        known[key] = _fitted(model, own, seed, see)
    return known[key]


def _with_novelty(candidate: Candidate, measure: Measure | None) -> Candidate:
    """The candidate with a detector calibrated on examples that were held out, and their novelty."""
    model, held_out = candidate.model, candidate.held_out
    if measure is None or held_out.signals is None:
        return candidate
    is_drawn = ~np.isnan(held_out.signals).all(axis=1)
    signals, answers = held_out.signals[is_drawn], held_out.answers[is_drawn]
    detector = calibrated_detector(measure, signals, model.target.nearest(answers), len(model.classes))
    if detector is None:
        return candidate
    novelty = np.full(len(is_drawn), np.nan)
    novelty[is_drawn] = detector.novelty_of(signals)
    held_out = dataclasses.replace(held_out, novelty=novelty)
    return dataclasses.replace(candidate, model=model.with_detector(detector), held_out=held_out)


def _seen(model: Model, material: Dataset, places: Int64[np.ndarray, " n"]) -> Rows:
    """Features that a model sees of some examples, read block by block where they are not at hand."""
    known = rows_at_hand(model, material.inputs, places)
    if known is not None:
        return known
    blocks = [places[at : at + _BLOCK] for at in range(0, max(1, len(places)), _BLOCK)]
    rows = [model.seen(material.inputs[some]) for some in blocks]
    return np.concatenate(rows) if isinstance(rows[0], np.ndarray) else scipy.sparse.vstack(rows, "csr")


# Test of the detectors of a run: false alarms on the test split, and alarms on synthetic outliers. Foreign
# inputs are not at hand when a model is trained, so some are made of the test inputs.

# A shuffled image is cut into so many rows and columns.
_PIECES = 4

Images = UInt8[np.ndarray, "n height width channels"]


def judge_detectors(
    candidates: Sequence[Candidate], tested: Mapping[str, Tested], dataset: Dataset, settings: Settings
) -> dict[str, dict[str, Any]]:
    """Measure the detector of each model: the form of `models.NAME.novelty` in `metrics.json`.

    Under a time limit fewer outliers are made; nothing without test examples.
    """
    if len(dataset.test) == 0:
        return {}
    draws = generator(settings.seed, Purpose.SYNTHETIC_OUTLIERS)
    most = MOST_OUTLIERS if settings.time_limit is None else MOST_OUTLIERS_WITHIN_LIMIT
    places = np.sort(draws.permutation(dataset.test)[:most])
    foreign = synthetic_outliers(dataset.inputs[places], draws)
    areas: dict[Hashable, dict[str, float]] = {}
    found = {}
    for candidate in candidates:
        model, novelty = candidate.model, tested[candidate.name].novelty
        if model.detector is None or novelty is None:
            continue
        key, detector = model.sees_through, model.detector
        if key not in areas:
            areas[key] = {
                name: area_under_roc(detector.novelty(model.seen(inputs)), novelty)
                for name, inputs in foreign.items()
            }
        alarms = int((novelty > detector.threshold).sum())
        found[candidate.name] = {
            "detector": detector.measure.kind,
            "threshold": detector.threshold,
            "stated_rate": detector.rate,
            "validation_examples": detector.examples,
            "false_alarm_rate": wilson(alarms, len(novelty))._asdict(),
            "synthetic_outliers": len(places),
            "area_under_roc": areas[key],
        }
    return found


def synthetic_outliers(inputs: Inputs, draws: np.random.Generator) -> dict[str, Inputs]:
    """Make foreign inputs out of images or texts, as many of each kind; by the kind's name."""
    if isinstance(inputs, np.ndarray):
        noise = draws.integers(0, 256, inputs.shape, dtype=np.uint8)
        return {"noise": noise, "shuffled_pieces": _shuffled_pieces(inputs, draws), "inverted": 255 - inputs}
    letters = np.array([letter for text in inputs for letter in text[:200]])
    return {
        "shuffled_letters": [
            "".join(text[place] for place in draws.permutation(len(text)).tolist()) for text in inputs
        ],
        "random_letters": ["".join(draws.choice(letters, len(text[:2000]))) for text in inputs],
    }


def _shuffled_pieces(images: Images, draws: np.random.Generator) -> Images:
    """Each image cut into sixteen pieces that change places; what is left over at the edges stays."""
    height, width = (side // _PIECES for side in images.shape[1:3])
    found = images.copy()
    if min(height, width) == 0:
        return found
    corners = [(row * height, column * width) for row in range(_PIECES) for column in range(_PIECES)]
    for image, shuffled in zip(images, found, strict=True):
        order = draws.permutation(len(corners)).tolist()
        for (top, left), place in zip(corners, order, strict=True):
            row, column = corners[place]
            shuffled[top : top + height, left : left + width] = image[
                row : row + height, column : column + width
            ]
    return found
