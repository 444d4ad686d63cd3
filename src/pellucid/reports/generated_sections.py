"""Sections of a run of a generator: verdict, samples, their worth, reconstructions, latents, bound."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.arithmetic.rounding import percent
from pellucid.evaluation import Interval
from pellucid.language.sentence import Sentence
from pellucid.reports.album import Album, Placed, bind
from pellucid.reports.facts import GeneratedFacts, LatentMap, ReportFacts
from pellucid.reports.formatting import finite, interval, read_score, scored, shortened, unbroken
from pellucid.reports.plots import Mark, mark

# Rows of `generators` in `metrics.json`: real images, the PCA + Gaussian baseline, and the autoencoder that
# an adversarial network is compared with.
REAL = "real"
PLAIN = "gaussian-on-components"
BRIEF_AUTOENCODER = "vae"

_SIMPLER = {PLAIN: "a PCA + Gaussian baseline", BRIEF_AUTOENCODER: "a vae that was trained briefly"}
_TITLES = {REAL: "real images", PLAIN: "PCA + Gaussian baseline"}
_MEASURES = (
    "accuracy_trained_on_it",
    "accuracy_on_it",
    "frechet_distance",
    "kernel_distance",
    "coverage",
    "density",
)
LEVEL = 0.05
_CLASSES_SHOWN = 5


def verdict_of_generator(metrics: Mapping[str, Any]) -> str:
    """The outcome of a run that made images, in one sentence; `metrics` is the content of `metrics.json`."""
    name, tested = str(metrics["recommended"]), int(metrics["data"]["test"])
    images = Sentence("{tested:,} real test image{word}", tested, "" if tested == 1 else "s")
    rows = (metrics.get("generators") or {}).get("models") or {}
    accuracy = {row: read_score(scores.get("accuracy_trained_on_it")) for row, scores in rows.items()}
    made, real = accuracy.get(name), accuracy.get(REAL)
    if made is not None and real is not None:
        simpler = [
            (words, found) for row, words in _SIMPLER.items() if row != name and (found := accuracy.get(row))
        ]
        worse = [words for words, found in simpler if made.high < found.low]
        equal = [words for words, found in simpler if made.low <= found.high]
        rivals = "it" if len(simpler) == 1 else " or ".join(worse or equal)
        gain = (
            Sentence("significantly worse than {rivals}", rivals)
            if worse
            else Sentence("no significant gain over {rivals}", rivals)
        )
        shares = {words: percent(found.value) for words, found in simpler}
        plain, brief = (shares.get(words, "") for words in _SIMPLER.values())
        # Whole, since a translation could not tell where a part ends.
        if plain and brief:
            compared: str = Sentence(
                ", on those of a PCA + Gaussian baseline {plain}, on those of a vae that was trained "
                "briefly {brief}",
                plain,
                brief,
            )
        else:
            compared = Sentence(", on those of a PCA + Gaussian baseline {plain}", plain) if plain else ""
        compared += Sentence(": {gain}", gain) if equal else ""
        return Sentence(
            "A classifier trained only on images of {name} scores {percent} on "
            "{images}, on as many real ones {percent2}{compared}.",
            name,
            percent(made.value),
            images,
            percent(real.value),
            compared,
        )
    near, at_best = (read_score((rows.get(row) or {}).get("coverage")) for row in (name, REAL))
    bits = read_score((metrics["models"][name].get("test") or {}).get("bits_per_dimension"))
    if bits is not None:
        return Sentence(
            "{name} takes {bits} bits per dimension {bits2} on {images}, where "
            "equally likely grey levels take 8.",
            name,
            scored(bits),
            interval(bits),
            images,
        )
    if near is not None and at_best is not None:
        return Sentence(
            "Images of {name} come near {percent} of real held-out images; as many real images "
            "come near {percent2}.",
            name,
            percent(near.value),
            percent(at_best.value),
        )
    return Sentence(
        "{name} was trained, and too few images are held out to measure those that it makes.", name
    )


def outcome(facts: ReportFacts) -> Mapping[str, Any]:
    """What its images are good for, in one sentence: content of `page/outcome.html`."""
    rows = {row["name"]: row for row in _rows(facts)}
    own = rows.get(facts.recommended)
    return {
        "sentence": unbroken(verdict_of_generator(facts.metrics)),
        "bits": facts.score("bits_per_dimension"),
        "latent": facts.model.get("latent"),
        "active": facts.model.get("active_units"),
        "memorises": own is not None and own["p_value"] is not None and own["p_value"] < LEVEL,
        "memorised": None if own is None else own["memorised"],
        "is_measured": own is not None,
        **{
            key: rows[name]["scores"]["accuracy_trained_on_it"] if name in rows else None
            for key, name in (("own", facts.recommended), ("real", REAL), ("plain", PLAIN))
        },
    }


def measures(facts: ReportFacts) -> Mapping[str, Any]:
    """Measures of its images, of those of others and of real ones: content of `page/measures.html`."""
    measured = facts.metrics.get("generators") or {}
    models = measured.get("models") or {}
    # Classes whose made images are recognised least, with that share and the one of real images.
    made, real = (
        (models.get(row) or {}).get("recognised_by_class") or {} for row in (facts.recommended, REAL)
    )
    worst = sorted(made, key=lambda each: (made[each] - real.get(each, 0.0), each))[:_CLASSES_SHOWN]
    return {
        "rows": _rows(facts),
        "setup": measured.get("measured_with") or {},
        "level": LEVEL,
        "nearest": _arranged(facts)["nearest"],
        "classes": [(each, made[each], real.get(each, 0.0)) for each in worst],
    }


def _rows(facts: ReportFacts) -> Sequence[Mapping[str, Any]]:
    """Makers of images in the table of measures, the run's own model first, real images last."""
    found: Mapping[str, Any] = (facts.metrics.get("generators") or {}).get("models") or {}
    titles = dict(_TITLES)
    if facts.recommended != BRIEF_AUTOENCODER:
        titles[BRIEF_AUTOENCODER] = "vae, learned for a short while"
    return [
        {
            "name": name,
            "title": titles.get(name, name),
            "is_model": name == facts.recommended,
            "scores": {key: read_score(found[name].get(key)) for key in _MEASURES},
            "memorised": read_score(found[name]["memorisation"]["nearer_to_training"]),
            "p_value": finite(found[name]["memorisation"]["p_value"]),
        }
        for name in sorted(found, key=lambda name: (name != facts.recommended, name == REAL))
    ]


