"""The network of a run: planned, limited in time, trained from its newest checkpoint to the end."""

import dataclasses
from dataclasses import dataclass

from pellucid.data import Dataset
from pellucid.data.wording import count_of
from pellucid.errors import UsageError
from pellucid.networks import Network
from pellucid.pipeline.judging.detectors import looked_at
from pellucid.pipeline.judging.synthetic_outliers import most_synthetic_outliers
from pellucid.pipeline.learners.candidates import Candidate, answers
from pellucid.pipeline.learners.plan import Plan, make_plan
from pellucid.pipeline.learners.preparation import (
    Prepared,
    encoder_json,
    material_of,
    model_of,
    network_name,
    prepared_for,
    session_of,
)
from pellucid.pipeline.run.context import RunContext
from pellucid.pipeline.run.journal import Journal
from pellucid.training import Session
from pellucid.training.watching.checkpoints import load_checkpoint
from pellucid.training.watching.observers import Checkpointer, HistoryFile, StopOnSignal


@dataclass(frozen=True)
class Planned:
    """A network about to be trained.

    Attributes:
        plan: its layers and its recipe.
        prepared: what it trains on.
        session: where its training stands.
        scored_beside: examples that are scored in the end beside those of the data.
    """

    plan: Plan
    prepared: Prepared
    session: Session[Network]
    scored_beside: int = 0


def planned(context: RunContext) -> Planned:
    """Plan how the network of a run is trained.

    Args:
        context: the run.

    Returns:
        The network at step 0.

    Raises:
        UsageError: settings contradict the data, each other or this machine.
    """
    settings, material = context.settings, material_of(context.dataset)
    prepared = prepared_for(network_name(settings, material), material, settings)

    def decide() -> Plan:
        with context.stages.stage("planning") as stage:
            plan = make_plan(settings, prepared)
            stage.words = f"planned {plan.name}: {recipe_words(plan)}"
            stage.details += plan.reasons
        return plan

    _require_same_encoder(context.journal, prepared)
    plan = context.journal.decided("plan", decide, Plan.to_json, Plan.from_json)
    return Planned(plan, prepared, session_of(plan.network, prepared, plan.recipe))


def _require_same_encoder(journal: Journal, prepared: Prepared) -> None:
    """Refuse to go on with texts cut otherwise than before: every weight would mean something else.

    Raises:
        UsageError: the encoder differs from that of the run being resumed.
    """
    if prepared.encoder is None:
        return
    now = encoder_json(prepared.encoder)
    if journal.decided("encoder", lambda: now) != now:
        raise UsageError(
            "--resume: texts are cut into other tokens than when the run was started, by another version "
            "of a library; install the versions in config.json, or start again with --overwrite"
        )


def limited(network: Planned, seconds: float, dataset: Dataset, least: float) -> Planned:
    """Shorten a plan to what fits into a time.

    Args:
        network: at step 0; its session is shortened too.
        seconds: left for training and for scoring afterwards.
        dataset: its validation and test examples are scored afterwards, and some are asked about again for
            the detector.
        least: seconds that training gets in any case.

    Returns:
        The same with fewer steps.

    Raises:
        UsageError: not even a few steps fit.
    """
    train, validation, test = (len(part) for part in (dataset.train, dataset.validation, dataset.test))
    asked_again = looked_at(train, validation) + most_synthetic_outliers(test)
    network.session.limit(seconds, validation + test + asked_again + network.scored_beside, least)
    plan = dataclasses.replace(network.plan, recipe=network.session.batches.recipe)
    return dataclasses.replace(network, plan=plan)


def train_network(network: Planned, context: RunContext) -> Candidate:
    """Train to the end of the recipe.

    Args:
        network: at step 0.
        context: the run; checkpoints and the history are written to its folder.

    Returns:
        The trained network with its answers on validation.

    Raises:
        DivergedError: the loss stopped being finite.
        InterruptedRun: a signal came; a checkpoint was written.
    """
    folder, dataset, _, stages, journal = context
    plan, session = network.plan, network.session
    identity = journal.content["data"]
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
    model = model_of(session.network, network.prepared, dataset.classes, plan.recipe)
    return Candidate(
        name=plan.name,
        model=model,
        train_examples=len(network.prepared.examples.train),
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
    if recipe.word_dropout:
        parts.append(f"{100 * recipe.word_dropout:.0f} % of the tokens replaced by unknown")
    if recipe.class_weights is not None:
        parts.append("classes weighted for balance")
    return ", ".join(parts)
