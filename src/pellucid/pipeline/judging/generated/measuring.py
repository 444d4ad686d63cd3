"""Measures of the images that generators make, beside those of a plain generator and of real images.

Whatever makes images by label is measured here in the same way (`Maker`). The headline is what made images
are good for: a small classifier learns from them alone and is tested on real images; the reverse shows if the
made images are what their labels say. Distances are taken between features of a classifier that learned the
same data, never of a foreign network; beside each stands the distance of two halves of real images, which no
generator can be asked to beat. Without classes there is no classifier: then principal components are the
features.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float64, Int64, UInt8

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.bundle import Model
from pellucid.data import Dataset
from pellucid.evaluation.generation.components import Components
from pellucid.evaluation.generation.distances import frechet, kernel_distance
from pellucid.evaluation.generation.neighbours import memorisation, spread
from pellucid.evaluation.intervals import Interval, wilson
from pellucid.pipeline.learners.network import NetworkLearner
from pellucid.pipeline.learners.planning.preparation import Material, material_of
from pellucid.settings import Settings

Images = UInt8[np.ndarray, "_ height width channels"]

MOST_TRAINED, MOST_COMPARED, LEAST_COMPARED = 10_000, 1_000, 16
_SEEN = 60_000  # images that pass a judging classifier in training
_BATCH, _FEW, _MANY = 64, 512, 8_192  # between these the batches by rule are smaller than need be
_SLOWER = 4.0  # than the operations of such small layers would have it
_JUDGE, _DROPOUT, _MOST_EPOCHS = "lenet", 0.3, 16
_COMPONENTS = 32
REAL = "real"


@runtime_checkable
class Maker(Protocol):
    """Something that makes images by label."""

    def sample(self, labels: Int64[np.ndarray, " count"], seed: int) -> Images:
        """Make an image of each label; the same seed gives the same images."""
        ...


@dataclass(frozen=True)
class _Halves:
    """Images that every maker is measured with.

    Attributes:
        train: real images to learn from.
        labels: classes of these.
        first: held-out images that made ones are compared with.
        second: as many others, which stand for a perfect generator.
        second_labels: classes of these.
        tested: all held-out images.
        tested_labels: classes of these.
    """

    train: Images
    labels: Int64[np.ndarray, " train"]
    first: Images
    second: Images
    second_labels: Int64[np.ndarray, " second"]
    tested: Images
    tested_labels: Int64[np.ndarray, " tested"]


def measured(makers: Mapping[str, Maker], dataset: Dataset, settings: Settings) -> dict[str, Any] | None:
    """Measures of every maker, and of real images, by name, and what they were taken with.

    The form of `generators` in `metrics.json`; `None` where too few images are held out.

    Raises: `DivergedError` if the loss of a judging classifier stopped being finite.
    """
    if not can_be_measured(dataset):
        return None
    halves = _halves(dataset, _held_out(dataset), settings.seed)
    judge = _judge(halves.train, halves.labels, dataset, settings) if len(dataset.classes) > 1 else None
    look = _scaled(
        Components(halves.train, _COMPONENTS).of if judge is None else judge.transform, halves.first
    )
    of_first, of_second = look(halves.first), look(halves.second)
    rows: dict[str, dict[str, Any]] = {
        REAL: _row(judge, judge, of_first, of_second, halves, halves.second, settings.seed)
    }
    for name, maker in makers.items():
        made = maker.sample(halves.labels, settings.seed)
        shown = maker.sample(halves.second_labels, settings.seed + 1)
        trained = None if judge is None else _judge(made, halves.labels, dataset, settings)
        rows[name] = _row(trained, judge, of_first, look(shown), halves, shown, settings.seed)
    return {
        "models": rows,
        "measured_with": {
            "classifier": None if judge is None else judge.name,
            "features": "last hidden layer" if judge is not None else "principal components",
            "trained_on": len(halves.train),
            "tested_on": len(halves.tested),
            "compared": len(halves.first),
        },
    }


def can_be_measured(dataset: Dataset) -> bool:
    """Tell whether enough images are held out to measure made ones by."""
    return len(_held_out(dataset)) >= 2 * LEAST_COMPARED


def _held_out(dataset: Dataset) -> Int64[np.ndarray, " held"]:
    return dataset.test if len(dataset.test) else dataset.validation


def measuring_seconds(makers: int, dataset: Dataset, settings: Settings) -> float:
    """Seconds that measuring takes by counts alone, on a processor of no name."""
    if len(dataset.classes) < 2:
        return 2.0 * makers
    learner = NetworkLearner(_judging(settings, min(MOST_TRAINED, len(dataset.train))))
    material = dataclasses.replace(
        material_of(dataset), train=dataset.train[:MOST_TRAINED], validation=dataset.validation[:0]
    )
    return (makers + 1) * (_SLOWER * learner.cost(material) + 3.0)


def _halves(dataset: Dataset, held_out: Int64[np.ndarray, " held"], seed: int) -> _Halves:
    """Draw the images that every maker is measured with."""
    draws = generator(seed, Purpose.GENERATED_MEASURES)
    inputs, labels = np.asarray(dataset.inputs), dataset.labels
    train = draws.permutation(dataset.train)[:MOST_TRAINED]
    drawn = draws.permutation(held_out)
    count = min(MOST_COMPARED, len(drawn) // 2)
    first, second = np.sort(drawn[:count]), np.sort(drawn[count : 2 * count])
    return _Halves(
        train=inputs[train],
        labels=labels[train],
        first=inputs[first],
        second=inputs[second],
        second_labels=labels[second],
        tested=inputs[held_out],
        tested_labels=labels[held_out],
    )


def _row(
    trained: Model | None,
    judge: Model | None,
    of_first: Float64[np.ndarray, "_ features"],
    of_made: Float64[np.ndarray, "_ features"],
    halves: _Halves,
    made: Images,
    seed: int,
) -> dict[str, Any]:
    """Measures of one maker."""
    near = spread(of_first, of_made)
    train, first, second, flat = (
        each.reshape(len(each), -1) for each in (halves.train, halves.first, halves.second, made)
    )
    copies = memorisation(train, first, second, flat, seed)
    return {
        "accuracy_trained_on_it": _accuracy(trained, halves.tested, halves.tested_labels),
        "accuracy_on_it": _accuracy(judge, made, halves.second_labels),
        "recognised_by_class": _by_class(judge, made, halves.second_labels),
        "frechet_distance": frechet(of_first, of_made)._asdict(),
        "kernel_distance": kernel_distance(of_first, of_made)._asdict(),
        "coverage": near.coverage._asdict(),
        "density": near.density._asdict(),
        "memorisation": {
            "nearer_to_training": copies.share._asdict(),
            "held_out_nearer_to_training": copies.of_held_out._asdict(),
            "p_value": copies.p_value,
            "distance": copies.distance,
            "held_out_distance": copies.distance_of_held_out,
        },
    }


def _accuracy(
    model: Model | None, images: Images, labels: Int64[np.ndarray, " n"]
) -> dict[str, float] | None:
    """Share that a classifier gets right, with its interval."""
    if model is None:
        return None
    hits = int((model.predict_proba(images).argmax(axis=1) == labels).sum())
    found: Interval = wilson(hits, len(labels))
    return found._asdict()


def _by_class(
    model: Model | None, images: Images, labels: Int64[np.ndarray, " n"]
) -> dict[str, float] | None:
    """Share of the images of each class that a classifier gets right, by the class's name."""
    if model is None:
        return None
    hits = model.predict_proba(images).argmax(axis=1) == labels
    return {
        name: float(hits[labels == code].mean())
        for code, name in enumerate(model.classes)
        if (labels == code).any()
    }


