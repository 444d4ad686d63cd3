"""The estimator on real digits and real files, by every form of input."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import pellucid

DIGITS = load_digits()
ZEROS_AND_ONES = DIGITS.target < 2
IMAGES = DIGITS.images[ZEROS_AND_ONES][:120]
LABELS = DIGITS.target[ZEROS_AND_ONES][:120]


def small(**parameters: object) -> pellucid.ImageClassifier:
    return pellucid.ImageClassifier().set_params(**{"model": "mlp", "epochs": 4, "threads": 1, **parameters})


@pytest.fixture(scope="module")
def fitted() -> pellucid.ImageClassifier:
    return small().fit(IMAGES[:80], LABELS[:80])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits as class folders of PNG files."""
    place = tmp_path_factory.mktemp("digits")
    for index, (image, label) in enumerate(zip(IMAGES[:60], LABELS, strict=False)):
        name = ("zero", "one")[label]
        (place / name).mkdir(exist_ok=True)
        Image.fromarray((image * 15.9).astype(np.uint8)).save(place / name / f"{index:03}.png")
    return place


def test_images_in_arrays(fitted: pellucid.ImageClassifier) -> None:
    assert fitted.score(IMAGES[80:], LABELS[80:]) > 0.9
    assert fitted.predict(IMAGES).dtype == LABELS.dtype
    probabilities = fitted.predict_proba(IMAGES)
    assert probabilities.shape == (120, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert fitted.transform(IMAGES).shape == (120, len(fitted.get_feature_names_out()))
    assert not hasattr(fitted, "n_features_in_")
    assert [record["epoch"] for record in fitted.history_] == [1, 2, 3, 4]


def test_other_sizes_and_channels_are_fitted(fitted: pellucid.ImageClassifier) -> None:
    larger = np.repeat(np.repeat(IMAGES, 3, axis=1), 3, axis=2)
    assert fitted.score(larger, LABELS) > 0.9
    assert fitted.score(np.repeat(IMAGES[..., None], 3, axis=3), LABELS) > 0.9
    assert fitted.score(list(IMAGES), LABELS) > 0.9


def test_a_convolutional_network_is_the_rule_for_images(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("arrays must not touch the cache on disk")

    monkeypatch.setattr("pellucid.safety.files.write_file", refuse)
    monkeypatch.setattr("pellucid.safety.files.make_folder", refuse)
    estimator = small(model="auto", width=4, epochs=2).fit((IMAGES * 15).astype(np.uint8), LABELS)
    assert estimator.model_.network.config.name == "cnn"


def test_folders_and_files(folder: Path) -> None:
    estimator = small().fit(folder)
    assert estimator.classes_.tolist() == ["one", "zero"]
    assert estimator.model_.preprocessing.size == (8, 8)
    files = sorted(folder.rglob("*.png"))
    named = estimator.predict(files)
    assert (named == [file.parent.name for file in files]).mean() > 0.9
    assert estimator.predict(str(folder)).tolist() == named.tolist()
    assert estimator.predict(files[0]).tolist() == named[:1].tolist()
    (folder.parent / "no.png").write_text("<html>")
    with pytest.raises(pellucid.DataError, match=r"no\.png: not an image \(HTML\)"):
        estimator.predict([files[0], folder.parent / "no.png"])


def test_the_users_own_test_split_is_left_alone(tmp_path: Path) -> None:
    """The test split has wrong labels only: had it been learnt, the answers would be wrong."""
    pixels = (IMAGES * 15.9).astype(np.uint8)
    np.savez(tmp_path / "d.npz", x_train=pixels, y_train=LABELS, x_test=pixels, y_test=1 - LABELS)
    estimator = small().fit(str(tmp_path / "d.npz"))
    assert estimator.score(pixels, LABELS) > 0.9


def test_feature_vectors_are_standardised_by_the_network() -> None:
    rows = DIGITS.data[ZEROS_AND_ONES][:120]
    estimator = pellucid.ImageClassifier(epochs=4).fit(rows, LABELS)
    assert estimator.n_features_in_ == 64
    assert estimator.model_.network.config.name == "mlp"
    scaled = pellucid.ImageClassifier(epochs=4).fit(rows * 1000, LABELS)
    np.testing.assert_allclose(estimator.predict_proba(rows), scaled.predict_proba(rows * 1000), atol=1e-3)


def test_enough_examples_give_a_validation_split() -> None:
    few = pellucid.ImageClassifier(epochs=1).fit(DIGITS.data[:900], DIGITS.target[:900])
    many = pellucid.ImageClassifier(epochs=1).fit(DIGITS.data[:1200], DIGITS.target[:1200])
    assert "validation_accuracy" not in few.history_[0]
    assert many.history_[0]["validation_accuracy"] > 0
    stopped = pellucid.ImageClassifier(epochs=60, patience=1, learning_rate=1e-9)
    assert len(stopped.fit(DIGITS.data[:1200], DIGITS.target[:1200]).history_) < 60


def test_what_is_unlike_the_training_data(fitted: pellucid.ImageClassifier, tmp_path: Path) -> None:
    estimator = small(epochs=20).fit(DIGITS.images[:1400], DIGITS.target[:1400])
    usual = estimator.novelty(DIGITS.images[1400:])
    noise = np.random.default_rng(0).integers(0, 17, (100, 8, 8))
    assert 0.3 < usual.mean() < 0.7
    assert estimator.novelty(noise).mean() > 0.85
    estimator.save(tmp_path / "model")
    loaded = pellucid.load(tmp_path / "model")
    assert loaded.model_.detector.examples == 140
    with pytest.raises(
        pellucid.DataError,
        match="no novelty detector, because fewer than 20 validation examples were set aside",
    ):
        fitted.novelty(IMAGES)


def test_the_order_of_columns_is_that_of_classes() -> None:
    renamed = np.where(LABELS == 0, 9, 10)
    estimator = small().fit(IMAGES, renamed)
    assert estimator.classes_.tolist() == [9, 10]
    assert estimator.score(IMAGES, renamed) > 0.9
    best = estimator.classes_[estimator.predict_proba(IMAGES).argmax(axis=1)]
    np.testing.assert_array_equal(best, estimator.predict(IMAGES))


def test_fit_says_nothing_and_leaves_the_process_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    threads, state, numpy_state = torch.get_num_threads(), torch.get_rng_state(), np.random.get_state()[1]
    one = small(threads=2).fit(IMAGES, LABELS)
    assert capfd.readouterr() == ("", "")
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)
    two = small(threads=2).fit(IMAGES, LABELS)
    np.testing.assert_array_equal(one.predict_proba(IMAGES), two.predict_proba(IMAGES))
    assert not np.array_equal(
        one.predict_proba(IMAGES), small(seed=1).fit(IMAGES, LABELS).predict_proba(IMAGES)
    )


def test_a_time_limit_shortens_training() -> None:
    estimator = pellucid.ImageClassifier(epochs=100_000, time_limit="1s", threads=1)
    assert 0 < len(estimator.fit(DIGITS.data[:200], DIGITS.target[:200]).history_) < 50_000


def test_scikit_learn_composes_it() -> None:
    estimator = pellucid.ImageClassifier(epochs=8)
    pipeline = make_pipeline(StandardScaler(), estimator)
    assert cross_val_score(pipeline, DIGITS.data[:400], DIGITS.target[:400], cv=2).mean() > 0.75
    grid = {"learning_rate": [1e-6, 0.01], "width": np.array([32]), "activation": ["relu"]}
    search = GridSearchCV(pellucid.ImageClassifier(epochs=3), grid, cv=2)
    search.fit(DIGITS.data[:200], DIGITS.target[:200])
    assert search.best_params_["learning_rate"] == 0.01
    features = make_pipeline(estimator, StandardScaler()).fit_transform(DIGITS.data[:99], DIGITS.target[:99])
    assert len(features) == 99


def test_learning_anew_forgets_the_old_form() -> None:
    estimator = small().fit(DIGITS.data[:50], DIGITS.target[:50])
    estimator.fit(IMAGES, LABELS)
    assert not hasattr(estimator, "n_features_in_")


@pytest.mark.parametrize(
    ("images", "y", "words"),
    [
        (IMAGES.astype(object), LABELS, "images are numbers, but the array holds object"),
        (IMAGES[:, None], LABELS, "channels come last"),
        ([IMAGES[0], IMAGES[1][:4]], [0, 1], "images of different sizes cannot be one array"),
        (np.where(np.arange(120)[:, None, None] == 4, np.nan, IMAGES), LABELS, "image 5 holds values"),
        (IMAGES, LABELS[:-1], "y: 119 labels for 120 examples"),
    ],
)
def test_unfit_images_are_refused(images: object, y: object, words: str) -> None:
    with pytest.raises(pellucid.DataError, match=words):
        small().fit(images, y)


def test_labels_belong_to_arrays_alone(folder: Path) -> None:
    with pytest.raises(pellucid.UsageError, match="brings its own labels; leave y out"):
        small().fit(folder, LABELS)
    for inputs in (IMAGES, DIGITS.data[:120]):
        with pytest.raises(pellucid.UsageError, match="requires y to be passed, but the target y is None"):
            small().fit(inputs)


def test_wrong_inputs_to_a_fitted_model(fitted: pellucid.ImageClassifier) -> None:
    with pytest.raises(
        pellucid.DataError, match=r"takes images, .* but was given ndarray of shape \(9, 64\)"
    ):
        fitted.predict(DIGITS.data[:9])
    with pytest.raises(pellucid.DataError, match="y: 3 labels for 9 examples"):
        fitted.score(IMAGES[:9], LABELS[:3])
    with pytest.raises(pellucid.DataError, match="no such file or folder"):
        fitted.predict(["missing.png"])
    for method in ("predict", "predict_proba", "transform", "save"):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            getattr(small(), method)("anything")


@pytest.mark.parametrize("wrap", [list, np.array])
def test_a_list_of_texts_is_refused_with_the_estimator_that_takes_them(wrap):
    texts = wrap(["good film", "bad film", "dull film", "fine film"])
    with pytest.raises(pellucid.DataError, match=r"X: a list of texts; .*learn texts with TextClassifier"):
        pellucid.ImageClassifier().fit(texts, ["a", "b", "a", "b"])
