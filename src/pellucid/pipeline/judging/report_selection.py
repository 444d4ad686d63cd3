"""Selection of examples and figures that the report of a run shows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from pellucid.arithmetic import confusion_matrix, metric_value
from pellucid.arithmetic.probabilities import decided
from pellucid.data import Dataset
from pellucid.data.texts.store import Texts
from pellucid.evaluation import reliability
from pellucid.files import write_file
from pellucid.networks import describe
from pellucid.pipeline.judging.abstention import abstention_facts
from pellucid.pipeline.judging.outcome import Outcome
from pellucid.pipeline.judging.testing import Tested, groups_of_test
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.run.context import RunContext
from pellucid.reports import Answered, CalibrationFacts, ReportFacts
from pellucid.reports.preview import FirstMistakes, render_first_mistakes

_FIRST, _MISTAKES, _UNCERTAIN, _PER_CELL, _CELLS = 24, 40, 24, 8, 300


def report_facts(outcome: Outcome, metrics: Mapping[str, Any]) -> ReportFacts:
    """Gather everything the report shows."""
    dataset, config = outcome.dataset, outcome.config
    tested = outcome.tested[outcome.recommendation.name]
    labels = dataset.labels[dataset.test]
    common: dict[str, Any] = {
        "title": str(config["data"]["place"]),
        "metrics": metrics,
        "history": outcome.history,
        "check": outcome.check,
        "settings": {**config["settings"], **(config["plan"]["recipe"] or {})},
        "versions": config["versions"],
        "layers": () if outcome.network is None else describe(outcome.network),
        "command": config["command"],
        "ledger": outcome.ledger,
        "learning_curve": outcome.curve,
    }
    if dataset.is_regression:
        return ReportFacts(
            **common,
            confusion=np.zeros((0, 0), np.int64),
            mistakes=_farthest_off(dataset, tested.answers),
            numbers=np.stack([labels, tested.answers], axis=1),
        )
    predicted = decided(tested.answers, dataset.classes, outcome.config["settings"].get("threshold") or {})

    def answered(rows: Sequence[int]) -> list[Answered]:
        return [_answered(dataset, int(dataset.test[row]), tested.answers[row]) for row in rows]

    matrix = confusion_matrix(labels, predicted, len(dataset.classes))
    together = (outcome.continual or {}).get("all_classes")
    if together is not None:
        matrix = np.zeros_like(matrix)
        for row, column, examples in together["confusion"]:
            matrix[row, column] = examples
    return ReportFacts(
        **common,
        confusion=matrix,
        mistakes=answered(worst_rows(labels, tested.answers)),
        cells=answered(cell_rows(labels, tested.answers)),
        uncertain=answered(uncertain_rows(tested.answers)),
        label_issues=outcome.label_issues,
        calibration=_calibration(outcome, tested, labels),
        abstention=abstention_facts(outcome.recommended.model, tested, labels),
    )


def show_first_mistakes(candidates: Sequence[Candidate], context: RunContext) -> None:
    """Write the worst mistakes of the best model so far where the report will stand.

    Nothing without a validation split, a model that learns, or a mistake; and where numbers are predicted.
    """
    dataset, settings = context.dataset, context.settings
    able = [each for each in candidates if each.features]
    if not able or not dataset.target.has_probabilities or len(dataset.validation) == 0:
        return
    metric, labels = dataset.target.decides(settings.metric), dataset.labels[dataset.validation]
    best = max(able, key=lambda each: metric.better(metric_value(metric, labels, each.held_out.answers)))
    answers = best.held_out.answers
    wrong = int((answers.argmax(axis=1) != labels).sum())
    if not wrong:
        return
    place = str(context.journal.content["data"]["place"])
    worst = [
        _answered(dataset, int(dataset.validation[row]), answers[row])
        for row in worst_rows(labels, answers)[:_FIRST]
    ]
    found = FirstMistakes(place, dataset.noun, best.name, len(labels), wrong, worst)
    page = context.folder.path / "report.html"
    write_file(page, render_first_mistakes(found).encode())
    context.stages.line(f"first mistakes, those of {best.name} on validation: {page}")


def worst_rows(
    labels: Int64[np.ndarray, " test"], probabilities: Float64[np.ndarray, "test classes"]
) -> list[int]:
    """Wrong answers, the surest first, at most 40 rows."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    sureness = probabilities[wrong].max(axis=1, initial=0.0)
    return [int(row) for row in wrong[np.argsort(-sureness, kind="stable")][:_MISTAKES]]


def cell_rows(
    labels: Int64[np.ndarray, " test"], probabilities: Float64[np.ndarray, "test classes"]
) -> list[int]:
    """Examples for the cells of the confusion matrix, those with mistakes before those without.

    Within a cell the surest answers come first. Every cell gets its first example before any gets
    its second, the fullest cells first.

    At most 8 rows a cell and 300 in all.
    """
    classes = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    cells = labels * classes + predicted
    order = np.lexsort((-probabilities.max(axis=1, initial=0.0), cells))
    starts = np.searchsorted(cells[order], np.arange(classes * classes))
    places = np.arange(len(order)) - starts[cells[order]]
    kept = places < _PER_CELL
    rows, places = order[kept], places[kept]
    is_right = predicted[rows] == labels[rows]
    sizes = np.bincount(cells, minlength=classes * classes)[cells[rows]]
    first = np.lexsort((cells[rows], -sizes, places, is_right))[:_CELLS]
    return [int(row) for row in rows[first]]


def uncertain_rows(probabilities: Float64[np.ndarray, "test classes"]) -> list[int]:
    """Examples whose two likeliest classes are nearest to each other, at most 24, the least certain first."""
    top = np.sort(probabilities, axis=1)[:, -2:]
    return [int(row) for row in np.argsort(top[:, 1] - top[:, 0], kind="stable")[:_UNCERTAIN]]


def shown(dataset: Dataset, place: int) -> np.ndarray | str:
    """An example as the report shows it: an image as models saw it, or the text."""
    if isinstance(dataset.inputs, Texts):
        return dataset.inputs[place]
    return np.array(dataset.inputs[place])


def _answered(dataset: Dataset, place: int, probabilities: Float64[np.ndarray, " classes"]) -> Answered:
    label, predicted = int(dataset.labels[place]), int(probabilities.argmax())
    return Answered(
        shown=shown(dataset, place),
        source=dataset.sources[place],
        label=dataset.classes[label],
        predicted=dataset.classes[predicted],
        probability=float(probabilities[predicted]),
        probability_of_label=float(probabilities[label]),
    )


def _farthest_off(dataset: Dataset, said: Float64[np.ndarray, " test"]) -> list[Answered]:
    """Numbers: the answers farthest off, the worst first."""
    labels = dataset.labels[dataset.test]
    worst = np.argsort(-np.abs(said - labels), kind="stable")[:_MISTAKES]
    return [
        Answered(
            shown=shown(dataset, int(dataset.test[row])),
            source=dataset.sources[int(dataset.test[row])],
            label=f"{labels[row]:.4g}",
            predicted=f"{said[row]:.4g}",
            probability=None,
            probability_of_label=None,
        )
        for row in worst
    ]


def _calibration(
    outcome: Outcome, tested: Tested, labels: Int64[np.ndarray, " test"]
) -> CalibrationFacts | None:
    if len(labels) == 0:
        return None
    seed, groups = outcome.config["settings"]["seed"], groups_of_test(outcome.dataset)
    return CalibrationFacts(
        temperature=outcome.recommended.model.temperature,
        before=reliability(labels, tested.raw, seed, groups),
        after=reliability(labels, tested.answers, seed, groups),
    )
