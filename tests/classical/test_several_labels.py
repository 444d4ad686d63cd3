"""What every classical baseline promises of several labels: probabilities that do not exclude each other."""

import functools

import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.calibration import _sigmoid_calibration
from sklearn.feature_selection import chi2
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from labelled import numbered
from pellucid.arithmetic.metrics import label_log_loss_terms
from pellucid.bundle.format import PredictorPlan, pack, unpack
from pellucid.classical import PREDICTORS, Budget, TrainingSet, baselines_for, fit_baseline
from pellucid.classical.forests import forest_of_labels
from pellucid.classical.kernel_machines import Setup, machine_of_labels
from pellucid.classical.one_against_rest import (
    calibrated_out_of_sample,
    label_shares,
    logistic_of_labels,
    platt,
)
from pellucid.classical.text_baselines import LOGISTIC, SVM, TextSetup, for_labels
from pellucid.classical.text_features import about_labels
from pellucid.classical.training_set import Work
from pellucid.data.raw_texts import Texts
from pellucid.safety.strict import from_json, parse, to_bytes, to_json
from pellucid.targets import ABSENT, CLASSIFICATION, MULTILABEL, PRESENT, UNKNOWN

SMALL = Budget(screened=300, screened_texts=300, iterations=60, trees=30)
LABELS = 5
every_baseline = pytest.mark.parametrize("name", baselines_for(MULTILABEL))


def work(**named):
    return Work(**{"classes": LABELS, "seed": 0, "threads": 1, "budget": SMALL, **named})


@functools.cache
def vectors(unknown=0.2):
    """Vectors, and correlated labels some of which nobody looked at; the last is always absent."""
    chance = np.random.default_rng(0)
    rows = chance.normal(size=(900, 8)).astype(np.float32)
    weights = 3 * chance.normal(size=(8, LABELS - 1))
    weights[:, 1] = weights[:, 0] + 0.3 * weights[:, 1]
    odds = rows @ weights - np.linspace(0, 3, LABELS - 1)
    labels = np.zeros((900, LABELS), np.int8)
    labels[:, :-1] = chance.random(odds.shape) < expit(odds)
    labels[:, 1:][chance.random((900, LABELS - 1)) < unknown] = UNKNOWN  # the first is always known
    return rows, labels


@functools.cache
def texts():
    """Texts with words of each of their labels among many of all."""
    chance = np.random.default_rng(0)
    stock = np.array(["".join(chance.choice(list("abcdefghijklmnop"), 5)) for _ in range(300)])
    labels = (chance.random((500, LABELS)) < np.linspace(0.1, 0.5, LABELS)).astype(np.int8)
    labels[:, 1] = np.where(chance.random(500) < 0.8, labels[:, 0], labels[:, 1])
    labels[:, -1] = ABSENT
    written = []
    for row in labels:
        own = [stock[12 * label + chance.integers(0, 12, 2)] for label in np.flatnonzero(row)]
        written.append(" ".join(chance.permutation(np.concatenate([*own, chance.choice(stock, 10)]))))
    labels[:, 1:][chance.random((500, LABELS - 1)) < 0.1] = UNKNOWN
    return Texts.of(written), labels


@functools.cache
def fitted(name, kind="values", threads=1):
    """A baseline, what its predictor sees of the test examples, and their labels."""
    inputs, labels = vectors() if kind == "values" else texts()
    places = np.arange(len(labels))
    train, validation, test = places[:-200], places[-200:-100], places[-100:]
    lesson = TrainingSet(inputs, numbered(labels, LABELS, MULTILABEL), train, validation, kind)
    found = fit_baseline(name, lesson, seed=3, threads=threads, budget=SMALL)
    if kind == "values":
        return found, inputs[test], labels[test]
    asked = [inputs[place] for place in test.tolist()]
    rows = np.zeros((len(test), 0), np.float32) if found.tfidf is None else found.tfidf.transform(asked)
    return found, rows, labels[test]


@pytest.mark.parametrize("kind", ["values", "texts"])
@every_baseline
def test_it_beats_the_shares_and_is_all_in_its_arrays_and_settings(name, kind):
    found, rows, labels = fitted(name, kind)
    predictor = found.predictor
    answers = predictor.predict(rows)
    assert answers.shape == (100, LABELS)
    assert answers.min() > 0
    assert answers.max() < 1
    assert (answers[:, -1] < 0.01).all()  # no training example has it
    assert np.ptp(answers.sum(axis=1)) > 0.1 or name == "majority"
    loss = label_log_loss_terms(labels, answers).mean()
    shares = fitted("majority", kind)[0].predictor
    dummy = label_log_loss_terms(labels, shares.predict(rows)).mean()
    assert loss == dummy if name == "majority" else loss < 0.9 * dummy
    kind_of = PREDICTORS[predictor.kind]
    settings, arrays = predictor.to_json(), predictor.arrays()
    assert settings["exclusive"] is False
    assert {key: (str(each.dtype), each.shape) for key, each in arrays.items()} == kind_of.expected(settings)
    again = kind_of.from_parts(settings, {key: array.copy() for key, array in arrays.items()})
    np.testing.assert_array_equal(again.predict(rows), answers)
    alone = np.concatenate([predictor.predict(rows[[place]]) for place in range(5)])
    np.testing.assert_allclose(alone, answers[:5], rtol=0, atol=1e-12)
    assert predictor.predict(rows[:0]).shape == (0, LABELS)


