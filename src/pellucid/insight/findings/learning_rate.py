"""A learning rate too high or too low, by how far updates move the weights and what the loss does."""

import math

from pellucid.arithmetic.rounding import figure
from pellucid.insight.findings.course import Course
from pellucid.insight.findings.finding import Finding

# An update this long, relative to the weights, is far above the usual thousandth.
LARGE_UPDATE = 0.05

SMALL_UPDATE = 1e-4
# Rise of a loss from its lowest, relative to its first, that goes with updates that large.
RISE = 0.05

# Rise of the train loss that says enough by itself.
STEEP_RISE = 0.5

_LEARNT = 0.9
_RULE = "Of an update's length relative to the weights about 0.001 is usual (notes of Stanford's CS231n)"


def learning_rate_too_high(course: Course) -> Finding | None:
    """Learning rate too high: updates undo what was learnt.

    Found where the train loss rose by half of what it began with, or updates are large and a loss
    rose markedly or the train loss of an epoch is markedly worse than guessing; `None` elsewhere.
    """
    losses = course.series("train_loss")
    train = _largest_rise(losses)
    validation = _largest_rise(course.series("validation_loss"))
    above = max(losses, default=0.0) / course.guessing - 1.0 if course.guessing > 0 else 0.0
    update = course.update_ratio or 0.0
    is_large = update >= LARGE_UPDATE and max(train, validation, above) >= RISE
    if not is_large and train < STEEP_RISE:
        return None
    what, rise = ("train", train) if train >= validation else ("validation", validation)
    evidence = f"The {what} loss rose again by up to {100 * rise:.0f} % of what it began with"
    if rise < RISE:
        evidence = f"The train loss of an epoch was {100 * above:.0f} % above that of guessing"
    updates = f", and one update was up to {figure(update)} times as long as the weights" if update else ""
    return Finding(
        "learning-rate-too-high",
        "The learning rate was too high: updates undid what had been learnt.",
        f"{evidence}{updates}.",
        "Train again with a third of the learning rate, or a tenth.",
        f"Found where the updates of half the layers reach {LARGE_UPDATE:g} of the weights, and the train or "
        f"validation loss rises from its lowest by {100 * RISE:.0f} % of its first value, or the train loss "
        f"is {100 * RISE:.0f} % above that of guessing; or where the train loss rises by "
        f"{100 * STEEP_RISE:.0f} %, whatever the updates. {_RULE}; networks of our own learn well up "
        "to 0.04.",
        {
            "train_loss_rise": train,
            "validation_loss_rise": validation,
            "above_guessing": above,
            "update_to_weight": update,
        },
    )


def learning_rate_too_low(course: Course) -> Finding | None:
    """Learning rate too low: training does not get anywhere.

    Found where no layer's update reaches a ten-thousandth of its weights in any epoch, and much is
    left to learn; `None` elsewhere.
    """
    largest = max((max(each) for each in course.layers("update_to_weight").values()), default=None)
    skill = course.skill
    if largest is None or skill is None or largest >= SMALL_UPDATE or skill >= _LEARNT:
        return None
    losses = course.series("train_loss")
    fall = f" The train loss went from {figure(losses[0])} to {figure(losses[-1])}." if losses else ""
    return Finding(
        "learning-rate-too-low",
        "The learning rate was too low: the weights hardly moved.",
        f"No update was longer than {figure(largest)} times the weights of its layer.{fall}",
        "Train again with ten times the learning rate, or leave it to the rule.",
        f"Found where that stays below {SMALL_UPDATE:g} in every layer and epoch, and less than "
        f"{100 * _LEARNT:.0f} % of the way from chance to perfection is made. {_RULE}.",
        {"update_to_weight": largest},
    )


def _largest_rise(losses: list[float]) -> float:
    """Largest rise from the lowest before it, relative to the first."""
    rise, lowest = 0.0, math.inf
    for loss in losses:
        lowest = min(lowest, loss)
        rise = max(rise, loss - lowest)
    return rise / losses[0] if losses and losses[0] > 0 else 0.0
