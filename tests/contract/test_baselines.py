"""What every classical baseline promises, for classes and for numbers."""

import functools
import sys
import time

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.datasets import load_diabetes, load_digits
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.svm import SVC, SVR

from labelled import numbered
from pellucid.classical import (
    PREDICTORS,
    Budget,
    TrainingSet,
    baselines_for,
    extract,
    fit_baseline,
    kernel_machines,
)
from pellucid.targets import CLASSIFICATION, REGRESSION

SMALL = Budget(screened=300, iterations=60, trees=20)
every_baseline = pytest.mark.parametrize("name", baselines_for(CLASSIFICATION))
every_number_baseline = pytest.mark.parametrize("name", baselines_for(REGRESSION))


def digits(train=400):
    """Real digits as uint8 images, split by chance."""
    data = load_digits()
    images = (data.images * 255 / 16).astype(np.uint8)[..., np.newaxis]
    order = np.random.default_rng(0).permutation(len(images))
    lesson = TrainingSet(
        images,
        numbered(data.target.astype(np.int64), 10),
        np.sort(order[:train]),
        np.sort(order[train : train + 150]),
    )
    return lesson, order[train + 150 :]


def numbers(train=300):
    """Real measurements of patients, and how far their diabetes went on."""
    data = load_diabetes()
    order = np.random.default_rng(0).permutation(len(data.data))
    rows = (data.data * 7 + 3).astype(np.float32)
    return TrainingSet(
        rows,
        numbered(data.target.astype(np.float64), 0, REGRESSION),
        np.sort(order[:train]),
        np.sort(order[train:]),
        "values",
    )


def asked(fitted, inputs):
    return fitted.predictor.predict(extract(fitted.features, inputs))


def fit(name, lesson, **named):
    return fit_baseline(name, lesson, seed=3, threads=1, **{"budget": SMALL, **named})


@functools.cache
def of_digits(name):
    """A model of digits that most tests share, what it was fitted on, and positions that it has not seen."""
    lesson, test = digits()
    return fit(name, lesson), lesson, test


@every_baseline
def test_probabilities_sum_to_one_and_arrays_and_settings_are_the_whole_model(name):
    fitted, lesson, test = of_digits(name)
    together = asked(fitted, lesson.inputs[test[:50]])
    assert together.shape == (50, 10)
    assert together.min() >= 0
    np.testing.assert_allclose(together.sum(axis=1), 1, rtol=0, atol=1e-12)
    alone = np.concatenate([asked(fitted, lesson.inputs[[each]]) for each in test[:50]])
    np.testing.assert_allclose(alone, together, rtol=0, atol=1e-12)
    assert asked(fitted, lesson.inputs[:0]).shape == (0, 10)
    kind = PREDICTORS[fitted.predictor.kind]
    arrays, settings = fitted.predictor.arrays(), fitted.predictor.to_json()
    assert {key: (str(each.dtype), each.shape) for key, each in arrays.items()} == kind.expected(settings)
    again = kind.from_parts(settings, {key: array.copy() for key, array in arrays.items()})
    answers = again.predict(extract(fitted.features, lesson.inputs[test]))
    np.testing.assert_array_equal(answers, asked(fitted, lesson.inputs[test]))
    for fact in ("outputs", "inputs", "parameters"):
        assert getattr(again, fact) == getattr(fitted.predictor, fact)
    right = (answers.argmax(axis=1) == lesson.labels.values[test]).mean()
    assert right < 0.2 if name == "majority" else right > 0.85


@every_baseline
def test_same_lesson_same_model(name):
    first, second = of_digits(name)[0], fit(name, digits()[0])
    assert first.configurations == second.configurations
    for one, other in zip(first.predictor.arrays().values(), second.predictor.arrays().values(), strict=True):
        np.testing.assert_array_equal(one, other)


@every_baseline
@pytest.mark.parametrize("metric", ["accuracy", "macro-f1", "log-loss"])
def test_the_best_configuration_on_validation_is_taken(name, metric):
    fitted = of_digits(name)[0] if metric == "accuracy" else fit(name, digits()[0], metric=metric)
    assert (len(fitted.configurations) > 1) == (name != "majority")
    if fitted.configurations:
        assert fitted.features == max(fitted.configurations, key=lambda each: each.score).features
        assert (max(each.score for each in fitted.configurations) <= 0) == (metric == "log-loss")
    assert fitted.train_examples == 400