@every_baseline
def test_a_file_gives_the_same_predictor(name):
    predictor = fitted(name)[0].predictor
    tensors = {name: torch.from_numpy(array.copy()) for name, array in predictor.arrays().items()}
    written = to_bytes(to_json(PredictorPlan(predictor.kind, predictor.to_json())))
    plan = from_json("predictor", parse(written), PredictorPlan)
    arrays = {name: each.numpy() for name, each in unpack(pack(tensors)).items()}
    again = PREDICTORS[plan.kind].from_parts(plan.settings, arrays)
    np.testing.assert_array_equal(again.predict(vectors()[0]), predictor.predict(vectors()[0]))


def test_threads_change_nothing_where_some_problems_draw_at_random_and_others_do_not():
    """Of labels that are known of fewer texts than there are features the dual problem is solved."""
    draws = np.random.default_rng(0)
    features = scipy.sparse.random_array((300, 200), density=0.1, rng=draws, format="csr", dtype=np.float32)
    labels = draws.integers(0, 2, (300, 12)).astype(np.int8)
    labels[:150, ::2] = UNKNOWN
    setup = TextSetup(LOGISTIC, 10.0)
    found = [for_labels(features, labels, work(classes=12, threads=each), setup) for each in (1, *[4] * 12)]
    for each in found[1:]:
        np.testing.assert_array_equal(each.arrays()["weights"], found[0].arrays()["weights"])


@pytest.mark.parametrize("kind", ["values", "texts"])
@every_baseline
def test_the_threads_change_nothing(name, kind):
    first, second = fitted(name, kind)[0], fitted(name, kind, threads=2)[0]
    assert first.configurations == second.configurations
    for one, other in zip(first.predictor.arrays().values(), second.predictor.arrays().values(), strict=True):
        np.testing.assert_array_equal(one, other)


@every_baseline
def test_set_ups_are_compared_by_the_log_loss_or_a_metric_that_is_asked_for(name):
    rows, labels = vectors()
    known = numbered(labels, LABELS, MULTILABEL)
    lesson = TrainingSet(rows, known, np.arange(400), np.arange(400, 500), "values")
    scores = [each.score for each in fitted(name)[0].configurations]
    assert all(score < 0 for score in scores)
    of_f1 = fit_baseline(name, lesson, seed=3, threads=1, budget=SMALL, metric="macro-f1").configurations
    assert len(of_f1) == len(scores) == {"majority": 0, "random-forest": 2}.get(name, 3)
    assert all(0 < each.score < 1 for each in of_f1)


def test_shares_are_of_the_known_and_never_certain():
    labels = np.array([[1, 0, 1, -1], [0, 0, 1, -1], [-1, 0, 1, -1], [1, -1, 1, -1]], np.int8)
    mean = (6 + 1) / (10 + 2)
    expected = [2 / 3, mean / 4, (4 + mean) / 5, mean]
    np.testing.assert_allclose(label_shares(labels), expected, rtol=1e-12)
    weighted = label_shares(labels, np.array([1.0, 3.0, 1.0, 1.0]))
    assert weighted[0] == pytest.approx(2 / 5)


@every_baseline
@pytest.mark.parametrize("kind", ["values", "network"])
@pytest.mark.parametrize(
    "labels",
    [
        pytest.param([[PRESENT, ABSENT]] * 12, id="nothing to learn"),
        pytest.param([[PRESENT, ABSENT]] + [[ABSENT, UNKNOWN]] * 11, id="one example of a label"),
        pytest.param([[PRESENT, UNKNOWN]] * 2 + [[UNKNOWN, ABSENT]] * 10, id="each known by some"),
        pytest.param([[PRESENT, ABSENT], [ABSENT, PRESENT]], id="two examples"),
        pytest.param([[PRESENT, PRESENT]], id="one example"),
    ],
)
def test_little_data(name, kind, labels):
    labels = np.array(labels, np.int8)
    rows = np.random.default_rng(1).random((len(labels), 4)).astype(np.float32)
    lesson = TrainingSet(rows, numbered(labels, 2, MULTILABEL), np.arange(len(labels)), np.arange(0), kind)
    answers = fit_baseline(name, lesson, seed=3, threads=1, budget=SMALL).predictor.predict(rows)
    assert answers.min() > 0
    assert answers.max() < 1


