"""Predictors that come out of files nobody vouches for, and thresholds to the last bit."""

import functools

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier

from labelled import numbered
from pellucid.classical import PREDICTORS, TrainingSet, fit_baseline
from pellucid.classical.forests import MOST_DEPTH, laid_out
from pellucid.classical.linear_fitting import best_scale
from pellucid.classical.training_set import Budget

DATA = load_digits()


@functools.cache
def trained(name):
    """A baseline trained on digits."""
    rows, places = DATA.data[:120].astype(np.float32), np.arange(100)
    labels = numbered(DATA.target[:120].astype(np.int64), 10)
    lesson = TrainingSet(rows, labels, places, np.arange(100, 120), "values")
    return fit_baseline(name, lesson, seed=0, threads=1, budget=Budget(trees=4, screened=60)).predictor


def parts(name):
    """Kind, settings and arrays of a trained baseline, free to be changed."""
    predictor = trained(name)
    return (
        type(predictor),
        predictor.to_json(),
        {key: array.copy() for key, array in predictor.arrays().items()},
    )


def test_thresholds_to_the_last_bit():
    chance = np.random.default_rng(0)
    rows = (chance.random((600, 5)) * 3).astype(np.float32)
    labels = (rows.sum(axis=1) > 7).astype(int) + (rows[:, 0] > 1)
    model = RandomForestClassifier(30, random_state=0).fit(rows, labels)
    ours = laid_out(model, 3)
    thresholds = np.concatenate([each.tree_.threshold[each.tree_.feature >= 0] for each in model.estimators_])
    near = thresholds.astype(np.float32)
    edges = np.concatenate([near, np.nextafter(near, np.float32(9)), np.nextafter(near, np.float32(-9))])
    asked = edges[chance.integers(0, len(edges), (5000, 5))]
    np.testing.assert_allclose(ours.predict(asked), model.predict_proba(asked), rtol=0, atol=1e-12)
    assert (near > thresholds).any()  # the plain conversion would have answered otherwise


@pytest.mark.parametrize("name", ["majority", "logistic-regression", "svm", "random-forest"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda settings, arrays: settings.update(outputs=10**9), "outputs: .* is no whole number"),
        (lambda settings, arrays: settings.update(number=True), "where a single number is predicted"),
        (lambda settings, arrays: settings.update(more=1), r"unknown keys \['more'\]"),
        (lambda settings, arrays: arrays.update(more=np.zeros(1)), "holds the arrays"),
    ],
)
def test_impossible_parts_are_refused(name, change, said):
    kind, settings, arrays = parts(name)
    change(settings, arrays)
    with pytest.raises(ValueError, match=said):
        kind.from_parts(settings, arrays)


@pytest.mark.parametrize("name", ["majority", "logistic-regression", "svm", "random-forest"])
def test_arrays_of_another_form_are_refused(name):
    kind, settings, arrays = parts(name)
    assert arrays
    for key, array in arrays.items():
        with pytest.raises(ValueError, match=f"{key} is"):
            kind.from_parts(settings, {**arrays, key: array.astype(np.float16)})
        with pytest.raises(ValueError, match=f"{key} is"):
            kind.from_parts(settings, {**arrays, key: array[:-1]})
        if array.dtype.kind == "f":
            with pytest.raises(ValueError, match="not finite"):
                kind.from_parts(settings, {**arrays, key: np.full_like(array, np.nan)})


