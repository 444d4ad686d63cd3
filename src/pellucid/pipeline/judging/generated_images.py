"""Generated images judged: measures, bounds, the discriminator, and the selection that the report shows."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64, Int64, UInt8

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

MOST_TRAINED = 10_000  # images that the judge learns from
MOST_COMPARED = 1_000  # images of each side
LEAST_COMPARED = 16  # images of each side
_SEEN = 60_000  # images that pass a judging classifier in training
_BATCH = 64  # images
# Between so many images the batches by rule are smaller than need be.
_FEW = 512
_MANY = 8_192
_SLOWER = 4.0  # than the operations of such small layers would have it
_JUDGE = "lenet"
_DROPOUT = 0.3  # of the judge
_MOST_EPOCHS = 16  # of the judge
_COMPONENTS = 32
REAL_ROW = "real"


@runtime_checkable
class Maker(Protocol):
    """Something that makes images by label."""

    def sample(self, labels: Int64[np.ndarray, " count"], seed: int) -> Images:
        """Make an image of each label; the same seed gives the same images."""
        ...


@dataclass(frozen=True, eq=False)
class _Measuring:
    """What every maker is measured with.

    Made images are compared with those at `first`, of the held-out ones; those at `second`, as many others,
    are in place of a perfect generator; classifiers learn from those at `train` and answer all held out.
    """

    dataset: Dataset
    settings: Settings
    train: Int64[np.ndarray, " train"]
    first: Int64[np.ndarray, " compared"]
    second: Int64[np.ndarray, " compared"]

    def images(self, positions: Int64[np.ndarray, " _"]) -> Images:
        """Images of the data."""
        found: Images = np.asarray(self.dataset.inputs)[positions]
        return found

    def classifier(self, images: Images) -> Model:
        """Small classifier that learns from some images alone, of the labels at `train`."""
        everything, dataset = np.arange(len(images), dtype=np.int64), self.dataset
        material = Dataset(
            images,
            dataset.labels[self.train],
            everything,
            everything[:0],
            dataset.classes,
            preprocessing=dataset.preprocessing,
            target=dataset.target,
        )
        return NetworkLearner(_judging(self.settings, len(images))).fit(material)[0].model

    def row(
        self,
        trained: Model | None,
        judge: Model | None,
        look: Callable[[Images], Float64[np.ndarray, "_ features"]],
        made: Images,
    ) -> dict[str, Any]:
        """Measures of a maker of `made`: `trained` learned from its images, `judge` from real ones."""
        labels = self.dataset.labels
        first, second = self.images(self.first), self.images(self.second)
        of_first, of_made = look(first), look(made)
        near = spread(of_first, of_made)
        train, one, other, new = (
            each.reshape(len(each), -1) for each in (self.images(self.train), first, second, made)
        )
        copies = memorisation(train, one, other, new, self.settings.seed)
        held_out = held_out_images(self.dataset)
        recognised, by_class = _recognised(judge, made, labels[self.second])
        return {
            "accuracy_trained_on_it": _recognised(trained, self.images(held_out), labels[held_out])[0],
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


def measured(makers: Mapping[str, Maker], dataset: Dataset, settings: Settings) -> dict[str, Any] | None:
    """Measures of every maker, and of real images, by name, and what they were taken with.

    The form of `generators` in `metrics.json`; `None` where too few images are held out.
    """
    if not can_be_measured(dataset):
        return None
    draws, seed = generator(settings.seed, Purpose.GENERATED_MEASURES), settings.seed
    train = draws.permutation(dataset.train)[:MOST_TRAINED]
    drawn = draws.permutation(held_out_images(dataset))
    count = min(MOST_COMPARED, len(drawn) // 2)
    measuring = _Measuring(
        dataset, settings, train, np.sort(drawn[:count]), np.sort(drawn[count : 2 * count])
    )
    judge = measuring.classifier(measuring.images(train)) if len(dataset.classes) > 1 else None
    see = Components(measuring.images(train), _COMPONENTS).of if judge is None else judge.transform
    # In a unit that does not depend on the network: the mean variance of features in real images is 1.
    unit = float(np.sqrt(see(measuring.images(measuring.first)).astype(np.float64).var(axis=0).mean())) or 1.0

    def look(images: Images) -> Float64[np.ndarray, "_ features"]:
        features: np.ndarray = see(images).astype(np.float64) / unit
        return features

    rows = {REAL_ROW: measuring.row(judge, judge, look, measuring.images(measuring.second))}
    for name, maker in makers.items():
        made = maker.sample(dataset.labels[train], seed)
        shown = maker.sample(dataset.labels[measuring.second], seed + 1)
        rows[name] = measuring.row(None if judge is None else measuring.classifier(made), judge, look, shown)
    return {
        "models": rows,
        "measured_with": {
            "classifier": None if judge is None else judge.name,
            "features": "last hidden layer" if judge is not None else "principal components",
            "trained_on": len(train),
            "tested_on": len(drawn),
            "compared": count,
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
    train = dataset.train[:MOST_TRAINED]
    learner = NetworkLearner(_judging(settings, len(train)))
    material = dataclasses.replace(dataset, train=train, validation=dataset.validation[:0])
    return (makers + 1) * (_SLOWER * learner.cost(material) + 3.0)


def _recognised(
    model: Model | None, images: Images, labels: Int64[np.ndarray, " n"]
) -> tuple[dict[str, float] | None, dict[str, float] | None]:
    """Share that a classifier gets right, with its interval, and that of each class; `None` without one."""
    if model is None:
        return None, None
    hits = model.predict_proba(images).argmax(axis=1) == labels
    of_class = {name: labels == code for code, name in enumerate(model.classes)}
    by_class = {name: float(hits[of].mean()) for name, of in of_class.items() if of.any()}
    return wilson(int(hits.sum()), len(labels))._asdict(), by_class


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


# A latent variable is active where more than this share of its variance in a class is that of the means, and
# not the doubt about each image (after Burda, Grosse and Salakhutdinov 2016, arXiv:1509.00519, section 5.2).
ACTIVE_ABOVE = 0.01


def bound_scores(
    model: AutoencoderModel, dataset: Dataset, positions: Int64[np.ndarray, " n"], seed: int
) -> dict[str, dict[str, float]]:
    """Evidence lower bound of an autoencoder on some images, with 95 % intervals by the bootstrap.

    `bits_per_dimension`, and in nats per image `elbo` and its terms `reconstruction` and `kl`, where the
    bound is minus their sum; nothing without images.
    """
    if not len(positions):
        return {}
    found = model.bound(np.asarray(dataset.inputs)[positions], dataset.labels[positions], seed)
    rows = {
        "bits_per_dimension": found.total / (math.prod(model.shape) * math.log(2)),
        "elbo": -found.total,
        "reconstruction": found.reconstruction,
        "kl": found.divergence,
    }

    def with_interval(values: Float64[np.ndarray, " n"]) -> dict[str, float]:
        draws = resample(lambda weights: weights @ values[:, None] / len(values), len(values), seed)
        return percentile_interval(float(values.mean()), draws[:, 0])._asdict()

    return {name: with_interval(values) for name, values in rows.items()}


def active_units(model: AutoencoderModel, dataset: Dataset, positions: Int64[np.ndarray, " n"]) -> int:
    """Number of latent variables that separate images of one class, by some images of the data."""
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


_MOST_JUDGED = 2_000


def taken_for_real(model: AdversarialModel, dataset: Dataset, seed: int) -> dict[str, Any]:
    """Share of images that the discriminator takes for real ones of their class, with intervals.

    Of training images, of held-out ones (left out where there are none) and of made ones. Where it takes
    training images for real far more often than held-out ones, it has memorised them.
    """
    inputs, labels = np.asarray(dataset.inputs), dataset.labels
    scores = {}
    for name, positions in (("train", dataset.train), ("held_out", held_out_images(dataset))):
        some = positions[:: max(1, -(-len(positions) // _MOST_JUDGED))]
        if len(some):
            scores[name] = model.scores(inputs[some], labels[some])
    turns = model.turns(_MOST_JUDGED)
    scores["made"] = model.scores(model.sample(turns, seed), turns)
    return {name: wilson(int((each > 0).sum()), len(each))._asdict() for name, each in scores.items()}


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

_PER_CLASS = 8  # images shown
_MOST_CLASSES = 20  # classes shown
_WITHOUT_CLASSES = 48  # images shown
_NEAREST = 12  # images shown beside their nearest in training
_MOST_SEARCHED = 10_000  # training images
_PAIRS = 16  # of an image and its reconstruction
_WALKS = 4  # between two images each
_STEPS = 8  # images of a walk
_POINTS = 1_000  # images of the map


def generated_facts(model: Generator, dataset: Dataset, seed: int) -> GeneratedFacts:
    """Samples of every class, each with its neighbour in training, and what else such a model can show."""
    inputs = np.asarray(dataset.inputs)
    # Images of every class, as `pellucid generate` makes them with the seed of the run.
    names = model.classes or ("",)
    labels = model.turns(len(names) * _PER_CLASS if model.classes else _WITHOUT_CLASSES)
    images = model.sample(labels, seed)
    samples = {names[code]: list(images[labels == code]) for code in range(min(len(names), _MOST_CLASSES))}
    # Samples, each with the training image that is nearest to each.
    turns = model.turns(_NEAREST)
    made = model.sample(turns, seed)
    train = dataset.train[:: -(-len(dataset.train) // _MOST_SEARCHED)]
    found, _ = nearest(made.reshape(len(made), -1), inputs[train].reshape(len(train), -1))
    near = [
        Pair(image, inputs[place], names[code], dataset.names[place])
        for image, place, code in zip(made, train[found].tolist(), turns.tolist(), strict=True)
    ]
    held_out = held_out_images(dataset)
    if not isinstance(model, AutoencoderModel) or not len(held_out):
        return GeneratedFacts(samples, near)
    drawn = generator(seed, Purpose.GENERATED_SHOWN).permutation(held_out)
    shown = np.sort(drawn[:_PAIRS])
    rebuilt = model.reconstruct(inputs[shown], dataset.labels[shown])
    pairs = [
        Pair(inputs[place], made, dataset.label_text(place), dataset.names[place])
        for made, place in zip(rebuilt, shown.tolist(), strict=True)
    ]
    latent_map = _map(model, dataset, np.sort(drawn[:_POINTS]))
    return GeneratedFacts(samples, near, pairs, _walks(model, dataset, drawn), latent_map)


def _walks(model: AutoencoderModel, dataset: Dataset, drawn: Int64[np.ndarray, " drawn"]) -> list[Walk]:
    """Ways between images, of different classes where there are several."""
    walks: list[Walk] = []
    free = drawn.tolist()
    while free and len(walks) < _WALKS:
        start = free.pop(0)
        label, is_one = dataset.labels[start], len(dataset.classes) < 2
        end = next((other for other in free if is_one or dataset.labels[other] != label), None)
        if end is None:
            continue
        free.remove(end)
        ends = np.array([start, end])
        images = model.walk(np.asarray(dataset.inputs)[ends], dataset.labels[ends], _STEPS)
        walks.append(Walk(list(images), (dataset.label_text(start), dataset.label_text(end))))
    return walks


def _map(
    model: AutoencoderModel, dataset: Dataset, positions: Int64[np.ndarray, " shown"]
) -> LatentMap | None:
    """Latent means in the plane of their two leading components."""
    if len(positions) < 3:
        return None
    latent = model.transform(np.asarray(dataset.inputs)[positions])
    means: Float64[np.ndarray, "shown latent"] = latent.astype(np.float64)
    centred = means - means.mean(axis=0)
    _, spreads, directions = np.linalg.svd(centred, full_matrices=False)
    total = float((spreads**2).sum()) or 1.0
    points = centred @ directions[:2].T
    return LatentMap(points, dataset.labels[positions], float((spreads[:2] ** 2).sum()) / total)
