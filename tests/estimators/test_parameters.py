"""The constructor equals the settings table, and `fit` checks what it stored."""

import dataclasses
import doctest
import inspect

import numpy as np
import pytest
from sklearn.base import clone

import pellucid
from pellucid.estimators.estimator import Estimator
from pellucid.settings import ROWS, Settings

ROWS_DATA = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
LABELS = (ROWS_DATA[:, 0] > 0).astype(int)
OF_CLASSES_ALONE = {
    "target", "order", "label_separator", "unlabelled", "loss", "label_smoothing", "class_weight", "metric",
    "rename", "min_examples", "threshold",
}  # fmt: skip
OF_IMAGES_ALONE = {"image_size", "resize", "pooling", "batch_norm", "augment", "mirror"}
OF_TEXTS_ALONE = {"cell", "tokens", "length", "vectors", "tune_vectors"}
OF_GENERATORS_ALONE = {"latent", "beta"}
OF_RUNS_ALONE = {"baselines", "learning_curve", "folds", "from_", "rehearse", "processes", "watch", "log"}
PARAMETERS = [
    row
    for row in ROWS
    if (row.group != "data" and row.name not in OF_RUNS_ALONE | OF_GENERATORS_ALONE)
    or row.name
    in ("target", "order", "label_separator", "unlabelled", "image_size", "resize", "rename", "min_examples")
]


@pytest.mark.parametrize(
    ("estimator", "missing"),
    [
        (pellucid.ImageClassifier, OF_TEXTS_ALONE),
        (pellucid.ImageRegressor, OF_TEXTS_ALONE | OF_CLASSES_ALONE),
        (pellucid.TextClassifier, OF_IMAGES_ALONE),
        (pellucid.TextRegressor, OF_IMAGES_ALONE | OF_CLASSES_ALONE),
    ],
)
def test_parameters_are_the_settings_of_network_training_and_run(
    estimator: type[Estimator], missing: set[str]
) -> None:
    named = dict(inspect.signature(estimator).parameters)
    assert list(named) == [*(row.name for row in PARAMETERS if row.name not in missing), "verbose"]
    types = {field.name: field.type for field in dataclasses.fields(Settings)}
    for row in PARAMETERS:
        if row.name not in missing:
            assert named[row.name].default == row.default, row.name
            assert named[row.name].annotation == types[row.name], row.name


@pytest.mark.parametrize(
    ("estimator", "missing", "models"),
    [
        (
            pellucid.ImageClassifier,
            OF_TEXTS_ALONE,
            "auto, cnn, mlp, lenet, majority, logistic-regression, svm",
        ),
        (
            pellucid.ImageRegressor,
            OF_TEXTS_ALONE | OF_CLASSES_ALONE,
            "auto, cnn, mlp, lenet, mean, ridge, svm",
        ),
        (
            pellucid.TextClassifier,
            OF_IMAGES_ALONE,
            "auto, text-cnn, rnn, bag, transformer, majority, logistic-regression, svm",
        ),
        (
            pellucid.TextRegressor,
            OF_IMAGES_ALONE | OF_CLASSES_ALONE,
            "auto, text-cnn, rnn, bag, transformer, mean, ridge, svm",
        ),
    ],
)
def test_the_docstring_explains_every_parameter(
    estimator: type[Estimator], missing: set[str], models: str
) -> None:
    text = estimator.__doc__ or ""
    assert "{parameters}" not in text
    for row in PARAMETERS:
        assert (f"        {row.name}: {row.meaning}" in text) == (row.name not in missing)
    assert f"({models}, random-forest)" in text


@pytest.mark.parametrize(
    ("estimator", "lines"),
    [
        (pellucid.ImageClassifier, 7),
        (pellucid.ImageRegressor, 6),
        (pellucid.TextClassifier, 7),
        (pellucid.TextRegressor, 5),
    ],
)
def test_the_example_in_the_docstring_holds(estimator: type[Estimator], lines: int) -> None:
    (example,) = doctest.DocTestFinder(recurse=False).find(estimator, estimator.__name__)
    assert len(example.examples) == lines
    assert doctest.DocTestRunner().run(example).failed == 0


def test_the_constructor_only_stores() -> None:
    size = object()
    estimator = pellucid.ImageClassifier(image_size=size, model=3)  # type: ignore[arg-type]
    assert estimator.get_params()["image_size"] is size
    assert set(vars(estimator)) == {row.name for row in PARAMETERS} - OF_TEXTS_ALONE | {"verbose"}
    assert clone(pellucid.ImageClassifier(width=7)).width == 7
    assert repr(pellucid.ImageClassifier(width=7)) == "ImageClassifier(width=7)"
    assert clone(pellucid.TextRegressor(cell="gru")).get_params()["cell"] == "gru"
    assert repr(pellucid.TextClassifier(tokens=3)) == "TextClassifier(tokens=3)"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"epochs": 0}, "ImageClassifier: epochs: 0 is outside"),
        ({"model": "resnet"}, "'resnet' is not known .did you mean lenet.*choose one of"),
        ({"model": "mean"}, "mean predicts numbers, and these labels are classes"),
        ({"loss": "mse", "label_smoothing": 0.1}, "belongs to cross-entropy"),
        ({"model": "cnn"}, "cnn needs images, not feature vectors; use mlp"),
        ({"image_size": 8}, "image_size: feature vectors have no size in pixels"),
        ({"augment": True}, "feature vectors cannot be shifted"),
        ({"patience": 3}, "patience: needs a validation split, and so 1,000 different examples"),
        ({"class_weight": {5: 1.0}}, "class_weight: y has no class '5'; it has '0', '1'"),
        ({"class_weight": {1: 0.0}}, "class_weight: 0.0 for 1 is outside"),
        ({"class_weight": {1: "much"}}, "class_weight: 'much' for 1 is not a number"),
        ({"rename": {2: "two"}}, "rename: y has no class '2'; it has '0', '1'"),
    ],
)
def test_fit_refuses_unfit_parameters(parameters: dict[str, object], words: str) -> None:
    with pytest.raises(pellucid.UsageError, match=words):
        pellucid.ImageClassifier().set_params(**parameters).fit(ROWS_DATA, LABELS)


def test_numbers_from_numpy_are_taken() -> None:
    estimator = pellucid.ImageClassifier(epochs=np.int64(2), dropout=np.float32(0.5), batch_norm=np.True_)
    assert len(estimator.fit(ROWS_DATA, LABELS).history_) == 2
    assert isinstance(estimator.epochs, np.int64)


def test_weights_of_classes_move_the_decision() -> None:
    noise = np.random.default_rng(1).normal(size=(200, 2))
    labels = np.arange(200) % 2
    for model in ("mlp", "logistic-regression"):
        for favourite in (0, 1):
            given = {} if model != "mlp" else {"epochs": 5}
            estimator = pellucid.ImageClassifier(model=model, class_weight={favourite: 50.0}, **given)
            assert (estimator.fit(noise, labels).predict(noise) == favourite).mean() > 0.9, model


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("random_state", "ImageClassifier: unknown parameter 'random_state'; use seed$"),
        ("n_jobs", "unknown parameter 'n_jobs'; use threads$"),
        ("epoch", r"unknown parameter 'epoch' \(did you mean epochs\?\); known are .*image_size, "),
        ("tokens", "unknown parameter 'tokens'; known are .*image_size, "),
    ],
)
def test_unknown_parameters_are_refused_with_the_one_that_is_meant(name: str, words: str) -> None:
    with pytest.raises(pellucid.UsageError, match=words) as refused:
        pellucid.ImageClassifier(**{name: 1})
    assert isinstance(refused.value, TypeError)
