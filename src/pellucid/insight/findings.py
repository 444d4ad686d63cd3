"""Findings: faults of a training found in its history, each with its numbers and its remedy."""

import math
from collections.abc import Callable, Sequence
from statistics import median

from pellucid.arithmetic.rounding import figure, percent
from pellucid.insight.training_courses import Course, Finding
from pellucid.language.sentence import Sentence

# Overfitting, a generalisation gap, underfitting and training that ended too early.

# Rise of the validation loss over its lowest that means overfitting, where the train loss fell meanwhile.
WORSE = 0.2

FALLEN = 0.1
# Between train and validation accuracy, in favour of train.
GAP = 0.05

# Generalisation gap at the end, in accuracy and in R² of numbers, that is worth a remedy by itself.
WIDE_GAP = 0.1
WIDE_GAP_OF_R2 = 0.2

# Standard errors of the validation accuracy that a gap must be wide, so that few examples raise none.
_ERRORS = 2.0

# Of the way from knowing nothing to knowing all.
LITTLE = 0.3

# Fall of the validation loss in the last epoch, and over the last half of the epochs.
FALLING = 0.1
FALLING_HALF = 0.5

# Fall in the last epoch without which the last half says nothing: a schedule that lowers the learning rate to
# zero lets the loss fall in its last half by itself, and then come to rest.
STILL_FALLING = 0.05

_FEWEST_EPOCHS = 4


def overfitting(course: Course) -> Finding | None:
    """Overfitting: training examples are memorised, and others get worse."""
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
        Sentence(
            "After epoch {lowest} the validation loss rose from {validation} to "
            "{validation2}, while the train loss fell from {train} to "
            "{train2}.",
            lowest + 1,
            figure(validation[lowest]),
            figure(validation[-1]),
            figure(train[lowest]),
            figure(train[-1]),
        ),
        "The weights of the best epoch were kept, so nothing is lost. Better are more examples, "
        "augmentation, dropout, more weight decay or a smaller network; fewer epochs save time.",
        Sentence(
            "Found where the validation loss ends {WORSE:.0f} % above its lowest, the train loss fell by "
            "{FALLEN:.0f} % since, and train is ahead of validation: by {GAP:.0f} points of "
            "accuracy, or of numbers in loss. On stopping early see Prechelt 1998.",
            100 * WORSE,
            100 * FALLEN,
            100 * GAP,
        ),
        {"validation_loss_rise": rise, "train_loss_fall": fall, "best_epoch": float(lowest + 1)},
    )


def _train_is_ahead(course: Course) -> bool:
    """True where train ends ahead of validation, and validation below its best."""
    train, validation = course.right("train"), course.right("validation")
    if train and validation:
        return train[-1] - validation[-1] >= GAP and validation[-1] < max(validation)
    return course.series("train_loss")[-1] < course.series("validation_loss")[-1]


def generalisation_gap(course: Course) -> Finding | None:
    """Overfitting without a rise of the loss: train ends ahead of validation by more than chance explains."""
    skill = course.skill or 0.0
    if overfitting(course) is not None or len(course.history) < _FEWEST_EPOCHS or skill < LITTLE:
        return None
    train, validation = course.right("train"), course.right("validation")
    words = "share of examples with all labels right" if course.has_several_labels else "accuracy"
    least, error = WIDE_GAP, 0.0
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
    shown = figure if words == "R²" else percent
    return Finding(
        "generalisation-gap",
        "The network overfits: it does far better on its training examples than on others.",
        Sentence(
            "In the last epoch its {words} was {train} on training and {validation} on validation examples.",
            words,
            shown(train[-1]),
            shown(validation[-1]),
        ),
        course.remedy(
            "More training examples help most; then augmentation, dropout, more weight decay or a smaller "
            "network. The scores in this report are of examples that it has not seen, so they are not "
            "inflated."
        ),
        Sentence(
            "Found where train ends ahead of validation by {WIDE_GAP:.0f} points of accuracy (of numbers "
            "{WIDE_GAP_OF_R2:g} of R²) or more, and by {ERRORS:.0f} standard errors of the validation "
            "accuracy. Train is measured on augmented inputs while the weights still change, so the "
            "true gap is "
            "rather wider.",
            100 * WIDE_GAP,
            WIDE_GAP_OF_R2,
            _ERRORS,
        ),
        {"gap": gap, "train": train[-1], "validation": validation[-1]},
    )


