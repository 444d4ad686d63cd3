"""Conclusion of a run: every model calibrated, averaged, one recommended, all tested once."""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from pellucid.arithmetic.probabilities import weighted_mean
from pellucid.bundle import AverageMember, AverageModel
from pellucid.classical import baselines_for
from pellucid.data import Check, Dataset, write_ledger
from pellucid.data.removal import of_texts
from pellucid.data.wording import count_of, some
from pellucid.evaluation.recommendation import chosen_weights, cross_fitted_average
from pellucid.language.sentence import Sentence
from pellucid.novelty import for_answers_of
from pellucid.pipeline.comparing.standings import scores_of_folds
from pellucid.pipeline.continual.forgetting import continual_metrics
from pellucid.pipeline.continual.training import ContinualTraining, recommended_on
from pellucid.pipeline.judging.disagreement import sliced
from pellucid.pipeline.judging.label_issues import FOLDS_OF_FEW, LEARNER, judge_labels
from pellucid.pipeline.judging.novelty_detectors import judge_detectors, with_detectors
from pellucid.pipeline.judging.refitting import draw_curve
from pellucid.pipeline.judging.report_facts import Outcome
from pellucid.pipeline.judging.testing import (
    Tested,
    gain_of_order,
    test_once,
    text_facts,
    with_held_out,
    with_test_answers,
)
from pellucid.pipeline.learners.candidates import (
    Candidate,
    Features,
    FeatureTable,
    HeldOutAnswers,
    calibrated,
    on_held_out,
    threshold_of,
)
from pellucid.pipeline.learners.evaluation_budget import (
    Folds,
    has_curve,
    most_detector_examples,
    most_synthetic_outliers,
)
from pellucid.pipeline.learners.in_run import has_baselines, part_of
from pellucid.pipeline.learners.time_limits import conclusion_seconds, reserve_for_conclusion
from pellucid.pipeline.learning import Learned
from pellucid.pipeline.run.context import RunContext, slowdown
from pellucid.pipeline.run.stages import Stages
from pellucid.reports import LabelIssues
from pellucid.settings import AVERAGE, DUMMIES, Settings, parse_ignore

# With fewer held out, chance alone would decide which models serve an average.
_LEAST_EXAMPLES = 50


def with_average(
    candidates: Sequence[Candidate], dataset: Dataset, settings: Settings, stages: Stages
) -> list[Candidate]:
    """Put an average behind the models, the least simple of all, where one loses less than each of them.

    Whether it is recommended is another question: it then has to gain more than a negligible margin.

    `candidates` are at their temperatures, with detectors and held-out answers.
    """
    found = average_of(candidates, dataset, settings)
    if found is None:
        return list(candidates)
    assert isinstance(found.model, AverageModel)
    whole = sum(found.model.weights)
    members = [f"{each.name} {100 * each.weight / whole:.0f} %" for each in found.model.members]
    stages.paragraph(
        Sentence(
            "ensemble: weighted average of {members} models ({members2}), with "
            "{on_held_out} on held-out examples",
            len(members),
            some(members, len(members)),
            on_held_out([found], dataset, settings),
        )
    )
    return [*candidates, found]


