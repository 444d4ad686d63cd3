"""Learners in a run: decisions go to the journal, training is shown and survives a kill."""

import dataclasses
import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.bundle import generator_of, load_any, save
from pellucid.classical import LINEAR_OF_TEXTS, Budget, Configuration, baselines_for
from pellucid.data import Dataset, Preprocessing
from pellucid.data.wording import count_of
from pellucid.errors import UsageError
from pellucid.input_kinds import TEXTS
from pellucid.language.documents import with_sentences, with_templates
from pellucid.language.sentence import Sentence
from pellucid.networks import Adversarial, Network
from pellucid.pipeline.learners.backbone_choice import BackboneChoice
from pellucid.pipeline.learners.backbone_learners import (
    SUFFIX,
    Built,
    FrozenLearner,
    TuningLearner,
    to_the_end,
)
from pellucid.pipeline.learners.candidates import (
    Candidate,
    Features,
    HeldOutAnswers,
    answers,
    compute_features,
    on_validation,
)
from pellucid.pipeline.learners.classical import ClassicalLearner, TrainingSets, on_network
from pellucid.pipeline.learners.network import NetworkLearner, Planned, following, recipe_words
from pellucid.pipeline.learners.preparation import (
    Plan,
    Prepared,
    decided_plan,
    make_plan,
    network_name,
    prepared_for,
    unvaried_model_of,
)
from pellucid.pipeline.run.context import UNLIMITED, RunContext, TimeBudget
from pellucid.pipeline.run.stages import Stages
from pellucid.safety.files import make_folder, write_file
from pellucid.safety.strict import read_sealed, sealed
from pellucid.settings import CLASSICAL, DUMMIES, Settings
from pellucid.targets import REGRESSION
from pellucid.training import Recipe, Session
from pellucid.training.hardware import keep_freed_memory, pinned
from pellucid.training.loop import Observer
from pellucid.training.observers import Checkpointer, HistoryFile, Snapshots, StopOnSignal
from pellucid.training.ranks import current
from pellucid.training.state import load_checkpoint

_FITTED = "fitted.json"
_AGAIN = "-again"
# What is kept of a classical candidate besides its model.
_KEPT = ["train_examples", "train_seconds", "features", "setup", "scale"]
_KEPT += ["configurations", "budget", "answer_seconds"]

_FOREST = "random-forest"
_LESS = 0.5  # its weight among other models in the time of all
_SHORTEST = 0.2  # seconds below which no further model is tried
# Of the seconds left for all, those that a linear model of texts may take to learn from all, and those of the
# last, behind which only a forest comes.
_MOST = 0.7
_MOST_OF_LAST = 0.95


def has_baselines(settings: Settings, dataset: Dataset) -> bool:
    """True where classical models are trained next to the network.

    New data of a single class, with which a network may continue training, leaves them nothing to learn.
    """
    return settings.baselines and (
        dataset.target is REGRESSION or len(np.unique(dataset.labels[dataset.train])) > 1
    )


def classical_names(settings: Settings, dataset: Dataset) -> tuple[str, ...]:
    """Names of the classical models to train, simplest first: one alone, the network's baselines, or none."""
    if settings.model in CLASSICAL:
        return (settings.model,)
    if not has_baselines(settings, dataset):
        return ()
    return tuple(baselines_for(dataset.target, dataset.input_kind))


