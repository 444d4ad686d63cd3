"""Classifiers of examples with several labels: digits that are even, large and so on, and texts of them."""

import functools
import pickle
from pathlib import Path

import numpy as np
import pandas
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import pellucid
from text_models import texts
from tiny_backbone import NAME, tiny_weights

DIGITS = load_digits()
NAMES = np.array(["even", "large", "threefold", "seven"])
STATES = np.stack(
    [DIGITS.target % 2 == 0, DIGITS.target >= 5, DIGITS.target % 3 == 0, DIGITS.target == 7], axis=1
).astype(int)
LISTS = [NAMES[row == 1].tolist() for row in STATES]
TEXTS = texts()  # one for each digit
CLASSICAL = ("majority", "logistic-regression", "svm", "random-forest")
CHANCE = 0.25  # subset accuracy of the best constant answer is less


def small(**parameters):
    return pellucid.ImageClassifier().set_params(**{"model": "mlp", "epochs": 8, "threads": 1, **parameters})


def classical(**parameters):
    return pellucid.ImageClassifier(**{"model": "logistic-regression", "threads": 1, **parameters})


@pytest.fixture(scope="module")
def fitted():
    """Learnt from so many that some were set aside."""
    return small().fit(DIGITS.data[:1200], STATES[:1200])


@pytest.mark.parametrize("model", ["mlp", *CLASSICAL])
@pytest.mark.parametrize("count", [100, 1100])
def test_every_model_of_feature_vectors(model, count, tmp_path):
    given = {"epochs": 8} if model == "mlp" else {}
    estimator = pellucid.ImageClassifier(model=model, threads=1, **given)
    estimator.fit(DIGITS.data[:count], STATES[:count])
    answers_like_scikit_learn(estimator, DIGITS.data[1200:], STATES[1200:])
    score = estimator.score(DIGITS.data[1200:], STATES[1200:])
    assert score > CHANCE or model == "majority"
    assert (len(estimator.model_.threshold) == 4) == (count == 1100)
    comes_back(estimator, DIGITS.data[1200:], STATES[1200:], tmp_path / "model")


def answers_like_scikit_learn(estimator, inputs, states):
    """Shapes and types are those of scikit-learn's own network, and the score is its accuracy."""
    theirs = MLPClassifier((4,), max_iter=1)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        theirs.fit(DIGITS.data[: len(states), : states.shape[1] + 2], states)
    inputs_of_theirs = DIGITS.data[: len(inputs), : states.shape[1] + 2]
    for ask in ("predict", "predict_proba"):
        own, other = getattr(estimator, ask)(inputs), getattr(theirs, ask)(inputs_of_theirs)
        assert (type(own), own.shape, own.dtype) == (type(other), other.shape, other.dtype)
    np.testing.assert_array_equal(estimator.classes_, theirs.classes_)
    assert estimator.multilabel_
    probabilities = estimator.predict_proba(inputs)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    assert not np.allclose(probabilities.sum(axis=1), 1)
    least = [estimator.model_.threshold.get(str(label), 0.5) for label in estimator.classes_]
    np.testing.assert_array_equal(estimator.predict(inputs), probabilities >= least)
    accuracy = accuracy_score(states, estimator.predict(inputs))
    assert estimator.score(inputs, states) == pytest.approx(accuracy)
    weights = np.arange(len(states))
    weighted = accuracy_score(states, estimator.predict(inputs), sample_weight=weights)
    assert estimator.score(inputs, states, sample_weight=weights) == pytest.approx(weighted)


def comes_back(estimator, inputs, states, folder):
    """A loaded estimator answers the same, as lists of labels by their names in files."""
    estimator.save(folder)
    loaded = pellucid.load(folder)
    assert type(loaded) is type(estimator)
    assert loaded.multilabel_
    np.testing.assert_array_equal(loaded.predict_proba(inputs), estimator.predict_proba(inputs))
    names = estimator.classes_.astype(str)
    answers = estimator.predict(inputs)
    assert loaded.predict(inputs) == [names[row == 1].tolist() for row in answers]
    assert loaded.score(inputs, states) == estimator.score(inputs, states)
    assert loaded.model_.threshold == estimator.model_.threshold


