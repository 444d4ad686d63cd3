"""Training loop, the only one."""

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from pellucid.arithmetic.draws import Purpose, torch_seed
from pellucid.settings import metric_of
from pellucid.training.batches import Batches
from pellucid.training.determinism import seed_torch
from pellucid.training.freezing import Freezing
from pellucid.training.recipe.choosing import Recipe
from pellucid.training.recipe.schedules import learning_rate
from pellucid.training.state import Best, Record, State, Sums, weights_of
from pellucid.training.steps import Step
from pellucid.training.watching.health import epoch_health


@runtime_checkable
class Observer(Protocol):
    """Callbacks that print, record, checkpoint or stop training, and decide no number of it."""

    def after_step(self, state: State) -> None:
        """Called after every step."""

    def after_epoch(self, state: State) -> None:
        """Called after every epoch, its record already in the history."""


def fit(
    state: State,
    step: Step,
    batches: Batches,
    validate: Callable[[], Record],
    observers: Sequence[Observer] = (),
    shorten: Callable[[int, Recipe], Recipe] | None = None,
) -> None:
    """Train until the recipe's steps are taken or patience runs out; the state is changed in place.

    `validate` scores the network on the validation split; empty when there is none. Observers are told of
    every step and epoch. `shorten` is asked after every step for the recipe that holds from there on: the
    same, or one of fewer steps.

    Raises: `DivergedError` if the loss or a gradient stopped being finite.
    """
    recipe, freezing = batches.recipe, Freezing(state.network, batches.recipe)
    # An epoch is open until it is closed: a checkpoint may be of its last step, which may be the last of all.
    while (state.step < recipe.total_steps or state.sums.examples > 0) and not state.stopped:
        epoch = len(state.history)
        state.network.train()
        freezing.at(epoch)
        left = batches.epoch(epoch, start=state.step - epoch * batches.per_epoch)
        for batch in itertools.islice(left, recipe.total_steps - state.step):
            began = time.perf_counter()
            seed_torch(torch_seed(recipe.seed, Purpose.DROPOUT, state.step), recipe.device)
            rate = _rate(recipe, state.step)
            result = step(batch, state.step, rate)
            state.step += 1
            state.sums.loss += result.loss * result.examples
            state.sums.correct += result.correct
            state.sums.examples += result.examples
            for name, mean in (result.also or {}).items():
                state.sums.also[name] = state.sums.also.get(name, 0.0) + mean * result.examples
            state.sums.seconds += time.perf_counter() - began
            for observer in observers:
                observer.after_step(state)
            if shorten is not None:
                recipe = batches.recipe = shorten(state.step, recipe)
                if state.step >= recipe.total_steps:
                    break
        _close_epoch(state, batches, validate())
        for observer in observers:
            observer.after_epoch(state)
    freezing.end()


def _rate(recipe: Recipe, step: int) -> float:
    return learning_rate(recipe.schedule, recipe.learning_rate, step, recipe.total_steps, recipe.shortened)


def _close_epoch(state: State, batches: Batches, validation: Record) -> None:
    """Write the epoch's record and remember the best weights; equal scores go to the later epoch."""
    recipe = batches.recipe
    sums, state.sums = state.sums, Sums()
    last_rate = _rate(recipe, state.step - 1)
    examples = batches.examples
    hits = {"train_accuracy": sums.correct / sums.examples} if examples.target.has_probabilities else {}
    state.history.append(
        {
            "epoch": len(state.history) + 1,
            "step": state.step,
            "seconds": round(sums.seconds, 3),
            "learning_rate": last_rate,
            "train_loss": sums.loss / sums.examples,
            **hits,
            **{f"train_{name}": total / sums.examples for name, total in sums.also.items()},
            **validation,
            examples.input_kind.speed: round(sums.examples / max(sums.seconds, 1e-9), 1),
            **epoch_health(sums.health),
        }
    )
    if not validation:
        return
    score = selection_score(validation, recipe.metric)
    if state.best is None or score >= state.best.score:
        gained = state.best is None or score > state.best.score
        state.best = Best(epoch=len(state.history), score=score, weights=weights_of(state.network))
        state.epochs_without_gain = 0 if gained else state.epochs_without_gain + 1
    else:
        state.epochs_without_gain += 1
    state.stopped = recipe.patience is not None and state.epochs_without_gain >= recipe.patience


def selection_score(validation: Record, metric: str) -> float:
    """Score that decides which epoch is best, larger is better: errors are negated."""
    decides = metric_of(metric)
    return decides.better(float(validation[decides.in_history]))
