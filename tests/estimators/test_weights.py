"""Weights of examples, names and sizes of classes, in Python."""

import numpy as np
import pytest

import pellucid

DRAWS = np.random.default_rng(5)
ROWS = DRAWS.normal(size=(120, 3)).astype(np.float32)
NOISE = np.arange(120) % 2
TEXTS = [f"word {number % 7}" for number in range(120)]
CLASSICAL = ("logistic-regression", "svm", "random-forest", "majority")


@pytest.mark.parametrize("model", ["mlp", *CLASSICAL])
def test_heavy_examples_move_the_decision(model):
    weights = np.where(NOISE == 0, 50.0, 1.0)
    given = {"epochs": 5} if model == "mlp" else {}
    fitted = pellucid.ImageClassifier(model=model, **given).fit(ROWS, NOISE, sample_weight=weights)
    assert (fitted.predict(ROWS) == 0).mean() > 0.9


@pytest.mark.parametrize("model", ["bag", "svm"])
def test_heavy_texts_move_the_decision(model):
    given = {"epochs": 5} if model == "bag" else {}
    fitted = pellucid.TextClassifier(model=model, **given)
    fitted.fit(TEXTS, NOISE, sample_weight=np.where(NOISE, 50.0, 1.0))
    assert (fitted.predict(TEXTS) == 1).mean() > 0.9


@pytest.mark.parametrize("model", ["mlp", "mean", "ridge"])
def test_heavy_examples_move_numbers(model):
    given = {"epochs": 20, "learning_rate": 0.05} if model == "mlp" else {}
    numbers = np.where(NOISE, 10.0, 0.0) + DRAWS.normal(size=120)
    fitted = pellucid.ImageRegressor(model=model, **given)
    fitted.fit(ROWS, numbers, sample_weight=np.where(NOISE, 50.0, 1.0))
    plain = pellucid.ImageRegressor(model=model, **given).fit(ROWS, numbers)
    assert fitted.predict(ROWS).mean() > plain.predict(ROWS).mean() + 2


@pytest.mark.parametrize("model", ["mlp", "svm"])
def test_an_example_of_no_weight_is_left_out(model):
    given = {"epochs": 3} if model == "mlp" else {}
    weights = np.where(np.arange(120) < 80, 1.0, 0.0)
    with_none = pellucid.ImageClassifier(model=model, **given).fit(ROWS, NOISE, sample_weight=weights)
    without = pellucid.ImageClassifier(model=model, **given).fit(ROWS[:80], NOISE[:80])
    np.testing.assert_allclose(with_none.predict_proba(ROWS), without.predict_proba(ROWS), atol=1e-5)


def test_weights_of_linear_models_stand_for_repetitions():
    weights = 1 + np.arange(120) % 3
    one = pellucid.ImageRegressor(model="mean").fit(ROWS, ROWS[:, 0], sample_weight=weights)
    two = pellucid.ImageRegressor(model="mean").fit(
        np.repeat(ROWS, weights, 0), np.repeat(ROWS[:, 0], weights)
    )
    np.testing.assert_allclose(one.predict(ROWS), two.predict(ROWS))


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([1.0], "1 weights for 120 examples"),
        (-np.ones(120), "-1 at position 0 is no finite number"),
        (np.full(120, np.nan), "nan at position 0"),
        (np.zeros(120), "weights of all training examples are zero"),
        (np.ones((120, 2)), "sample_weight: "),
    ],
)
def test_unfit_weights_are_refused(weights, words):
    with pytest.raises(pellucid.DataError, match=words):
        pellucid.ImageClassifier(model="svm").fit(ROWS, NOISE, sample_weight=weights)


def test_a_place_takes_no_weights():
    with pytest.raises(pellucid.UsageError, match="sample_weight: sample:spam was read as a whole"):
        pellucid.TextClassifier(model="svm").fit("sample:spam", sample_weight=[1.0])


def test_classes_are_renamed_and_scored_by_either_name(tmp_path):
    fitted = pellucid.ImageClassifier(model="random-forest", rename={0: "no", 1: "yes"})
    fitted.fit(ROWS, (ROWS[:, 0] > 0).astype(int))
    assert fitted.classes_.tolist() == ["no", "yes"]
    plain, words = (ROWS[:, 0] > 0).astype(int), np.where(ROWS[:, 0] > 0, "yes", "no")
    assert fitted.score(ROWS, plain) == fitted.score(ROWS, words) > 0.9
    fitted.save(tmp_path / "model")
    loaded = pellucid.load(tmp_path / "model")
    assert loaded.score(ROWS, plain) == fitted.score(ROWS, words)


def test_rare_classes_are_left_out_with_a_warning():
    labels = np.array(["a", "b"] * 58 + ["c"] * 4)
    with pytest.warns(UserWarning, match=r"1 class with 4 examples, 'c' \(4\)"):
        fitted = pellucid.ImageClassifier(model="random-forest", min_examples=5).fit(ROWS, labels)
    assert fitted.classes_.tolist() == ["a", "b"]
    with (
        pytest.warns(UserWarning, match="3 classes with 120 examples"),
        pytest.raises(pellucid.DataError, match="leaves fewer than two classes"),
    ):
        pellucid.ImageClassifier(min_examples=60).fit(ROWS, labels)