@pytest.mark.parametrize("model", ["cnn", "lenet", "mlp", "random-forest"])
def test_every_model_of_images(model, tmp_path):
    given = {} if model == "random-forest" else {"epochs": 8, "width": 8}
    estimator = pellucid.ImageClassifier(model=model, threads=1, **given)
    estimator.fit(DIGITS.images[:400], STATES[:400])
    answers_like_scikit_learn(estimator, DIGITS.images[1500:], STATES[1500:])
    assert estimator.score(DIGITS.images[1500:], STATES[1500:]) > CHANCE
    comes_back(estimator, DIGITS.images[1500:], STATES[1500:], tmp_path / "model")


@pytest.mark.parametrize("model", ["text-cnn", "rnn", "bag", "auto", *CLASSICAL])
def test_every_model_of_texts(model, tmp_path):
    given = {} if model in CLASSICAL else {"epochs": 4, "width": 8}
    estimator = pellucid.TextClassifier(model=model, threads=1, **given).fit(TEXTS[:300], STATES[:300])
    answers_like_scikit_learn(estimator, TEXTS[1500:], STATES[1500:])
    probabilities, is_present = estimator.predict_proba(TEXTS[1500:]), STATES[1500:] == 1
    assert probabilities[is_present].mean() > probabilities[~is_present].mean()
    comes_back(estimator, TEXTS[1500:], STATES[1500:], tmp_path / "model")


@pytest.mark.slow
def test_a_pretrained_network_of_images(tmp_path):
    colour = np.repeat(DIGITS.images[:60, :, :, None] * 15.9, 3, axis=3).astype(np.uint8)
    given = {"backbone": NAME, "weights": str(tiny_weights(tmp_path)), "threads": 1}
    estimator = pellucid.ImageClassifier(**given, epochs=1, image_size="32").fit(colour, STATES[:60])
    answers_like_scikit_learn(estimator, colour, STATES[:60])
    comes_back(estimator, colour, STATES[:60], tmp_path / "model")


def test_the_form_that_was_given_comes_back():
    inputs = DIGITS.data[:100]
    by_column = classical().fit(inputs, STATES[:100])
    frame = pandas.DataFrame(STATES[:100], columns=NAMES)
    by_name = classical().fit(inputs, frame)
    by_list = classical().fit(inputs, LISTS[:100])
    by_number = classical().fit(inputs, [np.flatnonzero(row) * 10 for row in STATES[:100]])
    answers = by_column.predict(DIGITS.data)
    np.testing.assert_array_equal(by_name.predict(DIGITS.data), answers)
    assert by_list.predict(DIGITS.data) == [sorted(NAMES[row == 1].tolist()) for row in answers]
    assert by_number.predict(DIGITS.data) == [(10 * np.flatnonzero(row)).tolist() for row in answers]
    assert by_name.classes_.tolist() == NAMES.tolist()
    assert by_list.classes_.tolist() == sorted(NAMES)
    assert by_number.classes_.tolist() == [0, 10, 20, 30]


def test_scores_find_columns_by_name_and_labels_in_any_form(tmp_path):
    inputs, frame = DIGITS.data[:300], pandas.DataFrame(STATES[:300], columns=NAMES)
    estimator = classical().fit(inputs[:100], frame[:100])
    score = accuracy_score(STATES[:300], estimator.predict(inputs))
    assert score < 1
    for labels in (STATES[:300], frame, frame[NAMES[::-1]], LISTS[:300], [set(each) for each in LISTS[:300]]):
        assert estimator.score(inputs, labels) == pytest.approx(score)
    joined = [";".join(each) for each in LISTS[:300]]
    assert classical(unlabelled="none").fit(inputs[:100], frame[:100]).score(inputs, joined) == pytest.approx(
        score
    )
    # A label that the model does not know makes any answer wrong.
    assert estimator.score(inputs, [[*each, "prime"] for each in LISTS[:300]]) == 0
    empty = (estimator.predict(inputs) == 0).all(axis=1).mean()
    assert estimator.score(inputs, [[] for _ in inputs]) == pytest.approx(empty)
    estimator.save(tmp_path / "model")
    loaded = pellucid.load(tmp_path / "model")
    assert loaded.classes_.tolist() == sorted(NAMES)
    assert loaded.score(inputs, frame) == loaded.score(inputs, LISTS[:300]) == pytest.approx(score)


