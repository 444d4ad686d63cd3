"""What judging a run does by target: one row each in `JUDGING`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int8, Int64

from pellucid.arithmetic import at_temperature, confusion_matrix
from pellucid.classical import discriminant_answers
from pellucid.data import Dataset
from pellucid.data.corrections import content_digits
from pellucid.data.labels import read_number
from pellucid.data.raw_texts import Texts
from pellucid.evaluation import SCORING, Scores, fit_temperature
from pellucid.reports import Answered, LabelFacts
from pellucid.reports.facts import Example
from pellucid.settings import metrics_of
from pellucid.targets import (
    ABSENT,
    CLASSIFICATION,
    MULTILABEL,
    ORDERED,
    PRESENT,
    REGRESSION,
    SEPARATOR,
    UNKNOWN,
    Labels,
    Target,
    metric_value,
)

# Examples that a report shows: mistakes, uncertain ones, and those of the cells of a confusion matrix.
_MISTAKES = 40
_UNCERTAIN = 24
_PER_CELL = 8
_CELLS = 300


def _confusion_so_far(
    labels: Labels, answers: np.ndarray, threshold: Mapping[str, float] | None
) -> dict[str, Any]:
    predicted = labels.target.labels(answers, labels.names, threshold)
    return {"confusion": confusion_matrix(labels.values, predicted, len(labels.names))}


@dataclass(frozen=True)
class Judging:
    """How one kind of labels is judged and shown."""

    # plain scores of held-out answers, by the model's own scoring of them and a seed
    validation: Callable[[Labels, np.ndarray, Callable[[Labels, np.ndarray], Scores], int], dict[str, float]]
    most_frequent: Callable[[Labels], float | None]  # share of the most frequent class, of classes alone
    # what the report shows of the test: answers and what they decide, by the thresholds given
    shown: Callable[[Dataset, np.ndarray, np.ndarray, Mapping[str, float]], dict[str, Any]]
    # worst mistakes while a run goes on, by labels, answers and decisions; None where none are shown
    first_mistakes: Callable[[np.ndarray, np.ndarray, np.ndarray], list[int]] | None
    # labels from their texts in a table of answers, and which of them are known
    read: Callable[[Sequence[str], Sequence[str]], np.ndarray]
    # a label that is doubted and what is suggested, in words, by place and code; and all labels then
    doubted: Callable[[Dataset, int, int], tuple[str, str]]
    suggested: Callable[[Dataset, int, int], str]
    # a second judge's answers added to one's, by data and folds; None where there is no second
    with_second: Callable[[np.ndarray, Dataset, np.ndarray], np.ndarray] | None
    # what the report shows of answers while a run goes on, by labels, answers and the threshold given
    so_far: Callable[[Labels, np.ndarray, Mapping[str, float] | None], dict[str, Any]] = _confusion_so_far


def _values_of(
    labels: Labels, answers: np.ndarray, measured: Callable[[Labels, np.ndarray], Scores], seed: int
) -> dict[str, float]:
    """Those that the model's own decisions have."""
    return {key: each.value for key, each in measured(labels, answers).intervals.items()}


def _values_by_others(
    labels: Labels, answers: np.ndarray, measured: Callable[[Labels, np.ndarray], Scores], seed: int
) -> dict[str, float]:
    """Those by thresholds that no example took part in choosing."""
    if not len(labels):
        return {}
    decided = SCORING[labels.target].decide(labels, answers, seed)
    metrics = metrics_of(labels.target.noun)
    return {each.key: metric_value(each, labels, answers, predicted=decided) for each in metrics}


def _largest_share(labels: Labels) -> float | None:
    return float(np.bincount(labels.values).max()) / len(labels)


def _no_share(labels: Labels) -> float | None:
    return None