def train_baselines(
    names: Sequence[str],
    dataset: Dataset,
    settings: Settings,
    checkpoints: Path,
    stages: Stages,
    time: TimeBudget = UNLIMITED,
    is_stopped: Callable[[], bool] = lambda: False,
    has_time: Callable[[str, Callable[[], Candidate | None]], Candidate | None] = lambda _, fit: fit(),
) -> list[Candidate]:
    """Train classical models on the training split, or take over those a killed run had finished.

    Each is kept in `checkpoints` as soon as it is trained; all share the time. In the order of their names;
    where `is_stopped` comes true, no further one is trained. `has_time` reports a model, by its name, that
    there was no time for. Linear models of texts, which take seconds, learn once more in the end from all
    that is not for the test, at the same set-up, scale and temperature.
    """
    if not names:
        return []
    training_sets, kept = TrainingSets(), checkpoints / "baselines"
    everything = everything_of(dataset)
    make_folder(kept)
    found: list[Candidate] = []

    def learnt_again(candidate: Candidate) -> Candidate:
        """A linear model of texts, where it learned from all, that learns from validation too."""
        # Under a budget that leaves out some training examples further ones would be left out too.
        most_examples = (candidate.budget or Budget()).examples
        took_all = candidate.train_examples == len(dataset.train) < most_examples
        is_linear = dataset.input_kind is TEXTS and candidate.name in LINEAR_OF_TEXTS
        has_time = candidate.seconds_at_setup < time.left()
        if not (is_linear and took_all and len(dataset.validation) and has_time):
            return candidate
        again = ClassicalLearner(
            candidate.name, settings, candidate.budget, training_sets.of, candidate.setup, candidate.scale
        )
        words = Sentence(
            " from the {validation} too",
            count_of(len(dataset.validation), Sentence("validation {noun}", dataset.noun)),
        )
        fit = partial(_fitted_within, again)
        last = _trained(again, fit, everything, kept / f"{candidate.name}{_AGAIN}", stages, words)
        assert last is not None  # it may take as long as it needs
        return dataclasses.replace(
            candidate,
            model=last.model,
            judged=candidate.model,
            train_examples=last.train_examples,
            train_seconds=candidate.train_seconds + last.train_seconds,
        )

    for place, name in enumerate(names):
        if is_stopped():
            break
        learner = ClassicalLearner(name, settings, None, training_sets.of)
        is_last = set(names[place + 1 :]) <= {_FOREST}
        seconds, most = math.inf, (_MOST_OF_LAST if is_last else _MOST) * time.left()
        if time.is_limited and name not in DUMMIES:
            weights = [_LESS if each == _FOREST else 1.0 for each in names[place:]]
            seconds = time.left() * weights[0] / sum(weights)
        is_needed = not any(each.features for each in found)  # it learns, if from a small part
        fit = partial(_fitted_within, learner, seconds=seconds, most=most, is_needed=is_needed)
        tried = fit if is_needed or seconds >= _SHORTEST else None
        candidate = has_time(name, partial(_trained, learner, tried, dataset, kept / name, stages))
        if candidate is None:
            continue
        # Under a limit others are trained before a model learns once more.
        found.append(candidate if time.is_limited else learnt_again(candidate))
    return [learnt_again(each) for each in found] if time.is_limited else found


def everything_of(material: Dataset) -> Dataset:
    """Material of all that is not for the test, of which nothing is left to judge."""
    every = np.union1d(material.train, material.validation)
    return dataclasses.replace(material, train=every, validation=np.zeros(0, np.int64))


def _fitted_within(
    learner: ClassicalLearner,
    material: Dataset,
    *,
    seconds: float = math.inf,
    most: float = 0.0,
    is_needed: bool = True,
) -> Candidate | None:
    """A model trained within a time; `None` where there is none, but for one that is needed."""
    if math.isinf(seconds):
        return learner.fit(material)[0]
    if is_needed:
        return learner.fit(material, TimeBudget(seconds), most)[0]
    return learner.within(seconds, material, most)


def _trained(
    learner: ClassicalLearner,
    fit: Callable[[Dataset], Candidate | None] | None,
    material: Dataset,
    folder: Path,
    stages: Stages,
    words: str = "",
) -> Candidate | None:
    """A model trained and kept in a folder, or taken over from there; `None` where there is no time."""
    former = _restored(folder, learner.name, material)
    if former is not None:
        stages.line(Sentence("took over {name} from before the interruption", learner.name))
        stages.fitted([former])
        return former
    if fit is None:
        return None
    with stages.stage(Sentence("training {name}{words}", learner.name, words)) as stage:
        candidate = fit(material)
        if candidate is None:
            stage.words = ""  # whoever gave the time reports it
            return None
        # The description comes last and completes what a resumed run finds.
        make_folder(folder)
        save(candidate.model, folder / "model", {})
        facts = {name: getattr(candidate, name) for name in _KEPT}
        if candidate.budget is not None:
            facts["budget"] = dataclasses.asdict(candidate.budget)
        write_file(folder / _FITTED, sealed(with_sentences(facts)))
        part = part_of(candidate, material)
        score = on_validation([candidate], material, learner.settings)
        stage.words = Sentence("trained {name}{words}{part}{score}", learner.name, words, part, score)
    stages.fitted([candidate])
    return candidate