def test_columns_beyond_ten_stay_in_order_when_loaded(tmp_path):
    states = np.eye(12, dtype=int)[DIGITS.target[:300] + 2] | np.eye(12, dtype=int)[DIGITS.target[:300]]
    estimator = classical(model="random-forest").fit(DIGITS.data[:300], states)
    assert estimator.score(DIGITS.data[:300], states) > 0.9
    comes_back(estimator, DIGITS.data[:300], states, tmp_path / "model")


def test_renamed_labels_are_scored_by_either_name(tmp_path):
    estimator = classical(rename={"seven": "large"}).fit(DIGITS.data[:200], LISTS[:200])
    assert estimator.classes_.tolist() == ["even", "large", "threefold"]
    estimator.save(tmp_path / "model")
    new = [sorted({*each} - {"seven"}) for each in LISTS]
    for each in (estimator, pellucid.load(tmp_path / "model")):
        assert each.score(DIGITS.data, LISTS) == each.score(DIGITS.data, new) > 0.5


def test_unknown_labels_teach_and_score_nothing():
    """What is unknown may as well have any state: the model and the score are the same."""
    chance = np.random.default_rng(3)
    is_unknown = chance.random(STATES.shape) < 0.3
    is_unknown[:5] = True
    states = np.where(is_unknown, np.nan, STATES)
    for model in ("logistic-regression", "mlp"):
        given = {"epochs": 5} if model == "mlp" else {}
        estimator = classical(model=model, **given).fit(DIGITS.data[:300], states[:300])
        without = classical(model=model, **given).fit(DIGITS.data[5:300], states[5:300])
        np.testing.assert_allclose(
            estimator.predict_proba(DIGITS.data), without.predict_proba(DIGITS.data), atol=1e-6
        )
    right = ((estimator.predict(DIGITS.data) == STATES) | is_unknown).all(axis=1)[~is_unknown.all(axis=1)]
    assert estimator.score(DIGITS.data, states) == pytest.approx(right.mean())
    assert estimator.score(DIGITS.data, states) > 0.5


def test_thresholds_are_those_asked_for_or_what_fits_validation(fitted):
    least = fitted.model_.threshold
    assert set(least) == {"0", "1", "2", "3"}
    assert set(least.values()) != {0.5}
    asked = small(threshold={0: 0.9, 3: 0.02}).fit(DIGITS.data[:1200], STATES[:1200])
    assert asked.model_.threshold == {**least, "0": 0.9, "3": 0.02}
    np.testing.assert_array_equal(
        asked.predict(DIGITS.data)[:, 0], asked.predict_proba(DIGITS.data)[:, 0] >= 0.9
    )
    with pytest.raises(pellucid.UsageError, match="threshold: y has no class '4'"):
        small(threshold={4: 0.5}).fit(DIGITS.data[:100], STATES[:100])
    with pytest.raises(pellucid.UsageError, match="threshold: takes one of two classes"):
        small(threshold={0: 0.5, 1: 0.5}).fit(DIGITS.data[:100], STATES[:100, 0])


def test_a_rare_label_does_not_keep_validation_examples_from_being_set_aside():
    states = STATES[:1100].copy()
    states[:, 3] = 0
    states[[3, 500, 900], 3] = 1
    estimator = small(epochs=2).fit(DIGITS.data[:1100], states)
    assert estimator.history_[-1]["validation_micro_f1"] > 0
    never = small(epochs=2).fit(DIGITS.data[:1100], np.where(np.arange(4) == 3, 0, states))
    assert (never.predict_proba(DIGITS.data)[:, 3] < 0.3).all()  # its column is answered all the same


