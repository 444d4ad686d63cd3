"""Learning: which learners a run has, what each may take of the time, and the candidates they return."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pellucid.language.sentence import Sentence
from pellucid.pipeline.continual.training import ContinualTraining, continual_learner, recall
from pellucid.pipeline.judging.effort import with_fitting_effort
from pellucid.pipeline.judging.refitting import (
    FoldTrainings,
    judged_by_folds,
    trainings_of_backbone,
    trainings_of_network,
)
from pellucid.pipeline.judging.report_facts import show_first_mistakes
from pellucid.pipeline.learners.backbone_choice import BackboneChoice, chosen, taken_over
from pellucid.pipeline.learners.backbone_costs import Measured
from pellucid.pipeline.learners.backbone_learners import Built
from pellucid.pipeline.learners.candidates import Candidate, with_answer_time
from pellucid.pipeline.learners.classical import TrainingSets, learner_at_setup
from pellucid.pipeline.learners.evaluation_budget import Folds
from pellucid.pipeline.learners.in_run import (
    classical_names,
    frozen_in_run,
    network_of_run,
    train_baselines,
    tuned_in_run,
)
from pellucid.pipeline.learners.network import NetworkLearner, Planned
from pellucid.pipeline.learners.time_limits import (
    NETWORK_FOLDS,
    STANDING_ON,
    backbones_json,
    costs_of,
    least_of_network,
    limit_backbones,
    reserve_for_conclusion,
    time_of_baselines,
    within_limit,
)
from pellucid.pipeline.run.context import RunContext
from pellucid.pipeline.run.stages import side_by_side
from pellucid.safety.files import make_folder
from pellucid.settings import CLASSICAL
from pellucid.training.hardware import choose_threads

# Key of the journal: by name, whether a baseline is trained under a time limit.
BASELINES = "baselines"

# Times that judging a baseline on a fold takes longer than its training on it.
_ASKED_TOO = 1.2


@dataclass(frozen=True, eq=False)
class PlannedLearning:
    """Learners of a run before the first has trained."""

    continual: ContinualTraining | None  # where continual training starts; None for a fresh network
    folds: Folds  # what judges them
    learner: NetworkLearner | None  # trains the network; None where there is none
    network: Planned | None  # how it is trained; None where there is none
    backbones: tuple[BackboneChoice, ...]  # pretrained networks that take part, simplest first
    costs: Sequence[Measured]  # of each under a time limit; nothing without one


@dataclass(frozen=True, eq=False)
class Learned:
    """Outcome of learning."""

    candidates: Sequence[Candidate]  # every model, simplest first
    continual: ContinualTraining | None  # where continual training started; None for a fresh network
    network: Planned | None  # how it was trained; None where there is none
    built: Sequence[Built]  # what came of each backbone
    # one record for each epoch of the network's training; where folds judge, of the one that watched
    # the first fold
    history: Sequence[Mapping[str, Any]] = ()
    trained: Sequence[
        str
    ] = ()  # names of all models that were trained; some may not have been judged in time


def plan_learning(continual: ContinualTraining | None, folds: Folds, context: RunContext) -> PlannedLearning:
    """Decide which learners take part, and measure what costs much."""
    _, dataset, settings, stages, journal, _ = context
    backbones: tuple[BackboneChoice, ...] = ()
    if continual is None:
        backbones = journal.decided(
            "backbones",
            lambda: chosen(settings, dataset),
            backbones_json,
            lambda saved: taken_over(saved, settings, dataset),
        )
        for each in backbones:
            if not each.is_asked_for and (settings.time_limit is None or each.limits is not None):
                stages.paragraph(each.reason)
        learner = None
        if settings.model in CLASSICAL or settings.builds_on_backbone:
            none: dict[str, Any] = {"model": settings.model, "network": None, "recipe": None, "reasons": []}
            journal.decided("plan", lambda: none)
        else:
            learner = network_of_run(context)
    else:
        recalled = continual = recall(continual, dataset, settings, journal, stages)
        journal.decided("continual", lambda: recalled.to_json(dataset))
        learner = continual_learner(continual, context)
    network = None if learner is None else learner.planned(dataset)
    costs = costs_of(backbones, folds, context)
    return PlannedLearning(continual, folds, learner, network, backbones, costs)


def learn(planned: PlannedLearning, context: RunContext) -> Learned:
    """Train every learner within its share of the time."""
    folder, dataset, settings, stages, _, time = context
    make_folder(folder.checkpoints)
    if planned.folds.parts:
        stages.paragraph(planned.folds.sentence(dataset.noun))
    if planned.continual is not None:
        planned.continual.start.keep(folder.checkpoints)
    names = classical_names(settings, dataset)
    reserve_for_conclusion(context, (), len(names) + STANDING_ON)
    built: list[Built] = []
    # Where the network computes with fewer threads than there are, classical models learn meanwhile; not
    # under a time limit, where it gets as many steps as fit when nothing else runs.
    leaves_cores_free = (
        planned.network is not None
        and not planned.backbones
        and settings.time_limit is None
        and settings.threads is None
        and planned.network.plan.recipe.busy_threads < choose_threads(settings)
    )
    if names and leaves_cores_free:
        quiet = context._replace(stages=stages.beside_a_bar())
        classical = partial(_train_classical, planned, names, quiet)
        (network, neural), baselines = side_by_side(partial(_train_neural, planned, (), context), classical)
    else:
        baselines = _train_classical(planned, names, context)
        if planned.folds.parts:  # at least one is to be judged on, answers included
            once = sum(each.seconds_at_setup for each in baselines)
            time.reserve("folds", _ASKED_TOO * once * (planned.folds.trainings(1) - 1))
        reserve_for_conclusion(context, baselines, STANDING_ON)
        backbones = limit_backbones(planned.backbones, planned.costs, context)
        for choice in backbones:
            built.append(frozen_in_run(choice, context).built(dataset))
            stages.fitted(built[-1].candidates)
        has_others = any(each.features for each in baselines) and settings.model == "auto"
        seconds = least_of_network(planned.folds, context) if time.is_limited else 0.0
        sentence = Sentence("The network: skipped, out of time (limit {time_limit}).", settings.time_limit)
        if has_others and planned.continual is None and not context.affords(seconds, sentence):
            planned = dataclasses.replace(planned, learner=None, network=None)
        network, neural = _train_neural(planned, built, context)
    own = [] if network is None else network.session.state.history
    records = [*own]
    stages.fitted(neural)
    for place, each in enumerate(built):  # the records of fine-tuning come behind those of the networks
        built[place] = tuned_in_run(each, records, context)
        records += built[place].history
        stages.fitted(built[place].candidates[-1:])
    candidates = [*baselines, *neural, *(candidate for each in built for candidate in each.candidates)]
    trained = [each.name for each in candidates]
    learned = Learned(candidates, planned.continual, network, built, own, trained)
    for reserved in ("folds", "rest", "backbones"):
        time.reserve(reserved, 0.0)
    reserve_for_conclusion(context, candidates)
    if planned.folds.parts:
        learned = _judged(learned, planned.folds, context)
        stages.fitted(learned.candidates)
    return learned


def _train_classical(
    planned: PlannedLearning,
    names: Sequence[str],
    context: RunContext,
    is_stopped: Callable[[], bool] = lambda: False,
) -> list[Candidate]:
    """Train the classical models, and show the mistakes of the best one where others follow."""
    folder, dataset, settings, stages, journal, _ = context
    needed = sum(each.least for each in planned.costs) if settings.builds_on_backbone else 0.0
    time = time_of_baselines(context, planned.folds, needed)

    def has_time(name: str, fit: Callable[[], Candidate | None]) -> Candidate | None:
        """Train a model that no run before a kill left out, and report where there is no time for it."""
        found = None if journal.content.get(BASELINES, {}).get(name, True) is False else fit()
        if time.is_limited:
            journal.decided_for(BASELINES, name, lambda: found is not None)
        if found is None:
            context.leave_out(
                Sentence(
                    "{name}: skipped, out of time (limit {time_limit}).",
                    name,
                    settings.time_limit,
                )
            )
        return found

    found = train_baselines(names, dataset, settings, folder.checkpoints, stages, time, is_stopped, has_time)
    if planned.network is not None or planned.backbones:
        show_first_mistakes(found, context)
    return found


def _train_neural(
    planned: PlannedLearning, built: Sequence[Built], context: RunContext
) -> tuple[Planned | None, list[Candidate]]:
    """Train the network within its time, and simple models on its last hidden layer; nothing without one."""
    if planned.learner is None or planned.network is None:
        return None, []
    limits = [each.choice.limits for each in built]
    tuning = sum(each.seconds_after for each in limits if each is not None)
    context.time.reserve("backbones", tuning)
    asked = 0  # in the end: old test examples, by the network as it was and as it is
    if planned.continual is not None:
        asked = 2 * sum(len(each.test) for each in planned.continual.at_hand)
    network = with_fitting_effort(planned.network, built, planned.folds, context)
    network = within_limit(network, planned.folds, context, asked)
    candidates = [*planned.learner.trained(network, context.dataset)]
    return network.as_trained(), candidates


def _judged(learned: Learned, folds: Folds, context: RunContext) -> Learned:
    """Give candidates answers about folds; without time for one they are left out.

    The time of their test is set aside before.
    """
    settings = context.settings
    if context.time.is_limited:
        timed = [with_answer_time(each, context.dataset) for each in learned.candidates]
        learned = dataclasses.replace(learned, candidates=timed)
        reserve_for_conclusion(context, timed)
    shared = TrainingSets().of
    found = [
        FoldTrainings(learner_at_setup(each, settings, shared), seconds=each.seconds_at_setup)
        for each in learned.candidates
        if each.stored is None
    ]
    if learned.network is not None:
        name = learned.network.plan.name
        simple = [each for each in learned.candidates if each.name.endswith(f"-on-{name}")]
        most = context.journal.content.get(NETWORK_FOLDS)
        found.append(trainings_of_network(learned.network, simple, settings, most))
    for each in learned.built:
        found += trainings_of_backbone(each, settings)
    candidates, watched = judged_by_folds(found, learned.candidates, folds, context)
    context.time.reserve("detectors", 0.0)
    return dataclasses.replace(learned, candidates=candidates, history=watched or learned.history)