def underfitting(course: Course) -> Finding | None:
    """Underfitting: not even the training examples are learnt."""
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
        Sentence(
            "It came {skill:.0f} % of the way from chance to perfection; over the last half of "
            "the epochs the train loss {word} by {fall:.1f} %.",
            100 * max(skill, 0.0),
            "fell" if fall >= 0 else "rose",
            100 * abs(fall),
        ),
        remedy,
        Sentence(
            "Found below {LITTLE:.0f} % of the way at the end: (accuracy - chance) / (1 - chance), or R² "
            "of numbers, the better of train and validation. Chance is the share of the largest class. Of "
            "several labels the best of three: examples with all labels right in training, micro-F1 on "
            "validation, and how far the train loss fell below that of guessing the share of each label.",
            100 * LITTLE,
        ),
        {"skill": skill, "train_loss_fall": fall},
    )


def cut_short(course: Course) -> Finding | None:
    """Training ended while the validation loss, or without it the train loss, was still falling steeply."""
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
        Sentence(
            "In the last epoch the loss fell by {last:.0f} %, over the last half of the epochs by "
            "{half:.0f} %.",
            100 * last,
            100 * half,
        ),
        "Train longer: more --epochs, a higher --preset or a longer --time-limit.",
        Sentence(
            "Found where the validation loss ends at its lowest and fell by {FALLING:.0f} % in the last "
            "epoch, or by {STILL_FALLING:.0f} % then and {FALLING_HALF:.0f} % over the last half of "
            "the epochs.",
            100 * FALLING,
            100 * STILL_FALLING,
            100 * FALLING_HALF,
        ),
        {"last_fall": last, "half_fall": half},
    )


# A learning rate too high or too low, by how far updates move the weights and what the loss does.

# An update this long, relative to the weights, is far above the usual thousandth.
LARGE_UPDATE = 0.05

SMALL_UPDATE = 1e-4
# Rise of a loss from its lowest, relative to its first, that goes with updates that large.
RISE = 0.05

# Rise of the train loss that is enough by itself.
STEEP_RISE = 0.5

_LEARNT = 0.9
_RULE = "Of an update's length relative to the weights about 0.001 is usual (notes of Stanford's CS231n)"


def learning_rate_too_high(course: Course) -> Finding | None:
    """Learning rate too high: updates undo what was learnt."""
    losses = course.series("train_loss")
    train, validation = _largest_rise(losses), _largest_rise(course.series("validation_loss"))
    above = max(losses, default=0.0) / course.untrained - 1.0 if course.untrained > 0 else 0.0
    update = course.update_ratio or 0.0
    is_large = update >= LARGE_UPDATE and max(train, validation, above) >= RISE
    if not is_large and train < STEEP_RISE:
        return None
    what, rise = ("train", train) if train >= validation else ("validation", validation)
    evidence = Sentence(
        "The {what} loss rose again by up to {rise:.0f} % of what it began with", what, 100 * rise
    )
    if rise < RISE:
        evidence = Sentence(
            "The train loss of an epoch was {above:.0f} % above that of guessing", 100 * above
        )
    updates = (
        Sentence(", and one update was up to {update} times as long as the weights", figure(update))
        if update
        else ""
    )
    return Finding(
        "learning-rate-too-high",
        "The learning rate was too high: updates undid what had been learnt.",
        f"{evidence}{updates}.",
        "Train again with a third of the learning rate, or a tenth.",
        Sentence(
            "Found where the updates of half the layers reach {LARGE_UPDATE:g} of the weights, and "
            "the train or "
            "validation loss rises from its lowest by {RISE:.0f} % of its first value, or the train loss "
            "is {RISE2:.0f} % above that of guessing; or where the train loss rises by "
            "{STEEP_RISE:.0f} %, whatever the updates. {RULE}; by AdamW our own networks learn well up "
            "to 0.04.",
            LARGE_UPDATE,
            100 * RISE,
            100 * RISE,
            100 * STEEP_RISE,
            _RULE,
        ),
        {
            "train_loss_rise": train,
            "validation_loss_rise": validation,
            "above_guessing": above,
            "update_to_weight": update,
        },
    )


def learning_rate_too_low(course: Course) -> Finding | None:
    """Learning rate too low: training does not get anywhere."""
    largest = max((max(each) for each in course.layers("update_to_weight").values()), default=None)
    skill = course.skill
    if largest is None or skill is None or largest >= SMALL_UPDATE or skill >= _LEARNT:
        return None
    losses = course.series("train_loss")
    fall = (
        Sentence(" The train loss went from {losses} to {losses2}.", figure(losses[0]), figure(losses[-1]))
        if losses
        else ""
    )
    return Finding(
        "learning-rate-too-low",
        "The learning rate was too low: the weights hardly moved.",
        Sentence(
            "No update was longer than {largest} times the weights of its layer.{fall}", figure(largest), fall
        ),
        "Train again with ten times the learning rate, or leave it to the rule.",
        Sentence(
            "Found where that stays below {SMALL_UPDATE:g} in every layer and epoch, and less than "
            "{LEARNT:.0f} % of the way from chance to perfection is made. {RULE}.",
            SMALL_UPDATE,
            100 * _LEARNT,
            _RULE,
        ),
        {"update_to_weight": largest},
    )