def test_what_is_said_of_an_answer(fitted):
    unlike = fitted.novelty(np.random.default_rng(0).uniform(0, 16, (200, 64)))
    assert unlike.mean() > fitted.novelty(DIGITS.data[1200:]).mean()
    assert fitted.transform(DIGITS.data[:9]).shape == (9, len(fitted.get_feature_names_out()))
    abstained = fitted.abstains(DIGITS.data[1200:], max_error=0.3)
    is_wrong = (fitted.predict(DIGITS.data[1200:]) != STATES[1200:]).any(axis=1)
    assert 0 < abstained.mean() < 0.5
    assert is_wrong[abstained].mean() > is_wrong[~abstained].mean()
    with pytest.raises(pellucid.UsageError, match="coverage: chooses among classes of which one is right"):
        fitted.predict_sets(DIGITS.data[1200:])


def test_scikit_learn_composes_it():
    estimator = small()
    pipeline = make_pipeline(StandardScaler(), estimator)
    inputs, states = DIGITS.data[:300], STATES[:300]
    assert cross_val_score(pipeline, inputs, states, cv=3, scoring="f1_micro").mean() > 0.8
    for scoring in ("f1_macro", "roc_auc", "average_precision"):
        assert cross_val_score(estimator, inputs, states, cv=2, scoring=scoring).mean() > 0.6, scoring
    assert cross_val_score(estimator, inputs, LISTS[:300], cv=KFold(2)).mean() > CHANCE
    probabilities = cross_val_predict(estimator, inputs, states, cv=2, method="predict_proba")
    assert probabilities.shape == states.shape
    search = GridSearchCV(small(epochs=3), {"learning_rate": [1e-7, 0.01]}, cv=2, scoring="f1_micro")
    assert search.fit(inputs, states).best_params_ == {"learning_rate": 0.01}
    asked = clone(small(target="labels", label_separator="+", unlabelled="none"))
    assert asked.get_params()["label_separator"] == "+"
    assert asked.fit(inputs, ["+".join(each) for each in LISTS[:300]]).predict(inputs[:1]) == [LISTS[0]]


def test_a_pickled_estimator_answers_in_the_same_form(fitted):
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(DIGITS.data), fitted.predict(DIGITS.data))


def test_learning_anew_forgets_the_old_form():
    estimator = classical().fit(DIGITS.data[:100], LISTS[:100])
    assert isinstance(estimator.predict(DIGITS.data[:1]), list)
    estimator.fit(DIGITS.data[:100], STATES[:100])
    assert estimator.predict(DIGITS.data[:1]).shape == (1, 4)
    estimator.fit(DIGITS.data[:100], DIGITS.target[:100])
    assert not estimator.multilabel_
    assert estimator.predict(DIGITS.data[:1]).tolist() == [0]


@pytest.mark.slow
def test_tables_with_several_labels_in_a_cell(tmp_path):
    frame = pandas.DataFrame({"text": TEXTS[:200], "tags": ["|".join(each) for each in LISTS[:200]]})
    frame.to_csv(tmp_path / "texts.csv", index=False)
    make = functools.partial(pellucid.TextClassifier, model="logistic-regression", threads=1)
    with pytest.raises(pellucid.DataError, match=r"with no label: .*give unlabelled='none'"):
        make().fit(tmp_path / "texts.csv")
    estimator = make(unlabelled="none").fit(tmp_path / "texts.csv")
    assert estimator.classes_.tolist() == sorted(NAMES)
    assert estimator.score(TEXTS[:200], LISTS[:200]) > 0.9
    assert estimator.predict(TEXTS[:5]) == estimator.predict(tmp_path / "texts.csv")[:5]
    of_frame = make(unlabelled="none").fit(frame)
    np.testing.assert_array_equal(of_frame.predict_proba(TEXTS), estimator.predict_proba(TEXTS))
    whole = make(target="class").fit(frame[frame.tags != ""])
    assert "even|threefold" in whole.classes_
    assert not whole.multilabel_
    with pytest.warns(UserWarning, match=r"1 label left out, since fewer than 30 .*'seven' \(20\)"):
        often = make(unlabelled="none", min_examples=30).fit(frame)
    assert often.classes_.tolist() == ["even", "large", "threefold"]


