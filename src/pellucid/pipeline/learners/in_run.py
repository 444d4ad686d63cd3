"""The network of a run: its plan stands in the journal, its training is shown and survives a kill."""

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from pellucid.bundle import generator_of
from pellucid.data import Preprocessing
from pellucid.errors import UsageError
from pellucid.files import make_folder
from pellucid.networks import Adversarial, Network
from pellucid.pipeline.learners.baselines import has_baselines
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.learners.network import NetworkLearner, Planned, recipe_words
from pellucid.pipeline.learners.on_network import on_network
from pellucid.pipeline.learners.planning.plan import Plan, make_plan
from pellucid.pipeline.learners.planning.preparation import Material, Prepared, encoder_json
from pellucid.pipeline.run.context import RunContext
from pellucid.pipeline.run.journal import Journal
from pellucid.pipeline.run.time_budget import LEAST_SHARE
from pellucid.training import Recipe, Session
from pellucid.training.loop import Observer
from pellucid.training.watching.checkpoints import load_checkpoint
from pellucid.training.watching.observers import Checkpointer, HistoryFile, StopOnSignal
from pellucid.training.watching.snapshots import Snapshots

# Images on a sheet of what a generator has learnt so far.
_SHOWN = 8


def network_of_run(context: RunContext) -> NetworkLearner:
    """The learner of a network that starts afresh.

    Decides its plan once, and resumes from the newest checkpoint.
    """

    def decide(prepared: Prepared) -> Plan:
        _require_same_encoder(context.journal, prepared)
        return context.journal.decided("plan", lambda: _plan(prepared, context), Plan.to_json, Plan.from_json)

    return NetworkLearner(
        context.settings,
        decide=decide,
        train=partial(train_in_run, context=context),
        beside=partial(simple_in_run, context=context),
    )


def _plan(prepared: Prepared, context: RunContext) -> Plan:
    with context.stages.stage("planning") as stage:
        plan = make_plan(context.settings, prepared)
        stage.words = f"planned {plan.name}: {recipe_words(plan)}"
        stage.details += plan.reasons
    return plan


def _require_same_encoder(journal: Journal, prepared: Prepared) -> None:
    """Refuse to resume with texts cut otherwise than before: every weight would mean something else.

    Raises: `UsageError` if the encoder differs from that of the run being resumed.
    """
    if prepared.encoder is None:
        return
    now = encoder_json(prepared.encoder)
    if journal.decided("encoder", lambda: now) != now:
        raise UsageError(
            "--resume: texts are cut into other tokens than when the run was started, by another version "
            "of a library; install the versions in config.json, or start again with --overwrite"
        )


def train_in_run(network: Planned, context: RunContext) -> None:
    """Train a network from the newest checkpoint to the end of the recipe, and show it.

    Checkpoints and the history are written to the folder of the run.

    Raises: `DivergedError` if the loss stopped being finite; `InterruptedRun` if a signal came; a checkpoint
    was written.
    """
    plan, session, folder = network.plan, network.session, context.folder
    total = plan.recipe.total_steps
    if load_checkpoint(folder.checkpoints, session.state, total) is not None:
        context.stages.line(f"going on after step {session.state.step:,} of {total:,}")
    checkpointer = Checkpointer(folder.checkpoints, context.journal.content["data"], total)
    with context.stages.stage(f"training {plan.name}", f"trained {plan.name}", spinner=False) as stage:
        history = HistoryFile(folder.path / "history.jsonl")
        snapshots = _snapshots(network, context)
        with observers_of_run(session, checkpointer, history, context, snapshots) as observers:
            session.run(observers, shorten=_shortening(network, checkpointer, context))
        best = session.state.best
        if best is not None:
            stage.words = f"trained {plan.name}; epoch {best.epoch} is best on validation"


# Times of what is left that the steps to come may seem to take; the part of it that fewer are to fill.
_BEHIND, _TO_SPARE = 1.1, 0.95

# Looks at the clock in the time of a training; and seconds between two of them at least.
_LOOKS, _LEAST_BETWEEN = 20, 0.5