@every_baseline
@pytest.mark.parametrize(
    ("classes", "labels"),
    [
        pytest.param(2, np.arange(30) % 2, id="two classes, thirty examples"),
        pytest.param(3, np.minimum(np.arange(30), 1) + 1, id="one example of a class, none of another"),
        pytest.param(4, np.full(30, 2), id="one class only"),
        pytest.param(30, np.arange(30), id="as many classes as examples"),
        pytest.param(2, np.array([0, 1]), id="two examples"),
    ],
)
def test_little_data(name, classes, labels):
    images = (np.random.default_rng(1).random((len(labels), 5, 3, 3)) * 255).astype(np.uint8)
    places = np.arange(len(labels))
    lesson = TrainingSet(images, numbered(labels.astype(np.int64), classes), places, places[:0])
    answers = asked(fit(name, lesson), images)
    assert answers.shape == (len(labels), classes)
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=0, atol=1e-12)
    assert (answers[:, np.setdiff1d(np.arange(classes), labels)] == 0).all()


@every_baseline
def test_images_that_are_all_alike(name):
    images, labels = np.full((40, 6, 6, 1), 9, np.uint8), np.arange(40) % 4
    lesson = TrainingSet(images, numbered(labels.astype(np.int64), 4), np.arange(30), np.arange(30, 40))
    answers = asked(fit(name, lesson), images)
    np.testing.assert_allclose(answers, 0.25, atol=0.05)


@every_number_baseline
def test_numbers(name):
    lesson = numbers()
    fitted, mean = fit(name, lesson), fit("mean", lesson)
    values, truth = asked(fitted, lesson.inputs[lesson.validation]), lesson.labels.values[lesson.validation]
    assert values.shape == (len(truth), 1)
    assert fitted.predictor.outputs == 1
    assert mean.predictor.predict(lesson.inputs[:1])[0, 0] == pytest.approx(
        lesson.labels.values[lesson.train].mean()
    )
    if name != "mean":
        error, most = (
            np.sqrt(((found[:, 0] - truth) ** 2).mean())
            for found in (values, asked(mean, lesson.inputs[lesson.validation]))
        )
        assert error < 0.85 * most
    kind = PREDICTORS[fitted.predictor.kind]
    again = kind.from_parts(fitted.predictor.to_json(), fitted.predictor.arrays())
    np.testing.assert_array_equal(again.predict(lesson.inputs[lesson.validation]), values)


@every_number_baseline
@pytest.mark.parametrize("labels", [np.full(12, 2.5), np.linspace(-1e9, 1e9, 12)], ids=["alike", "large"])
def test_numbers_of_little_data(name, labels):
    rows = np.random.default_rng(2).random((12, 40)).astype(np.float32)
    lesson = TrainingSet(rows, numbered(labels, 0, REGRESSION), np.arange(12), np.arange(0), "network")
    assert np.isfinite(asked(fit(name, lesson), rows)).all()


@pytest.mark.parametrize(
    ("name", "lesson", "said"),
    [
        ("ridge", digits()[0], "'ridge' is not one of majority"),
        ("majority", numbers(), "not one of mean, ridge"),
    ],
)
def test_a_model_of_the_other_kind_is_refused(name, lesson, said):
    with pytest.raises(ValueError, match=said):
        fit(name, lesson)


def test_an_unknown_metric_is_refused_and_a_budget_kept():
    with pytest.raises(ValueError, match="metric: 'speed' is not known; choose one of accuracy, "):
        fit("majority", digits()[0], metric="speed")
    fitted = fit("random-forest", digits()[0], budget=Budget(examples=100, trees=10))
    assert fitted.train_examples == 100


def spied(monkeypatch, estimator):
    """Every estimator of this kind that is fitted from now on."""
    fitted = []

    class Spied(estimator):
        def fit(self, *arguments, **named):
            fitted.append(self)
            return super().fit(*arguments, **named)

    package = sys.modules[estimator.__module__.rpartition(".")[0]]
    monkeypatch.setattr(package, estimator.__name__, Spied)
    return fitted


@pytest.fixture(scope="module")
def many():
    """Thousands of rows that no model has seen: mixtures of real digits with noise."""
    chance = np.random.default_rng(5)
    lesson, _ = digits()
    pair = chance.integers(0, len(lesson.inputs), (4000, 2))
    mixed = lesson.inputs[pair].mean(axis=1) + chance.normal(0, 20, (4000, 8, 8, 1))
    return np.clip(mixed, 0, 255).astype(np.uint8)


