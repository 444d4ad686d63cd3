"""Disagreement of the test with validation, with the choice of a model, and between slices of the data."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.arithmetic.probabilities import LEVEL, holm
from pellucid.arithmetic.rounding import figure
from pellucid.data import Dataset
from pellucid.data.wording import quoted
from pellucid.evaluation import SCORING, LearningCurve, Slices, score_slices
from pellucid.evaluation.comparisons import flip_p_values, mcnemar
from pellucid.evaluation.model_comparisons import ADDED
from pellucid.language.sentence import Sentence
from pellucid.pipeline.judging.disagreement_reasons import FEWEST, Circumstances, Difference, explained
from pellucid.pipeline.judging.testing import Tested, groups_of_test, is_unseen, unseen_of, unseen_test
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