def test_tables_with_a_column_for_each_label(tmp_path):
    frame = pandas.DataFrame({"text": TEXTS[:200], "large": STATES[:200, 1], "even": STATES[:200, 0]})
    frame.to_csv(tmp_path / "texts.csv", index=False)
    make = functools.partial(pellucid.TextClassifier, model="logistic-regression", threads=1)
    estimator = make().fit(tmp_path / "texts.csv")
    assert estimator.classes_.tolist() == ["even", "large"]
    assert estimator.score(TEXTS[:200], frame[["large", "even"]]) > 0.9
    apart = make().fit(frame[["text"]], frame[["even", "large"]])
    np.testing.assert_array_equal(apart.predict_proba(TEXTS), estimator.predict_proba(TEXTS))


def test_images_in_several_class_folders(tmp_path):
    for number in range(100):
        for name in LISTS[number]:
            (tmp_path / name).mkdir(exist_ok=True)
            image = Image.fromarray((DIGITS.images[number] * 15.9).astype(np.uint8))
            image.save(tmp_path / name / f"{number:03}.png")
    labelled = [number for number in range(100) if LISTS[number]]
    estimator = classical(model="svm").fit(tmp_path)
    assert estimator.classes_.tolist() == sorted(NAMES)
    pixels = (DIGITS.images[labelled] * 15.9).astype(np.uint8)
    assert estimator.score(pixels, [LISTS[number] for number in labelled]) > 0.8


@pytest.mark.parametrize(
    ("make", "y", "error", "words"),
    [
        (small, STATES[:90], pellucid.DataError, "y: 90 labels for 100 examples"),
        (small, 2 * STATES[:100], pellucid.DataError, "y: 2 at position 0, column 0"),
        (small, np.ones((100, 2)), pellucid.DataError, "y: no label is there for some examples and not for"),
        (lambda: small(target="class"), STATES[:100], pellucid.DataError, "y: 4 columns, where one label"),
        (lambda: small(target="number"), STATES[:100], pellucid.UsageError, "learnt with ImageRegressor"),
        (lambda: small(class_weight="balanced"), STATES[:100], pellucid.UsageError, "belongs to examples of"),
        (lambda: small(metric="roc-auc"), STATES[:100], pellucid.UsageError, "roc-auc is no score of labels"),
        (lambda: small(patience=1), STATES[:100], pellucid.UsageError, "so 1,000 different examples; leave"),
        (pellucid.ImageRegressor, STATES[:100], pellucid.DataError, "several labels .* with ImageClassifier"),
        (pellucid.ImageRegressor, LISTS[:100], pellucid.DataError, "where one label for each example is"),
    ],
)
def test_what_cannot_be_learnt_is_refused(make, y, error, words):
    with pytest.raises(error, match=words):
        make().fit(DIGITS.data[:100], y)


def test_numbers_of_texts_and_generators_take_no_several_labels():
    with pytest.raises(pellucid.DataError, match=r"y: 4 columns, .*are learnt with TextClassifier"):
        pellucid.TextRegressor(model="ridge").fit(TEXTS, STATES)
    with pytest.raises(
        pellucid.DataError, match="y: 4 columns, where one label for each example is expected"
    ):
        pellucid.ImageGenerator(epochs=1).fit(DIGITS.images[:100], STATES[:100])


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (STATES[:9], "y: 9 labels for 100 examples"),
        (STATES[:100, :3], "y: 3 columns where the model has 4 labels; give one for each of classes_"),
        (pandas.DataFrame(STATES[:100, :3]), "y: no column '3', which is a label of the model; add it"),
        (np.full((100, 4), np.nan), "y: no label is known, so that nothing can be scored"),
    ],
)
def test_what_cannot_be_scored_is_refused(fitted, y, words):
    with pytest.raises(pellucid.DataError, match=words):
        fitted.score(DIGITS.data[:100], y)


def test_the_model_folder_is_one_of_several_labels(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    assert '"feature-multilabel-classifier"' in Path(tmp_path / "model" / "model.json").read_text()