@pytest.mark.parametrize(
    ("key", "change", "said"),
    [
        ("left", lambda array: np.zeros_like(array), "leads back"),
        ("right", lambda array: np.full_like(array, 10**6), "leads out"),
        ("left", lambda array: np.full_like(array, -(10**6)), "leads out"),
        ("feature", lambda array: array + 64, "outside 0 to 63"),
        ("right", lambda array: array[::-1].copy(), "leads back|more than one"),
        ("roots", lambda array: np.zeros_like(array), "more than one"),
        ("ends", lambda array: np.zeros_like(array), "a leaf is empty"),
        ("entry", lambda array: array + 10, "outside 0 to 9"),
        ("content", lambda array: array * 0, "less than one example"),
    ],
)
def test_impossible_forests_are_refused(key, change, said):
    kind, settings, arrays = parts("random-forest")
    with pytest.raises(ValueError, match=said):
        kind.from_parts(settings, {**arrays, key: change(arrays[key])})


def test_a_tree_that_asks_too_many_questions_is_refused():
    nodes = MOST_DEPTH + 1
    settings = dict(
        number=False, outputs=2, inputs=1, trees=1, nodes=nodes, leaves=nodes + 1, entries=nodes + 1
    )
    chain = np.arange(1, nodes + 1, dtype=np.int32)
    arrays = {
        "roots": np.zeros(1, np.int32),
        "feature": np.zeros(nodes, np.int32),
        "threshold": np.zeros(nodes, np.float32),
        "left": np.where(chain < nodes, chain, -1 - nodes).astype(np.int32),
        "right": -chain,
        "ends": np.arange(1, nodes + 2, dtype=np.int32),
        "entry": np.zeros(nodes + 1, np.int32),
        "content": np.ones(nodes + 1, np.int32),
    }
    with pytest.raises(ValueError, match="more than 64 questions in a row"):
        PREDICTORS["forest"].from_parts(settings, arrays)


def test_impossible_classes_are_refused():
    for name in ("logistic-regression", "svm"):
        kind, settings, arrays = parts(name)
        with pytest.raises(ValueError, match="must ascend"):
            kind.from_parts(settings, {**arrays, "classes": arrays["classes"][::-1].copy()})


def test_scale_of_decisions_is_the_one_that_made_the_labels():
    chance = np.random.default_rng(0)
    decisions = chance.normal(size=(20000, 4))
    odds = np.exp(2.5 * decisions)
    labels = (chance.random(20000)[:, None] > np.cumsum(odds / odds.sum(axis=1, keepdims=True), axis=1)).sum(
        axis=1
    )
    assert best_scale(labels, decisions) == pytest.approx(2.5, rel=0.05)


def test_budget():
    small = Budget.shrunk(0.01)
    assert (small.trees, small.examples) == (10, 6000)
    with pytest.raises(ValueError, match="share: 0 is not above 0"):
        Budget.shrunk(0)
    few = Budget.shrunk(0.25, examples=2_000)  # half of those that there are
    assert (few.examples, few.screened, few.grown, few.trees) == (1_000, 1_000, 1_000, 50)
    assert Budget.shrunk(0.25, examples=100).examples == 100  # so few are not shared out
    with pytest.raises(ValueError, match="trees is 0; give at least 1"):
        Budget(trees=0)
    quick = Budget.of_preset("quick")
    assert (quick.trees, quick.screened, quick.examples) == (50, 2_500, 60_000)
    assert Budget.of_preset("best") == Budget.of_preset("standard") == Budget()
    assert Budget(trees=30).within(quick) == Budget(trees=30, screened=2_500)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "sound"}, "kind: 'sound' is not one of images, values, network"),
        ({"inputs": np.zeros((3, 2), np.float32)}, "inputs: 2 axes, where images have 4"),
        ({"labels": numbered(np.zeros(2, np.int64), 2)}, "labels: 2 of them for 3 inputs"),
        ({"train": np.zeros(0, np.int64)}, "train: no example"),
    ],
)
def test_impossible_lessons_are_refused(change, said):
    whole = dict(inputs=np.zeros((3, 2, 2, 1), np.uint8), labels=numbered(np.zeros(3, np.int64), 2))
    with pytest.raises(ValueError, match=said):
        TrainingSet(**{**whole, "train": np.arange(3), "validation": np.zeros(0, np.int64), **change})