def _largest_rise(losses: list[float]) -> float:
    """Largest rise from the lowest before it, relative to the first."""
    rise, lowest = 0.0, math.inf
    for loss in losses:
        lowest = min(lowest, loss)
        rise = max(rise, loss - lowest)
    return rise / losses[0] if losses and losses[0] > 0 else 0.0


# Gradients that fade or grow on their way from the last layer down to the first.

FEWEST_LAYERS = 3
# Of the last layer's gradient, what the lowest third of the layers gets at least in a sound network.
VANISHED = 0.01

# Times the last layer's gradient, or that of the first measured epoch, that a sound network stays below.
EXPLODED = 100.0

_SOURCE = "Hochreiter 1991 and Bengio and others 1994 show why gradients fade or grow by a factor per layer"


def vanishing_gradients(course: Course) -> Finding | None:
    """Vanishing gradients, so that the lowest layers hardly learn."""
    ratio = median(_lowest_to_last(course) or [math.inf])
    if ratio >= VANISHED:
        return None
    return Finding(
        "vanishing-gradients",
        "Gradients vanish on their way down: the lowest layers hardly learn.",
        Sentence(
            "The gradient of the lowest third of the layers is {ratio} times as long as that of the "
            "last layer.",
            figure(ratio),
        ),
        course.remedy(
            "Use relu or gelu in place of sigmoid or tanh, keep batch normalisation on, or take fewer layers."
        ),
        Sentence(
            "Found where that is below {VANISHED:g} in the median of the measured epochs. {SOURCE}; "
            "Glorot and "
            "Bengio 2010 measure it layer by layer. In sound trainings of our own it stays above 0.05.",
            VANISHED,
            _SOURCE,
        ),
        {"lowest_to_last": ratio},
    )


def exploding_gradients(course: Course) -> Finding | None:
    """Exploding gradients, on the way down or in time."""
    steepest = max(_lowest_to_last(course), default=0.0)
    lengths = [math.hypot(*epoch) for epoch in course.epochs("gradient_norm")]
    growth = max(lengths) / lengths[0] if lengths and lengths[0] > 0 else 0.0
    if max(steepest, growth) <= EXPLODED:
        return None
    evidence = (
        Sentence(
            "The gradient of the lowest third of the layers was up to {steepest} times as long as that "
            "of the last layer.",
            figure(steepest),
        )
        if steepest > EXPLODED
        else Sentence(
            "The gradient grew to {growth} times its length in the first measured epoch.", figure(growth)
        )
    )
    return Finding(
        "exploding-gradients",
        "Gradients explode: they grow many times over on their way down, or from epoch to epoch.",
        evidence,
        course.remedy("Lower the learning rate, keep batch normalisation on, or take fewer or wider layers."),
        Sentence(
            "Found above a factor of {EXPLODED:g} in either. {SOURCE}; Pascanu and others 2013 describe the "
            "walls in the loss that such gradients come from.",
            EXPLODED,
            _SOURCE,
        ),
        {"lowest_to_last": steepest, "growth": growth},
    )


