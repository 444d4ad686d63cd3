"""Test of the detectors of a run: false alarms on the test split, and alarms on synthetic outliers.

Foreign inputs are not at hand when a model is trained, so some are made of the test inputs: no image or
text of the kind has ever been seen, but what it is made of has.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.bundle import Inputs, Model
from pellucid.data import Dataset
from pellucid.evaluation import area_under_roc, wilson
from pellucid.pipeline.judging.testing import Tested
from pellucid.pipeline.learners.asked_later import MOST_OUTLIERS, MOST_OUTLIERS_WITHIN_LIMIT
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.settings import Settings

_PIECES = 4

Images = UInt8[np.ndarray, "n height width channels"]


def judge_detectors(
    candidates: Sequence[Candidate], tested: Mapping[str, Tested], dataset: Dataset, settings: Settings
) -> dict[str, dict[str, Any]]:
    """Say how well the detector of each model did; synthetic outliers are made of the test inputs.

    Under a time limit fewer are made. The form of `models.NAME.novelty` in `metrics.json`, for each model
    with a detector; nothing without test examples.
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
        key = model.sees_through
        if key not in areas:
            areas[key] = _areas(model, foreign, novelty)
        alarms = int((novelty > model.detector.threshold).sum())
        found[candidate.name] = {
            "detector": model.detector.measure.kind,
            "threshold": model.detector.threshold,
            "stated_rate": model.detector.rate,
            "validation_examples": model.detector.examples,
            "false_alarm_rate": wilson(alarms, len(novelty))._asdict(),
            "synthetic_outliers": len(places),
            "area_under_roc": areas[key],
        }
    return found


def synthetic_outliers(inputs: Inputs, draws: np.random.Generator) -> dict[str, Inputs]:
    """Make foreign inputs out of images or texts, as many of each kind; by the kind's name."""
    if isinstance(inputs, np.ndarray):
        kinds: Mapping[str, Callable[[Images, np.random.Generator], Images]] = _OF_IMAGES
        return {name: make(inputs, draws) for name, make in kinds.items()}
    letters = np.array([letter for text in inputs for letter in text[:200]])
    return {
        "shuffled_letters": [_shuffled(text, draws) for text in inputs],
        "random_letters": ["".join(draws.choice(letters, len(text[:2000]))) for text in inputs],
    }


def _areas(model: Model, foreign: Mapping[str, Inputs], known: np.ndarray) -> dict[str, float]:
    """The area under ROC for every kind of synthetic outlier."""
    found = {}
    for name, inputs in foreign.items():
        assert model.detector is not None  # the caller asks models with a detector
        found[name] = area_under_roc(model.detector.novelty(model.seen(inputs)), known)
    return found


def _noise(images: Images, draws: np.random.Generator) -> Images:
    return draws.integers(0, 256, images.shape, dtype=np.uint8)


def _inverted(images: Images, draws: np.random.Generator) -> Images:
    del draws
    return 255 - images


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


def _shuffled(text: str, draws: np.random.Generator) -> str:
    return "".join(text[place] for place in draws.permutation(len(text)).tolist())


_OF_IMAGES = {"noise": _noise, "shuffled_pieces": _shuffled_pieces, "inverted": _inverted}
