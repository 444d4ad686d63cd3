"""The verdict on a generator: what its images are good for, or how many bits held-out images take."""

from collections.abc import Mapping
from typing import Any

from pellucid.arithmetic.rounding import percent
from pellucid.reports.numbers import Score, interval, scored

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