def samples(facts: ReportFacts) -> Mapping[str, Any]:
    """Images of every class, as they come: content of `page/samples.html`."""
    found = _arranged(facts)
    return {**found, "hidden": len(facts.classes) - len(found["samples"])}


def reconstructions(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Held-out images and what is rebuilt of them: content of `page/reconstructions.html`.

    `None` for a generator that rebuilds nothing.
    """
    pairs = _arranged(facts)["reconstructions"]
    return {"pairs": pairs, "latent": facts.model.get("latent")} if pairs else None


def _generated(facts: ReportFacts) -> GeneratedFacts:
    assert facts.generated is not None  # these sections are in such reports only
    return facts.generated


def _arranged(facts: ReportFacts) -> dict[str, Any]:
    """Every image of the page, stored once in an album, and where each is drawn."""
    found = _generated(facts)
    images = [
        *(image for row in found.samples.values() for image in row),
        *(image for pair in (*found.nearest, *found.reconstructions) for image in (pair.first, pair.second)),
        *(image for walk in found.walks for image in walk.images),
        *(image for row in found.over_time.values() for image in row),
    ]
    album: Album = bind(images)
    places = iter(album.places)

    def next_for(row: Sequence[Any]) -> list[Placed]:
        return [next(places) for _ in row]

    return {
        "images": album,
        "samples": [(name, next_for(row)) for name, row in found.samples.items()],
        "nearest": [(*next_for("12"), pair.label, pair.source) for pair in found.nearest],
        "reconstructions": [(*next_for("12"), pair.label, pair.source) for pair in found.reconstructions],
        "walks": [(walk.labels, next_for(walk.images)) for walk in found.walks],
        "over_time": [(epoch, next_for(row)) for epoch, row in found.over_time.items()],
    }


def bound(facts: ReportFacts) -> Mapping[str, Any] | None:
    """The terms of the bound on held-out images: content of `page/bound.html`.

    `None` where nothing was held out, or there is no bound.
    """
    test = facts.model.get("test") or {}
    bits, whole = read_score(test.get("bits_per_dimension")), read_score(test.get("elbo"))
    if bits is None or whole is None:
        return None
    scale = bits.value / -whole.value if whole.value else 0.0
    terms = (
        ("reconstruction", read_score(test.get("reconstruction"))),
        ("divergence from the prior", read_score(test.get("kl"))),
    )
    return {
        "bits": bits,
        "nats": Interval(-whole.value, -whole.high, -whole.low),
        "terms": [
            (title, score, Interval(*(scale * each for each in score)))
            for title, score in terms
            if score is not None
        ],
        "noise": finite(facts.model.get("noise_deviation")),
        "beta": finite(facts.settings.get("beta")),
    }


# Held-out images on a map, by their latent variables.

_WIDTH = 720  # units of the drawing, as all of these
_HEIGHT = 440
_MARGIN = 24.0
_LABEL_HEIGHT = 16.0  # below which two labels overlap
_LABEL_WIDTH = 96.0  # below which two labels overlap
_COLOURS = 7


def latent(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Held-out images by their latent variables, and ways between them: content of `page/latent.html`.

    `None` for a generator without latent variables of images.
    """
    found = _generated(facts).latent
    if found is None:
        return None
    labels = _labels(found, facts.classes) if facts.classes else []
    dots = [
        mark("circle", f"dot model-{code % _COLOURS}", cx=x, cy=y, r=3)
        for (x, y), code in zip(_placed(found).tolist(), found.codes.tolist(), strict=True)
    ]
    return {
        "marks": [*dots, *labels],
        "points": len(dots),
        "classes": len(labels),
        "share": found.share,
        "size": (_WIDTH, _HEIGHT),
        "walks": _arranged(facts)["walks"],
        "latent": facts.model.get("latent"),
        "active": facts.model.get("active_units"),
    }


def _placed(found: LatentMap) -> np.ndarray:
    """Points of the map in user units, both directions on one scale."""
    points = found.points - (found.points.max(axis=0) + found.points.min(axis=0)) / 2
    room = np.array([_WIDTH, _HEIGHT]) / 2 - _MARGIN
    scale = float((room / np.maximum(np.abs(points).max(axis=0), 1e-9)).min())
    placed: np.ndarray = np.round(points * scale * (1, -1) + (_WIDTH / 2, _HEIGHT / 2), 1)
    return placed


def _labels(found: LatentMap, names: Sequence[str]) -> list[Mark]:
    """Name of each class at the middle of its images, moved down where it would lie on another."""
    placed, places = _placed(found), []
    for code in np.unique(found.codes).tolist():
        x, y = np.median(placed[found.codes == code], axis=0).tolist()
        places.append([x, y, code])
    places.sort(key=lambda place: place[1])
    for index, place in enumerate(places):
        for x, y, _ in places[:index]:
            if abs(x - place[0]) < _LABEL_WIDTH and place[1] - y < _LABEL_HEIGHT:
                place[1] = y + _LABEL_HEIGHT
    return [
        mark(
            "text",
            f"direct model-{code % _COLOURS}",
            shortened(names[code], 19),
            x=round(x, 1),
            y=round(y, 1),
            text_anchor="middle",
        )
        for x, y, code in places
    ]
