"""Forgetting: old test examples, answered before and after continual training, and the metrics of it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from pellucid.arithmetic import confusion_matrix
from pellucid.arithmetic.probabilities import LEVEL, holm
from pellucid.arithmetic.rounding import figure, percent
from pellucid.bundle import Model
from pellucid.data import Dataset
from pellucid.data.wording import count_of, quoted, some
from pellucid.evaluation import SCORING, Comparison, Interval, mcnemar
from pellucid.evaluation.comparisons import WIDEST, WIDEST_RELATIVE
from pellucid.evaluation.intervals import points, span
from pellucid.language.sentence import Sentence
from pellucid.pipeline.continual.starting_point import contents, labels_among
from pellucid.pipeline.continual.training import ContinualTraining, sentences
from pellucid.pipeline.judging.testing import Tested, scored
from pellucid.pipeline.learners.candidates import Candidate, answers
from pellucid.settings import Settings
from pellucid.targets import Labels
from pellucid.training.recipe import RULE

_BEFORE = "before"
_AFTER = "after"
# They count a class as 0 which is answered and never true, as new ones are among old examples.
_NOT_OF_OLD_CLASSES = ("macro_f1", "expected_calibration_error")
_LOSERS_NAMED = 3


class OldTest(NamedTuple):
    """Old test examples that the network has not learned from since."""

    data: Sequence[tuple[Dataset, Int64[np.ndarray, " some"]]]  # data sets with positions in them
    places: Sequence[str]  # DATA of each
    left_out: int  # how many more there are that it has learned from

    @property
    def examples(self) -> int:
        """Number of old test examples."""
        return sum(len(positions) for _, positions in self.data)

    def labels(self, classes: tuple[str, ...]) -> Int64[np.ndarray, " n"] | Float64[np.ndarray, " n"]:
        """Their labels as positions in all classes, or numbers."""
        return np.concatenate([labels_among(classes, data)[positions] for data, positions in self.data])

    def answers(self, model: Model, classes: tuple[str, ...]) -> Float64[np.ndarray, "n ..."]:
        """A model's probabilities of all classes, 0 for those that it does not know; or numbers."""
        found = np.concatenate([answers(model, data, positions) for data, positions in self.data])
        if not classes:
            return found
        predictions = np.zeros((len(found), len(classes)))
        predictions[:, [classes.index(name) for name in model.classes]] = found
        return predictions


def old_test(continual: ContinualTraining, dataset: Dataset) -> OldTest:
    """Collect the old test examples, without those whose content the network has learned from since."""
    material = continual.learned(dataset)
    learned = set(contents(material.inputs, np.concatenate([material.train, material.validation])))
    data, places, left_out = [], [], 0
    for each in continual.earlier:
        if each.dataset is None:
            continue
        is_learned = _is_known(each.dataset, each.dataset.test, learned)
        left_out += int(is_learned.sum())
        if not is_learned.all():
            data.append((each.dataset, each.dataset.test[~is_learned]))
            places.append(each.place)
    return OldTest(data, places, left_out)


def _is_known(
    dataset: Dataset, positions: Int64[np.ndarray, " positions"], known: set[bytes]
) -> Bool[np.ndarray, " positions"]:
    """True for each example whose content is among `known`."""
    return np.array([content in known for content in contents(dataset.inputs, positions)], bool)


def forgetting(
    old: OldTest, before: Model, candidate: Candidate, dataset: Dataset, seed: int, *, went_on: bool
) -> dict[str, Any] | None:
    """Compare a model on the old test examples with the network before continual training.

    The form of `continual.forgetting` in `metrics.json`; `None` where there is no example. `dataset` is the
    new data, for all classes; `went_on` is true of the network itself, false of a model that learned from new
    data alone; `seed` is that of bootstrap and permutations.
    """
    if not old.examples:
        return None
    labels = Labels(old.labels(dataset.classes), dataset.classes, dataset.target)
    models = {_AFTER: candidate.model, _BEFORE: before}
    answered = {part: old.answers(model, dataset.classes) for part, model in models.items()}
    decided = {part: dataset.target.labels(each) for part, each in answered.items()}
    (comparison,) = SCORING[dataset.target].compare(labels.values, decided, None, seed)
    of_part = {
        part: {
            name: score
            for name, score in scored(labels, answered[part], seed).to_json().items()
            if name not in _NOT_OF_OLD_CLASSES
        }
        for part in (_BEFORE, _AFTER)
    }
    found = {
        "model": candidate.name,
        "data": list(old.places),
        "examples": old.examples,
        "left_out": old.left_out,
        **of_part,
        f"{comparison.score}_difference": comparison.difference._asdict(),
        "p_value": comparison.p_value,
        "classes": _by_class(labels.values, answered, dataset.classes) if dataset.classes else [],
    }
    spread = float(labels.values.std())
    return {**found, "sentence": _sentence(found, comparison, dataset.noun, spread, went_on=went_on)}