def _lowest_to_last(course: Course) -> list[float]:
    """Median gradient of the lowest third of the layers relative to that of the last, by measured epoch."""
    deep = [epoch for epoch in course.epochs("gradient_norm") if len(epoch) >= FEWEST_LAYERS]
    return [median(epoch[: len(epoch) // 3]) / epoch[-1] for epoch in deep if epoch[-1] > 0]


# Dead and saturated units, which give the same for every input.

# Share of a layer's relu units that may be dead; a rate too high kills as many (notes of CS231n).
DEAD = 0.4

# Share of a layer's sigmoid or tanh outputs that may be saturated.
SATURATED = 0.5


def dead_units(course: Course) -> Finding | None:
    """Dead relu units: more than 40 % of a layer, at the last measured epoch, zero for every example."""
    name, share = _worst(course, "dead")
    if share <= DEAD:
        return None
    return Finding(
        "dead-units",
        "Many units are dead: they are zero for every example, and no gradient brings them back.",
        Sentence(
            "In {name} {share:.0f} % of the units were zero for every example that was measured.",
            name,
            100 * share,
        ),
        course.remedy(
            "Lower the learning rate; if that does not help, use leaky-relu or gelu, or keep batch "
            "normalisation on."
        ),
        Sentence(
            "Found where more than {DEAD:.0f} % of a layer are dead at the last measured epoch, as many "
            "as a learning rate too high kills by the notes of Stanford's CS231n; on the cause see Maas and "
            "others 2013. A channel of a convolution counts as a unit.",
            100 * DEAD,
        ),
        {"share": share},
    )


def saturated_units(course: Course) -> Finding | None:
    """Saturated outputs of sigmoid or tanh: more than half of a layer's at the last measured epoch."""
    name, share = _worst(course, "saturated")
    if share <= SATURATED:
        return None
    return Finding(
        "saturated-units",
        "A layer is saturated: most of its outputs lie where the slope is next to nothing, so that "
        "the layers below hardly learn.",
        Sentence("In {name} {share:.0f} % of the outputs lie at an end of the function.", name, 100 * share),
        course.remedy("Lower the learning rate, keep batch normalisation on, or use relu or gelu."),
        Sentence(
            "Found where more than {SATURATED:.0f} % of a layer are saturated at the last measured epoch: "
            "a tanh beyond 0.97 on either side, a sigmoid below 0.015 or above 0.985, which is the "
            "same place of "
            "the same curve. Glorot and Bengio 2010 show what it does to training.",
            100 * SATURATED,
        ),
        {"share": share},
    )


def _worst(course: Course, share: str) -> tuple[str, float]:
    """Layer with the largest share at the last measured epoch, and that share; 0 where none was measured."""
    last = [(name, shares[-1]) for name, shares in course.activations(share).items()]
    return max(last, key=lambda pair: pair[1], default=("", 0.0))


# Labels that are likely wrong, where there are many of them.

# Share of the labels; in data sets without planted errors at most half as many were listed.
SUSPICIOUS = 0.01

# Labels: two of a hundred are a reason to look at them, and no finding.
_MANY = 5


def suspicious_labels(course: Course) -> Finding | None:
    """More likely label errors than in data sets that are labelled with care."""
    share = course.label_issues / course.examined if course.examined else 0.0
    if share <= SUSPICIOUS or course.label_issues < _MANY:
        return None
    agreement = course.agreed / course.examined
    return Finding(
        "suspicious-labels",
        "Many labels look wrong.",
        Sentence(
            "To models that had not seen the example, {label_issues:,} of {examined:,} labels "
            "({share:.1f} %) look wrong; an estimated {label_precision:.0f} % of these are. The models "
            "agree with {agreement:.0f} % of all labels.",
            course.label_issues,
            course.examined,
            100 * share,
            100 * course.label_precision,
            100 * agreement,
        ),
        "Inspect the likely label errors in this report and fix what is wrong; the network learns what the "
        "labels say, and so does its score.",
        Sentence(
            "Found above {SUSPICIOUS:.0f} %, and from {MANY} labels on. A label counts where it is wrong "
            "with a probability of at least 0.4, by the probability that a model gives it and the "
            "share of wrong "
            "labels among all, which is fitted to these probabilities. None counts where that share "
            "could be 0. "
            "Ten well-known test sets have 3.3 % wrong labels on the mean (Northcutt and others 2021).",
            100 * SUSPICIOUS,
            _MANY,
        ),
        {"share": share, "agreement": agreement, "expected_precision": course.label_precision},
    )


_Look = Callable[[Course], Finding | None]

# Findings that keep a network from learning.
CAUSES: tuple[_Look, ...] = (
    learning_rate_too_high,
    learning_rate_too_low,
    exploding_gradients,
    vanishing_gradients,
    dead_units,
    saturated_units,
)

# Findings looked for only without a cause: they follow from one, or a sound network must judge them.
WITHOUT_CAUSES: tuple[_Look, ...] = (underfitting, cut_short, suspicious_labels)

_FITTING: tuple[_Look, ...] = (overfitting, generalisation_gap)

# Everything that is looked for, in the order in which it is reported.
FINDINGS = (*CAUSES, *_FITTING, *WITHOUT_CAUSES)


def find(course: Course) -> Sequence[Finding]:
    """Faults of a training, causes first; none where it was sound."""
    found = [finding for look in CAUSES if (finding := look(course)) is not None]
    others = _FITTING if found else (*_FITTING, *WITHOUT_CAUSES)
    return [*found, *(finding for look in others if (finding := look(course)) is not None)]