def part_of(candidate: Candidate, material: Dataset) -> str:
    """Words on the training examples of a model that did not learn from all; nothing of others."""
    seen, whole = candidate.train_examples, len(material.train)
    if seen >= whole or candidate.name in DUMMIES:
        return ""
    return Sentence(" from {seen:,} of {whole}", seen, count_of(whole, material.noun))


def _restored(folder: Path, name: str, material: Dataset) -> Candidate | None:
    """A model that `_trained` wrote, or `None` where there is none that is whole."""
    try:
        facts = with_templates(read_sealed(folder / _FITTED))
        model = load_any(folder / "model")
        read = {each: facts[each] for each in _KEPT}
        read |= {
            "setup": (str(facts["setup"][0]), str(facts["setup"][1])),
            "configurations": tuple(Configuration(*each) for each in facts["configurations"]),
            "budget": None if facts["budget"] is None else Budget(**facts["budget"]),
        }
        held_out = HeldOutAnswers(material.validation, answers(model, material, material.validation))
        return Candidate(name, model, held_out=held_out, **read)
    except (OSError, ValueError, TypeError, LookupError):  # as is every refusal of a model or of its answers
        return None


def network_of_run(context: RunContext) -> NetworkLearner:
    """The learner of a fresh network: decides its plan once, resumes from the newest checkpoint."""
    journal = context.journal

    def plan(prepared: Prepared) -> Plan:
        with context.stages.stage("planning") as stage:
            found = make_plan(context.settings, prepared)
            ranks = current()
            if ranks is not None:
                reasons = (
                    *found.reasons,
                    Sentence("Each batch is computed by {parts}.", ranks.words(found.recipe.parts)),
                )
                found = dataclasses.replace(found, reasons=reasons)
            stage.words = Sentence("planned {name}: {found}", found.name, recipe_words(found))
            stage.details += found.reasons
        return found

    def decide(prepared: Prepared) -> Plan:
        if prepared.encoder is not None:
            digest = hashlib.sha256(prepared.encoder.content()).hexdigest()
            now = {"kind": prepared.encoder.kind, **prepared.encoder.to_json(), "sha256": digest}
            if journal.decided("encoder", lambda: now) != now:
                raise UsageError(
                    "--resume: texts are cut into other tokens than when the run was started, by another "
                    "version of a library; install the versions in config.json, or start again with "
                    "--overwrite"
                )
        return decided_plan(journal, context.settings, lambda: plan(prepared))

    def prepare(material: Dataset) -> Prepared:
        with context.stages.stage(Sentence("making {noun}s ready for the network", material.noun)) as stage:
            found = prepared_for(network_name(context.settings, material), material, context.settings)
            stage.words = ""  # the plan follows
        return found

    return NetworkLearner(
        context.settings,
        prepare=prepare,
        decide=decide,
        train=partial(train_in_run, context=context),
        build_on=partial(simple_in_run, context=context),
    )


# Images on a sheet of what a generator has learnt so far.
_SHOWN = 8