def _by_class(
    labels: np.ndarray, answered: Mapping[str, np.ndarray], classes: Sequence[str]
) -> list[dict[str, Any]]:
    """Share of right answers before and after for each class, the worst losers first.

    Each p-value is McNemar's with all classes counted (Holm).
    """
    before, after = (answered[part].argmax(axis=1) == labels for part in (_BEFORE, _AFTER))
    codes = np.unique(labels).tolist()
    members = [labels == code for code in codes]
    gained, lost = after & ~before, before & ~after
    p_values = holm([mcnemar(int((gained & of).sum()), int((lost & of).sum())) for of in members])
    rows = [
        {
            "class": classes[code],
            "examples": int(of.sum()),
            _BEFORE: float(before[of].mean()),
            _AFTER: float(after[of].mean()),
            "p_value_holm": p_value,
        }
        for code, of, p_value in zip(codes, members, p_values, strict=True)
    ]
    return sorted(rows, key=lambda row: row[_AFTER] - row[_BEFORE])


def _sentence(
    found: Mapping[str, Any], comparison: Comparison, noun: str, spread: float, *, went_on: bool
) -> str:
    """The comparison in words with figures, and the classes with a loss beyond chance, the worst first.

    `spread` is that of the numbers that are predicted.
    """
    name, examples = found["model"], count_of(found["examples"], Sentence("old test {noun}", noun))
    difference = comparison.difference
    then = "before continual training" if went_on else "the network before"
    losers = [
        Sentence(
            "{row} ({row2} correct, {row3} before)",
            quoted(row["class"]),
            percent(row[_AFTER]),
            percent(row[_BEFORE]),
        )
        for row in found["classes"]
        if row[_AFTER] < row[_BEFORE] and row["p_value_holm"] <= LEVEL
    ]
    by_class = (
        Sentence(" Significant losses by class: {losers}.", some(losers, _LOSERS_NAMED)) if losers else ""
    )
    was, now = (found[part][comparison.score]["value"] for part in (_BEFORE, _AFTER))
    if comparison.score == "accuracy":
        figures = Sentence(
            "of {examples} it classifies {now} correctly, {was} {then}",
            examples,
            percent(now),
            percent(was),
            then,
        )
        loss, widest, words = -difference.value, WIDEST, points
    else:
        figures = Sentence(
            "on {examples} its root mean squared error is {now}, {was} {then}",
            examples,
            figure(now),
            figure(was),
            then,
        )
        loss, widest, words = difference.value, WIDEST_RELATIVE * spread, span
    if not went_on:
        outcome = Sentence("{name}, the recommended model, learned from the new data alone", name)
    elif comparison.p_value <= LEVEL and loss <= 0:
        outcome = Sentence("{name} has even gained on the old data", name)
    elif comparison.p_value <= LEVEL:
        is_most = comparison.score == "accuracy" and now < was / 2
        outcome = Sentence(
            "{name} has forgotten {word}", name, "most of what it knew" if is_most else "something"
        )
    elif max(-difference.low, difference.high) > widest:
        outcome = Sentence("Inconclusive whether {name} has forgotten anything", name)
    elif losers:
        outcome = Sentence("{name} has kept its score on the old data", name)
    else:
        outcome = Sentence("{name} has forgotten nothing measurable", name)
    if difference.value < 0:
        difference = Interval(-difference.value, -difference.high, -difference.low)
    return Sentence(
        "{outcome}: {figures}, a difference of {difference}.{by_class}",
        outcome,
        figures,
        words(difference),
        by_class,
    )


_NOTHING_TO_ASK = "the old data has no test split, or the network has learned from all of it since"


