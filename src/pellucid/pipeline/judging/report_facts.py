"""Facts that the report of a run shows: its outcome, examples, figures and abstention."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float64, Int8, Int64, Shaped

from pellucid.arithmetic import confusion_matrix, metric_value
from pellucid.arithmetic.rounding import figure
from pellucid.bundle import HeldOut, Model
from pellucid.data import Check, Dataset
from pellucid.data.corrections import content_digits
from pellucid.data.listing import TEST
from pellucid.data.raw_texts import Texts
from pellucid.data.wording import public_name, public_text
from pellucid.evaluation import LearningCurve, Recommendation, Slices, reliability
from pellucid.evaluation.promises import checked_promise, error_curve, least_examples
from pellucid.files import write_file
from pellucid.networks import NetworkConfig, describe
from pellucid.pipeline.judging.testing import Tested, groups_of_test, unseen_of
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.run.context import RunContext
from pellucid.pipeline.run.journal import shown_place
from pellucid.reports import (
    AbstentionFacts,
    Answered,
    CalibrationFacts,
    LabelFacts,
    LabelIssues,
    ReportFacts,
)
from pellucid.reports.facts import CorrectionFacts, Example, Labelled
from pellucid.reports.report import FirstMistakes, render_first_mistakes
from pellucid.targets import PRESENT, REGRESSION, UNKNOWN, Labels


@dataclass(frozen=True)
class Outcome:
    """Outcome of a run; `folds`, `novelty`, `text` and `continual` in their forms in `metrics.json`."""

    dataset: Dataset
    check: Check
    ledger: str  # name of the file that lists every example
    config: Mapping[str, Any]  # the content of `config.json`
    history: Sequence[Mapping[str, Any]]  # one record for each epoch; empty without a network
    network: NetworkConfig | None
    candidates: Sequence[Candidate]  # the models at their temperatures, simplest first
    recommendation: Recommendation
    tested: Mapping[str, Tested]  # the answers of each about the test split, by name
    curve: LearningCurve | None
    label_issues: LabelIssues | None
    folds: Mapping[str, Any] | None  # scores on every fold; None where validation judged
    novelty: Mapping[str, Mapping[str, Any]]  # figures of each model's detector, by the model's name
    text: Mapping[str, Any] | None  # how the network read texts
    slices: Slices | None = None  # scores of the recommended model by the values of a column
    continual: Mapping[str, Any] | None = None  # what a network forgot; None for a fresh one

    @property
    def comparable(self) -> Mapping[str, Tested]:
        """Answers of the models that choose among the same classes as the recommended one.

        Where continual training has new data that lacks old classes, the network alone knows all.
        """
        if self.continual is None or not self.continual["missing_classes"]:
            return self.tested
        return {name: each for name, each in self.tested.items() if name == self.continual["model"]}

    @property
    def recommended(self) -> Candidate:
        """The recommended model."""
        return next(each for each in self.candidates if each.name == self.recommendation.name)


# Promises that the report tries.
MAX_ERRORS = (0.01, 0.02, 0.05, 0.1)


def abstention_facts(
    model: Model, tested: Tested, labels: Shaped[np.ndarray, "test ..."]
) -> AbstentionFacts | None:
    """Error among the answered against their share, and promises as `predict` makes them.

    `None` without a test split.
    """
    if len(labels) == 0:
        return None
    rate, held_out = model.novelty_rate, model.held_out

    def judged_of(stored: HeldOut) -> tuple[np.ndarray, np.ndarray]:
        return stored.judged(rate, model.decided(stored.said.astype(np.float64)))

    curve = error_curve(
        *judged_of(HeldOut.of(Labels(labels, model.classes, model.target), tested.answers, tested.novelty))
    )
    if held_out is None:
        return AbstentionFacts(curve, 0, {})
    judged = judged_of(held_out)
    of_test = None if held_out.test is None else judged_of(held_out.test)
    unseen = len(held_out) + (0 if held_out.test is None else len(held_out.test))
    promises = {
        each: checked_promise(judged, of_test, each) if unseen >= least_examples(each) else None
        for each in MAX_ERRORS
    }
    return AbstentionFacts(curve, len(held_out), promises)


_FIRST, _MISTAKES, _UNCERTAIN, _PER_CELL, _CELLS = 24, 40, 24, 8, 300
_PAIRS, _UNFAMILIAR = 12, 12
_LEAST_LETTERS = 12


def report_facts(
    outcome: Outcome, metrics: Mapping[str, Any], corrections: CorrectionFacts | None = None
) -> ReportFacts:
    """Gather everything the report shows; with `corrections` it collects some.

    Of the test it shows, counts and checks the unseen examples alone.
    """
    config, name = outcome.config, outcome.recommendation.name
    dataset, of_models = unseen_of(outcome.dataset, outcome.tested)
    tested = of_models[name]
    labels, answers = dataset.labels[dataset.test], tested.answers
    place, issues = str(config["data"]["place"]), outcome.label_issues
    if issues is not None:
        named = [replace(each, source=public_name(each.source, place)) for each in issues.shown]
        issues = replace(issues, shown=named)
    common: dict[str, Any] = {
        "title": shown_place(config),
        "metrics": metrics,
        "history": outcome.history,
        "check": outcome.check.shown_beside(place),
        "settings": {**config["settings"], **(config["plan"]["recipe"] or {})},
        "versions": config["versions"],
        "layers": () if outcome.network is None else describe(outcome.network),
        "command": public_text(config["command"]),
        "ledger": outcome.ledger,
        "learning_curve": outcome.curve,
        "copies": copies_shown(outcome.dataset, outcome.check),
        "corrections": corrections,
    }
    found, short = unfamiliar(dataset, tested, outcome.recommended.model.novelty_rate)
    common |= {"unfamiliar": found, "unfamiliar_short": short}
    seed, groups = config["settings"]["seed"], groups_of_test(dataset)
    calibration = None
    if dataset.classes and len(labels):
        before, after = (reliability(labels, each, seed, groups) for each in (tested.raw, answers))
        calibration = CalibrationFacts(outcome.recommended.model.temperature, before, after)
    if tested.labels is not None:
        wrong = dataset.target.wrong(tested.labels, labels)
        sure = dataset.target.probability(answers, tested.labels)
        worst = [row for row in np.argsort(-sure, kind="stable").tolist() if wrong[row]][:_MISTAKES]
        return ReportFacts(
            **common,
            confusion=np.zeros((0, 0), np.int64),
            mistakes=[
                _labels_answered(dataset, int(dataset.test[row]), tested.labels[row], float(sure[row]))
                for row in worst
            ],
            label_issues=issues,
            calibration=calibration,
            abstention=abstention_facts(outcome.recommended.model, tested, labels),
            labels=label_facts(labels, tested.labels),
        )
    if dataset.target is REGRESSION:
        worst = np.argsort(-np.abs(answers - labels), kind="stable")[:_MISTAKES].tolist()
        return ReportFacts(
            **common,
            confusion=np.zeros((0, 0), np.int64),
            mistakes=[_number_answered(dataset, int(dataset.test[row]), answers[row]) for row in worst],
            numbers=np.stack([labels, answers], axis=1),
        )

    predicted = tested.decided(dataset)

    def answered(rows: Sequence[int]) -> list[Answered]:
        return answered_rows(dataset, dataset.test, answers, predicted, rows)

    matrix = confusion_matrix(labels, predicted, len(dataset.classes))
    together = (outcome.continual or {}).get("all_classes")
    if together is not None:
        matrix = np.zeros_like(matrix)
        for row, column, examples in together["confusion"]:
            matrix[row, column] = examples
    return ReportFacts(
        **common,
        confusion=matrix,
        mistakes=answered(worst_rows(labels, answers, predicted)),
        cells=answered(cell_rows(labels, answers, predicted)),
        uncertain=answered(uncertain_rows(answers, dataset.classes, tested.threshold)),
        label_issues=issues,
        calibration=calibration,
        abstention=abstention_facts(outcome.recommended.model, tested, labels),
    )


def show_first_mistakes(candidates: Sequence[Candidate], context: RunContext) -> None:
    """Write the worst mistakes of the best model so far where the report will be.

    Nothing without a validation split, a model that learns, or a mistake; and where numbers are predicted.
    """
    dataset, settings = context.dataset, context.settings
    able = [each for each in candidates if each.features]
    is_of_classes = dataset.target.has_probabilities and dataset.target.is_exclusive
    if not able or not is_of_classes or len(dataset.validation) == 0:
        return
    metric, labels = dataset.target.decides(settings.metric), dataset.labels[dataset.validation]
    best = max(able, key=lambda each: metric.better(metric_value(metric, labels, each.held_out.answers)))
    answers = best.held_out.answers
    predicted = dataset.target.labels(answers, dataset.classes, settings.threshold)
    wrong = int((predicted != labels).sum())
    if not wrong:
        return
    place = shown_place(context.journal.content)
    rows = worst_rows(labels, answers, predicted)[:_FIRST]
    worst = answered_rows(dataset, dataset.validation, answers, predicted, rows)
    found = FirstMistakes(place, dataset.noun, best.name, len(labels), wrong, worst)
    page = context.folder.path / "report.html"
    write_file(page, render_first_mistakes(found).encode())
    context.stages.line(f"first mistakes, those of {best.name} on validation: {page}")


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


def copies_shown(dataset: Dataset, check: Check) -> list[Labelled]:
    """Pairs of copies that the report shows: equal ones under different labels, then near ones, at most 12.

    Of near copies those with different labels come first.
    """
    conflicts = [(one[0].source, other.source) for one in check.conflicts for other in one[1:]]
    wanted = {source for pair in (*conflicts, *check.near_copies) for source in pair}
    places = {source: at for at, source in enumerate(dataset.sources) if source in wanted}

    def is_alike(pair: tuple[str, str]) -> bool:
        one, other = (dataset.label_text(places[source]) for source in pair)
        return one == other

    near = sorted(check.near_copies, key=is_alike)
    pairs = [*conflicts, *near][:_PAIRS]
    splits = _splits_of(dataset, [places[source] for pair in pairs for source in pair])
    return [
        Labelled(
            shown=shown(dataset, places[source]),
            source=dataset.names[places[source]],
            split=splits[places[source]],
            label=dataset.label_text(places[source]),
            example=example_of(dataset, places[source], _other_label(dataset, places[other], places[source])),
        )
        for pair in pairs
        for source, other in (pair, pair[::-1])
    ]


def _other_label(dataset: Dataset, other: int, place: int) -> str:
    """Label of a copy where it differs from that of an example."""
    label = dataset.label_text(other)
    return "" if label == dataset.label_text(place) else label


def unfamiliar(dataset: Dataset, tested: Tested, rate: float | None) -> tuple[list[Labelled], int]:
    """Test examples flagged as unlike the training data, at most 12, the most unlike first.

    Texts of few letters are left out, since a single unseen word makes them look foreign; their number
    stands beside.
    """
    if tested.novelty is None or rate is None or not len(dataset.test):
        return [], 0
    flagged = np.flatnonzero(tested.novelty >= 1 - rate)
    order = flagged[np.argsort(-tested.novelty[flagged], kind="stable")].tolist()
    short = {row for row in order if _is_short(dataset, int(dataset.test[row]))}
    order = [row for row in order if row not in short][:_UNFAMILIAR]
    return [
        Labelled(
            shown=shown(dataset, place),
            source=dataset.names[place],
            split=TEST,
            label=dataset.label_text(place),
            note=f"novelty {figure(float(tested.novelty[row]))}",
            example=example_of(dataset, place),
        )
        for row, place in ((row, int(dataset.test[row])) for row in order)
    ], len(short)


def _is_short(dataset: Dataset, place: int) -> bool:
    """Whether an example is a text of too few letters for its novelty to say much."""
    text = shown(dataset, place)
    return isinstance(text, str) and sum(letter.isalnum() for letter in text) < _LEAST_LETTERS


def _splits_of(dataset: Dataset, places: Sequence[int]) -> dict[int, str]:
    """Name of the split of some examples."""
    return {
        place: name
        for name, positions in dataset.split_positions.items()
        for place in np.intersect1d(positions, np.array(places, np.int64)).tolist()
    }


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