def average_of(candidates: Sequence[Candidate], dataset: Dataset, settings: Settings) -> Candidate | None:
    """The average that loses least on what was held out; `None` where that is one model alone.

    Its held-out answers are those of averages chosen without the example in question, so that it is judged as
    honestly as its members are. An average is chosen by the examples that all of them were asked about.
    """
    able = [each for each in candidates if each.name not in DUMMIES]
    if len(able) < 2:
        return None
    positions = reduce(np.intersect1d, [each.held_out.positions for each in able])
    if len(positions) < _LEAST_EXAMPLES:
        return None
    labels = dataset.labels_at(positions)
    outputs = [each.held_out.about(positions) for each in able]
    weights = chosen_weights(labels, outputs).tolist()
    order = sorted(range(len(able)), key=lambda place: -weights[place])
    chosen = [(able[place], weights[place]) for place in order if weights[place]]
    if len(chosen) < 2:
        return None
    members = [each for each, _ in chosen]
    # Time that training all members took; that of a body on which several build once. Of the models on a body
    # the quickest took hardly more than the body itself.
    seconds = 0.0
    for body, built in _by_body(members).items():
        below = 0.0 if body is None else min(each.train_seconds for each in _by_body(candidates)[body])
        seconds += below + sum(each.train_seconds - below for each in built)
    candidate = Candidate(
        name=AVERAGE,
        model=AverageModel([AverageMember(each.name, weight, each.model) for each, weight in chosen]),
        train_examples=max(each.train_examples for each in members),
        train_seconds=seconds,
        held_out=HeldOutAnswers(positions, cross_fitted_average(labels, outputs, settings.seed)),
    )
    (candidate,) = calibrated([candidate], dataset, settings.seed)
    (candidate,) = with_held_out([_with_novelty(candidate, members[0])], dataset, settings.seed)
    model = candidate.model
    threshold = threshold_of(candidate, dataset, settings)
    model = model.for_data(
        joined_columns=model.joined_columns,
        dialect=model.dialect,
        renamed=model.renamed,
        threshold=threshold,
        ignored=model.ignored,
    )
    return dataclasses.replace(candidate, model=model)


def _with_novelty(candidate: Candidate, heaviest: Candidate) -> Candidate:
    """The average with the detector of the member of the most weight, which compares its own answers."""
    held_out, detector, known = candidate.held_out, heaviest.model.detector, heaviest.held_out.novelty
    if detector is None or known is None:
        return candidate
    novelty = known[np.searchsorted(heaviest.held_out.positions, held_out.positions)]
    outputs = candidate.model.target.nearest(held_out.answers[~np.isnan(novelty)])
    if len(outputs) == 0:
        return candidate
    detector = for_answers_of(detector, outputs, len(candidate.model.classes))
    held_out = dataclasses.replace(held_out, novelty=novelty)
    return dataclasses.replace(candidate, model=candidate.model.with_detector(detector), held_out=held_out)


def _by_body(candidates: Sequence[Candidate]) -> dict[Features | FeatureTable | None, list[Candidate]]:
    """Models by the table of the body that they build on; under `None` those that build on none."""
    found: dict[Features | FeatureTable | None, list[Candidate]] = {}
    for each in candidates:
        found.setdefault(None if each.stored is None else each.stored.features, []).append(each)
    return found


def with_averages_tested(candidates: Sequence[Candidate], tested: Mapping[str, Tested]) -> dict[str, Tested]:
    """Answers about the test split, those of averages among them, which are made of their members'.

    `tested` are those of all other models.
    """
    found = dict(tested)
    for each in candidates:
        model = each.model
        if not isinstance(model, AverageModel):
            continue
        asked = [tested[member.name] for member in model.members]
        raw = weighted_mean([member.answers for member in asked], model.weights)
        # Time of all members; an example passes a body on which several build once.
        milliseconds = 0.0
        for body, built in _by_body([other for other in candidates if other.name in _members(each)]).items():
            passes = [0.0]
            if body is not None:
                shares = [other.stored.share for other in built if other.stored is not None]
                passes = [1000 * share * body.seconds_an_example for share in shares]
            milliseconds += (
                sum(tested[other.name].milliseconds for other in built) - sum(passes) + max(passes)
            )
        answers = model.target.calibrated(raw, model.temperature)
        novelty = asked[0].novelty if model.detector is not None else None
        found[each.name] = Tested(raw, answers, novelty, milliseconds, each.model.threshold)
    return found


def _members(candidate: Candidate) -> set[str]:
    """Names of the models that an average is made of; none of others."""
    model = candidate.model
    return {each.name for each in model.members} if isinstance(model, AverageModel) else set()


