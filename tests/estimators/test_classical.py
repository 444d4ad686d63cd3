"""Classical models alone, through the same two estimators."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits
from sklearn.model_selection import GridSearchCV

import pellucid
from number_models import ink
from small_models import digits

DIGITS = load_digits()
ROWS, PROGRESSION = load_diabetes(return_X_y=True)
CLASSIFIERS = ("majority", "logistic-regression", "svm", "random-forest")


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_classes_of_vectors(model: str) -> None:
    estimator = pellucid.ImageClassifier(model=model, threads=1).fit(DIGITS.data[:500], DIGITS.target[:500])
    score = estimator.score(DIGITS.data[500:], DIGITS.target[500:])
    assert score > (0.05 if model == "majority" else 0.85)
    probabilities = estimator.predict_proba(DIGITS.data[:9])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert estimator.predict(DIGITS.data[:9]).dtype == DIGITS.target.dtype
    assert estimator.n_features_in_ == 64
    assert estimator.history_ == []


@pytest.mark.parametrize("model", ["svm", "random-forest"])
def test_classes_of_images(model: str, tmp_path: Path) -> None:
    estimator = pellucid.ImageClassifier(model=model, threads=1)
    estimator.fit(DIGITS.images[:400], DIGITS.target[:400])
    score = estimator.score(DIGITS.images[400:800], DIGITS.target[400:800])
    assert score > 0.75
    estimator.save(tmp_path / "model")
    loaded = pellucid.load(tmp_path / "model")
    assert isinstance(loaded, pellucid.ImageClassifier)
    assert loaded.model == model
    np.testing.assert_array_equal(
        loaded.predict_proba(DIGITS.images[:99]), estimator.predict_proba(DIGITS.images[:99])
    )


@pytest.mark.parametrize(
    ("form", "model"),
    [("vectors", "mean"), ("vectors", "svm"), ("images", "ridge"), ("images", "random-forest")],
)
def test_numbers(form: str, model: str, tmp_path: Path) -> None:
    if form == "vectors":
        inputs, numbers, least = ROWS, PROGRESSION, 0.3
    else:
        inputs, numbers, least = digits()[0][:600], ink()[:600], 0.4
    estimator = pellucid.ImageRegressor(model=model, threads=1).fit(inputs[:300], numbers[:300])
    score = estimator.score(inputs[300:], numbers[300:])
    assert score > (-0.1 if model == "mean" else least)
    if model == "mean":
        np.testing.assert_allclose(estimator.predict(inputs), numbers[:300].mean())
    estimator.save(tmp_path / "model")
    loaded = pellucid.load(tmp_path / "model")
    assert isinstance(loaded, pellucid.ImageRegressor)
    assert loaded.model == model
    np.testing.assert_array_equal(loaded.predict(inputs), estimator.predict(inputs))


def test_the_features_are_chosen_on_few_examples_too() -> None:
    """How much ink there is stands in the pixels, and not at all in the directions of edges."""
    estimator = pellucid.ImageRegressor(model="ridge", threads=1).fit(digits()[0][:100], ink()[:100])
    assert estimator.model_.features == "pixels"
    assert estimator.score(digits()[0][100:600], ink()[100:600]) > 0.8


@pytest.mark.slow
def test_the_same_seed_gives_the_same_forest() -> None:
    def answers(seed: int) -> np.ndarray:
        estimator = pellucid.ImageClassifier(model="random-forest", threads=1, seed=seed)
        return estimator.fit(DIGITS.data[:60], DIGITS.target[:60]).predict_proba(DIGITS.data)

    np.testing.assert_array_equal(answers(0), answers(0))
    assert not np.array_equal(answers(0), answers(1))


@pytest.mark.parametrize("is_fitted", [False, True])
def test_what_needs_a_hidden_layer_is_not_there(is_fitted: bool) -> None:
    estimator = pellucid.ImageClassifier(model="logistic-regression", threads=1)
    if is_fitted:
        estimator.fit(DIGITS.data[:200], DIGITS.target[:200])
    for name in ("transform", "fit_transform", "get_feature_names_out", "set_output"):
        assert not hasattr(estimator, name)
        assert hasattr(pellucid.ImageClassifier(model="mlp"), name)
    with pytest.raises(AttributeError, match="has no attribute 'transform'"):
        estimator.transform(DIGITS.data)


@pytest.mark.parametrize("model", ["svm", "mlp"])
def test_notebooks_can_look_at_a_fitted_estimator(model: str) -> None:
    """Completion asks for every name with `hasattr`, which only survives an `AttributeError`."""
    epochs = 1 if model == "mlp" else None
    estimator = pellucid.ImageClassifier(model=model, epochs=epochs, threads=1)
    estimator.fit(DIGITS.data[:200], DIGITS.target[:200])
    names = {*dir(estimator), *object.__dir__(estimator)}
    assert {"predict", "predict_proba"} <= names
    for name in names:
        hasattr(estimator, name)
    assert ("transform" in dir(estimator)) == (model == "mlp")
    assert "ImageClassifier" in estimator._repr_html_()


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (
            pellucid.ImageClassifier(model="ridge"),
            "model: ridge predicts numbers, and these labels are classes; choose auto, a network or one of "
            "majority, logistic-regression, svm, random-forest",
        ),
        (
            pellucid.ImageRegressor(model="logistic-regression"),
            "model: logistic-regression predicts classes, and these labels are numbers; .* "
            "mean, ridge, svm, random-forest",
        ),
        (pellucid.ImageRegressor(model="majority"), "majority predicts classes"),
        (
            pellucid.ImageClassifier(model="svm", backbone="efficientnet-lite0"),
            "backbone: steers networks only, and model is svm; leave it out",
        ),
        (
            pellucid.ImageClassifier(model="svm", class_weight={11: 2.0}),
            "class_weight: y has no class '11' .is it '1'.*; it has '0', '1'",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    estimator: pellucid.ImageClassifier | pellucid.ImageRegressor, words: str
) -> None:
    with pytest.raises(pellucid.UsageError, match=words):
        estimator.fit(DIGITS.data[:50], DIGITS.target[:50])


def test_a_parameter_that_the_model_has_no_use_for_is_ignored() -> None:
    inputs, labels = DIGITS.data[:90], DIGITS.target[:90]
    plain = pellucid.ImageClassifier(model="svm", threads=1).fit(inputs, labels)
    idle = {"epochs": 3, "activation": "relu", "dropout": 0.5, "optimizer": "adam", "width": 9}
    with_idle = pellucid.ImageClassifier(model="svm", threads=1, **idle).fit(inputs, labels)
    assert (plain.predict_proba(inputs) == with_idle.predict_proba(inputs)).all()
    assert with_idle.get_params()["epochs"] == 3


def test_a_search_over_models_may_set_what_steers_some_of_them() -> None:
    search = GridSearchCV(
        pellucid.ImageClassifier(epochs=2, threads=1),
        {"model": ["mlp", "svm", "logistic-regression"]},
        cv=2,
        error_score="raise",
    )
    search.fit(DIGITS.data[:120], DIGITS.target[:120])
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