def _shortening(
    network: Planned, checkpointer: Checkpointer, context: RunContext
) -> Callable[[int, Recipe], Recipe] | None:
    """Function that makes a training shorter which falls behind its time, as other programs begin beside it.

    The course of the learning rate goes on from where it is and ends with the last step. Each decision is
    entered into the journal, so that a resumed run follows the same course. `None` without a time limit.
    """
    if not context.time.is_limited or network.plan.recipe.optimizer == "gd":
        return None
    began, first = time.monotonic(), network.session.state.step
    ends = max(context.time.deadline, began + LEAST_SHARE * context.time.whole)
    between = max(_LEAST_BETWEEN, (ends - began) / _LOOKS)
    last, seen = began, first

    def shorten(step: int, recipe: Recipe) -> Recipe:
        """Compare the pace with what is left."""
        nonlocal last, seen
        now = time.monotonic()
        if now - last < between or step >= recipe.total_steps:
            return recipe
        pace = ((now - last) / (step - seen) + (now - began) / (step - first)) / 2
        last, seen = now, step
        to_come, left = recipe.total_steps - step, max(0.0, ends - now)
        if to_come * pace <= _BEHIND * left:
            return recipe
        fewer = min(to_come, max(1, int(_TO_SPARE * left / pace)))
        found = recipe.ending_at(step + fewer, step)
        checkpointer.total_steps = found.total_steps
        context.journal.replaced("plan", dataclasses.replace(network.plan, recipe=found).to_json())
        context.leave_out(
            f"{network.plan.name} fell behind its time, since other programs use this machine, and its "
            "training was made shorter while it ran."
        )
        return found

    return shorten


def train_beside(
    session: Session[Network],
    name: str,
    before: Sequence[Mapping[str, Any]],
    context: RunContext,
    *,
    keeps_best: bool = True,
) -> None:
    """Train another network of a run from its newest checkpoint to the end of the recipe.

    `before` are the records of the history that stand before its own.

    Raises: as `train_in_run`.
    """
    checkpoints, total = context.folder.checkpoints / name, session.batches.recipe.total_steps
    make_folder(checkpoints)
    load_checkpoint(checkpoints, session.state, total)
    checkpointer = Checkpointer(checkpoints, {"model": name}, total)
    history = HistoryFile(context.folder.path / "history.jsonl", before, name)
    with observers_of_run(session, checkpointer, history, context) as observers:
        session.run(observers, keeps_best=keeps_best)


def simple_in_run(network: Candidate, material: Material, context: RunContext) -> Sequence[Candidate]:
    """The simple models on the last hidden layer of the run's network, where baselines are trained."""
    if not has_baselines(context.settings, context.dataset):
        return []
    context.time.reserve("rest", 0.0)  # what was kept for them as well as for what follows
    return on_network(material, network, context)


def _snapshots(network: Planned, context: RunContext) -> list[Snapshots]:
    """Observers that show the images of a generator, which no epoch is scored for; none of other networks."""
    learner, prepared = network.session.network, network.prepared.preparation
    if not isinstance(learner, Adversarial) or not isinstance(prepared, Preprocessing):
        return []
    model = generator_of(learner, prepared, context.dataset.classes)
    labels = model.turns(_SHOWN)

    def make() -> np.ndarray:
        learner.eval()
        return model.sample(labels, context.settings.seed)

    return [Snapshots(context.folder.samples, make, network.plan.recipe.epochs)]


@contextmanager
def observers_of_run(
    session: Session[Network],
    checkpointer: Checkpointer,
    history: HistoryFile,
    context: RunContext,
    watching: Sequence[Observer] = (),
) -> Iterator[list[Observer]]:
    """Every observer that the training of a session has in a run, some of one's own among them.

    Within, progress is shown, and a signal that comes ends the training with `InterruptedRun` once a
    checkpoint is written.
    """
    stop = StopOnSignal(checkpointer)
    with context.stages.training(session.batches.recipe) as progress, stop.listening():
        yield [*progress, history, *watching, checkpointer, stop]