def conclude(learned: Learned, check: Check, folds: Folds, context: RunContext) -> Outcome:
    """Calibrate and recommend by what was held out, draw the learning curve, and use the test split once."""
    folder, dataset, settings, stages, journal, _ = context
    config, network, continual = journal.content, learned.network, learned.continual
    candidates = calibrated(learned.candidates, dataset, settings.seed)
    reserve_for_conclusion(context, candidates)
    asked = most_detector_examples(len(dataset.train), len(dataset.validation))
    seconds = asked * sum(each.answer_seconds for each in candidates)
    if context.affords(seconds, "Detection of unfamiliar inputs: skipped, out of time."):
        done = "fitted the novelty (out-of-distribution) detector"
        with stages.stage("fitting the novelty detector", done):
            candidates = with_detectors(candidates, folds.learning, settings.seed)
    candidates = _knowing_their_data(with_held_out(candidates, dataset, settings.seed), continual, context)
    if continual is None and has_baselines(settings, dataset):
        candidates = with_average(candidates, dataset, settings, stages)
    recommendation = recommended_on(continual, candidates, dataset, settings)
    best = next(each for each in candidates if each.name == recommendation.name)
    if len(candidates) == 1 < len({*learned.trained, best.name}):
        recommendation = recommendation._replace(
            reason=Sentence("{name} is the only model judged in time.", best.name)
        )
    if part := part_of(best, folds.learning):
        recommendation = recommendation._replace(
            reason=Sentence("{reason} It learned{part}.", recommendation.reason, part)
        )
    curve = None
    is_drawn = has_curve(settings) and (network is not None or has_baselines(settings, dataset))
    half = max(each.train_seconds for each in candidates) / 2  # about what the parts take
    if is_drawn and context.affords(half, "Learning curve: skipped, out of time."):
        curve = draw_curve(candidates, recommendation.name, network, folds, settings, stages)
    candidates = with_time_for_test(candidates, recommendation.name, context)
    tested, novelty = _tested(candidates, context)
    candidates = with_test_answers(candidates, tested, dataset, settings.seed)
    forgotten = None
    if continual is not None:
        with stages.stage("measuring what was forgotten", "measured what was forgotten"):
            forgotten = continual_metrics(continual, dataset, candidates, recommendation.name, tested, config)
    outcome = Outcome(
        dataset=dataset,
        check=check,
        ledger=write_ledger(folder.path, dataset, check).name,
        config=config,
        history=learned.history,
        network=None if network is None else network.plan.network,
        candidates=candidates,
        recommendation=recommendation,
        tested=tested,
        curve=curve,
        label_issues=_label_issues(candidates, recommendation.name, tested, context),
        folds=scores_of_folds(candidates, folds, settings),
        novelty=novelty,
        text=None if network is None else text_facts(network.prepared, dataset),
        order=gain_of_order(candidates, tested, context),
        slices=sliced(dataset, settings.slice_column, tested[recommendation.name]),
        continual=forgotten,
    )
    for (
        built
    ) in learned.built:  # the report is of a backbone that is the network, or bears the recommended model
        names = {candidate.name for candidate in built.candidates}
        if built.choice.is_asked_for or recommendation.name in names:
            return dataclasses.replace(outcome, network=built.choice.config, history=built.history)
    return outcome


def _knowing_their_data(
    candidates: Sequence[Candidate], continual: ContinualTraining | None, context: RunContext
) -> list[Candidate]:
    """Let every model know how data like its own is read and decided.

    By columns whose texts the data joins, the dialect of its table, new names of classes, also of a network
    that continues training, and by a threshold.
    """
    dataset, settings = context.dataset, context.settings
    joined, renamed = dataset.joined_columns, {**(settings.rename or {})}
    ignored = of_texts(parse_ignore(settings.ignore))
    if continual is not None:
        start = continual.start.model
        joined, renamed = joined or start.joined_columns, {**start.renamed, **renamed}
        ignored = tuple(dict.fromkeys((*start.ignored, *ignored)))
    renamed = {old: new for old, new in renamed.items() if new in dataset.classes}
    return [
        dataclasses.replace(
            each,
            model=each.model.for_data(
                joined_columns=joined,
                dialect=dataset.dialect,
                renamed=renamed,
                threshold=threshold_of(each, dataset, settings),
                ignored=ignored,
            ),
        )
        for each in candidates
    ]


