"""Overfitting, a generalisation gap, underfitting and training that ended too early."""

import math

from pellucid.arithmetic.rounding import figure, percent
from pellucid.insight.findings.course import Course
from pellucid.insight.findings.finding import Finding

# Rise of the validation loss over its lowest that says overfitting, where the train loss fell meanwhile.
WORSE = 0.2

FALLEN = 0.1
# Between train and validation accuracy, in favour of train.
GAP = 0.05

# Generalisation gap at the end, in accuracy and in R² of numbers, that is worth a remedy by itself.
WIDE_GAP, WIDE_GAP_OF_R2 = 0.1, 0.2

# Standard errors of the validation accuracy that a gap must be wide, so that few examples raise none.
_ERRORS = 2.0

# Of the way from knowing nothing to knowing all.
LITTLE = 0.3

# Fall of the validation loss in the last epoch, and over the last half of the epochs.
FALLING, FALLING_HALF = 0.1, 0.5

# Fall in the last epoch without which the last half says nothing.
#
# A schedule that lowers the learning rate to zero lets the loss fall in its last half by itself, and then
# come to rest.
STILL_FALLING = 0.05

_FEWEST_EPOCHS = 4


def overfitting(course: Course) -> Finding | None:
    """Overfitting: training examples are memorised, and others get worse.

    Found where the validation loss ends a fifth above its lowest, the train loss fell by a tenth
    since, and train is ahead of validation; `None` elsewhere.
    """
    train, validation = course.series("train_loss"), course.series("validation_loss")
    if not train or not validation:
        return None
    lowest = min(range(len(validation)), key=validation.__getitem__)
    rise = validation[-1] / max(validation[lowest], 1e-9) - 1.0
    fall = 1.0 - train[-1] / max(train[lowest], 1e-9)
    if rise < WORSE or fall < FALLEN or not _train_is_ahead(course):
        return None
    return Finding(
        "overfitting",
        "The network overfits: it memorised its training examples and got worse on others.",
        f"After epoch {lowest + 1} the validation loss rose from {figure(validation[lowest])} to "
        f"{figure(validation[-1])}, while the train loss fell from {figure(train[lowest])} to "
        f"{figure(train[-1])}.",
        "The weights of the best epoch were kept, so nothing is lost. Better are more examples, "
        "augmentation, dropout, more weight decay or a smaller network; fewer epochs save time.",
        f"Found where the validation loss ends {100 * WORSE:.0f} % above its lowest, the train loss fell by "
        f"{100 * FALLEN:.0f} % since, and train is ahead of validation: by {100 * GAP:.0f} points of "
        "accuracy, or of numbers in loss. On stopping early see Prechelt 1998.",
        {"validation_loss_rise": rise, "train_loss_fall": fall, "best_epoch": float(lowest + 1)},
    )


def _train_is_ahead(course: Course) -> bool:
    """True where train ends ahead of validation, and validation below its best."""
    train, validation = course.series("train_accuracy"), course.series("validation_accuracy")
    if train and validation:
        return train[-1] - validation[-1] >= GAP and validation[-1] < max(validation)
    return course.series("train_loss")[-1] < course.series("validation_loss")[-1]


def generalisation_gap(course: Course) -> Finding | None:
    """Overfitting without a rise of the loss: train ends far ahead of validation.

    Found where the gap is wider than chance explains; `None` elsewhere, where `overfitting` is found, and
    where not even the training examples are learnt.
    """
    skill = course.skill or 0.0
    if overfitting(course) is not None or len(course.history) < _FEWEST_EPOCHS or skill < LITTLE:
        return None
    train, validation = course.series("train_accuracy"), course.series("validation_accuracy")
    words, least, error = "accuracy", WIDE_GAP, 0.0
    if train and validation:
        if course.validated:
            error = math.sqrt(validation[-1] * (1 - validation[-1]) / course.validated)
    else:
        losses, validation = course.series("train_loss"), course.series("validation_r2")
        train = [1.0 - loss for loss in losses]
        words, least = "R²", WIDE_GAP_OF_R2
    if not train or not validation:
        return None
    gap = train[-1] - validation[-1]
    if gap < max(least, _ERRORS * error):
        return None
    shown = percent if words == "accuracy" else figure
    return Finding(
        "generalisation-gap",
        "The network overfits: it does far better on its training examples than on others.",
        f"In the last epoch its {words} was {shown(train[-1])} on training and {shown(validation[-1])} on "
        "validation examples.",
        course.remedy(
            "More training examples help most; then augmentation, dropout, more weight decay or a smaller "
            "network. The scores in this report are of examples that it has not seen, so they are not "
            "flattered."
        ),
        f"Found where train ends ahead of validation by {100 * WIDE_GAP:.0f} points of accuracy (of numbers "
        f"{WIDE_GAP_OF_R2:g} of R²) or more, and by {_ERRORS:.0f} standard errors of the validation "
        "accuracy. Train is measured on augmented inputs while the weights still change, so the true gap is "
        "rather wider.",
        {"gap": gap, "train": train[-1], "validation": validation[-1]},
    )


def underfitting(course: Course) -> Finding | None:
    """Underfitting: not even the training examples are learnt.

    Found where it came less than three tenths of the way from chance to perfection, on training and
    validation examples alike; `None` elsewhere.
    """
    skill = course.skill
    if skill is None or len(course.history) < _FEWEST_EPOCHS or skill >= LITTLE:
        return None
    losses = course.series("train_loss")
    half = losses[len(losses) // 2 :]
    fall = 1.0 - half[-1] / half[0] if half and half[0] > 0 else 0.0
    remedy = (
        "Give it more layers or units, or inputs that say more; where even a large network stays there, the "
        "labels may not follow from the inputs."
        if fall < FALLEN
        else "Train longer: the loss was still falling."
    )
    return Finding(
        "underfitting",
        "The network did not even learn its training examples.",
        f"It came {100 * max(skill, 0.0):.0f} % of the way from chance to perfection; over the last half of "
        f"the epochs the train loss {'fell' if fall >= 0 else 'rose'} by {100 * abs(fall):.1f} %.",
        remedy,
        f"Found below {100 * LITTLE:.0f} % of the way at the end: (accuracy - chance) / (1 - chance), or R² "
        "of numbers, the better of train and validation. Chance is the share of the largest class.",
        {"skill": skill, "train_loss_fall": fall},
    )


def cut_short(course: Course) -> Finding | None:
    """Training ended while it was still getting much better.

    Found where the validation loss (the train loss without a validation split) is lowest at the end
    and fell steeply up to there; `None` elsewhere.
    """
    losses = course.series("validation_loss") or course.series("train_loss")
    if len(losses) < _FEWEST_EPOCHS or losses[-1] > min(losses):
        return None
    last = 1.0 - losses[-1] / max(losses[-2], 1e-9)
    half = 1.0 - losses[-1] / max(losses[(len(losses) - 1) // 2], 1e-9)
    if last < FALLING and (half < FALLING_HALF or last < STILL_FALLING):
        return None
    return Finding(
        "cut-short",
        "Training ended while the network was still getting much better.",
        f"In the last epoch the loss fell by {100 * last:.0f} %, over the last half of the epochs by "
        f"{100 * half:.0f} %.",
        "Train longer: more --epochs, a higher --preset or a longer --time-limit.",
        f"Found where the validation loss ends at its lowest and fell by {100 * FALLING:.0f} % in the last "
        f"epoch, or by {100 * STILL_FALLING:.0f} % then and {100 * FALLING_HALF:.0f} % over the last half of "
        "the epochs.",
        {"last_fall": last, "half_fall": half},
    )
