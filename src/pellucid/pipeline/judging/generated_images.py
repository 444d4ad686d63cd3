"""Generated images judged: measures, bounds, the discriminator, and the selection that the report shows."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float64, Int64, UInt8

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.bundle import AdversarialModel, AutoencoderModel, Generator, Model
from pellucid.data import Dataset
from pellucid.evaluation.generated_images import (
    Components,
    frechet,
    kernel_distance,
    memorisation,
    nearest,
    spread,
)
from pellucid.evaluation.intervals import percentile_interval, resample, wilson
from pellucid.insight.training_courses import AdversarialCourse, find_adversarial
from pellucid.pipeline.learners.network import NetworkLearner
from pellucid.reports import GeneratedFacts, LatentMap, Pair, Walk
from pellucid.reports.generated_sections import REAL
from pellucid.settings import Settings

Images = UInt8[np.ndarray, "_ height width channels"]

MOST_TRAINED, MOST_COMPARED, LEAST_COMPARED = 10_000, 1_000, 16
_SEEN = 60_000  # images that pass a judging classifier in training
_BATCH, _FEW, _MANY = 64, 512, 8_192  # between these the batches by rule are smaller than need be
_SLOWER = 4.0  # than the operations of such small layers would have it
_JUDGE, _DROPOUT, _MOST_EPOCHS = "lenet", 0.3, 16
_COMPONENTS = 32
REAL_ROW = "real"


@runtime_checkable
class Maker(Protocol):
    """Something that makes images by label."""

    def sample(self, labels: Int64[np.ndarray, " count"], seed: int) -> Images:
        """Make an image of each label; the same seed gives the same images."""
        ...


class _Halves(NamedTuple):
    """Images that every maker is measured with, and their classes.

    Made images are compared with `first`, of the held-out ones; `second`, as many others, are in place of a
    perfect generator; classifiers learn from `train`, of the classes `labels`, and answer all held out.
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
    draws = generator(settings.seed, Purpose.GENERATED_MEASURES)
    inputs, labels, held_out = np.asarray(dataset.inputs), dataset.labels, held_out_images(dataset)
    train, drawn = draws.permutation(dataset.train)[:MOST_TRAINED], draws.permutation(held_out)
    count = min(MOST_COMPARED, len(drawn) // 2)
    first, second = np.sort(drawn[:count]), np.sort(drawn[count : 2 * count])
    halves = _Halves(
        inputs[train],
        labels[train],
        inputs[first],
        inputs[second],
        labels[second],
        inputs[held_out],
        labels[held_out],
    )
    judge = _judge(halves.train, halves.labels, dataset, settings) if len(dataset.classes) > 1 else None
    look = _scaled(
        Components(halves.train, _COMPONENTS).of if judge is None else judge.transform, halves.first
    )
    of_first, of_second = look(halves.first), look(halves.second)
    rows: dict[str, dict[str, Any]] = {
        REAL_ROW: _row(judge, judge, of_first, of_second, halves, halves.second, settings.seed)
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
    """True where enough images are held out to measure made ones by."""
    return len(held_out_images(dataset)) >= 2 * LEAST_COMPARED


def held_out_images(dataset: Dataset) -> Int64[np.ndarray, " held"]:
    """Positions of the test split or, without one, of validation."""
    return dataset.test if len(dataset.test) else dataset.validation


def measuring_seconds(makers: int, dataset: Dataset, settings: Settings) -> float:
    """Seconds that measuring takes by counts alone, on a processor of no name."""
    if len(dataset.classes) < 2:
        return 2.0 * makers
    learner = NetworkLearner(_judging(settings, min(MOST_TRAINED, len(dataset.train))))
    material = dataclasses.replace(
        dataset, train=dataset.train[:MOST_TRAINED], validation=dataset.validation[:0]
    )
    return (makers + 1) * (_SLOWER * learner.cost(material) + 3.0)


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
    recognised, by_class = _recognised(judge, made, halves.second_labels)
    return {
        "accuracy_trained_on_it": _recognised(trained, halves.tested, halves.tested_labels)[0],
        "accuracy_on_it": recognised,
        "recognised_by_class": by_class,
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


def _recognised(
    model: Model | None, images: Images, labels: Int64[np.ndarray, " n"]
) -> tuple[dict[str, float] | None, dict[str, float] | None]:
    """Share that a classifier gets right, with its interval, and that of each class; `None` without one."""
    if model is None:
        return None, None
    hits = model.predict_proba(images).argmax(axis=1) == labels
    by_class = {
        name: float(hits[labels == code].mean())
        for code, name in enumerate(model.classes)
        if (labels == code).any()
    }
    return wilson(int(hits.sum()), len(labels))._asdict(), by_class


def _judge(images: Images, labels: Int64[np.ndarray, " n"], dataset: Dataset, settings: Settings) -> Model:
    """Small classifier that learns from some images alone."""
    everything = np.arange(len(images), dtype=np.int64)
    material = Dataset(
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


# Evidence lower bound of an autoencoder on held-out images, in its terms, and its active units.

# A latent number is active where more than this share of its variance in a class is that of the means, and
# not the doubt about each image (after Burda, Grosse and Salakhutdinov 2016, arXiv:1509.00519, section 5.2).
ACTIVE_ABOVE = 0.01


def bound_scores(
    model: AutoencoderModel, dataset: Dataset, positions: Int64[np.ndarray, " n"], seed: int
) -> dict[str, dict[str, float]]:
    """Bound on some images with 95 % intervals by the bootstrap.

    `bits_per_dimension`, and in nats per image `elbo` and its terms `reconstruction` and `kl`, where the
    bound is minus their sum; nothing without images.
    """
    if not len(positions):
        return {}
    found = model.bound(np.asarray(dataset.inputs)[positions], dataset.labels[positions], seed)
    unit = math.prod(model.shape) * math.log(2)
    rows = {
        "bits_per_dimension": found.total / unit,
        "elbo": -found.total,
        "reconstruction": found.reconstruction,
        "kl": found.divergence,
    }

    def with_interval(values: Float64[np.ndarray, " n"]) -> dict[str, float]:
        draws = resample(lambda weights: weights @ values[:, None] / len(values), len(values), seed)
        return percentile_interval(float(values.mean()), draws[:, 0])._asdict()

    return {name: with_interval(values) for name, values in rows.items()}


def active_units(model: AutoencoderModel, dataset: Dataset, positions: Int64[np.ndarray, " n"]) -> int:
    """Number of latent numbers that separate images of one class, by some images of the data."""
    means, variances = model.posteriors(np.asarray(dataset.inputs)[positions])
    labels = dataset.labels[positions]
    shares, weights = [], []
    for code in np.unique(labels).tolist():
        of_means = means[labels == code].astype(np.float64).var(axis=0)
        shares.append(of_means / (of_means + variances[labels == code].mean(axis=0)))
        weights.append(int((labels == code).sum()))
    if not shares:
        return 0
    return int((np.average(shares, axis=0, weights=weights) > ACTIVE_ABOVE).sum())


# Judging an adversarial network: what its discriminator takes for real, and what went wrong in training.

_MOST = 2_000


def taken_for_real(model: AdversarialModel, dataset: Dataset, seed: int) -> dict[str, Any]:
    """Share of images that the discriminator takes for real ones of their class, with intervals.

    Of training images, of held-out ones (left out where there are none) and of made ones. Where it takes
    training images for real far more often than held-out ones, it has memorised them.
    """
    inputs, labels = np.asarray(dataset.inputs), dataset.labels
    shares = {}
    for name, positions in (("train", dataset.train), ("held_out", held_out_images(dataset))):
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
    coverage = {each: float(row["coverage"]["value"]) for each, row in rows.items() if each in (name, REAL)}
    course = AdversarialCourse(
        told_apart=[float(record["train_discriminator_accuracy"]) for record in history],
        generator_losses=[float(record["train_generator_loss"]) for record in history],
        coverage=coverage.get(name),
        real_coverage=coverage.get(REAL),
    )
    return {"findings": [finding.to_json() for finding in find_adversarial(course)]}


# Selection of made images that the report of a generator shows.

_PER_CLASS, _MOST_CLASSES, _WITHOUT_CLASSES = 8, 20, 48
_NEAREST, _MOST_SEARCHED = 12, 10_000
_PAIRS, _WALKS, _STEPS, _POINTS = 16, 4, 8, 1_000


def generated_facts(model: Generator, dataset: Dataset, seed: int) -> GeneratedFacts:
    """Samples of every class, each beside its neighbour in training, and what else such a model can show."""
    # Images of every class, as `pellucid generate` makes them with the seed of the run.
    names = model.classes or ("",)
    shown = min(len(names), _MOST_CLASSES)
    count = len(names) * _PER_CLASS if model.classes else _WITHOUT_CLASSES
    labels = model.turns(count)
    images = model.sample(labels, seed)
    samples = {names[code]: list(images[labels == code]) for code in range(shown)}
    held_out = held_out_images(dataset)
    if not isinstance(model, AutoencoderModel) or not len(held_out):
        return GeneratedFacts(samples, _nearest(model, dataset, seed))
    draws = generator(seed, Purpose.GENERATED_SHOWN)
    drawn = draws.permutation(held_out)
    return GeneratedFacts(
        samples,
        _nearest(model, dataset, seed),
        _reconstructions(model, dataset, np.sort(drawn[:_PAIRS])),
        _walks(model, dataset, drawn),
        _map(model, dataset, np.sort(drawn[:_POINTS])),
    )


def _nearest(model: Generator, dataset: Dataset, seed: int) -> list[Pair]:
    """Samples beside the training image that is nearest to each."""
    labels = model.turns(_NEAREST)
    made, names = model.sample(labels, seed), model.classes or ("",)
    train = dataset.train[:: -(-len(dataset.train) // _MOST_SEARCHED)]
    among = np.asarray(dataset.inputs)[train]
    found, _ = nearest(made.reshape(len(made), -1), among.reshape(len(among), -1))
    return [
        Pair(image, among[place], names[code], dataset.sources[int(train[place])])
        for image, place, code in zip(made, found.tolist(), labels.tolist(), strict=True)
    ]


def _reconstructions(
    model: AutoencoderModel, dataset: Dataset, positions: Int64[np.ndarray, " shown"]
) -> list[Pair]:
    images = np.asarray(dataset.inputs)[positions]
    rebuilt = model.reconstruct(images, dataset.labels[positions])
    return [
        Pair(image, made, dataset.label_text(place), dataset.sources[place])
        for image, made, place in zip(images, rebuilt, positions.tolist(), strict=True)
    ]


def _walks(model: AutoencoderModel, dataset: Dataset, drawn: Int64[np.ndarray, " drawn"]) -> list[Walk]:
    """Ways between images, of different classes where there are several."""
    walks: list[Walk] = []
    used: set[int] = set()
    for start in drawn.tolist():
        others = [
            other
            for other in drawn.tolist()
            if other not in used
            and other != start
            and (len(dataset.classes) < 2 or dataset.labels[other] != dataset.labels[start])
        ]
        if start in used or not others:
            continue
        ends = np.array([start, others[0]])
        used |= {start, others[0]}
        images = model.walk(np.asarray(dataset.inputs)[ends], dataset.labels[ends], _STEPS)
        walks.append(Walk(list(images), (dataset.label_text(start), dataset.label_text(others[0]))))
        if len(walks) == _WALKS:
            break
    return walks


def _map(
    model: AutoencoderModel, dataset: Dataset, positions: Int64[np.ndarray, " shown"]
) -> LatentMap | None:
    """Latent means in the plane of their two leading components."""
    if len(positions) < 3:
        return None
    means: Float64[np.ndarray, "shown latent"] = model.transform(
        np.asarray(dataset.inputs)[positions]
    ).astype(np.float64)
    centred = means - means.mean(axis=0)
    _, spreads, directions = np.linalg.svd(centred, full_matrices=False)
    total = float((spreads**2).sum()) or 1.0
    points = centred @ directions[:2].T
    return LatentMap(points, dataset.labels[positions], float((spreads[:2] ** 2).sum()) / total)
