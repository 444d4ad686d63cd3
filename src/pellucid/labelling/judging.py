"""What labels have brought, judged on the audit alone: accuracy, what the last ones and selection added.

A model is trained on the labels outside the audit, and asked about the audit. As this is a random sample that
nobody learned from, the share of right answers and its interval are honest, however the other examples were
chosen. Two models are compared by Tango's interval for pairs. Their difference is also at most the share of
the pool that they answer differently, which is known without any label: both bounds are applied.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from pellucid.arithmetic.rounding import figure, rounded
from pellucid.evaluation.comparisons import paired_interval
from pellucid.evaluation.intervals import Interval, points, share_interval
from pellucid.labelling.by_target import TAUGHT
from pellucid.labelling.selection import AUDIT, RANDOM, Label, Model, fit, is_right
from pellucid.language.sentence import Sentence
from pellucid.targets import Target

# Fewest audited examples for an accuracy, and labels on either side for a comparison.
_FEWEST_AUDITED = 10  # examples
_FEWEST_COMPARED = 20  # labels
# Labels whose worth is judged, where there are twice as many.
_LAST = 100
# A gain of accuracy below which more of the same will hardly help.
_HARDLY = 0.01


class Gain(NamedTuple):
    """Difference of accuracy between two models on the audit."""

    labels: int  # that one model learned and the other did not
    interval: Interval


class Judgement(NamedTuple):
    """What the audit shows so far; what cannot be said yet is `None`."""

    learned: int = 0  # labels that the model was trained on
    audited: int = 0
    accuracy: Interval | None = None
    last: Gain | None = None  # what the last labels brought
    selected: Gain | None = None  # what selected labels bring in place of as many random ones

    @property
    def is_harmful(self) -> bool:
        """Whether selected labels do worse than random ones beyond chance."""
        return self.selected is not None and self.selected.interval.high < 0

    def sentences(self, target: Target) -> list[str]:
        """What there is to say, for people, about answers of a target."""
        found: list[str] = []
        right = TAUGHT[target].right
        if self.accuracy is None:
            found.append(
                Sentence(
                    "The accuracy appears once {FEWEST_AUDITED} examples of the random audit are labelled.",
                    _FEWEST_AUDITED,
                )
            )
        else:
            value, low, high = (figure(each) for each in self.accuracy)
            found.append(
                Sentence(
                    "Accuracy {value} [{low}, {high}]: that share of the {audited:,} audited examples is "
                    "{right} by a model of the {learned:,} labels outside the audit.",
                    value,
                    low,
                    high,
                    self.audited,
                    right,
                    self.learned,
                )
            )
        if self.last is not None:
            found.append(_about_last(self.last))
        if self.selected is not None:
            found.append(_about_selection(self.selected, self.audited))
        return found


def _about_last(gain: Gain) -> str:
    said = Sentence("The last {labels:,} labels brought {interval}", gain.labels, _signed(gain.interval))
    if gain.interval.high <= _HARDLY:
        return Sentence("{said}: more of the same will hardly help.", said)
    return (
        Sentence("{said}; more may help.", said)
        if gain.interval.low <= 0
        else Sentence("{said}: more will probably help.", said)
    )


def _about_selection(gain: Gain, audited: int) -> str:
    said = Sentence(
        "{labels:,} selected labels in place of as many random ones bring {interval}",
        gain.labels,
        _signed(gain.interval),
    )
    if gain.interval.low > 0:
        return Sentence("Selection helps here: {said}.", said)
    if gain.interval.high < 0:
        return Sentence("Selection does harm here: {said}. From now on examples are drawn at random.", said)
    shown = Sentence("as far as {audited:,} audited examples show", audited)
    if gain.interval.high <= _HARDLY:
        return Sentence("Selection does not help here, {shown}: {said}.", shown, said)
    return Sentence("Selection does not help here beyond chance, {shown}: {said}.", shown, said)


def _signed(interval: Interval) -> str:
    """A difference in points, with the sign of a gain."""
    plus = "+" if interval.value > 0 and float(rounded(100 * interval.value, 3)) > 0 else ""
    return f"{plus}{points(interval)}"


def judge(features: Float32[np.ndarray, "pool features"], labels: Sequence[Label], model: Model) -> Judgement:
    """Judge a model of the labels outside the audit, given in their order, on those inside it."""
    learned = [each for each in labels if each.policy != AUDIT]
    audit = [each for each in labels if each.policy == AUDIT]
    if len(audit) < _FEWEST_AUDITED:
        return Judgement(len(learned), len(audit))

    def trained(some: Sequence[Label]) -> Model:
        return fit(features, some, model.target)

    accuracy = share_interval(is_right(model, features, audit), None)

    def gain(count: int, better: Model, worse: Model) -> Gain:
        first, second = (is_right(each, features, audit) for each in (better, worse))
        interval = paired_interval(int((first & ~second).sum()), int((second & ~first).sum()), len(audit))
        most = _disagreement(better, worse, features)
        return Gain(count, Interval(interval.value, max(interval.low, -most), min(interval.high, most)))

    last = selected = None
    count = min(_LAST, len(learned) // 2)
    before = learned[: len(learned) - count]
    if count >= _FEWEST_COMPARED and any(each.labels for each in before):
        last = gain(count, model, trained(before))
    # As many labels as there are random ones: those, and the first that were asked for whatever reason.
    random = [each for each in learned if each.policy == RANDOM]
    mixed = learned[: len(random)]
    count = sum(each.policy != RANDOM for each in mixed)
    if count >= _FEWEST_COMPARED and all(any(each.labels for each in side) for side in (mixed, random)):
        selected = gain(count, trained(mixed), trained(random))
    return Judgement(len(learned), len(audit), accuracy, last, selected)


def _disagreement(one: Model, other: Model, features: Float32[np.ndarray, "pool features"]) -> float:
    """Share of the pool that two models answer differently; their accuracies differ by no more."""
    classes = sorted({*one.classes, *other.classes})
    answers = []
    for model in (one, other):
        decided = np.zeros((len(features), len(classes)), bool)
        decided[:, [classes.index(name) for name in model.classes]] = model.decided(features)
        answers.append(decided)
    return float((answers[0] != answers[1]).any(axis=1).mean())
