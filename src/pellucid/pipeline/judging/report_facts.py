"""Facts that the report of a run shows: its outcome, examples, figures and abstention."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Shaped

from pellucid.arithmetic.rounding import figure
from pellucid.bundle import HeldOut, Model
from pellucid.data import Check, Dataset
from pellucid.data.listing import TEST
from pellucid.data.wording import public_name, public_text
from pellucid.evaluation import LearningCurve, Recommendation, Slices, reliability
from pellucid.evaluation.promises import checked_promise, error_curve, least_examples
from pellucid.language.sentence import Sentence
from pellucid.networks import NetworkConfig, describe
from pellucid.pipeline.judging.by_target import JUDGING, answered_rows, example_of, shown
from pellucid.pipeline.judging.testing import Tested, groups_of_test, unseen_of
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.run.context import RunContext
from pellucid.pipeline.run.journal import shown_place
from pellucid.reports import (
    AbstentionFacts,
    CalibrationFacts,
    LabelIssues,
    ReportFacts,
)
from pellucid.reports.facts import CorrectionFacts, Labelled
from pellucid.reports.report import FirstMistakes, render_first_mistakes
from pellucid.safety.files import write_file
from pellucid.targets import Labels, metric_value


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
    order: Mapping[str, Any] | None = None  # what that of classes gained; None where they have none
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


_FIRST = 24
_PAIRS = 12  # of copies shown
_UNFAMILIAR = 12  # inputs shown
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
    labels, answers = dataset.labels_at(dataset.test), tested.answers
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
    found_out = JUDGING[dataset.target].shown(dataset, answers, tested.decided(dataset), tested.threshold)
    together = (outcome.continual or {}).get("all_classes")
    if together is not None:
        found_out["confusion"] = np.zeros_like(found_out["confusion"])
        for row, column, examples in together["confusion"]:
            found_out["confusion"][row, column] = examples
    abstention = None
    if dataset.classes:
        abstention = abstention_facts(outcome.recommended.model, tested, labels.values)
    return ReportFacts(
        **common, **found_out, label_issues=issues, calibration=calibration, abstention=abstention
    )


def show_first_mistakes(candidates: Sequence[Candidate], context: RunContext) -> None:
    """Write the worst mistakes of the best model so far where the report will be.

    Nothing without a validation split, a model that learns, or a mistake; and where numbers are predicted.
    """
    dataset, settings = context.dataset, context.settings
    able, worst_of = [each for each in candidates if each.features], JUDGING[dataset.target].first_mistakes
    if not able or worst_of is None or len(dataset.validation) == 0:
        return
    metric, labels = dataset.target.decides(settings.metric), dataset.labels_at(dataset.validation)
    best = max(able, key=lambda each: metric.better(metric_value(metric, labels, each.held_out.answers)))
    answers = best.held_out.answers
    predicted = dataset.target.labels(answers, dataset.classes, settings.threshold)
    wrong = int((predicted != labels.values).sum())
    if not wrong:
        return
    place = shown_place(context.journal.content)
    rows = worst_of(labels.values, answers, predicted)[:_FIRST]
    worst = answered_rows(dataset, dataset.validation, answers, predicted, rows)
    found = FirstMistakes(place, dataset.noun, best.name, len(labels), wrong, worst)
    page = context.folder.path / "report.html"
    write_file(page, render_first_mistakes(found).encode())
    context.stages.line(Sentence("first mistakes, those of {name} on validation: {page}", best.name, page))


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
            note=Sentence("novelty {novelty}", figure(float(tested.novelty[row]))),
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
