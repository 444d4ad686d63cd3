"""Conclusion of a run: every model calibrated, one recommended, all tested once."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.data import Check, Dataset, write_ledger
from pellucid.data.wording import count_of
from pellucid.pipeline.adding.judging import judged
from pellucid.pipeline.comparing.folds import scores_of_folds
from pellucid.pipeline.continual.metrics import continual_metrics
from pellucid.pipeline.continual.training import ContinualTraining, recommended_on
from pellucid.pipeline.judging.averaging import with_average, with_averages_tested, without_averages
from pellucid.pipeline.judging.held_out import with_data_known, with_held_out, with_test_answers
from pellucid.pipeline.judging.label_issues import judge_labels
from pellucid.pipeline.judging.learning_curve import draw_curve
from pellucid.pipeline.judging.novelty.detectors import with_detectors
from pellucid.pipeline.judging.novelty.synthetic_outliers import judge_detectors
from pellucid.pipeline.judging.outcome import Outcome
from pellucid.pipeline.judging.slicing import sliced
from pellucid.pipeline.judging.testing import Tested, test_once, text_facts
from pellucid.pipeline.learners.asked_later import has_curve
from pellucid.pipeline.learners.backbones.frozen import Built
from pellucid.pipeline.learners.baselines import has_baselines
from pellucid.pipeline.learners.candidates import Candidate, calibrated
from pellucid.pipeline.learners.folds import Folds
from pellucid.pipeline.learners.planning.preparation import material_of
from pellucid.pipeline.learning import Learned
from pellucid.pipeline.run.context import RunContext
from pellucid.reports import LabelIssues
from pellucid.settings import Settings


def conclude(
    learned: Learned,
    check: Check,
    folds: Folds,
    context: RunContext,
) -> Outcome:
    """Calibrate and recommend by what was held out, draw the learning curve, and look at the test split once.

    Raises: `DivergedError` if the loss of a training on a part stopped being finite.
    """
    folder, dataset, settings, stages, journal = context
    config, network, continual = journal.content, learned.network, learned.continual
    candidates = calibrated(learned.candidates, dataset, settings.seed)
    with stages.stage(
        "fitting the novelty detector",
        "fitted the novelty (out-of-distribution) detector",
    ):
        candidates = with_detectors(candidates, material_of(folds.learning), settings.seed)
        candidates = with_held_out(candidates, dataset, settings.seed)
    candidates = with_data_known(
        candidates,
        _joined_columns(dataset, continual),
        _renamed(dataset, settings, continual),
        settings.threshold or {},
    )
    if continual is None and has_baselines(settings, dataset):
        candidates = with_average(candidates, dataset, settings, stages)
    recommendation = recommended_on(continual, candidates, dataset, settings)
    curve = None
    if has_curve(settings) and (network is not None or has_baselines(settings, dataset)):
        curve = draw_curve(candidates, recommendation.name, network, folds, settings, stages)
    tested, novelty = _tested(candidates, context)
    candidates = with_test_answers(candidates, tested, dataset, settings.seed)
    found = None
    if continual is not None:
        with stages.stage("measuring what was forgotten", "measured what was forgotten"):
            found = continual_metrics(continual, dataset, candidates, recommendation.name, tested, config)
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
        slices=sliced(dataset, settings.slice_column, tested[recommendation.name]),
        continual=found,
        added=None
        if learned.added is None
        else judged(learned.added, candidates, recommendation.name, tested, dataset, settings),
    )
    return _with_backbone(outcome, learned.built)


def _joined_columns(dataset: Dataset, continual: ContinualTraining | None) -> tuple[str, ...]:
    """Columns whose texts the data joins, or joined for a network that continues training."""
    return dataset.joined_columns or (() if continual is None else continual.start.model.joined_columns)


def _renamed(dataset: Dataset, settings: Settings, continual: ContinualTraining | None) -> dict[str, str]:
    """Old and new names of classes: those of a network that continues training, and those of this data."""
    names = {**({} if continual is None else continual.start.model.renamed), **(settings.rename or {})}
    return {old: new for old, new in names.items() if new in dataset.classes}


def _tested(
    candidates: Sequence[Candidate], context: RunContext
) -> tuple[Mapping[str, Tested], Mapping[str, Mapping[str, Any]]]:
    """The one look at the test split: what every model said, and how well its detector did."""
    dataset = context.dataset
    with context.stages.stage("testing every model once") as stage:
        tested = with_averages_tested(candidates, test_once(without_averages(candidates), dataset))
        models, examples = count_of(len(candidates), "model"), count_of(len(dataset.test), dataset.noun)
        stage.words = f"tested {models} once, on {examples}"
        return tested, judge_detectors(candidates, tested, dataset, context.settings)


def _with_backbone(outcome: Outcome, built: Sequence[Built]) -> Outcome:
    """Let the report speak of a backbone that is the run's network, or that bears the recommended model."""
    for each in built:
        names = {candidate.name for candidate in each.candidates}
        if each.choice.is_asked_for or outcome.recommendation.name in names:
            return dataclasses.replace(outcome, network=each.choice.config, history=each.history)
    return outcome


def _label_issues(
    candidates: Sequence[Candidate], recommended: str, tested: Mapping[str, Tested], context: RunContext
) -> LabelIssues | None:
    """Labels that are likely wrong; `None` where numbers are predicted."""
    if not context.dataset.target.has_probabilities:
        return None
    said = tested[recommended].answers
    return judge_labels(candidates, recommended, said, context.dataset, context.settings, context.stages)