def continual_metrics(
    continual: ContinualTraining,
    dataset: Dataset,
    candidates: Sequence[Candidate],
    recommended: str,
    tested: Mapping[str, Tested],
    config: Mapping[str, Any],
) -> dict[str, Any]:
    """What changed, what was known before and what was forgotten: `continual` in `metrics.json`."""
    settings, recipe = Settings(**config["settings"]), config["plan"]["recipe"]
    by_name, seed = {each.name: each for each in candidates}, settings.seed
    network, chosen = by_name[continual.start.model.name], by_name[recommended]
    old, before = old_test(continual, dataset), continual.start.model
    found = forgetting(old, before, network, dataset, seed, went_on=True)
    of_chosen = all_classes = None
    if chosen is not network:
        of_chosen = forgetting(old, before, chosen, dataset, seed, went_on=False)
    if continual.missing(dataset) and old.examples:
        # Where the new data lacks old classes, the headline is of new and old test examples together.
        new = tested[recommended].answers
        truth = np.concatenate([dataset.labels[dataset.test], old.labels(dataset.classes)])
        answered = np.concatenate([new, old.answers(chosen.model, dataset.classes)])
        matrix = confusion_matrix(truth, answered.argmax(axis=1), len(dataset.classes))
        all_classes = {
            "model": chosen.name,
            "examples": len(truth),
            "new": len(new),
            "old": old.examples,
            "test": scored(Labels(truth, dataset.classes, dataset.target), answered, seed).to_json(),
            # Filled cells alone: (true class, predicted class, examples), by position in the classes.
            "confusion": [[*map(int, cell), int(matrix[tuple(cell)])] for cell in np.argwhere(matrix)],
        }
    rate, epochs = recipe["learning_rate"], recipe["epochs"]
    return {
        **{name: value for name, value in config["continual"].items() if name != "earlier"},
        "learning_rate": rate,
        "epochs": epochs,
        "rule": RULE,
        "reasons": [
            *sentences(continual, dataset, settings),
            Sentence(
                "It was taught with a learning rate of {rate:g} for {epochs}. The rule: {RULE}.",
                rate,
                count_of(epochs, "epoch"),
                RULE,
            ),
        ],
        "seen_before": _seen_before(continual, dataset, tested[network.name], seed),
        "forgetting": found,
        "forgetting_of_recommended": of_chosen,
        "all_classes": all_classes,
        "not_measured": continual.not_at_hand or ([_NOTHING_TO_ASK] if found is None else []),
    }


def continual_sentences(found: Mapping[str, Any]) -> list[str]:
    """Sentences for the terminal on what was forgotten, by the network and by another recommended model.

    `found` is what `continual_metrics` gave.
    """
    if found["forgetting"] is None:
        lines: list[str] = [Sentence("Forgetting was not measured: {found}.", found["not_measured"][0])]
    else:
        lines = [found["forgetting"]["sentence"]]
        if left_out := found["forgetting"]["left_out"]:
            are = "is" if left_out == 1 else "are"
            lines.append(
                Sentence(
                    "{left_out:,} more {are} left out: the network has learned from exact copies since.",
                    left_out,
                    are,
                )
            )
    if found["forgetting_of_recommended"] is not None:
        lines.append(found["forgetting_of_recommended"]["sentence"])
    if (seen := found["seen_before"]) is not None:
        lines.append(
            Sentence(
                "warning: the network had learned from {seen:,} of the new test examples and "
                "{seen2:,} of the new validation examples before, so its scores are too good; see the report",
                seen["test"],
                seen["validation"],
            )
        )
    return lines


def _seen_before(
    continual: ContinualTraining, dataset: Dataset, tested: Tested, seed: int
) -> dict[str, Any] | None:
    """New validation and test examples that the network had learned from before."""
    learned = {
        content
        for each in continual.at_hand
        for content in contents(each.inputs, np.concatenate([each.train, each.validation]))
    }
    is_seen = _is_known(dataset, dataset.test, learned)
    in_validation = int(_is_known(dataset, dataset.validation, learned).sum())
    if not is_seen.any() and not in_validation:
        return None
    labels = dataset.labels_at(dataset.test[~is_seen])
    return {
        "test": int(is_seen.sum()),
        "validation": in_validation,
        "test_without": scored(labels, tested.answers[~is_seen], seed).to_json() or None,
    }