def test_machines_of_many_labels_learn_from_fewer_examples_and_in_fewer_set_ups():
    found = {}
    for count in (10, 50, 200, 10_000):
        labels = numbered(np.zeros((20, count), np.int8), count, MULTILABEL)
        lesson = TrainingSet(np.zeros((20, 1), np.float32), labels, np.arange(20), np.arange(0), "values")
        trials = baselines_for(MULTILABEL)["svm"](lesson, Budget())
        found[count] = len(trials), trials[0].most, trials[0].screened
    assert found == {10: (3, 5000, 2500), 50: (2, 5000, 2500), 200: (1, 2500, 1250), 10_000: (1, 1000, 500)}


def test_what_excludes_each_other_is_not_in_the_settings_of_classes():
    lesson = TrainingSet(
        vectors()[0], numbered(np.arange(900) % 3, 3), np.arange(600), np.arange(600, 700), "values"
    )
    for name in baselines_for(CLASSIFICATION):
        predictor = fit_baseline(name, lesson, seed=3, threads=1, budget=SMALL).predictor
        assert "exclusive" not in predictor.to_json()
        assert PREDICTORS[predictor.kind].from_parts(predictor.to_json(), predictor.arrays()).exclusive


def test_columns_are_labels():
    labels = numbered(np.ones((4, 2), np.int8), 3, MULTILABEL)
    with pytest.raises(ValueError, match="labels: 2 columns of them for 3 labels"):
        TrainingSet(np.zeros((4, 1), np.float32), labels, np.arange(4), np.arange(0), "values")


@pytest.mark.parametrize("strength", [0.01, 1.0])
@pytest.mark.parametrize("weighs", [False, True])
def test_logistic_regression_is_that_of_scikit_learn_one_against_the_rest(strength, weighs):
    rows, labels = vectors()
    weights = np.random.default_rng(2).uniform(0.5, 2, len(rows)) if weighs else None
    class_weights = (1.0, 3.0, 1.0, 0.5, 1.0) if weighs else None
    conditions = work(weights=weights, class_weights=class_weights)
    answers = logistic_of_labels(rows, labels, conditions, strength).predict(rows)
    seen = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    for label in range(LABELS - 1):
        known = labels[:, label] != UNKNOWN
        model = LogisticRegression(
            C=strength, tol=1e-6, class_weight=class_weights and {1: class_weights[label]}
        )
        model.fit(seen[known], labels[known, label], None if weights is None else weights[known])
        np.testing.assert_allclose(answers[:, label], model.predict_proba(seen)[:, 1], atol=0.015)


def test_machines_are_those_of_scikit_learn_calibrated():
    rows, labels = vectors()
    found = machine_of_labels(rows, labels, work(one_unit=True), Setup(1.0, 2.0))
    answers = found.predict(rows)
    seen = (rows - found.mean).astype(np.float64) @ found.projection.astype(np.float64)
    for label in range(LABELS - 1):
        known = labels[:, label] != UNKNOWN
        model = SVC(C=2.0, gamma=float(found.gamma[0])).fit(seen[known], labels[known, label])
        decisions, odds = model.decision_function(seen), logit(answers[:, label])
        slope, intercept = np.polyfit(decisions, odds, 1)
        assert slope > 0
        np.testing.assert_allclose(odds, slope * decisions + intercept, atol=0.01 * slope)


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100), st.floats(-3, 3), st.integers(20, 300))
def test_calibration_is_that_of_scikit_learn(seed, spread, offset, count):
    chance = np.random.default_rng(seed)
    decisions = chance.normal(size=count) * spread + offset
    is_present = chance.random(count) < expit(2 * (decisions - offset) / spread - 0.5)
    slope, intercept = platt(is_present, decisions)
    theirs = _sigmoid_calibration(decisions, is_present.astype(float))
    assert slope >= 0
    if theirs[0] < 0:  # theirs have the other sign
        expected = expit(-(theirs[0] * decisions + theirs[1]))
        np.testing.assert_allclose(expit(slope * decisions + intercept), expected, atol=2e-3)


def test_calibration_of_decisions_that_say_nothing_is_the_share():
    is_present = np.arange(100) < 20
    for decisions in (np.ones(100), -is_present.astype(float)):
        slope, intercept = platt(is_present, decisions)
        assert slope == 0
        assert expit(intercept) == pytest.approx((20 * 21 / 22 + 80 / 82) / 100)


