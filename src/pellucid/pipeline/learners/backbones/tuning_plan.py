"""Plan of fine-tuning a backbone: whether it is tried, by which recipe, and what that takes."""

import dataclasses

from pellucid.pipeline.learners.backbones.option import Choice
from pellucid.pipeline.learners.planning.plan import make_recipe
from pellucid.pipeline.learners.planning.preparation import Prepared
from pellucid.settings import Settings
from pellucid.training import Recipe
from pellucid.training.mixing import SHARES
from pellucid.training.recipe.choosing import batches_per_epoch

# Examples shown, unless epochs are given; none with the preset `quick`.
_PASSES = {"quick": 0, "standard": 3_000, "best": 12_000}

_MOST_EPOCHS = 20
_LEARNING_RATE, _WEIGHT_DECAY, _BATCH = 1e-3, 0.05, 32
# A network of one layer below its head, which stays as it is.
_WORDS = "word-vectors"

# Whose rule holds for a network of texts in what is not said here.
_LIKE = "text-cnn"

_COST_OF_STEP = 4


def is_tuned(settings: Settings, choice: Choice) -> bool:
    """Say whether tuning is tried at all.

    It needs layers that can be trained further, a preset that spends something on it, and room within a time
    limit. A sentence encoder takes minutes for it and rarely gains: there it is tried
    with the preset `best`, or where the encoder and the epochs were asked for.
    """
    is_wanted = bool(settings.epochs or _PASSES[settings.preset]) and choice.config.name != _WORDS
    is_meant = choice.is_asked_for and settings.epochs is not None
    is_worth_it = choice.takes_images or is_meant or settings.preset == "best"
    fits = choice.granted is None or choice.granted.is_tuned
    return is_wanted and is_worth_it and fits


def passes_of_tuning(settings: Settings, prepared: Prepared, asked: int) -> int:
    """Passes of one example through the network that tuning costs at most.

    A step goes forward and back, which takes about four times as long as forward alone; validation is asked
    after every epoch and of each mixture; a network that learnt from mirrored images sees each twice. `asked`
    counts the examples that the tuned network is asked about.
    """
    recipe = tuning_recipe(settings, prepared)
    trained = _COST_OF_STEP * recipe.total_steps * recipe.batch_size
    views = 2 if recipe.augmentation.mirror else 1
    return trained + (recipe.epochs + len(SHARES)) * len(prepared.examples.validation) + views * asked


def tuning_recipe(settings: Settings, prepared: Prepared) -> Recipe:
    """The numbers of tuning: what the user set stands, the rest is by rule.

    The rule: so many epochs that about 3,000 examples are shown (12,000 with the preset `best`), a part of
    one where there are more, at most 20; batches of 32; AdamW at 0.001 for the head and less for what lies
    below, once up and down; fp32, since narrow convolutions gain nothing by bf16.
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
    )
