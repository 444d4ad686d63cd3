"""Sections of a run of a generator: verdict, samples, their worth, reconstructions, latents, bound."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.arithmetic.rounding import percent
from pellucid.reports.album import Album, Placed, bind
from pellucid.reports.facts import GeneratedFacts, LatentMap, ReportFacts
from pellucid.reports.formatting import Score, finite, interval, scored

# The verdict on a generator: what its images are good for, or how many bits held-out images take.

# Name of the row of real images among the generators of `metrics.json`.
REAL = "real"

# Name of the row of the PCA + Gaussian baseline there.
PLAIN = "gaussian-on-components"


# Name of the row of the autoencoder that an adversarial network is measured beside.
BESIDE_ADVERSARY = "vae"

_SIMPLER = {PLAIN: "a PCA + Gaussian baseline", BESIDE_ADVERSARY: "a vae that was trained briefly"}


def verdict_of_generator(metrics: Mapping[str, Any]) -> str:
    """The outcome of a run that made images, in one sentence.

    `metrics` is the content of `metrics.json`.
    """
    name, tested = str(metrics["recommended"]), int(metrics["data"]["test"])
    rows = (metrics.get("generators") or {}).get("models") or {}
    taught = {row: Score.read(scores.get("accuracy_trained_on_it")) for row, scores in rows.items()}
    made, real = taught.get(name), taught.get(REAL)
    if made is not None and real is not None:
        beside = [
            (words, found) for row, words in _SIMPLER.items() if row != name and (found := taught.get(row))
        ]
        figures = "".join(f", on those of {words} {percent(found.value)}" for words, found in beside)
        equal = [words for words, found in beside if made.low <= found.high]
        over = "it" if len(beside) == 1 else " or ".join(equal)
        return (
            f"A classifier trained only on images of {name} scores {percent(made.value)} on "
            f"{_images(tested)}, on as many real ones {percent(real.value)}{figures}"
            f"{f': no significant gain over {over}' if equal else ''}."
        )
    near, at_best = (Score.read((rows.get(row) or {}).get("coverage")) for row in (name, REAL))
    bits = Score.read((metrics["models"][name].get("test") or {}).get("bits_per_dimension"))
    if bits is None and near is not None and at_best is not None:
        return (
            f"Images of {name} come near {percent(near.value)} of real held-out images; as many real images "
            f"come near {percent(at_best.value)}."
        )
    if bits is None:
        return f"{name} was trained, and too few images are held out to measure those that it makes."
    return (
        f"{name} takes {scored(bits)} bits per dimension {interval(bits)} on {_images(tested)}, where "
        "equally likely grey levels take 8."
    )


def _images(count: int) -> str:
    return f"{count:,} real test image{'' if count == 1 else 's'}"


LEVEL = 0.05
_TITLES = {REAL: "real images", PLAIN: "PCA + Gaussian baseline"}
_MEASURES = (
    "accuracy_trained_on_it",
    "accuracy_on_it",
    "frechet_distance",
    "kernel_distance",
    "coverage",
    "density",
)
_WIDTH, _HEIGHT, _MARGIN = 720.0, 440.0, 24.0
_LABEL_HEIGHT, _LABEL_WIDTH = 16.0, 96.0
_COLOURS = 7
_CLASSES_SHOWN = 5


@dataclass(frozen=True)
class Arranged:
    """Every image of the page, stored once, and where each is drawn.

    Attributes:
        album: the images.
        samples: class and images of each row.
        nearest: samples, each with its nearest training image; label and source.
        reconstructions: held-out images, each with what was rebuilt; likewise.
        walks: classes of both ends, and the images between.
        over_time: epochs, and the images made after each.
    """

    album: Album
    samples: Sequence[tuple[str, Sequence[Placed]]]
    nearest: Sequence[tuple[Placed, Placed, str, str]]
    reconstructions: Sequence[tuple[Placed, Placed, str, str]]
    walks: Sequence[tuple[tuple[str, str], Sequence[Placed]]]
    over_time: Sequence[tuple[int, Sequence[Placed]]]


@dataclass(frozen=True)
class Dot:
    """An image on the map.

    Attributes:
        x: place across.
        y: place down.
        colour: 0 to 6.
    """

    x: float
    y: float
    colour: int


@dataclass(frozen=True)
class Row:
    """One maker of images in the table of measures.

    Attributes:
        title: who it is.
        is_model: whether it is the run's own.
        scores: by measure; `None` where it was not taken.
        memorised: the share of images nearer to training than to held-out ones.
        p_value: of that share.
    """

    title: str
    is_model: bool
    scores: Mapping[str, Score | None]
    memorised: Score | None
    p_value: float | None


def outcome(facts: ReportFacts) -> Mapping[str, Any]:
    """Say in one sentence what its images are good for.

    Content of `page/outcome.html`.
    """
    rows = _rows(facts)
    own = next((row for row in rows if row.is_model), None)
    real = next((row for row in rows if row.title == _TITLES[REAL]), None)
    plain = next((row for row in rows if row.title == _TITLES[PLAIN]), None)
    trained = {name: _trained(row) for name, row in (("own", own), ("real", real), ("plain", plain))}
    return {
        "sentence": verdict_of_generator(facts.metrics).replace(" %", "\u00a0%"),
        "bits": facts.score("bits_per_dimension"),
        "latent": facts.model.get("latent"),
        "active": facts.model.get("active_units"),
        "memorises": own is not None and own.p_value is not None and own.p_value < LEVEL,
        "is_measured": own is not None,
        "memorised": None if own is None else own.memorised,
        **trained,
    }


def samples(facts: ReportFacts) -> Mapping[str, Any]:
    """Show images of every class, as they come.

    Content of `page/samples.html`.
    """
    found = _arranged(_generated(facts))
    return {
        "images": found.album,
        "rows": found.samples,
        "hidden": len(facts.classes) - len(found.samples),
        "over_time": found.over_time,
    }


def measures(facts: ReportFacts) -> Mapping[str, Any]:
    """Set the measures of its images beside those of others, and of real ones.

    Content of `page/measures.html`.
    """
    found = _arranged(_generated(facts))
    measured = facts.metrics.get("generators") or {}
    return {
        "rows": _rows(facts),
        "setup": measured.get("measured_with") or {},
        "level": LEVEL,
        "nearest": found.nearest,
        "classes": _recognised(measured.get("models") or {}, facts.recommended),
    }


def reconstructions(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Show held-out images beside what is rebuilt of them.

    Content of `page/reconstructions.html`; `None` for a generator that rebuilds nothing.
    """
    found = _arranged(_generated(facts))
    if not found.reconstructions:
        return None
    return {"pairs": found.reconstructions, "latent": facts.model.get("latent")}