def _classes_shown(
    dataset: Dataset, answers: np.ndarray, predicted: np.ndarray, threshold: Mapping[str, float]
) -> dict[str, Any]:
    """The confusion matrix, the surest mistakes, examples of its cells, and the least certain ones."""
    labels = dataset.labels[dataset.test]

    def answered(rows: Sequence[int]) -> list[Answered]:
        return answered_rows(dataset, dataset.test, answers, predicted, rows)

    return {
        "confusion": confusion_matrix(labels, predicted, len(dataset.classes)),
        "mistakes": answered(worst_rows(labels, answers, predicted)),
        "cells": answered(cell_rows(labels, answers, predicted)),
        "uncertain": answered(uncertain_rows(answers, dataset.classes, threshold)),
    }


def _numbers_shown(
    dataset: Dataset, answers: np.ndarray, predicted: np.ndarray, threshold: Mapping[str, float]
) -> dict[str, Any]:
    """True numbers beside those predicted, and the answers that are farthest off."""
    labels = dataset.labels[dataset.test]
    worst = np.argsort(-np.abs(answers - labels), kind="stable")[:_MISTAKES].tolist()
    return {
        "confusion": np.zeros((0, 0), np.int64),
        "mistakes": [_number_answered(dataset, int(dataset.test[row]), answers[row]) for row in worst],
        "numbers": np.stack([labels, answers], axis=1),
    }


def _labels_shown(
    dataset: Dataset, answers: np.ndarray, predicted: np.ndarray, threshold: Mapping[str, float]
) -> dict[str, Any]:
    """Which labels go together, and the surest answers of which any label is wrong."""
    labels, target = dataset.labels[dataset.test], dataset.target
    wrong, sure = target.wrong(predicted, labels), target.probability(answers, predicted)
    worst = [row for row in np.argsort(-sure, kind="stable").tolist() if wrong[row]][:_MISTAKES]
    return {
        "confusion": np.zeros((0, 0), np.int64),
        "mistakes": [
            _labels_answered(dataset, int(dataset.test[row]), predicted[row], float(sure[row]))
            for row in worst
        ],
        "labels": label_facts(labels, predicted),
    }


def _numbers_so_far(
    labels: Labels, answers: np.ndarray, threshold: Mapping[str, float] | None
) -> dict[str, Any]:
    return {"numbers": np.stack([labels.values, answers], axis=1)}


def _labels_so_far(
    labels: Labels, answers: np.ndarray, threshold: Mapping[str, float] | None
) -> dict[str, Any]:
    """Labels from one half on: their thresholds are chosen when training is over."""
    return {"labels": label_facts(labels.values, labels.target.labels(answers))}


def _classes_read(texts: Sequence[str], classes: Sequence[str]) -> Int64[np.ndarray, " n"]:
    """Codes; a class that the data no longer has is one of its own."""
    codes = {name: code for code, name in enumerate(classes)}
    return np.array([codes.get(text, len(codes)) for text in texts], np.int64)


def _numbers_read(texts: Sequence[str], classes: Sequence[str]) -> Float64[np.ndarray, " n"]:
    """Numbers; not a number where a text is none."""
    return np.array([float("nan") if (value := read_number(text)) is None else value for text in texts])


def _labels_read(texts: Sequence[str], classes: Sequence[str]) -> Int8[np.ndarray, "n labels"]:
    """States of the labels that the data has."""
    codes = {name: code for code, name in enumerate(classes)}
    states = np.full((len(texts), len(codes)), ABSENT, np.int8)
    for row, text in enumerate(texts):
        for name in text.split(SEPARATOR):
            if name in codes:
                states[row, codes[name]] = PRESENT
    return states


def _class_doubted(dataset: Dataset, place: int, code: int) -> tuple[str, str]:
    return dataset.classes[dataset.labels[place]], dataset.classes[code]


def _label_doubted(dataset: Dataset, place: int, code: int) -> tuple[str, str]:
    """Whether one label is there, and the other way round."""
    name = dataset.classes[code]
    is_present = bool(dataset.labels[place, code] == PRESENT)
    states = (f"{name}: present", f"{name}: absent")
    return states[not is_present], states[is_present]