def _judge(images: Images, labels: Int64[np.ndarray, " n"], dataset: Dataset, settings: Settings) -> Model:
    """Small classifier that learns from some images alone."""
    everything = np.arange(len(images), dtype=np.int64)
    material = Material(
        images, labels, everything, everything[:0], dataset.classes, preprocessing=dataset.preprocessing
    )
    return NetworkLearner(_judging(settings, len(images))).fit(material)[0].model


def _judging(settings: Settings, examples: int) -> Settings:
    """Settings of a judging classifier: the same for every maker, and never by the clock."""
    return Settings(
        model=_JUDGE,
        preset="quick",
        dropout=_DROPOUT,
        batch_norm=False,  # it would learn the contrast of made images, which real ones do not share
        augment=False,  # images are judged as they are
        batch_size=_BATCH if _FEW <= examples < _MANY else None,
        epochs=min(_MOST_EPOCHS, max(1, round(_SEEN / max(1, examples)))),
        seed=settings.seed,
        threads=settings.threads,
        precision="fp32",  # layers so narrow gain nothing by bf16, and some processors are slow in it
        device=settings.device,
    )


def _scaled(
    look: Callable[[Images], Float[np.ndarray, "_ features"]], first: Images
) -> Callable[[Images], Float64[np.ndarray, "_ features"]]:
    """Features in a unit that does not depend on the network: their mean variance in real images is 1."""
    spread = float(np.sqrt(look(first).astype(np.float64).var(axis=0).mean())) or 1.0

    def scaled(images: Images) -> Float64[np.ndarray, "_ features"]:
        features: np.ndarray = look(images).astype(np.float64) / spread
        return features

    return scaled
