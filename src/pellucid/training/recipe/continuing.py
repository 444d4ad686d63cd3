"""Recipe for a network that has learned before: what the user set stands, the rest shrinks.

The rule: a fifth of the learning rate that a fresh network would get, so that what was learned is shifted
and not thrown over; and, unless a class is new, half of its epochs, since most is learned already. The
measurements behind it are in `docs/continual-training.md`.
"""

import dataclasses
import math

from pellucid.data.wording import count_of
from pellucid.settings import Settings
from pellucid.training.recipe.choosing import Recipe, batches_per_epoch

RATE_SHARE, EPOCHS_SHARE = 0.2, 0.5
RULE = "a fifth of the learning rate of a fresh network, half of its epochs where no class is new"


def continued(recipe: Recipe, settings: Settings, examples: int, *, new_classes: int) -> Recipe:
    """Recipe of a trained network, from that of a fresh one by the rule at the top of this file."""
    rate, epochs = recipe.learning_rate, recipe.epochs
    if settings.learning_rate is None:
        rate = float(f"{RATE_SHARE * rate:.6g}")
    if settings.epochs is None and not new_classes:
        epochs = math.ceil(EPOCHS_SHARE * epochs)
    steps = epochs * batches_per_epoch(examples, recipe.batch_size)
    return dataclasses.replace(recipe, learning_rate=rate, epochs=epochs, total_steps=steps, frozen_from=None)


def continued_words(fresh: Recipe, recipe: Recipe, settings: Settings) -> str:
    """Sentence on the rule, with both learning rates and both numbers of epochs."""
    rate = f"a learning rate of {recipe.learning_rate:g}, " + (
        f"a fifth of the {fresh.learning_rate:g} of a fresh one"
        if settings.learning_rate is None
        else "as it was given"
    )
    epochs = count_of(recipe.epochs, "epoch")
    if settings.epochs is not None:
        epochs += ", as it was given"
    elif recipe.epochs < fresh.epochs:
        epochs += f", half of {fresh.epochs}"
    return f"A network that continues training is taught gently: {rate}, for {epochs}."
