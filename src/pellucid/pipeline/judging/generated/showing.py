"""Selection of made images that the report of a generator shows."""

import numpy as np
from jaxtyping import Float64, Int64

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.bundle import AutoencoderModel, Generator
from pellucid.data import Dataset
from pellucid.evaluation.generation.neighbours import nearest
from pellucid.reports import GeneratedFacts, LatentMap, Pair, Walk

_PER_CLASS, _MOST_CLASSES, _WITHOUT_CLASSES = 8, 20, 48
_NEAREST, _MOST_SEARCHED = 12, 10_000
_PAIRS, _WALKS, _STEPS, _POINTS = 16, 4, 8, 1_000


def generated_facts(model: Generator, dataset: Dataset, seed: int) -> GeneratedFacts:
    """Samples of every class, each beside its neighbour in training, and what else such a model can show."""
    samples = _samples(model, seed)
    held_out = dataset.test if len(dataset.test) else dataset.validation
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


def _samples(model: Generator, seed: int) -> dict[str, list[np.ndarray]]:
    """Images of every class, as `pellucid generate` makes them with the seed of the run."""
    names = model.classes or ("",)
    shown = min(len(names), _MOST_CLASSES)
    count = len(names) * _PER_CLASS if model.classes else _WITHOUT_CLASSES
    labels = model.turns(count)
    images = model.sample(labels, seed)
    return {names[code]: list(images[labels == code]) for code in range(shown)}


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
