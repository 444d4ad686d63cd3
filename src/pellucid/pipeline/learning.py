"""Learning: which learners a run has, what each may take of the time, and the candidates they hand over."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pellucid.files import make_folder
from pellucid.pipeline.continual.starting_point import keep
from pellucid.pipeline.continual.training import ContinualTraining, continual_learner, recall
from pellucid.pipeline.judging.refitting import (
    Kind,
    judged_by_folds,
    kind_of_network,
    kinds_of_backbone,
)
from pellucid.pipeline.judging.report_facts import show_first_mistakes
from pellucid.pipeline.learners.backbone_choice import Choice, chosen, taken_over
from pellucid.pipeline.learners.backbone_costs import Measured
from pellucid.pipeline.learners.backbone_learners import Built
from pellucid.pipeline.learners.candidates import Candidate
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
from pellucid.pipeline.learners.preparation import material_of, plan_json
from pellucid.pipeline.learners.time_limits import (
    NETWORK_FOLDS,
    STANDING_ON,
    backbones_json,
    costs_of,
    reserve_for_conclusion,
    share_out,
    time_of_baselines,
    within_limit,
)
from pellucid.pipeline.run.context import RunContext
from pellucid.pipeline.run.stages import side_by_side
from pellucid.settings import CLASSICAL, Settings
from pellucid.training.hardware import choose_threads

# Key of the journal: by name, whether a baseline is trained under a time limit.
BASELINES = "baselines"


# Times that judging a baseline on a fold takes longer than its training on it.
_ASKED_TOO = 2.0

# Of a time limit, what is to be left for a network that nobody named.
_LEAST_OF_NETWORK = 0.02


@dataclass(frozen=True, eq=False)
class PlannedLearning:
    """Learners of a run before the first has trained.

    Attributes:
        continual: where continual training starts; `None` for a fresh network.
        folds: what judges them.
        learner: trains the network; `None` where there is none.
        network: how it is trained; `None` where there is none.
        backbones: pretrained networks that take part, simplest first.
        costs: of each under a time limit; nothing without one.
    """

    continual: ContinualTraining | None
    folds: Folds
    learner: NetworkLearner | None
    network: Planned | None
    backbones: tuple[Choice, ...]
    costs: Sequence[Measured]


@dataclass(frozen=True, eq=False)
class Learned:
    """Outcome of learning.

    Attributes:
        candidates: every model, simplest first.
        continual: where continual training started; `None` for a fresh network.
        network: how it was trained; `None` where there is none.
        built: what came of each backbone.
        history: one record for each epoch of the network's training; where folds judge, of the one that
            watched the first fold.
    """

    candidates: Sequence[Candidate]
    continual: ContinualTraining | None
    network: Planned | None
    built: Sequence[Built]
    history: Sequence[Mapping[str, Any]] = ()


def plan_learning(continual: ContinualTraining | None, folds: Folds, context: RunContext) -> PlannedLearning:
    """Decide which learners take part, and measure what costs much.

    Raises: `UsageError` if settings contradict the data, each other or this machine, or time is too
    short; `ModelFileError` if weights of a backbone are missing, damaged or of another kind.
    """
    backbones = () if continual is not None else _backbones(context)
    if continual is not None:
        continual = recall(continual, context.dataset, context.settings, context.journal, context.stages)
    learner = _network_learner(continual, context)
    network = None if learner is None else learner.planned(material_of(context.dataset))
    costs = costs_of(backbones, folds, context)
    return PlannedLearning(continual, folds, learner, network, backbones, costs)


def learn(planned: PlannedLearning, context: RunContext) -> Learned:
    """Train every learner within its share of the time.

    Raises: `DivergedError` if the loss stopped being finite; `InterruptedRun` if a signal came, and what
    was finished is kept; `StorageError` if the disk is full or not writable.
    """
    folder, settings = context.folder, context.settings
    make_folder(folder.checkpoints)
    if planned.folds.parts:
        context.stages.paragraph(planned.folds.sentence(context.dataset.noun))
    if planned.continual is not None:
        keep(planned.continual.start, folder.checkpoints)
    names = classical_names(settings, context.dataset)
    reserve_for_conclusion(context, (), len(names) + STANDING_ON)
    built: list[Built] = []
    if names and _leaves_cores_free(planned, settings):
        classical = partial(_train_classical, planned, names, context.beside_a_bar())
        (network, neural), baselines = side_by_side(partial(_train_neural, planned, (), context), classical)
    else:
        baselines = _train_classical(planned, names, context)
        _reserve_for_folds(baselines, planned.folds, context)
        reserve_for_conclusion(context, baselines, STANDING_ON)
        backbones = share_out(planned.backbones, planned.costs, context)
        built = [frozen_in_run(choice, context).built(material_of(context.dataset)) for choice in backbones]
        has_others = any(each.features for each in baselines) and settings.model == "auto"
        if has_others and planned.continual is None and not _affords_network(context):
            planned = dataclasses.replace(planned, learner=None, network=None)
        network, neural = _train_neural(planned, backbones, context)
    history = [] if network is None else network.session.state.history
    built = _tuned(built, history, context)
    on_backbones = [candidate for each in built for candidate in each.candidates]
    candidates = [*baselines, *neural, *on_backbones]
    learned = Learned(candidates, planned.continual, network, built, history)
    for each in ("folds", "rest", "backbones"):
        context.time.reserve(each, 0.0)
    reserve_for_conclusion(context, candidates)
    return _judged(learned, planned.folds, context)


def _leaves_cores_free(planned: PlannedLearning, settings: Settings) -> bool:
    """True where the network computes with fewer threads than there are, so that others may learn beside it.

    Not under a time limit, where it gets as many steps as fit when nothing else runs.
    """
    if planned.network is None or planned.backbones or settings.time_limit is not None:
        return False
    return planned.network.plan.recipe.threads < choose_threads(settings)


def _train_classical(
    planned: PlannedLearning,
    names: Sequence[str],
    context: RunContext,
    is_stopped: Callable[[], bool] = lambda: False,
) -> list[Candidate]:
    """Train the classical models, and show the mistakes of the best one where others follow."""
    folder, dataset, settings, stages, journal, _ = context
    is_asked_for = settings.builds_on_backbone
    needed = sum(each.least for each in planned.costs) if is_asked_for else 0.0
    time = time_of_baselines(context, planned.folds, needed)

    def has_time(name: str, fit: Callable[[], Candidate | None]) -> Candidate | None:
        """Train a model that no run before a kill left out, and report where there is no time for it."""
        found = None if journal.content.get(BASELINES, {}).get(name, True) is False else fit()
        if time.is_limited:
            journal.decided_for(BASELINES, name, lambda: found is not None)
        if found is None:
            context.leave_out(f"{name} is left out: there was no time for it within {settings.time_limit}.")
        return found

    found = train_baselines(names, dataset, settings, folder.checkpoints, stages, time, is_stopped, has_time)
    if planned.network is not None or planned.backbones:
        show_first_mistakes(found, context)
    return found


def _reserve_for_folds(baselines: Sequence[Candidate], folds: Folds, context: RunContext) -> None:
    """Set time aside for judging the baselines on one fold at least, answers included."""
    if folds.parts:
        once = sum(each.train_seconds for each in baselines)
        context.time.reserve("folds", _ASKED_TOO * once * (folds.trainings(1) - 1))


def _judged(learned: Learned, folds: Folds, context: RunContext) -> Learned:
    """Give candidates answers about folds, where these judge; without time for one they are left out."""
    if not folds.parts:
        return learned
    # Every kind of model that was trained, to be trained anew for each fold.
    settings = context.settings
    alone = [each for each in learned.candidates if each.stored is None]
    lesson = TrainingSets().of
    found = [Kind(learner_at_setup(each, settings, lesson), seconds=each.train_seconds) for each in alone]
    if learned.network is not None:
        name = learned.network.plan.name
        simple = [each for each in learned.candidates if each.name.endswith(f"-on-{name}")]
        most = context.journal.content.get(NETWORK_FOLDS)
        found.append(kind_of_network(learned.network, simple, settings, most))
    for each in learned.built:
        found += kinds_of_backbone(each, settings)
    candidates, watched = judged_by_folds(found, learned.candidates, folds, context)
    return dataclasses.replace(learned, candidates=candidates, history=watched or learned.history)


def _backbones(context: RunContext) -> tuple[Choice, ...]:
    """The pretrained networks that take part; none in continual training."""
    settings, material = context.settings, material_of(context.dataset)
    backbones = context.journal.decided(
        "backbones",
        lambda: chosen(settings, material),
        backbones_json,
        lambda saved: taken_over(saved, settings, material),
    )
    for each in backbones:
        if not each.is_asked_for and (settings.time_limit is None or each.granted is not None):
            context.stages.paragraph(each.reason)
    return backbones


def _network_learner(continual: ContinualTraining | None, context: RunContext) -> NetworkLearner | None:
    """The learner of a fresh network, or of continual training with what it rehearses; or none."""
    settings, journal = context.settings, context.journal
    if continual is not None:
        journal.decided("continual", lambda: continual.to_json(context.dataset))
        return continual_learner(continual, context)
    if settings.model in CLASSICAL or settings.builds_on_backbone:
        journal.decided("plan", lambda: plan_json(settings, None))
        return None
    return network_of_run(context)


def _affords_network(context: RunContext) -> bool:
    """True where there is time for a few steps at least of a network that other models stand beside."""
    seconds = _LEAST_OF_NETWORK * context.time.whole if context.time.is_limited else 0.0
    return context.affords(
        seconds, f"The network is left out: there was no time for it within {context.settings.time_limit}."
    )


def _train_neural(
    planned: PlannedLearning, backbones: Sequence[Choice], context: RunContext
) -> tuple[Planned | None, list[Candidate]]:
    """Train the network within its time, and simple models on its last hidden layer; nothing without one."""
    if planned.learner is None or planned.network is None:
        return None, []
    set_aside = sum(each.granted.seconds_after for each in backbones if each.granted is not None)
    asked = 0 if planned.continual is None else planned.continual.asked_in_the_end
    context.time.reserve("backbones", set_aside)
    network = within_limit(planned.network, planned.folds, context, asked)
    candidates = [*planned.learner.trained(network, material_of(context.dataset))]
    return network.as_trained(), candidates


def _tuned(built: Sequence[Built], before: Sequence[Mapping[str, Any]], context: RunContext) -> list[Built]:
    """Fine-tune every backbone, its records of the history behind those of the networks."""
    history, found = [*before], []
    for each in built:
        found.append(tuned_in_run(each, history, context))
        history += found[-1].history
    return found