def train_in_run(network: Planned, context: RunContext) -> None:
    """Train a network from the newest checkpoint to the end of the recipe, and show it.

    Checkpoints and the history are written to the folder of the run.
    """
    plan, session, folder = network.plan, network.session, context.folder
    total = plan.recipe.total_steps
    if load_checkpoint(folder.checkpoints, session.state, session.batches) is not None:
        context.stages.line(Sentence("going on after step {step:,} of {total:,}", session.state.step, total))
    checkpointer = Checkpointer(folder.checkpoints, context.journal.content["data"], total)
    watching: list[Observer] = []
    learner, preparation = session.network, network.prepared.preparation
    # No epoch is scored for a generator: its images are shown.
    if isinstance(learner, Adversarial) and isinstance(preparation, Preprocessing):
        generator = generator_of(learner, preparation, context.dataset.classes)

        def make() -> np.ndarray:
            learner.eval()
            return generator.sample(generator.turns(_SHOWN), context.settings.seed)

        watching.append(Snapshots(folder.samples, make, plan.recipe.epochs))

    def stopped(recipe: Recipe) -> None:
        checkpointer.total_steps = recipe.total_steps
        context.journal.save({"plan": dataclasses.replace(plan, recipe=recipe).to_json()})

    with context.stages.stage(
        Sentence("training {name}", plan.name), Sentence("trained {name}", plan.name), spinner=False
    ) as stage:
        history = HistoryFile(folder.path / "history.jsonl")
        follow = stoppable(plan.name, session, context, stopped, _following(network, checkpointer, context))
        with observers_of_run(plan.name, session, checkpointer, history, context, watching) as observers:
            session.run(observers, follow=follow)
        _report_pace(plan.name, session.batches.recipe, context)
        best = session.state.best
        if best is not None:
            stage.words = Sentence(
                "trained {name}; epoch {epoch} is best on validation", plan.name, best.epoch
            )


_MUCH_LESS = 0.9  # of the steps that were planned


def _report_pace(name: str, recipe: Recipe, context: RunContext) -> None:
    """Report a training that ended with far fewer steps than were planned for its time."""
    if name in context.journal.content.get(STOPPED, {}):
        return
    if recipe.total_steps < _MUCH_LESS * recipe.planned_steps:
        context.leave_out(
            Sentence(
                "{name} fell behind its time, since other programs use this machine, and its "
                "training was made "
                "shorter while it ran.",
                name,
            )
        )


# Key of the journal: by name, the step after which the training of a network was stopped by hand.
STOPPED = "stopped"


def stoppable(
    name: str,
    session: Session[Network],
    context: RunContext,
    stopped: Callable[[Recipe], object],
    follow: Callable[[int, Recipe], Recipe] | None = None,
) -> Callable[[int, Recipe], Recipe] | None:
    """`follow` for a training that ends after the step under way where an onlooker asks for that.

    The journal keeps the step, and `stopped` what follows from it, in one write: a resumed run ends after the
    same step, with the same weights. Then nothing else changes the number of steps.
    """
    stages, journal = context.stages, context.journal
    if name in journal.content.get(STOPPED, {}):
        return None
    if not stages.onlookers:
        return follow

    def ask(step: int, recipe: Recipe) -> Recipe:
        """The recipe that holds from here on."""
        if not stages.stop_is_wanted():
            return recipe if follow is None else follow(step, recipe)
        per_epoch = session.batches.per_epoch
        found = recipe.stopped_after(step, per_epoch)
        if found is recipe:  # it is at its end, or ends there as was asked before
            return recipe
        with journal.together():
            journal.save({STOPPED: {**journal.content.get(STOPPED, {}), name: step}})
            stopped(found)
            context.leave_out(
                Sentence(
                    "The training of {name} was stopped by hand after step {step:,} of {total_steps:,}, "
                    "in epoch {step2:,} of {epochs:,}; what it had learned counts.",
                    name,
                    step,
                    recipe.total_steps,
                    math.ceil(step / per_epoch),
                    recipe.epochs,
                )
            )
        return found

    return ask


def _following(
    network: Planned, checkpointer: Checkpointer, context: RunContext
) -> Callable[[int, Recipe], Recipe] | None:
    """`following` in a run: each change is entered into the journal, so that a resumed run follows it."""
    if not context.time.is_limited:
        return None

    def changed(recipe: Recipe) -> None:
        checkpointer.total_steps = recipe.total_steps
        context.journal.save({"plan": dataclasses.replace(network.plan, recipe=recipe).to_json()})

    journal, left = context.journal, context.time.left()
    most = journal.decided("most_steps", lambda: network.most_steps)
    # A resumed run, whose plan is known, measures no step, and keeps the time that was kept at first.
    kept = journal.decided("seconds_after_training", lambda: max(0.0, left - network.training_seconds))
    return following(dataclasses.replace(network, training_seconds=left - kept), context.time, most, changed)