def latent(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Draw held-out images by their latent numbers, and ways between them.

    Content of `page/latent.html`; `None` for a generator without latent numbers of images.
    """
    found = _generated(facts)
    if found.latent is None:
        return None
    names = facts.classes or [""]
    return {
        "dots": [
            Dot(float(x), float(y), int(code) % _COLOURS)
            for (x, y), code in zip(_placed(found.latent), found.latent.codes, strict=True)
        ],
        "labels": _labels(found.latent, names) if facts.classes else [],
        "share": found.latent.share,
        "size": (_WIDTH, _HEIGHT),
        "walks": _arranged(found).walks,
        "latent": facts.model.get("latent"),
        "active": facts.model.get("active_units"),
    }


def bound(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Take the bound on held-out images apart.

    Content of `page/bound.html`; `None` where nothing was held out, or there is no bound.
    """
    test = facts.model.get("test") or {}
    bits = Score.read(test.get("bits_per_dimension"))
    terms = {name: Score.read(test.get(name)) for name in ("reconstruction", "kl")}
    whole = Score.read(test.get("elbo"))
    if bits is None or whole is None:
        return None
    scale = bits.value / -whole.value if whole.value else 0.0
    shown = [
        (title, score, Score(scale * score.value, scale * score.low, scale * score.high))
        for title, score in (
            ("reconstruction", terms["reconstruction"]),
            ("divergence from the prior", terms["kl"]),
        )
        if score is not None
    ]
    return {
        "bits": bits,
        "nats": Score(-whole.value, -whole.high, -whole.low),
        "terms": shown,
        "noise": finite(facts.model.get("noise_deviation")),
        "beta": finite(facts.settings.get("beta")),
    }


def _recognised(rows: Mapping[str, Any], name: str) -> Sequence[tuple[str, float, float]]:
    """Classes whose made images are recognised least, with that share and the one of real images."""
    made, real = ((rows.get(row) or {}).get("recognised_by_class") or {} for row in (name, REAL))
    order = sorted(made, key=lambda each: (made[each] - real.get(each, 0.0), each))
    return [(each, made[each], real.get(each, 0.0)) for each in order[:_CLASSES_SHOWN]]


def _generated(facts: ReportFacts) -> GeneratedFacts:
    assert facts.generated is not None  # these sections stand in such reports only
    return facts.generated


def _trained(row: Row | None) -> Score | None:
    return None if row is None else row.scores["accuracy_trained_on_it"]


def _rows(facts: ReportFacts) -> Sequence[Row]:
    """The table of measures, the run's own model first, real images last."""
    found: Mapping[str, Any] = (facts.metrics.get("generators") or {}).get("models") or {}
    order = sorted(found, key=lambda name: (name != facts.recommended, name == REAL))
    return [
        Row(
            title=_title(name, facts.recommended),
            is_model=name == facts.recommended,
            scores={key: Score.read(found[name].get(key)) for key in _MEASURES},
            memorised=Score.read(found[name]["memorisation"]["nearer_to_training"]),
            p_value=finite(found[name]["memorisation"]["p_value"]),
        )
        for name in order
    ]


def _title(row: str, own: str) -> str:
    """Name of a maker of images; the autoencoder beside an adversary has learned for a short while only."""
    beside = "vae, learned for a short while"
    return beside if row == BESIDE_ADVERSARY != own else _TITLES.get(row, row)


def _arranged(found: GeneratedFacts) -> Arranged:
    """Store every image of the page once."""
    images = [
        *(image for row in found.samples.values() for image in row),
        *(image for pair in (*found.nearest, *found.reconstructions) for image in (pair.first, pair.second)),
        *(image for walk in found.walks for image in walk.images),
        *(image for row in found.over_time.values() for image in row),
    ]
    album = bind(images)
    places = iter(album.places)
    rows = [(name, [next(places) for _ in row]) for name, row in found.samples.items()]
    pairs = [
        [(next(places), next(places), pair.label, pair.source) for pair in part]
        for part in (found.nearest, found.reconstructions)
    ]
    walks = [(walk.labels, [next(places) for _ in walk.images]) for walk in found.walks]
    over_time = [(epoch, [next(places) for _ in row]) for epoch, row in found.over_time.items()]
    return Arranged(album, rows, pairs[0], pairs[1], walks, over_time)


def _placed(found: LatentMap) -> np.ndarray:
    """Points of the map in user units, both directions on one scale."""
    points = found.points - (found.points.max(axis=0) + found.points.min(axis=0)) / 2
    reach = np.abs(points).max(axis=0)
    room = np.array([_WIDTH, _HEIGHT]) / 2 - _MARGIN
    scale = float((room / np.maximum(reach, 1e-9)).min())
    placed: np.ndarray = np.round(points * scale * (1, -1) + (_WIDTH / 2, _HEIGHT / 2), 1)
    return placed


def _labels(found: LatentMap, names: Sequence[str]) -> Sequence[tuple[str, Dot]]:
    """Name of each class at the middle of its images, moved down where it would lie on another."""
    placed, labels = _placed(found), []
    for code in np.unique(found.codes).tolist():
        x, y = np.median(placed[found.codes == code], axis=0)
        labels.append((names[code], [float(x), float(y), code % _COLOURS]))
    labels.sort(key=lambda each: each[1][1])
    for index, (_, place) in enumerate(labels):
        for _, above in labels[:index]:
            if abs(above[0] - place[0]) < _LABEL_WIDTH and place[1] - above[1] < _LABEL_HEIGHT:
                place[1] = above[1] + _LABEL_HEIGHT
    return [(name, Dot(round(x, 1), round(y, 1), int(colour))) for name, (x, y, colour) in labels]
