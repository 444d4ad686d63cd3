"""Every classical model of every target, of vectors and of texts."""

import numpy as np
import pytest

from labelled import numbered
from pellucid.classical import FITS, Budget, TrainingSet, baselines_for, fit_baseline
from pellucid.classical.baselines import score
from pellucid.data.raw_texts import Texts
from pellucid.input_kinds import TEXTS, VALUES
from pellucid.targets import CLASSIFICATION, MULTILABEL, ORDERED, REGRESSION, TARGETS, UNKNOWN, Labels, Target

SMALL = Budget(screened=40, screened_texts=40, iterations=20, trees=4)
EVERY = [
    pytest.param(target, kind, name, id=f"{target.name}-{kind.name}-{name}")
    for target in TARGETS.values()
    for kind in (VALUES, TEXTS)
    for name in baselines_for(target, kind)
]


def labels_of(target: Target, count: int) -> Labels:
    """Labels that the first of three features, or words, decides."""
    codes = np.arange(count) % 3
    if target is REGRESSION:
        return numbered(codes + np.linspace(0.0, 0.5, count), 0, target)
    if target is not MULTILABEL:
        return numbered(codes, 3, target)
    states = np.equal.outer(codes, np.arange(3)).astype(np.int8)
    states[::7, 1] = UNKNOWN
    return numbered(states, 3, target)


def training_set(target: Target, kind, count: int = 90) -> TrainingSet:
    labels, places = labels_of(target, count), np.arange(count)
    draws = np.random.default_rng(0)
    if kind is TEXTS:
        words = np.array(["one", "two", "three"])[places % 3]
        others = [" ".join(draws.choice(["and", "or", "but", "so"], 6)) for _ in range(count)]
        texts = [f"{word} {other} {word}" for word, other in zip(words, others, strict=True)]
        return TrainingSet(Texts.of(texts), labels, places[:60], places[60:], "texts")
    rows = draws.normal(size=(count, 4)).astype(np.float32)
    rows[:, 0] += 4 * (places % 3)
    return TrainingSet(rows, labels, places[:60], places[60:], "values")


@pytest.mark.parametrize(("target", "kind", "name"), EVERY)
def test_it_answers_better_than_what_sees_no_inputs(target, kind, name):
    lesson = training_set(target, kind)
    fitted = fit_baseline(name, lesson, seed=0, threads=1, budget=SMALL)
    asked = lesson.inputs[60:] if kind is VALUES else [lesson.inputs[place] for place in range(60, 90)]
    if kind is TEXTS:
        asked = np.zeros((30, 0), np.float32) if fitted.tfidf is None else fitted.tfidf.transform(asked)
    outputs = fitted.predictor.predict(asked)
    assert outputs.shape == (30, target.outputs(3))
    shares = fit_baseline(target.dummy, lesson, seed=0, threads=1, budget=SMALL).predictor
    reached, least = (
        score(None, lesson.labels.values[60:], each, target) for each in (outputs, shares.predict(asked))
    )
    assert reached == least if name == target.dummy else reached > least


@pytest.mark.parametrize("weights", [None, np.array([1.0, 3.0, 2.0])])
def test_weights_of_classes_multiply_those_of_examples(weights):
    from pellucid.classical.training_set import Work

    work = Work(2, 0, 1, SMALL, weights=weights, class_weights=(1.0, 10.0))
    labels = np.array([0, 1, 1])
    own = FITS[CLASSIFICATION].weighing(work, labels).weights
    np.testing.assert_array_equal(own, np.array([1.0, 10.0, 10.0]) * (1.0 if weights is None else weights))
    assert FITS[MULTILABEL].weighing(work, np.eye(3, 2, dtype=np.int8)) is work  # by label, in each problem


@pytest.mark.parametrize(
    ("target", "columns", "pairs"),
    [
        (CLASSIFICATION, [1, 1, 3], [0, 1, 3]),
        (MULTILABEL, [1, 2, 3], [0, 0, 0]),
        (ORDERED, [0, 1, 2], [0, 0, 0]),
        (REGRESSION, [1] * 3, [0] * 3),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_problems_and_machines_that_a_cost_goes_by(target, columns, pairs):
    fits = FITS[target]
    assert [fits.columns(count) for count in (1, 2, 3)] == columns
    assert [fits.pairs(count) for count in (1, 2, 3)] == pairs
