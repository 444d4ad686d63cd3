"""Reasons why validation and test disagree, each computed: the difference once more without it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.arithmetic.probabilities import LEVEL
from pellucid.arithmetic.rounding import figure
from pellucid.data import Dataset
from pellucid.data.wording import count_of, some
from pellucid.evaluation import LearningCurve
from pellucid.evaluation.comparisons import splits_p_value
from pellucid.language.sentence import Sentence
from pellucid.pipeline.judging.testing import is_held_out_unseen, is_unseen

# With fewer examples of a split left no difference is stable enough to say anything.
FEWEST = 20
# A reason explains a difference that is within chance without it and at most half as large: fewer examples
# alone make any difference less certain. It is named as the nearest to one from a quarter less on.
_EXPLAINS = 0.5
_SHRINKS = 0.75
_HALVINGS = 20


@dataclass(frozen=True)
class Difference:
    """What each example of validation and test adds to one score, for the difference of both means."""

    key: str  # of the metric
    terms: Float64[np.ndarray, " both"]
    in_test: Bool[np.ndarray, " both"]
    positions: Int64[np.ndarray, " both"]  # in the data
    sets: Int64[np.ndarray, " both"]
    seed: int

    @property
    def means(self) -> tuple[float, float]:
        """Mean over what was held out, and over the test."""
        return float(self.terms[~self.in_test].mean()), float(self.terms[self.in_test].mean())

    @property
    def gap(self) -> float:
        """Size of the difference."""
        held_out, test = self.means
        return abs(test - held_out)

    @property
    def p_value(self) -> float:
        """Probability of a difference as large by chance."""
        return splits_p_value(self.terms, self.in_test, self.sets, self.seed)

    def shown(self) -> tuple[str, str]:
        """Score on the test and on what was held out, for people."""
        held_out, test = (max(0.0, each) for each in self.means)
        is_root = self.key == "root_mean_squared_error"
        return tuple(figure(np.sqrt(each) if is_root else each) for each in (test, held_out))  # type: ignore[return-value]

    def of(self, kept: np.ndarray) -> "Difference | None":
        """The difference between some of the examples; `None` where too few are left of a split."""
        if min(int((kept & self.in_test).sum()), int((kept & ~self.in_test).sum())) < FEWEST:
            return None
        return replace(
            self,
            terms=self.terms[kept],
            in_test=self.in_test[kept],
            positions=self.positions[kept],
            sets=self.sets[kept],
        )


class Circumstances(NamedTuple):
    """What a run knows besides the answers."""

    dataset: Dataset
    model: str  # the recommended one
    judged_from: int  # examples that the models learned from which answered about what was held out
    tested_from: int  # examples that the tested one learned from
    curve: LearningCurve | None
    # of each model, the simplest first: what each held-out example adds to the score, and to the loss that
    # models are chosen by; of those alone that were asked about the same examples
    choices: Sequence[tuple[Float64[np.ndarray, " held_out"], Float64[np.ndarray, " held_out"]]]


class Without(NamedTuple):
    """The difference without one reason."""

    words: str  # what was taken away
    difference: Difference

    def to_json(self, p_value: float) -> dict[str, Any]:
        """The form of an entry of `disagreement.without` in `metrics.json`: means of what examples add."""
        held_out, test = self.difference.means
        in_test = self.difference.in_test
        return {
            "validation_mean": held_out,
            "test_mean": test,
            "validation_examples": int((~in_test).sum()),
            "test_examples": int(in_test.sum()),
            "p_value": p_value,
        }


def explained(difference: Difference, known: Circumstances) -> dict[str, Any]:
    """The reason that makes the difference vanish, or else the one that it shrinks most without.

    Keys of `disagreement` in `metrics.json`: `explained_by`, `shrinks_most_without`, `without`, and `reason`,
    a sentence that says no more than was computed.
    """
    found = {reason: each for reason, compute in _REASONS.items() for each in compute(difference, known)}
    p_values = {reason: each.difference.p_value for reason, each in found.items()}
    order = sorted(found, key=lambda reason: found[reason].difference.gap)
    vanishing = [
        reason
        for reason in order
        if p_values[reason] > LEVEL and found[reason].difference.gap <= _EXPLAINS * difference.gap
    ]
    shrinking = [reason for reason in order if found[reason].difference.gap <= _SHRINKS * difference.gap]
    best = next(iter([*vanishing, *shrinking]), None)
    if best is None:
        tried = some([_NAMES[reason] for reason in found], len(_NAMES))
        sentence = (
            Sentence("Nothing that was computed explains it: the difference stays without {tried}.", tried)
            if found
            else "No reason for it could be computed."
        )
    else:
        words, (test, held_out) = found[best].words, found[best].difference.shown()
        p_value = f"{p_values[best]:.2g}"
        sentence = (
            Sentence(
                "Without {words}, it is {test} against {held_out} (p = {p_value}): that explains it.",
                words,
                test,
                held_out,
                p_value,
            )
            if vanishing
            else Sentence(
                "It shrinks most without {words}, to {test} against {held_out} (p = {p_value}), which does "
                "not explain all of it.",
                words,
                test,
                held_out,
                p_value,
            )
        )
    return {
        "explained_by": vanishing[0] if vanishing else None,
        "shrinks_most_without": best,
        "without": {reason: each.to_json(p_values[reason]) for reason, each in found.items()},
        "reason": sentence,
    }


def _related(difference: Difference, known: Circumstances) -> Iterator[Without]:
    """Without examples of either split that are known from training."""
    dataset, in_test = known.dataset, difference.in_test
    kept = np.ones(len(in_test), bool)
    kept[in_test] = is_unseen(dataset)
    kept[~in_test] = is_held_out_unseen(dataset, difference.positions[~in_test])
    left = None if kept.all() else difference.of(kept)
    if left is not None:
        test, held_out = int((~kept & in_test).sum()), int((~kept & ~in_test).sum())
        yield Without(
            Sentence(
                "the {test:,} test and {held_out:,} held-out {noun}s that have a copy or a relative in "
                "training",
                test,
                held_out,
                dataset.noun,
            ),
            left,
        )


def _sets(difference: Difference, known: Circumstances) -> Iterator[Without]:
    """Without examples that stay together with others, wherever these are."""
    dataset = known.dataset
    used = np.concatenate(list(dataset.split_positions.values()))
    sizes = np.bincount(dataset.together[used], minlength=int(dataset.together.max()) + 1)
    kept = sizes[difference.sets] < 2
    left = None if kept.all() else difference.of(kept)
    if left is not None:
        test, held_out = (int((~kept & part).sum()) for part in (difference.in_test, ~difference.in_test))
        yield Without(
            Sentence(
                "the {test:,} test and {held_out:,} held-out {noun}s in sets of two or more",
                test,
                held_out,
                dataset.noun,
            ),
            left,
        )


def _group(difference: Difference, known: Circumstances) -> Iterator[Without]:
    """Without the one group that adds most to the difference."""
    if not known.dataset.has_groups:
        return
    keys, of = np.unique(2 * difference.sets + difference.in_test, return_inverse=True)
    sums, sizes = np.bincount(of, weights=difference.terms), np.bincount(of).astype(np.float64)
    in_test = keys % 2 == 1
    gaps = np.full(len(keys), np.inf)
    for part in (in_test, ~in_test):
        other = sums[~part].sum() / sizes[~part].sum()
        rest = sizes[part].sum() - sizes[part]
        means = (sums[part].sum() - sums[part]) / np.maximum(rest, 1)
        gaps[part] = np.where(rest > 0, np.abs(means - other), np.inf)
    group = int(keys[int(gaps.argmin())])
    left = difference.of(2 * difference.sets + difference.in_test != group)
    if left is not None:
        count = count_of(len(difference.terms) - len(left.terms), known.dataset.noun)
        words = (
            Sentence("one group of the test, of {count}", count)
            if group % 2
            else Sentence("one group that was held out, of {count}", count)
        )
        yield Without(words, left)


def _time(difference: Difference, known: Circumstances) -> Iterator[Without]:
    """Without the linear trend over time that the examples of each split show among themselves."""
    if known.dataset.times is None:
        return
    times, terms = known.dataset.times[difference.positions].astype(np.float64), difference.terms
    centred, of_terms = times.copy(), terms.copy()
    for part in (difference.in_test, ~difference.in_test):
        centred[part] -= times[part].mean()
        of_terms[part] -= terms[part].mean()
    spread = float((centred**2).sum())
    if not spread:
        return
    trend = float((centred * of_terms).sum()) / spread * (times - times.mean())
    yield Without("the trend over time within both", replace(difference, terms=terms - trend))


def _learned_from(difference: Difference, known: Circumstances) -> Iterator[Without]:
    """Without what more training examples are worth by the learning curve."""
    curve = known.curve
    points = () if curve is None or curve.metric != difference.key else curve.curves.get(known.model, ())
    if known.judged_from >= known.tested_from or len(points) < 2:
        return
    sizes = np.log([point.examples for point in points])
    values = np.array([point.score.value for point in points])
    if difference.key == "root_mean_squared_error":
        values = values**2
    slope = (values[-1] - values[-2]) / (sizes[-1] - sizes[-2])

    def at(examples: int) -> float:
        beyond = max(0.0, np.log(examples) - sizes[-1])
        return float(np.interp(np.log(examples), sizes, values) + slope * beyond)

    gain = at(known.tested_from) - at(known.judged_from)
    yield Without(
        Sentence(
            "what {tested_from:,} training {noun}s are worth more than the "
            "{judged_from:,} of validation, by the learning curve",
            known.tested_from,
            known.dataset.noun,
            known.judged_from,
        ),
        replace(difference, terms=difference.terms - gain * difference.in_test),
    )


def _choice(difference: Difference, known: Circumstances) -> Iterator[Without]:
    """Without choosing the model by the examples that it is then scored on: by the other half of them."""
    if len(known.choices) < 2:
        return
    held_out = ~difference.in_test
    sets = np.unique(difference.sets[held_out], return_inverse=True)[1].reshape(-1)
    terms, losses = (np.stack(each) for each in zip(*known.choices, strict=True))
    rows, places = np.zeros(len(sets)), np.arange(len(sets))
    draws = generator(difference.seed, Purpose.HALVINGS)
    for _ in range(_HALVINGS):
        half = (draws.permutation(int(sets.max()) + 1) % 2 == 0)[sets]
        if half.all() or not half.any():
            return
        for chosen_on in (half, ~half):
            best = int(losses[:, chosen_on].mean(axis=1).argmin())
            rows[places[~chosen_on]] += terms[best, ~chosen_on] / _HALVINGS
    adjusted = difference.terms.copy()
    adjusted[held_out] = rows
    yield Without(
        Sentence(
            "choosing among {choices} models by the same held-out {noun}s",
            len(known.choices),
            known.dataset.noun,
        ),
        replace(difference, terms=adjusted),
    )


_REASONS: Mapping[str, Callable[[Difference, Circumstances], Iterator[Without]]] = {
    "related": _related,
    "sets": _sets,
    "group": _group,
    "time": _time,
    "learned_from": _learned_from,
    "choice": _choice,
}
# For a list of what was tried.
_NAMES = {
    "related": "examples that are known from training",
    "sets": "sets of two or more",
    "group": "any one group",
    "time": "a trend over time",
    "learned_from": "what more training examples are worth",
    "choice": "the choice among models",
}