def test_rare_labels_share_a_calibration_and_unlearnt_ones_count_in_none():
    chance = np.random.default_rng(0)
    decisions = chance.normal(size=(2_000, 4))
    odds = np.array([3.0, 2.0, 2.0, 2.0]) * decisions - np.array([0.0, 4.0, 4.0, 0.0])
    labels = (chance.random(odds.shape) < expit(odds)).astype(np.int8)

    def decide(held):
        return np.where(np.arange(4) == 3, np.nan, decisions[held])

    found = calibrated_out_of_sample(labels, decide, work(classes=4))
    assert found.slopes[0] == pytest.approx(3, rel=0.2)
    assert found.slopes[1] == found.slopes[2] == found.slopes[3] == pytest.approx(2, rel=0.3)
    assert found.intercepts[1] == found.intercepts[2] == pytest.approx(-4, rel=0.2)


def test_a_forest_answers_with_the_shares_of_leaves_and_one_tree_with_those_of_all():
    rows = np.repeat([0.0, 1.0], 20).astype(np.float32)[:, np.newaxis]
    labels = np.zeros((40, 3), np.int8)
    labels[20:, 0], labels[:5, 1], labels[20:30, 1] = PRESENT, PRESENT, PRESENT
    labels[5:10, 1], labels[:, 2] = UNKNOWN, PRESENT
    found = forest_of_labels(rows, labels, work(classes=3, budget=Budget(trees=4)), 1)
    assert len(found.roots) == 4
    shares = label_shares(labels)
    np.testing.assert_allclose(shares[:2], [0.5, 15 / 35])
    leaves = np.array([[0, 5 / 15, 1], [1, 10 / 20, 1]])
    np.testing.assert_allclose(found.predict(rows[[0, -1]]), (3 * leaves + shares) / 4, atol=1e-12)


def test_many_labels_are_grown_from_random_sums():
    chance = np.random.default_rng(0)
    rows = chance.normal(size=(300, 40)).astype(np.float32)
    labels = (rows > 0.5).astype(np.int8)
    answers = forest_of_labels(rows, labels, work(classes=40), 1).predict(rows)
    assert (
        label_log_loss_terms(labels, answers).mean()
        < 0.75 * label_log_loss_terms(labels, np.tile(label_shares(labels), (300, 1))).mean()
    )


@pytest.mark.parametrize(
    ("key", "change", "said"),
    [
        ("content", lambda array: array + 1, "a share outside 0 to 1"),
        ("content", lambda array: array - 1, "a share outside 0 to 1"),
        ("entry", lambda array: array * 0, "a label twice"),
        ("entry", lambda array: array + LABELS, "outside 0 to 4"),
        ("ends", lambda array: array[::-1].copy(), "do not share out"),
    ],
)
def test_impossible_forests_are_refused(key, change, said):
    predictor = fitted("random-forest")[0].predictor
    arrays = {name: array.copy() for name, array in predictor.arrays().items()}
    with pytest.raises(ValueError, match=said):
        PREDICTORS["forest"].from_parts(predictor.to_json(), {**arrays, key: change(arrays[key])})


@every_baseline
def test_labels_of_a_number_are_refused(name):
    settings = fitted(name)[0].predictor.to_json() | {"number": True, "outputs": 1}
    if "columns" in settings:
        settings["columns"] = 1
    with pytest.raises(ValueError, match="several labels where a single number is predicted"):
        PREDICTORS[fitted(name)[0].predictor.kind].expected(settings)


def test_features_that_say_most_are_those_of_scikit_learn():
    rows = np.random.default_rng(0).random((60, 7)).astype(np.float32)
    labels = np.random.default_rng(1).integers(-1, 2, (60, 3)).astype(np.int8)
    expected = np.zeros(7)
    for column in labels.T:
        expected += chi2(rows[column >= 0], column[column >= 0])[0]
    np.testing.assert_allclose(about_labels(rows, labels), expected, rtol=1e-5)


@pytest.mark.parametrize("model", [SVM, LOGISTIC])
def test_texts_weigh_what_is_rare_by_the_weight_of_its_label(model):
    inputs, labels = texts()
    found = fitted("svm", "texts")[0]
    rows = found.tfidf.transform([inputs[place] for place in range(300)])
    plain, weighted = (
        for_labels(rows, labels[:300], work(class_weights=weights), TextSetup(model, 1.0)).predict(rows)
        for weights in (None, (5.0, 1.0, 1.0, 1.0, 1.0))
    )
    assert weighted[:, 0].mean() > 1.25 * plain[:, 0].mean()
    np.testing.assert_allclose(weighted[:, 2:], plain[:, 2:], atol=0.1)