def _class_suggested(dataset: Dataset, place: int, code: int) -> str:
    return dataset.classes[code]


def _labels_suggested(dataset: Dataset, place: int, code: int) -> str:
    """All labels of an example, with the doubtful one the other way."""
    others = {each for each in dataset.label_text(place).split(SEPARATOR) if each}
    return SEPARATOR.join(sorted(others ^ {dataset.classes[code]}))


def worst_rows(
    labels: Int64[np.ndarray, " test"],
    probabilities: Float64[np.ndarray, "test classes"],
    predicted: Int64[np.ndarray, " test"],
) -> list[int]:
    """Wrong answers, the surest first, at most 40 rows; `predicted` are the classes that are answered."""
    wrong = np.flatnonzero(predicted != labels)
    sureness = probabilities[wrong, predicted[wrong]]
    return [int(row) for row in wrong[np.argsort(-sureness, kind="stable")][:_MISTAKES]]


def cell_rows(
    labels: Int64[np.ndarray, " test"],
    probabilities: Float64[np.ndarray, "test classes"],
    predicted: Int64[np.ndarray, " test"],
) -> list[int]:
    """Examples for the cells of the confusion matrix, mistakes first, at most 8 a cell and 300 in all.

    Within a cell the surest answers come first. Every cell gets its first example before any gets its second,
    the fullest cells first.
    """
    classes = probabilities.shape[1]
    cells = labels * classes + predicted
    order = np.lexsort((-probabilities[np.arange(len(labels)), predicted], cells))
    starts = np.searchsorted(cells[order], np.arange(classes * classes))
    places = np.arange(len(order)) - starts[cells[order]]
    kept = places < _PER_CELL
    rows, places = order[kept], places[kept]
    is_right = predicted[rows] == labels[rows]
    sizes = np.bincount(cells, minlength=classes * classes)[cells[rows]]
    first = np.lexsort((cells[rows], -sizes, places, is_right))[:_CELLS]
    return [int(row) for row in rows[first]]


def uncertain_rows(
    probabilities: Float64[np.ndarray, "test classes"],
    classes: Sequence[str],
    threshold: Mapping[str, float],
) -> list[int]:
    """Examples about which the answer is decided most narrowly, at most 24, the least certain first.

    Their two likeliest classes are nearest to each other, or the probability of a class to its threshold.
    """
    top = np.sort(probabilities, axis=1)[:, -2:]
    margins = top[:, 1] - top[:, 0]
    for name, least in threshold.items():
        margins = np.abs(probabilities[:, classes.index(name)] - least)
    return [int(row) for row in np.argsort(margins, kind="stable")[:_UNCERTAIN]]


def example_of(dataset: Dataset, place: int, suggestion: str = "") -> Example:
    """An example as a correction of it names it."""
    content = "" if dataset.digests is None else content_digits(dataset.digests[place : place + 1])[0]
    return Example(dataset.names[place], dataset.label_text(place), content, suggestion)


def shown(dataset: Dataset, place: int) -> np.ndarray | str:
    """An example as the report shows it: an image as models saw it, or the text."""
    if isinstance(dataset.inputs, Texts):
        return dataset.inputs[place]
    return np.array(dataset.inputs[place])


def answered_rows(
    dataset: Dataset,
    positions: Int64[np.ndarray, " asked"],
    probabilities: Float64[np.ndarray, "asked classes"],
    predicted: Int64[np.ndarray, " asked"],
    rows: Sequence[int],
) -> list[Answered]:
    """Some of the examples at some positions, by their rows among these, and what was answered."""
    return [_answered(dataset, int(positions[row]), probabilities[row], int(predicted[row])) for row in rows]


