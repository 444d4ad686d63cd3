"""What a network that went on has forgotten: old test examples answered by it and by the network it was."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64

from pellucid.bundle import Model
from pellucid.data import Dataset
from pellucid.data.wording import count_of
from pellucid.evaluation import Comparison, Interval, compare_all, compare_numbers
from pellucid.evaluation.paired import LEVEL, WIDEST, WIDEST_RELATIVE
from pellucid.evaluation.wording import figure, points, span
from pellucid.pipeline.entrants import Entrant, answers
from pellucid.pipeline.going_on import GoingOn
from pellucid.pipeline.rehearsal import contents
from pellucid.pipeline.testing import Tested, scores
from pellucid.settings import Settings

_BEFORE, _AFTER = "before", "after"


class _Asked(NamedTuple):
    """Old test examples and what both networks say of them.

    Attributes:
        labels: class codes in the order of all classes, or numbers.
        before: what the network said before it went on: probabilities of all classes, or numbers.
        after: what it says now.
    """

    labels: np.ndarray
    before: np.ndarray
    after: np.ndarray


def going_on_metrics(
    going: GoingOn,
    dataset: Dataset,
    entrants: Sequence[Entrant],
    tested: Mapping[str, Tested],
    config: Mapping[str, Any],
) -> dict[str, Any]:
    """Measure what was forgotten, and say what else is to know about going on.

    Args:
        going: the network as it was, and what it learned before.
        dataset: the new data.
        entrants: the models of the run, the network among them.
        tested: what each said on the new test split.
        config: `config.json`.

    Returns:
        The form of `going_on` in `metrics.json`.
    """
    settings = Settings(**config["settings"])
    network = next(each for each in entrants if each.name == going.start.model.name)
    kept = {name: value for name, value in config["going_on"].items() if name != "earlier"}
    recipe = config["plan"]["recipe"]
    found = {
        **kept,
        "learning_rate": recipe["learning_rate"],
        "epochs": recipe["epochs"],
        "reasons": config["plan"]["reasons"],
        "seen_before": _seen_before(going, dataset, tested[network.name], settings.seed),
    }
    forgetting = _forgetting(going, dataset, network, settings.seed)
    reasons = going.not_at_hand
    if forgetting is None and not reasons:
        reasons = ["the old data has no test split, or none of it is new to the network"]
    return {**found, "forgetting": forgetting, "not_measured": reasons}


def sentence_of(found: Mapping[str, Any]) -> str:
    """What was forgotten, in one sentence for the terminal.

    Args:
        found: what `going_on_metrics` gave.

    Returns:
        The sentence.
    """
    if found["forgetting"] is None:
        return f"Forgetting was not measured: {found['not_measured'][0]}."
    return str(found["forgetting"]["sentence"])


def _seen_before(going: GoingOn, dataset: Dataset, said: Tested, seed: int) -> dict[str, Any] | None:
    """New validation and test examples that the network had learned from before it went on."""
    if not going.at_hand:
        return None
    learned = {
        content
        for each in going.at_hand
        for content in contents(each.inputs, np.concatenate([each.train, each.validation]))
    }
    is_seen = _standing_in(dataset, dataset.test, learned)
    in_validation = int(_standing_in(dataset, dataset.validation, learned).sum())
    if not is_seen.any() and not in_validation:
        return None
    labels = dataset.labels[dataset.test]
    return {
        "test": int(is_seen.sum()),
        "validation": in_validation,
        "test_without": scores(labels[~is_seen], said.answers[~is_seen], seed) or None,
    }


def _standing_in(
    dataset: Dataset, positions: np.ndarray, known: set[bytes]
) -> Bool[np.ndarray, " positions"]:
    """Which of some examples have their content among what is known."""
    return np.array([content in known for content in contents(dataset.inputs, positions)], bool)


def _forgetting(going: GoingOn, dataset: Dataset, network: Entrant, seed: int) -> dict[str, Any] | None:
    """Both networks on the old test splits; `None` where there is nothing to ask."""
    material = going.learned(dataset)
    learned = set(contents(material.inputs, np.concatenate([material.train, material.validation])))
    parts, places, left_out = [], [], 0
    for each in going.earlier:
        if each.dataset is None or len(each.dataset.test) == 0:
            continue
        is_learned = _standing_in(each.dataset, each.dataset.test, learned)
        left_out += int(is_learned.sum())
        positions = each.dataset.test[~is_learned]
        if len(positions):
            places.append(each.place)
            parts.append(_asked(each.dataset, positions, going.start.model, network.model, dataset.classes))
    if not parts:
        return None
    asked = _Asked(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    if dataset.is_numbers:
        said = {_AFTER: asked.after, _BEFORE: asked.before}
        comparison = compare_numbers(asked.labels, said, seed)[0]
    else:
        answered = {_AFTER: asked.after.argmax(axis=1), _BEFORE: asked.before.argmax(axis=1)}
        comparison = compare_all(asked.labels, answered)[0]
    found = {
        "data": places,
        "examples": len(asked.labels),
        "left_out": left_out,
        "before": scores(asked.labels, asked.before, seed),
        "after": scores(asked.labels, asked.after, seed),
        f"{comparison.score}_difference": comparison.difference._asdict(),
        "p_value": comparison.p_value,
        "classes": [] if dataset.is_numbers else _by_class(asked, dataset.classes),
    }
    return {**found, "sentence": _sentence(network.name, found, comparison, asked.labels, dataset.noun)}


def _asked(
    old: Dataset, positions: np.ndarray, before: Model, after: Model, classes: tuple[str, ...]
) -> _Asked:
    """Both networks on some examples of earlier data."""
    if old.is_numbers:
        said = (answers(model, old, positions) for model in (before, after))
        return _Asked(old.labels[positions], *said)
    codes = np.array([classes.index(name) for name in old.classes])
    labels = codes[old.labels[positions]]
    return _Asked(labels, *(_in_order(model, old, positions, classes) for model in (before, after)))


def _in_order(
    model: Model, old: Dataset, positions: np.ndarray, classes: tuple[str, ...]
) -> Float64[np.ndarray, "examples classes"]:
    """A model's probabilities in the order of all classes; 0 for those that it does not know."""
    said = np.zeros((len(positions), len(classes)))
    said[:, [classes.index(name) for name in model.classes]] = answers(model, old, positions)
    return said