def agree(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(ours.argmax(axis=1), theirs.argmax(axis=1))


def test_logistic_regression_answers_as_scikit_learn_does(monkeypatch, many):
    models = spied(monkeypatch, LogisticRegression)
    lesson, _ = digits()
    fitted = fit("logistic-regression", lesson)
    seen = extract(fitted.features, lesson.inputs[lesson.train]).astype(np.float64)
    changes = seen.std(axis=0) > 0
    scale = changes / np.sqrt(seen.var(axis=0)[changes].mean())
    agree(
        asked(fitted, many),
        models[-1].predict_proba((extract(fitted.features, many) - seen.mean(axis=0)) * scale),
    )


def test_forest_answers_as_scikit_learn_does(monkeypatch, many):
    models = spied(monkeypatch, RandomForestClassifier)
    fitted = fit("random-forest", digits()[0])
    agree(asked(fitted, many), models[-1].predict_proba(extract(fitted.features, many)))


def test_machine_answers_as_scikit_learn_does(many):
    fitted, lesson, _ = of_digits("svm")
    ours = fitted.predictor
    order = lesson.table(fitted.features, next(iter(lesson._kept))[1])
    space = (
        kernel_machines.project(order.train, ours.mean, ours.projection).astype(np.float32).astype(np.float64)
    )
    words = max(fitted.configurations, key=lambda each: each.score).words
    strength = float(words.split("C = ")[1].split(",")[0])
    model = SVC(C=strength, gamma=float(ours.gamma[0]), decision_function_shape="ovo").fit(
        space, order.labels
    )
    rows = kernel_machines.project(extract(fitted.features, many), ours.mean, ours.projection)
    votes = np.zeros((len(rows), 10))
    for (first, second), decisions in zip(
        [(a, b) for a in range(10) for b in range(a + 1, 10)], model.decision_function(rows).T, strict=True
    ):
        votes[:, first] += expit(5 * decisions)
        votes[:, second] += expit(-5 * decisions)
    agree(asked(fitted, many), softmax(ours.scale[0] * votes, axis=1))
    rows = kernel_machines.project(extract(fitted.features, lesson.inputs), ours.mean, ours.projection)
    assert (asked(fitted, lesson.inputs).argmax(axis=1) == model.predict(rows)).mean() > 0.99


@pytest.mark.parametrize(
    ("name", "estimator"), [("ridge", Ridge), ("svm", SVR), ("random-forest", RandomForestRegressor)]
)
def test_numbers_are_those_of_scikit_learn(monkeypatch, name, estimator):
    models = spied(monkeypatch, estimator)
    lesson = numbers()
    fitted = fit(name, lesson)
    labels, rows = lesson.labels.values[lesson.train], lesson.inputs[lesson.validation]
    if name == "random-forest":
        theirs = models[-1].predict(rows)
    else:
        seen = lesson.inputs[lesson.train].astype(np.float64)
        rows = (rows - seen.mean(axis=0)) / seen.std(axis=0)
        if name == "svm":
            ours = fitted.predictor
            rows = kernel_machines.project(lesson.inputs[lesson.validation], ours.mean, ours.projection)
        theirs = models[-1].predict(rows) * labels.std() + labels.mean()
    np.testing.assert_allclose(asked(fitted, lesson.inputs[lesson.validation])[:, 0], theirs, rtol=1e-5)


def test_with_many_classes_fewer_machines_are_compared():
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(40), 6)
    images = generator.integers(0, 255, size=(240, 8, 8, 1), dtype=np.uint8)
    lesson = TrainingSet(images, numbered(labels, 40), np.arange(0, 240, 2), np.arange(1, 240, 2))
    assert fit_baseline("svm", lesson, seed=0, threads=1).configurations == ()
    few = TrainingSet(images, numbered(labels % 5, 5), np.arange(0, 240, 2), np.arange(1, 240, 2))
    assert len(fit_baseline("svm", few, seed=0, threads=1).configurations) == 6


def test_a_forest_that_grows_until_a_deadline_is_the_same_forest():
    whole = of_digits("random-forest")[0]
    in_blocks = fit("random-forest", digits()[0], deadline=time.monotonic() + 1e6)
    for one, other in zip(
        whole.predictor.arrays().values(), in_blocks.predictor.arrays().values(), strict=True
    ):
        np.testing.assert_array_equal(one, other)
