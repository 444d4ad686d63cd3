"""Numbers learnt from real digits, real vectors and real files, by every form of input."""

import doctest
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import pellucid
from number_models import ink, write_ink
from small_models import digits

IMAGES = digits()[0][:300]
INK = ink()[:300]
ROWS, PROGRESSION = load_diabetes(return_X_y=True)


def small(**parameters: object) -> pellucid.ImageRegressor:
    return pellucid.ImageRegressor().set_params(**{"model": "mlp", "epochs": 12, "threads": 1, **parameters})


@pytest.fixture(scope="module")
def fitted() -> pellucid.ImageRegressor:
    return small().fit(IMAGES[:200], INK[:200])


def test_images_in_arrays(fitted: pellucid.ImageRegressor) -> None:
    predicted = fitted.predict(IMAGES[200:])
    assert predicted.dtype == np.float64
    assert predicted.shape == (100,)
    residuals = ((predicted - INK[200:]) ** 2).sum()
    r2 = 1 - residuals / ((INK[200:] - INK[200:].mean()) ** 2).sum()
    assert fitted.score(IMAGES[200:], INK[200:]) == pytest.approx(r2)
    assert r2 > 0.8
    assert fitted.transform(IMAGES).shape == (300, len(fitted.get_feature_names_out()))
    assert not hasattr(fitted, "n_features_in_")
    assert not hasattr(fitted, "predict_proba")
    assert [record["epoch"] for record in fitted.history_] == list(range(1, 13))


def test_a_convolutional_network_is_the_rule_for_images() -> None:
    estimator = small(model="auto", width=4, epochs=3).fit(IMAGES, INK)
    assert estimator.model_.network.config.name == "cnn"
    assert estimator.model_.classes == ()


def test_answers_are_in_the_unit_of_the_labels() -> None:
    near = small(model="auto", epochs=8).fit(ROWS[:200], PROGRESSION[:200])
    far = small(model="auto", epochs=8).fit(ROWS[:200], 1e6 * PROGRESSION[:200] - 1e9)
    np.testing.assert_allclose(far.predict(ROWS[200:]), 1e6 * near.predict(ROWS[200:]) - 1e9, rtol=1e-3)


def test_feature_vectors_are_standardised_by_the_network() -> None:
    plain = pellucid.ImageRegressor(epochs=8).fit(ROWS[:300], PROGRESSION[:300])
    assert plain.n_features_in_ == 10
    assert plain.model_.network.config.name == "mlp"
    scaled = pellucid.ImageRegressor(epochs=8).fit(ROWS[:300] * 1000, PROGRESSION[:300])
    np.testing.assert_allclose(scaled.predict(ROWS * 1000), plain.predict(ROWS), rtol=1e-3)


def test_enough_examples_give_a_validation_split() -> None:
    rows, numbers = digits()[0].reshape(-1, 64), ink()
    few = pellucid.ImageRegressor(epochs=1).fit(rows[:900], numbers[:900])
    many = pellucid.ImageRegressor(epochs=1).fit(rows[:1200], numbers[:1200])
    assert "validation_r2" not in few.history_[0]
    assert many.history_[0]["validation_root_mean_squared_error"] > 0
    stopped = pellucid.ImageRegressor(epochs=60, patience=1, learning_rate=1e-9)
    assert len(stopped.fit(rows[:1200], numbers[:1200]).history_) < 60


def test_tables_and_their_images(tmp_path: Path) -> None:
    table = write_ink(tmp_path, range(120))
    estimator = small().fit(table)
    files = sorted(tmp_path.glob("*.png"))
    assert estimator.score(files, INK[:120]) > 0.8
    assert estimator.predict(str(files[3])).tolist() == estimator.predict(files)[3:4].tolist()
    with pytest.raises(pellucid.DataError, match=r"its labels are numbers with fractions; .* ImageRegressor"):
        pellucid.ImageClassifier(model="mlp").fit(table)


def test_class_names_are_no_numbers(tmp_path: Path) -> None:
    table = write_ink(tmp_path, range(30))
    table.write_text(table.read_text().replace("0003.png,", "0003.png,about "))
    with pytest.raises(pellucid.DataError, match=r"about .*ink\.csv:5"):
        small().fit(table)


def test_whole_numbers_are_numbers_too() -> None:
    _, labels = digits()
    estimator = small().fit(IMAGES, labels[:300])
    assert estimator.predict(IMAGES).dtype == np.float64
    assert estimator.score(IMAGES, labels[:300]) > 0.5


def test_scikit_learn_composes_it() -> None:
    estimator = pellucid.ImageRegressor()
    pipeline = make_pipeline(StandardScaler(), estimator)
    assert cross_val_score(pipeline, ROWS, PROGRESSION, cv=2).mean() > 0.3
    assert cross_val_score(small(), IMAGES, INK, cv=2).mean() > 0.8
    grid = {"learning_rate": [1e-6, 0.01], "model": np.array(["mlp", "auto"])}
    search = GridSearchCV(pellucid.ImageRegressor(epochs=20), grid, cv=2).fit(ROWS[:200], PROGRESSION[:200])
    assert search.best_params_["learning_rate"] == 0.01
    features = make_pipeline(estimator, StandardScaler()).fit_transform(ROWS[:99], PROGRESSION[:99])
    assert len(features) == 99


def test_fit_says_nothing_and_repeats_itself(capfd: pytest.CaptureFixture[str]) -> None:
    one, two = small().fit(IMAGES, INK), small().fit(IMAGES, INK)
    assert capfd.readouterr() == ("", "")
    np.testing.assert_array_equal(one.predict(IMAGES), two.predict(IMAGES))
    assert not np.array_equal(one.predict(IMAGES), small(seed=1).fit(IMAGES, INK).predict(IMAGES))


def test_labels_belong_to_arrays_alone(tmp_path: Path) -> None:
    table = write_ink(tmp_path, range(30))
    with pytest.raises(pellucid.UsageError, match="brings its own labels; leave y out"):
        small().fit(table, INK)
    for inputs in (IMAGES, ROWS):
        with pytest.raises(pellucid.UsageError, match="requires y to be passed, but the target y is None"):
            small().fit(inputs)


def test_wrong_inputs_to_a_fitted_model(fitted: pellucid.ImageRegressor) -> None:
    with pytest.raises(pellucid.DataError, match=r"takes images, .* of shape \(9, 10\)"):
        fitted.predict(ROWS[:9])
    for method in ("predict", "transform", "save"):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            getattr(small(), method)("anything")


def test_the_example_in_the_docstring_holds() -> None:
    (example,) = doctest.DocTestFinder(recurse=False).find(pellucid.ImageRegressor, "ImageRegressor")
    assert len(example.examples) == 6
    assert doctest.DocTestRunner().run(example).failed == 0