def simple_in_run(network: Candidate, material: Dataset, context: RunContext) -> Sequence[Candidate]:
    """The simple models on the last hidden layer of the run's network, where baselines are trained."""
    if not has_baselines(context.settings, context.dataset):
        return []
    context.time.reserve("rest", 0.0)  # what was kept for them as well as for what follows
    return on_network(material, network, context)


@contextmanager
def observers_of_run(
    name: str,
    session: Session[Network],
    checkpointer: Checkpointer,
    history: HistoryFile,
    context: RunContext,
    watching: Sequence[Observer] = (),
) -> Iterator[list[Observer]]:
    """Every observer that the training of a network of that name has in a run, some of one's own among them.

    Within, progress is shown, and a signal that comes ends the training with `InterruptedRun` once a
    checkpoint is written.
    """
    stop = StopOnSignal(checkpointer)
    with context.stages.training(name, session) as progress, stop.listening():
        yield [*progress, history, *watching, checkpointer, stop]


_TIMED = 32  # examples that say how fast a backbone is, where its features were computed before a kill


def frozen_in_run(choice: BackboneChoice, context: RunContext) -> FrozenLearner:
    """The learner of the models on a frozen backbone; a killed run's features are taken over."""
    return FrozenLearner(choice, context.settings, partial(_features, choice, context), stages=context.stages)


def tuned_in_run(built: Built, before: Sequence[Mapping[str, Any]], context: RunContext) -> Built:
    """Fine-tune a backbone where that is wanted and fits into a time limit, from the newest checkpoint.

    `before` are the records of the history that come before those of tuning.
    """
    name = built.choice.name + SUFFIX
    checkpoints = context.folder.checkpoints / name

    def run(session: Session[Network]) -> None:
        make_folder(checkpoints)
        batches = session.batches
        if (step := context.journal.content.get(STOPPED, {}).get(name)) is not None:
            batches.recipe = batches.recipe.stopped_after(step, batches.per_epoch)
        total = batches.recipe.total_steps
        load_checkpoint(checkpoints, session.state, batches)
        checkpointer = Checkpointer(checkpoints, {"model": name}, total)
        history = HistoryFile(context.folder.path / "history.jsonl", before, name)

        def stopped(recipe: Recipe) -> None:
            checkpointer.total_steps = recipe.total_steps

        follow = stoppable(name, session, context, stopped)
        with observers_of_run(name, session, checkpointer, history, context) as observers:
            to_the_end(session, observers, follow)

    return TuningLearner(frozen_in_run(built.choice, context), run, built).tuned(context.dataset)


def _features(
    choice: BackboneChoice,
    context: RunContext,
    network: Network,
    prepared: Prepared,
    _: Dataset,
    threads: int,
) -> Features:
    """Features of every example that any model on the frozen network is asked about."""
    dataset = context.dataset
    model = unvaried_model_of(network, prepared, dataset.classes)
    positions = np.unique(np.concatenate([choice.train, dataset.validation, dataset.test]))
    identity = f"{dataset.fingerprint} {choice.origin.sha256} {choice.config.to_json()} {len(choice.train)}"
    with (
        context.stages.stage(Sentence("computing features of {name}", choice.name)) as stage,
        pinned(threads),
    ):
        keep_freed_memory()
        began = time.perf_counter()
        features = compute_features(
            lambda some: model.transform(dataset.inputs[some]),
            positions,
            context.folder.checkpoints / f"features-{choice.name}",
            identity,
            stage.progress,
        )
        speed = len(positions) / max(1e-9, time.perf_counter() - began)
        if features.seconds_an_example == 0:
            began = time.perf_counter()
            model.transform(dataset.inputs[positions[:_TIMED]])
            seconds = (time.perf_counter() - began) / len(positions[:_TIMED])
            features = dataclasses.replace(features, seconds_an_example=seconds)
        seen = (
            Sentence(" at {seen}x{seen2}", choice.config.seen[0], choice.config.seen[1])
            if choice.config.seen
            else ""
        )
        stage.words = Sentence(
            "computed features of {name}{seen}: {positions}, {speed:,.0f} per second",
            choice.name,
            seen,
            count_of(len(positions), dataset.noun),
            speed,
        )
    return features