def _answered(
    dataset: Dataset, place: int, probabilities: Float64[np.ndarray, " classes"], predicted: int
) -> Answered:
    label = int(dataset.labels[place])
    return Answered(
        shown=shown(dataset, place),
        source=dataset.names[place],
        label=dataset.classes[label],
        predicted=dataset.classes[predicted],
        probability=float(probabilities[predicted]),
        probability_of_label=float(probabilities[label]),
        example=example_of(dataset, place, dataset.classes[predicted]),
    )


def label_facts(
    labels: Int8[np.ndarray, "test labels"], predicted: Int8[np.ndarray, "test labels"]
) -> LabelFacts:
    """Which labels go together in truth and in answers, and how many an example has, among the known."""
    present, answered = labels == PRESENT, (predicted == PRESENT) & (labels != UNKNOWN)
    most = int(max(present.sum(axis=1).max(initial=0), answered.sum(axis=1).max(initial=0)))
    return LabelFacts(
        together=present.T.astype(np.int64) @ present,
        answered_together=answered.T.astype(np.int64) @ answered,
        missed=(present & ~answered).sum(axis=0),
        added=(answered & ~present).sum(axis=0),
        per_example=np.stack(
            [np.bincount(each.sum(axis=1), minlength=most + 1) for each in (present, answered)], axis=1
        ),
    )


def _labels_answered(
    dataset: Dataset, place: int, predicted: Int8[np.ndarray, " labels"], probability: float
) -> Answered:
    answered = dataset.target.texts(predicted[None], dataset.classes)[0]
    return Answered(
        shown=shown(dataset, place),
        source=dataset.names[place],
        label=dataset.label_text(place),
        predicted=answered,
        probability=probability,
        probability_of_label=None,
        unknown=[dataset.classes[code] for code in np.flatnonzero(dataset.labels[place] == UNKNOWN).tolist()],
        example=example_of(dataset, place, answered),
    )


def _number_answered(dataset: Dataset, place: int, prediction: float) -> Answered:
    return Answered(
        shown=shown(dataset, place),
        source=dataset.names[place],
        label=f"{dataset.labels[place]:.4g}",
        predicted=f"{prediction:.4g}",
        probability=None,
        probability_of_label=None,
        example=example_of(dataset, place),
    )


def with_discriminant(
    answers: Float64[np.ndarray, "train classes"], material: Dataset, fold: Int64[np.ndarray, " train"]
) -> Float64[np.ndarray, "train classes"]:
    """Mean of a model's answers and of linear discriminant analysis, each at the temperature that fits."""
    assert isinstance(material.inputs, np.ndarray)
    rows, labels = material.inputs[material.train], material.labels_at(material.train)
    second = discriminant_answers(rows, labels.values.astype(np.int64), len(material.classes), fold)
    both = [at_temperature(each, fit_temperature(labels, each)) for each in (answers, second)]
    mean: Float64[np.ndarray, "train classes"] = np.mean(both, axis=0)
    return mean


_OF_CLASSES = Judging(
    validation=_values_of,
    most_frequent=_largest_share,
    shown=_classes_shown,
    first_mistakes=worst_rows,
    read=_classes_read,
    doubted=_class_doubted,
    suggested=_class_suggested,
    with_second=with_discriminant,
)

JUDGING: dict[Target, Judging] = {
    CLASSIFICATION: _OF_CLASSES,
    ORDERED: _OF_CLASSES,
    REGRESSION: Judging(
        validation=_values_of,
        most_frequent=_no_share,
        shown=_numbers_shown,
        first_mistakes=None,
        read=_numbers_read,
        doubted=_class_doubted,
        suggested=_class_suggested,
        with_second=None,
        so_far=_numbers_so_far,
    ),
    MULTILABEL: Judging(
        validation=_values_by_others,
        most_frequent=_no_share,
        shown=_labels_shown,
        first_mistakes=None,
        read=_labels_read,
        doubted=_label_doubted,
        suggested=_labels_suggested,
        with_second=None,
        so_far=_labels_so_far,
    ),
}
