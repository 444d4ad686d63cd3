"""Recipe: every number of training, chosen from the settings, the data and the machine."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Shaped

from pellucid.data.images.augmentation import Augmentation, usual_shift
from pellucid.data.labels import require_classes
from pellucid.data.wording import count_of
from pellucid.errors import UsageError
from pellucid.language.sentence import Sentence
from pellucid.safety.strict import LEFT_OUT, Saved, Whole
from pellucid.settings import ADVERSARIAL, MOST_PARTS, Settings
from pellucid.training.by_target import RULES, require_fitting_target
from pellucid.training.recipe_defaults import (
    DEFAULTS,
    FEW_EPOCHS,
    FEWEST_MIXED,
    GENERATORS,
    PRESETS,
    WARM_UP,
    Surroundings,
    choose_parts,
    optimizer_of,
)


@dataclass(frozen=True)
class AdversarialRules:
    """Recipe by which generator and discriminator are trained against each other."""

    generator_rate: float  # learning rate of the generator, as a part of the discriminator's
    momentum: float  # share of the mean of gradients that Adam keeps from step to step, for both
    # largest factor by which a layer of the discriminator may stretch what comes in; 0 for none
    stretch: float
    averaging: float  # share of the averaged generator that is kept from step to step


# The recipe that made the best images in equal time; `docs/experiments/generated.md` has what lost.
BY_MEASUREMENT = AdversarialRules(generator_rate=1.0, momentum=0.0, stretch=1.0, averaging=0.999)


@dataclass(frozen=True)
class Recipe(Saved):
    """Every number that decides the result of training."""

    epochs: int  # passes over the training split
    total_steps: int  # batches in all; below `epochs` full passes when time is limited
    batch_size: int  # examples per batch; one optimiser step each, but one per epoch for `gd`
    optimizer: str  # `gd`, `sgd`, `momentum`, `nesterov`, `adam`, `adamw` or `muon`
    learning_rate: float  # largest learning rate
    weight_decay: float  # pull towards zero (decoupled for AdamW, added to the gradient elsewhere)
    schedule: str  # `one-cycle`, `cosine` or `constant`
    loss: str  # `cross-entropy`, `mse`, `elbo` or `adversarial`
    label_smoothing: float  # share of each target spread over all classes, 0 to 0.9
    class_weights: tuple[float, ...] | None  # weight of each class in the loss, or None for equal weights
    augmentation: Augmentation  # how training images are varied
    patience: int | None  # epochs without gain before training stops, or None
    metric: str  # score that decides which epoch is best: one of the settings', or the target's own
    precision: str  # `fp32` or `bf16`
    device: str  # where training runs
    threads: int  # processor threads, which decide nothing but how long it takes
    seed: int  # seed of every draw
    word_dropout: Annotated[float, LEFT_OUT] = (
        0.0  # share of the ids of a training text that are replaced by `UNKNOWN`
    )
    beta: Annotated[float | None, LEFT_OUT] = (
        None  # weight of the divergence in the loss `elbo`; None elsewhere
    )
    # share of the steps in which that weight rises from 0, in proportion; likewise
    warm_up: Annotated[float | None, LEFT_OUT] = None
    # numbers that only the loss `adversarial` has; None elsewhere
    adversarial: Annotated[AdversarialRules | None, LEFT_OUT] = None
    # share of the epochs, rounded up to a whole one, after which the first block of `cnn` stays as it
    # is; None where it learns to the end
    frozen_from: Annotated[float | None, LEFT_OUT] = None
    # parts of a batch, each of which goes through the network by itself; smaller batches have fewer
    parts: Annotated[int, Whole(1, MOST_PARTS), LEFT_OUT] = 1
    # steps at which training, behind its time or ahead of it, was made shorter or longer, each with the
    # steps in all until then; the schedule goes on from there and ends with the last step
    shortened: Annotated[tuple[tuple[int, int], ...], LEFT_OUT] = ()

    @property
    def examples_seen(self) -> int:
        """Training examples that all batches hold together, about."""
        return self.total_steps * self.batch_size

    @property
    def busy_threads(self) -> int:
        """Threads that compute a batch, each at least a part of it."""
        return min(self.threads, self.parts)

    @property
    def planned_steps(self) -> int:
        """Batches in all before any change of them."""
        return self.shortened[0][1] if self.shortened else self.total_steps

    def ending_at(self, total_steps: int, step: int, per_epoch: int) -> "Recipe":
        """The recipe made shorter or longer after so many steps, of which an epoch has `per_epoch`."""
        shortened, epochs = (*self.shortened, (step, self.total_steps)), math.ceil(total_steps / per_epoch)
        return dataclasses.replace(
            self, total_steps=total_steps, epochs=max(self.epochs, epochs), shortened=shortened
        )

    def stopped_after(self, step: int, per_epoch: int) -> "Recipe":
        """The recipe that ends with a step already taken; gd, which updates there alone, with its epoch."""
        total = per_epoch * math.ceil(step / per_epoch) if self.optimizer == "gd" else step
        return self if total >= self.total_steps else self.ending_at(total, step, per_epoch)

    @property
    def frozen_epochs(self) -> int:
        """Epochs at the end in which the first block stays as it is."""
        return 0 if self.frozen_from is None else self.epochs - math.ceil(self.frozen_from * self.epochs)

    def is_frozen(self, epoch: int, per_epoch: int) -> bool:
        """True where the first block stays as it is in an epoch, by what was planned when that began."""
        changes = (*self.shortened, (self.total_steps + 1, self.total_steps))
        planned = next(total for at, total in changes if epoch * per_epoch < at)
        return self.frozen_from is not None and epoch >= math.ceil(
            self.frozen_from * math.ceil(planned / per_epoch)
        )

    def beta_at(self, step: int) -> float:
        """Weight of the divergence after so many steps of training with the loss `elbo`."""
        assert self.beta is not None  # the loss has one
        rises = (self.warm_up or 0.0) * self.planned_steps
        return self.beta * min(1.0, step / rises) if rises else self.beta


def choose_recipe(settings: Settings, around: Surroundings) -> Recipe:
    """Decide every number of training: what the user set is kept, the rest is as `DEFAULTS` has it.

    Raises: `UsageError` if a setting contradicts the data or another setting.
    """
    examples = len(around.train_labels)
    optimizer = optimizer_of(settings, around)
    if optimizer == "gd" and settings.batch_size is not None:
        raise UsageError("--batch-size: gd takes the whole training split in each step; leave one out")
    require_fitting_target(settings, around.target)
    default = (GENERATORS.get(around.model) or DEFAULTS[around.takes])(settings, around)
    epochs = settings.epochs or default.epochs
    loss = settings.loss or ("adversarial" if around.model == ADVERSARIAL else around.target.loss)
    has_bound = loss == "elbo"
    batch_size = min(default.batch_size, examples)
    smoothing = default.label_smoothing if loss == "cross-entropy" else 0.0
    return Recipe(
        epochs=epochs,
        total_steps=epochs * batches_per_epoch(examples, default.batch_size),
        batch_size=batch_size,
        optimizer=optimizer,
        learning_rate=default.learning_rate if settings.learning_rate is None else settings.learning_rate,
        weight_decay=default.weight_decay if settings.weight_decay is None else settings.weight_decay,
        schedule=settings.schedule or ("constant" if optimizer == "gd" else "one-cycle"),
        loss=loss,
        label_smoothing=smoothing if settings.label_smoothing is None else settings.label_smoothing,
        class_weights=weights_of_classes(
            settings.class_weight,
            around.train_labels,
            around.names or tuple(map(str, range(around.classes))),
        ),
        augmentation=_augmentation(settings, around, epochs),
        patience=settings.patience,
        metric=around.target.decides(settings.metric).setting,
        precision=default.precision,
        device=around.device,
        threads=default.threads,
        seed=settings.seed,
        word_dropout=default.word_dropout,
        beta=(1.0 if settings.beta is None else settings.beta) if has_bound else None,
        warm_up=WARM_UP if has_bound else None,
        adversarial=BY_MEASUREMENT if loss == "adversarial" else None,
        frozen_from=default.frozen_from,
        parts=choose_parts(settings, around.model, around.takes, batch_size, around.device),
    )


def batches_per_epoch(examples: int, batch_size: int) -> int:
    """Batches that one pass over the training split takes, at least 1.

    A single example left over joins the batch before it: one example alone has no variance that
    batch norm could learn from.
    """
    return max(1, math.ceil((examples - 1) / batch_size))


def weights_of_classes(
    wanted: Mapping[str, float] | str | None, labels: Shaped[np.ndarray, "train ..."], names: Sequence[str]
) -> tuple[float, ...] | None:
    """Weight of each class: as named, or inverse frequencies of labels with mean 1 over the examples.

    A class that is not named weighs 1. `None` where all weigh the same, as by default: weights distort the
    probabilities, and cost more right answers than they give (docs/experiments/images.md, "Class weights").

    Raises: `UsageError` if a class is named that there is not.
    """
    if wanted in (None, "none"):
        return None
    if isinstance(wanted, Mapping):
        require_classes("--class-weight", wanted, names, "the data")
        return tuple(wanted.get(name, 1.0) for name in names)
    counts = np.bincount(labels, minlength=len(names)).astype(np.float64)
    shares = np.count_nonzero(counts) * counts
    weights = np.divide(counts.sum(), shares, out=np.zeros_like(counts), where=counts > 0)
    return tuple(float(weight) for weight in weights)


def _augmentation(settings: Settings, around: Surroundings, epochs: int) -> Augmentation:
    """Shift by a fourteenth of the side, mirror, erase and mix by preset: each only where the label is kept.

    Of few epochs half the shift: of images seen but a few times a network learns more with less variety.
    """
    rules = RULES[around.target]
    if not rules.varies:
        return Augmentation()
    kind = around.input_kind
    wanted = kind.is_augmented if settings.augment is None else settings.augment
    if wanted and not kind.is_augmented:
        raise UsageError("--augment: {nouns} cannot be shifted or mirrored; leave it out", kind.nouns)
    if not wanted:
        return Augmentation()
    preset = PRESETS[settings.preset]
    is_mixed = around.model == "cnn" and rules.mixes and epochs >= FEWEST_MIXED
    mix = preset.mix if is_mixed else 0.0
    erase = preset.erase / 2 if mix else preset.erase
    shift = usual_shift(around.shortest_side)
    if epochs < FEW_EPOCHS:
        shift = math.ceil(shift / 2)
    return Augmentation(
        mirror=around.mirror_keeps_class,
        shift=shift if around.shift_keeps_label else 0,
        erase=erase if around.erase_keeps_label else 0.0,
        mix=mix,
    )


# Of the numbers for a fresh network, what one gets that learned before (measured in
# `docs/continual-training.md`): what it knows is shifted and not thrown over, and most is learned already.
RATE_SHARE = 0.2
EPOCHS_SHARE = 0.5
RULE = "a fifth of the learning rate of a fresh network, half of its epochs where no class is new"


def continued(recipe: Recipe, settings: Settings, examples: int, *, new_classes: int) -> Recipe:
    """Recipe of a trained network, from that of a fresh one by `RULE`; what the user set is kept."""
    rate, epochs = recipe.learning_rate, recipe.epochs
    if settings.learning_rate is None:
        rate = float(f"{RATE_SHARE * rate:.6g}")
    if settings.epochs is None and not new_classes:
        epochs = math.ceil(EPOCHS_SHARE * epochs)
    steps = epochs * batches_per_epoch(examples, recipe.batch_size)
    return dataclasses.replace(recipe, learning_rate=rate, epochs=epochs, total_steps=steps, frozen_from=None)


def continued_words(fresh: Recipe, recipe: Recipe, settings: Settings) -> str:
    """Sentence on the rule, with both learning rates and both numbers of epochs."""
    rate = Sentence(
        "A network that continues training has the learning rate {learning_rate:g}, as it was given.",
        recipe.learning_rate,
    )
    if settings.learning_rate is None:
        rate = Sentence(
            "A network that continues training has a low learning rate: {learning_rate:g}, "
            "a fifth of the {learning_rate2:g} of a new one.",
            recipe.learning_rate,
            fresh.learning_rate,
        )
    epochs = count_of(recipe.epochs, "epoch")
    if settings.epochs is not None:
        return Sentence("{rate} It trains for {epochs}, as it was given.", rate, epochs)
    if recipe.epochs < fresh.epochs:
        return Sentence("{rate} It trains for {epochs}, half of {epochs2}.", rate, epochs, fresh.epochs)
    return Sentence("{rate} It trains for {epochs}.", rate, epochs)
