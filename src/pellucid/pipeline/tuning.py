"""Gradual fine-tuning of a backbone: stage by stage, for as long as validation says that it pays.

A stage trains the upper layers further (see `training/thawing.py`), starting from the head that was trained
on frozen features. The weights it starts from count as its epoch 0: a stage whose epochs are all worse on
validation leaves them as they were, and no further stage is tried. What decides is the log loss, which every
validation example moves, and not accuracy, which few do; of numbers the root mean squared error.
"""

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pellucid.data.wording import count_of
from pellucid.files import make_folder
from pellucid.networks import Network
from pellucid.pipeline.choice import Choice
from pellucid.pipeline.entrants import Entrant, with_validation
from pellucid.pipeline.plan import make_recipe
from pellucid.pipeline.preparation import Prepared, model_of
from pellucid.pipeline.scene import Scene
from pellucid.settings import Settings
from pellucid.training import Recipe, Session
from pellucid.training.checkpoints import load_checkpoint
from pellucid.training.observers import Checkpointer, HistoryFile, StopOnSignal
from pellucid.training.recipe import batches_per_epoch
from pellucid.training.state import Record
from pellucid.training.thawing import STAGES, thaw

_PASSES = {"quick": 0, "standard": 1_500, "best": 12_000}
"""Examples shown in one stage, unless epochs are given; none with the preset `quick`."""

_MOST_EPOCHS = 20
_LEARNING_RATE, _WEIGHT_DECAY, _BATCH = 1e-3, 0.05, 32
_WORDS = "word-vectors"
"""A network of one layer below its head, which stays as it is."""

_LIKE = "text-cnn"
"""Whose rule holds for a network of texts in what is not said here."""

_PATIENCE = 2
_COST_OF_STEP = 3
SUFFIX = "-tuned"


@dataclasses.dataclass(frozen=True)
class Tuned:
    """What came of tuning.

    Attributes:
        entrant: the tuned network; `None` where tuning did not pay.
        history: one record for each epoch of all stages.
    """

    entrant: Entrant | None
    history: Sequence[Record]


def is_tuned(settings: Settings, choice: Choice, prepared: Prepared) -> bool:
    """Whether tuning is tried at all.

    It needs validation examples, layers that can be trained one above the other, a preset that spends
    something on it, and room within a time limit. A sentence encoder takes minutes for it, which a user who
    did not ask for one does not expect: there it is tried with the preset `best` alone.

    Args:
        settings: preset and epochs.
        choice: the backbone.
        prepared: what the network trains on.

    Returns:
        Whether it is.
    """
    is_wanted = bool(settings.epochs or _PASSES[settings.preset]) and choice.config.name != _WORDS
    is_worth_it = choice.is_asked_for or choice.takes_pictures or settings.preset == "best"
    fits = choice.granted is None or choice.granted.is_tuned
    return is_wanted and is_worth_it and fits and len(prepared.examples.validation) > 0


def passes_of_tuning(settings: Settings, prepared: Prepared) -> int:
    """What tuning costs at most: how often one example would have to go through the network for as long.

    A step goes forward and back, which takes about three times as long as forward alone; validation is
    asked after every epoch and once before the first.

    Args:
        settings: what the user asked for.
        prepared: what the network trains on.

    Returns:
        Passes of all stages together.
    """
    recipe = tuning_recipe(settings, prepared)
    trained = _COST_OF_STEP * recipe.total_steps * recipe.batch_size
    return len(STAGES) * (trained + (recipe.epochs + 1) * len(prepared.examples.validation))


def tune(
    frozen: Entrant, network: Network, prepared: Prepared, before: Sequence[Mapping[str, Any]], scene: Scene
) -> Tuned:
    """Train the upper layers further, stage by stage.

    Args:
        frozen: the backbone with its head as it was trained on frozen features.
        network: the same as layers; a copy of it is trained.
        prepared: what it trains on.
        before: records of the history that stand before those of tuning.
        scene: the run; checkpoints and the history are written to its folder.

    Returns:
        What came of it.

    Raises:
        DivergedError: the loss stopped being finite.
        InterruptedRun: a signal came; a checkpoint was written.
    """
    name = frozen.name + SUFFIX
    history: list[Record] = []

    def run(session: Session[Network], stage: int) -> None:
        checkpoints = scene.folder.checkpoints / f"{name}-stage-{stage}"
        _run_in(scene, session, checkpoints, name, (*before, *history))
        history.extend({**record, "model": name, "stage": stage} for record in session.state.history)

    recipe = tuning_recipe(scene.settings, prepared)
    network = copy.deepcopy(network)
    if not tune_stages(network, prepared, recipe, run):
        scene.stages.line(f"fine-tuning {frozen.name} did not pay on validation; its features stay frozen")
        return Tuned(None, history)
    seconds = frozen.train_seconds + sum(record["seconds"] for record in history)
    model = model_of(network, prepared, scene.dataset.classes, recipe)
    entrant = dataclasses.replace(
        frozen, name=name, model=model, train_seconds=seconds, features=None, stored=None
    )
    return Tuned(with_validation(entrant, scene.dataset), history)