def _tested(
    candidates: Sequence[Candidate], context: RunContext
) -> tuple[Mapping[str, Tested], Mapping[str, Mapping[str, Any]]]:
    """The only use of the test split: every model's answers, and how well its detector did."""
    dataset = context.dataset
    with context.stages.stage("testing every model once") as stage:
        asked = [each for each in candidates if not isinstance(each.model, AverageModel)]
        tested = with_averages_tested(candidates, test_once(asked, dataset, stage.progress))
        models, examples = count_of(len(candidates), "model"), count_of(len(dataset.test), dataset.noun)
        stage.words = Sentence("tested {models} once, on {examples}", models, examples)
    # What is asked from here on was asked before, so that only scores and report are reserved.
    context.time.reserve("conclusion", conclusion_seconds(context, (), len(candidates)))
    once = sum(1e-3 * each.milliseconds for each in tested.values())
    if not context.affords(
        once * most_synthetic_outliers(len(dataset.test)),
        "Trying the detectors on synthetic outliers: skipped, out of time.",
    ):
        return tested, {}
    return tested, judge_detectors(candidates, tested, dataset, context.settings)


def with_time_for_test(
    candidates: Sequence[Candidate], recommended: str, context: RunContext
) -> list[Candidate]:
    """The models that there is time to test, score and write: the dearest are left out first.

    Never one that the recommended model needs, nor the model that every other has to beat.
    """
    time, kept = context.time, list(candidates)
    if not time.is_limited:
        return kept
    # What is there is tested: it takes little time, and less than was spent on it.
    time.reserve("conclusion", -time.share("late-test"))
    needed = {recommended, *DUMMIES, *_members(next(each for each in kept if each.name == recommended))}
    slowed = slowdown()
    for each in sorted(kept, key=lambda each: -each.answer_seconds):
        if each.name in needed:
            continue
        sentence = Sentence("{name}: skipped, no time left to test it.", each.name)
        if not context.affords(conclusion_seconds(context, kept, slowed=slowed), sentence):
            kept = [other for other in kept if other is not each and each.name not in _members(other)]
    return kept


# Seconds of one training for each example that judges labels, on an idle machine
# (`benchmarks/honest_answer.py`).
_JUDGED = 2e-4
_FEWEST_JUDGED = 500  # examples worth it


def _label_issues(
    candidates: Sequence[Candidate], recommended: str, tested: Mapping[str, Tested], context: RunContext
) -> LabelIssues | None:
    """Labels that are likely wrong; `None` where the model that judges them cannot learn them."""
    dataset, settings = context.dataset, context.settings
    if LEARNER not in baselines_for(dataset.target):
        return None
    most = None  # as many training examples as the settings allow
    if context.time.is_limited and settings.baselines:
        learner = next((each for each in candidates if each.name == LEARNER), None)
        seconds = slowdown() * _JUDGED
        if learner is not None:  # comparing its set-ups took most of its time
            trained = learner.train_seconds / (1 + len(learner.configurations))
            seconds = max(seconds, trained / max(1, learner.train_examples))
        fits = max(0, int(context.time.left() / (FOLDS_OF_FEW * seconds)))
        most = context.journal.decided("labels_judged", lambda: fits)
        if most < min(_FEWEST_JUDGED, len(dataset.train)):
            context.leave_out("Checking the labels of the training examples: skipped, out of time.")
            most = 0
    best = next(each for each in candidates if each.name == recommended)
    return judge_labels(best, tested[recommended].answers, candidates, context, most)
