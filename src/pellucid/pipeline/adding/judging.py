"""Gain by generated images: both networks on the same test examples, pair by pair."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int64

from pellucid.arithmetic import metric_value
from pellucid.arithmetic.rounding import figure
from pellucid.data import Dataset
from pellucid.data.wording import count_of
from pellucid.evaluation import Comparison, compare_all, holm
from pellucid.evaluation.comparisons.paired import LEVEL
from pellucid.evaluation.wording import points
from pellucid.pipeline.adding.images import Added
from pellucid.pipeline.adding.learning import SUFFIX
from pellucid.pipeline.judging.testing import Tested
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.settings import Settings


def judged(
    added: Added,
    candidates: Sequence[Candidate],
    recommended: str,
    tested: Mapping[str, Tested],
    dataset: Dataset,
    settings: Settings,
) -> dict[str, Any]:
    """Compare the network with generated images with that without, over the test and over the filled classes.

    Both differences are of accuracy; their p-values are adjusted for being two (Holm). `recommended` is the
    model chosen by what was held out. The form of `added_generated` in `metrics.json`.
    """
    with_them = next(each for each in candidates if each.name.endswith(SUFFIX))
    without = next(each for each in candidates if each.name == with_them.name.removesuffix(SUFFIX))
    pair = (with_them.name, without.name)
    metric = dataset.target.decides(settings.metric)
    labels = dataset.labels[dataset.test]
    filled = np.isin(labels, [dataset.classes.index(name) for name in added.counts])
    predicted = {name: tested[name].answers.argmax(axis=1) for name in pair}
    found = [_compared(labels, predicted, rows) for rows in (np.ones(len(labels), bool), filled)]
    adjusted = holm([1.0 if each is None else each.p_value for each in found])
    counts = [count_of(int(each), "test image") for each in (len(labels), filled.sum())]
    places = (f"on {counts[0]}", f"on the {counts[1]} of the classes that were filled")
    said = [
        _said(each, p_value, pair, place)
        for each, p_value, place in zip(found, adjusted, places, strict=True)
        if each is not None
    ]
    return {
        **added.to_json(),
        "with": pair[0],
        "without": pair[1],
        "metric": metric.key,
        "validation": {
            name: float(metric_value(metric, dataset.labels[each.held_out.positions], each.held_out.answers))
            for name, each in (("with", with_them), ("without", without))
            if len(each.held_out.positions)
        },
        "test": _json(found[0], adjusted[0], len(labels)),
        "test_of_filled_classes": _json(found[1], adjusted[1], int(filled.sum())),
        "sentences": [
            *(said or ["Without test images nobody can tell what the generated images gained."]),
            _chosen(pair, recommended),
        ],
    }


def _compared(
    labels: Int64[np.ndarray, " test"], predicted: Mapping[str, np.ndarray], rows: np.ndarray
) -> Comparison | None:
    """Both networks on some test examples; `None` without any."""
    if not rows.any():
        return None
    return compare_all(labels[rows], {name: each[rows] for name, each in predicted.items()})[0]


def _json(found: Comparison | None, adjusted: float, examples: int) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "examples": examples,
        "accuracy_difference": found.difference._asdict(),
        "p_value": found.p_value,
        "p_value_holm": adjusted,
    }


def _said(found: Comparison, adjusted: float, pair: tuple[str, str], where: str) -> str:
    """Sentence on what was gained."""
    of_what = f"{pair[0]} beside {pair[1]}, accuracy {points(found.difference)}, p = {figure(adjusted, 2)}"
    if adjusted > LEVEL:
        return f"Generated images gained nothing significant {where}: {of_what}."
    verb = "gained" if found.difference.value > 0 else "cost"
    return f"Generated images {verb} accuracy significantly {where}: {of_what}."


def _chosen(pair: tuple[str, str], recommended: str) -> str:
    """Sentence on which network is recommended, by what was held out and never by the test."""
    words = {pair[0]: "the network with them", pair[1]: "the network without them"}
    which = words.get(recommended, f"neither of the two networks, but {recommended}")
    return f"Chosen on validation, as all models are: {which}."