def _by_class(asked: _Asked, classes: Sequence[str]) -> list[dict[str, Any]]:
    """Share of right answers before and after for each class, the worst losers first."""
    rows = []
    for code in np.unique(asked.labels).tolist():
        of_class = asked.labels == code
        before, after = (float((said[of_class].argmax(axis=1) == code).mean()) for said in asked[1:])
        rows.append(
            {"class": classes[code], "examples": int(of_class.sum()), "before": before, "after": after}
        )
    return sorted(rows, key=lambda row: row["after"] - row["before"])


def _sentence(
    name: str, found: Mapping[str, Any], comparison: Comparison, labels: np.ndarray, noun: str
) -> str:
    """What the comparison says, in words with figures."""
    difference, of_what = comparison.difference, count_of(found["examples"], f"old test {noun}")
    if comparison.score == "accuracy":
        was, now = (100 * found[part]["accuracy"]["value"] for part in (_BEFORE, _AFTER))
        told = f"of {of_what} it names {now:.1f} % right, {was:.1f} % before it went on"
        worse, widest, words = -difference.value, WIDEST, points
    else:
        was, now = (found[part]["root_mean_squared_error"]["value"] for part in (_BEFORE, _AFTER))
        told = f"on {of_what} its root mean squared error is {figure(now)}, {figure(was)} before it went on"
        worse, widest, words = difference.value, WIDEST_RELATIVE * float(labels.std()), span
    size = Interval(abs(worse), *_ends(difference))
    if comparison.p_value <= LEVEL:
        verb = "has forgotten something" if worse > 0 else "has even gained on the old data"
        return f"{name} {verb}: {told}, a difference of {words(size)}."
    if max(-difference.low, difference.high) > widest:
        return f"Whether {name} has forgotten anything cannot be told: {told}, and these are too few to tell."
    return f"{name} has forgotten nothing that could be measured: {told}, a difference of {words(size)}."


def _ends(difference: Interval) -> tuple[float, float]:
    """The ends of an interval whose value is shown without its sign."""
    if difference.value < 0:
        return -difference.high, -difference.low
    return difference.low, difference.high