def tune_stages(
    network: Network, prepared: Prepared, recipe: Recipe, run: Callable[[Session[Network], int], None]
) -> bool:
    """Train one stage after the other, until one does not pay.

    Args:
        network: trained in place; it keeps the best weights.
        prepared: what it trains on.
        recipe: of each stage.
        run: trains a session of a stage, from 1, to its end.

    Returns:
        Whether any stage paid.
    """
    is_better = False
    for number, opened in enumerate(STAGES, start=1):
        session = Session.of(network, prepared.examples, recipe, thaw(network, opened))
        run(session, number)
        assert session.state.best is not None  # the weights it started from, at least
        if session.state.best.epoch == 0:
            break
        is_better = True
    return is_better


def _run_in(
    scene: Scene,
    session: Session[Network],
    checkpoints: Path,
    name: str,
    before: Sequence[Mapping[str, Any]],
) -> None:
    """Run one stage to its end, from its newest checkpoint."""
    make_folder(checkpoints)
    recipe = session.batches.recipe
    if load_checkpoint(checkpoints, session.state) is None:
        session.judge_start()
    checkpointer = Checkpointer(checkpoints, {"model": name}, recipe.total_steps)
    stop = StopOnSignal(checkpointer)
    history = HistoryFile(scene.folder.path / "history.jsonl", before, name)
    with scene.stages.stage(f"fine-tuning {name}", spinner=False) as stage:
        with scene.stages.training(recipe) as progress, stop.listening():
            session.run([*progress, history, checkpointer, stop])
        best = session.state.best
        assert best is not None
        said = f"epoch {best.epoch} is best on validation" if best.epoch else "no epoch was better"
        stage.words = f"fine-tuned {name} ({count_of(recipe.epochs, 'epoch')}); {said}"


def tuning_recipe(settings: Settings, prepared: Prepared) -> Recipe:
    """The numbers of one stage: what the user set stands, the rest is by rule.

    The rule: so many epochs that about 1,500 examples are shown (12,000 with the preset `best`), a part of
    one where there are more, at most 20; batches of 32; AdamW at 0.001 for the head and less for what lies
    below, once up and down; an end after 2 epochs without gain; fp32, since narrow convolutions gain nothing
    by bf16.

    Args:
        settings: what the user asked for.
        prepared: what the network trains on.

    Returns:
        The recipe.
    """
    examples = len(prepared.examples.train)
    named = dataclasses.replace(prepared, name=_LIKE) if prepared.encoder is not None else prepared
    chosen = make_recipe(settings, named).recipe
    batch_size = settings.batch_size or min(_BATCH, max(1, examples))
    per_epoch = batches_per_epoch(examples, batch_size)
    passes = _PASSES[settings.preset]
    epochs = settings.epochs or max(1, min(_MOST_EPOCHS, round(passes / examples)))
    steps = epochs * per_epoch
    if settings.epochs is None:
        steps = min(steps, -(-passes // batch_size))
    is_adaptive = settings.optimizer in (None, "adam", "adamw")
    return dataclasses.replace(
        chosen,
        epochs=epochs,
        total_steps=max(1, steps),
        batch_size=batch_size,
        learning_rate=settings.learning_rate or (_LEARNING_RATE if is_adaptive else chosen.learning_rate),
        weight_decay=_WEIGHT_DECAY if settings.weight_decay is None else settings.weight_decay,
        metric="log-loss" if prepared.examples.classes else chosen.metric,
        precision="fp32" if settings.precision == "auto" else chosen.precision,
        patience=settings.patience or _PATIENCE,
    )
