"""The network of a run: planned, limited in time, trained from its newest checkpoint to the end."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from pellucid.bundle import ImageModel
from pellucid.data import Dataset
from pellucid.data.wording import count_of
from pellucid.pipeline.entrants import Entrant, answers
from pellucid.pipeline.plan import Plan
from pellucid.pipeline.run_folder import RunFolder
from pellucid.pipeline.stages import Stages
from pellucid.training import Session
from pellucid.training.checkpoints import load_checkpoint
from pellucid.training.observers import Checkpointer, HistoryFile, StopOnSignal


def limited(session: Session, plan: Plan, seconds: float, dataset: Dataset) -> Plan:
    """Shorten a plan to what fits into a time.

    Args:
        session: at step 0; its recipe is shortened too.
        plan: the whole plan.
        seconds: left for training and for scoring afterwards.
        dataset: its validation and test examples are scored afterwards.

    Returns:
        The plan with fewer steps.

    Raises:
        UsageError: not even a few steps fit.
    """
    session.limit(seconds, scored_after=len(dataset.validation) + len(dataset.test))
    return dataclasses.replace(plan, recipe=session.batches.recipe)


def train_network(
    folder: RunFolder,
    session: Session,
    plan: Plan,
    dataset: Dataset,
    identity: Mapping[str, Any],
    stages: Stages,
) -> Entrant:
    """Train to the end of the recipe.

    Args:
        folder: the run's folder; checkpoints and the history are written there.
        session: the network at step 0.
        plan: its plan.
        dataset: the data.
        identity: the data as `config.json` knows it; kept in every checkpoint.
        stages: shows progress.

    Returns:
        The trained network with its answers on validation.

    Raises:
        DivergedError: the loss stopped being finite.
        InterruptedRun: a signal came; a checkpoint was written.
    """
    if load_checkpoint(folder.checkpoints, session.state) is not None:
        stages.line(f"going on after step {session.state.step:,} of {plan.recipe.total_steps:,}")
    checkpointer = Checkpointer(folder.checkpoints, identity, plan.recipe.total_steps)
    stop = StopOnSignal(checkpointer)
    history = HistoryFile(folder.path / "history.jsonl")
    with stages.stage(f"training {plan.name}", spinner=False) as stage:
        with stages.training(plan.recipe) as progress, stop.listening():
            session.run([*progress, history, checkpointer, stop])
        best = session.state.best
        if best is not None:
            stage.words = f"trained {plan.name}; epoch {best.epoch} is best on validation"
    model = ImageModel(
        session.network,
        dataset.preprocessing,
        dataset.classes,
        mirror=plan.recipe.augmentation.mirror,
    )
    return Entrant(
        name=plan.name,
        model=model,
        train_examples=len(dataset.train),
        train_seconds=sum(record["seconds"] for record in session.state.history),
        validation=answers(model, dataset, dataset.validation),
    )


def recipe_words(plan: Plan) -> str:
    """The recipe in words, for the terminal.

    Args:
        plan: the plan.

    Returns:
        Epochs, steps, optimiser and augmentation.
    """
    recipe = plan.recipe
    parts = [
        count_of(recipe.epochs, "epoch"),
        f"{recipe.total_steps:,} steps of {recipe.batch_size}",
        f"{recipe.optimizer} {recipe.learning_rate:g}",
        recipe.schedule,
        recipe.loss,
        *([f"label smoothing {recipe.label_smoothing:g}"] if recipe.label_smoothing else []),
        recipe.precision,
        count_of(recipe.threads, "thread"),
    ]
    augmentation = recipe.augmentation
    if not augmentation.is_off:
        if augmentation.shift:
            parts.append(f"shifted by up to {augmentation.shift} px")
        if augmentation.mirror:
            parts.append("mirrored in every other epoch")
        if augmentation.erase > 0:
            parts.append(f"a rectangle erased from {100 * augmentation.erase:.0f} % of them")
    if recipe.class_weights is not None:
        parts.append("classes weighted for balance")
    return ", ".join(parts)
