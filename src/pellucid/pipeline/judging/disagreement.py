"""Disagreement of the test with validation, with the choice of a model, and between slices of the data."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.arithmetic.probabilities import LEVEL, holm
from pellucid.arithmetic.rounding import figure
from pellucid.data import Dataset
from pellucid.data.wording import count_of, quoted, some
from pellucid.evaluation import SCORING, LearningCurve, Slices, score_slices
from pellucid.evaluation.comparisons import flip_p_values, mcnemar, splits_p_value
from pellucid.evaluation.model_comparisons import ADDED
from pellucid.language.sentence import Sentence
from pellucid.pipeline.judging.testing import (
    Tested,
    groups_of_test,
    is_held_out_unseen,
    is_unseen,
    unseen_of,
    unseen_test,
)
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.reports.formatting import interval, read_score, scored
from pellucid.settings import METRICS, metric_of


def disagreement(
    candidate: Candidate,
    tested: Tested,
    dataset: Dataset,
    settings: Mapping[str, Any],
    others: Sequence[Candidate] = (),
    curve: LearningCurve | None = None,
    folds: int = 0,
) -> dict[str, Any] | None:
    """Compare the recommended model's scores in validation and test, which are other examples.

    Classes are compared by accuracy and log loss, numbers by squared errors, with Holm's correction. `others`
    are all models of the run, and `folds` those that judged the recommended one. The form of `disagreement`
    in `metrics.json`; `None` where the difference can be chance, and where the test is known from training.
    """
    positions, unseen = candidate.held_out.positions, is_unseen(dataset)
    if min(len(positions), int(unseen.sum())) < FEWEST:
        return None
    places = np.concatenate([positions, dataset.test])
    in_test = np.arange(len(places)) >= len(positions)
    labels, target = dataset.labels[places], dataset.target
    answers = np.concatenate([candidate.held_out.answers, tested.answers])
    keys, seed = target.contested, settings["seed"]
    # the held-out ones by thresholds that they took no part in choosing
    own = SCORING[target].decide(dataset.labels_at(positions), candidate.held_out.answers, seed)
    decided = np.concatenate([own, tested.decided(dataset)])
    differences = [
        Difference(
            key, target.terms(key, labels, answers, decided), in_test, places, dataset.together[places], seed
        )
        for key in keys
    ]
    p_values = holm([each.p_value for each in differences])
    clear = [(each, p) for each, p in zip(differences, p_values, strict=True) if p <= LEVEL]
    if not clear:
        return None
    difference, p_value = clear[0]  # the first is the one that people know best
    key, metric = difference.key, METRICS[difference.key]
    validation, test = (
        target.value(key, labels[part], answers[part], decided[part]) for part in (~in_test, in_test)
    )
    is_worse, noun = metric.better(test) < metric.better(validation), dataset.noun
    learned = len(dataset.train) + len(dataset.validation)
    judged_from = learned * (folds - 1) // folds if folds else len(dataset.train)
    is_same_model = not folds and candidate.judged is None
    known = Circumstances(
        dataset=dataset,
        model=candidate.name,
        judged_from=candidate.train_examples if is_same_model else min(judged_from, candidate.train_examples),
        tested_from=candidate.train_examples,
        curve=curve,
        # To choose on validation can only flatter it.
        choices=_choices(key, candidate, others, dataset, seed) if is_worse else (),
    )
    found = explained(difference, known)
    advice = "Go by the test score."
    if not unseen.all():
        advice = Sentence("Go by the score of the unseen test {noun}s.", noun)
    return {
        "metric": key,
        "validation": validation,
        "test": test,
        "validation_examples": len(positions),
        "test_examples": len(dataset.test),
        "p_value_holm": p_value,
        "test_is_worse": is_worse,
        **found,
        "words": Sentence(
            "Validation and test disagree beyond chance (p = {p_value:.2g}): {words} "
            "{test} on {test2:,} test {noun}s against {validation} on "
            "{positions:,} held-out {noun2}s.",
            p_value,
            metric.words,
            figure(test),
            len(dataset.test),
            noun,
            figure(validation),
            len(positions),
            noun,
        )
        + Sentence(" {found} {advice}", found["reason"], advice),
    }


def _choices(
    key: str, candidate: Candidate, others: Sequence[Candidate], dataset: Dataset, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """What held-out examples add to the score and to the loss of each model that was asked about the same."""
    positions, found, target = candidate.held_out.positions, [], dataset.target
    labels, loss = dataset.labels_at(positions), target.contested[-1]
    for each in others:
        if not np.array_equal(each.held_out.positions, positions):
            continue
        answers = each.held_out.answers
        decided = SCORING[target].decide(labels, answers, seed)
        score, of_loss = (target.terms(each, labels.values, answers, decided) for each in (key, loss))
        found.append((score, of_loss))
    return found


def contradiction(
    recommended: str, tested: Mapping[str, Tested], dataset: Dataset, metric: str | None, seed: int
) -> dict[str, Any] | None:
    """Find the model that is farthest ahead of the recommended one on the test, beyond chance and noticeably.

    Classes are compared by accuracy (McNemar's test) and by log loss (exchanged answers), numbers by squared
    errors; all comparisons are counted (Holm). A lead below what `Metric.matters` states is none. `metric` is
    the value of `--metric`, which is then the only score that may contradict. The form of `contradiction` in
    `metrics.json`; `None` where no model is ahead beyond chance.
    """
    dataset, tested = unseen_of(dataset, tested)
    labels = dataset.labels[dataset.test]
    others = [name for name in tested if name != recommended]
    if not others or len(labels) < FEWEST:
        return None
    found, groups = [], groups_of_test(dataset)
    target = dataset.target
    asked = None if metric is None else metric_of(target.metric or metric).key
    decided = {name: each.decided(dataset) for name, each in tested.items()}
    for key in target.contested:
        if asked not in (None, key):
            continue
        terms = {
            name: target.terms(key, labels, each.answers, decided[name]) for name, each in tested.items()
        }
        sign = -1.0 if METRICS[key].is_error else 1.0
        for name in others:
            ahead = sign * (terms[name] - terms[recommended])
            if key == "accuracy" and groups is None:
                p_value = mcnemar(int((ahead > 0).sum()), int((ahead < 0).sum()))
            else:
                p_value = float(flip_p_values(ahead[:, None], seed, groups)[0])
            found.append((name, key, _lead(key, terms[name].mean(), terms[recommended].mean()), p_value))
    counted = holm([p_value for *_, p_value in found]) if found else []
    clear = [
        (p_value, -lead, name, key)
        for (name, key, lead, _), p_value in zip(found, counted, strict=True)
        if lead >= METRICS[key].matters and p_value <= LEVEL
    ]
    if not clear:
        return None
    p_value, _, name, key = min(clear)
    value, of_recommended = (
        target.value(key, labels, tested[each].answers, decided[each]) for each in (name, recommended)
    )
    return {
        "model": name,
        "metric": key,
        "value": value,
        "recommended_value": of_recommended,
        "p_value_holm": float(p_value),
        "words": Sentence(
            "The test contradicts the choice: {name} is better there beyond chance, with "
            "{words} {figure} against {of_recommended} of "
            "{recommended}. The choice was made without the test and remains: a model chosen by its "
            "test score "
            "would have a biased (too good) one.",
            name,
            METRICS[key].words,
            figure(value),
            figure(of_recommended),
            recommended,
        ),
    }


def _lead(key: str, other: float, recommended: float) -> float:
    """Lead of another model by means over the test: absolute in accuracy, else a share of its error."""
    if not METRICS[key].is_error:
        return other - recommended
    added = ADDED[key]
    ratio = (recommended + added) / max(other + added, float(np.finfo(np.float64).tiny))
    return float(np.sqrt(ratio) if key == "root_mean_squared_error" else ratio) - 1


def sliced(dataset: Dataset, column: str | None, tested: Tested) -> Slices | None:
    """Scores on the unseen test examples of each value; `None` where none was asked for or none is there."""
    slices, kept = dataset.slices, is_unseen(dataset)
    if column is None or slices is None or not kept.any():
        return None
    tested, dataset = tested.about(kept), unseen_test(dataset)
    values = [slices[index] for index in dataset.test.tolist()]
    labels, groups = dataset.labels_at(dataset.test), groups_of_test(dataset)
    return score_slices(column, values, labels, tested.answers, groups, tested.decided(dataset))


def worst_slice(slices: Mapping[str, Any] | None, noun: str) -> str | None:
    """The worst value in one sentence for the terminal; `None` where there are no two to compare."""
    if slices is None or len(slices["values"]) < 2:
        return None
    worst = slices["values"][0]
    score = read_score(worst["score"])
    if score is None:
        return None
    column, value = quoted(slices["column"]), quoted(worst["value"])
    others = [read_score(each["score"]) for each in slices["values"]]
    if all(each is None or each.value == score.value for each in others):
        return Sentence("no value of {column} is worse than another", column)
    beyond = "significantly worse than all" if worst["worse_than_all"] else "which could be chance"
    return Sentence(
        "worst by {column}: {value}, {score} {score2} of {worst:,} test {noun}s, {beyond}",
        column,
        value,
        scored(score),
        interval(score),
        worst["examples"],
        noun,
        beyond,
    )


# Reasons, each computed: the difference once more without it.

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
