"""What every classical baseline promises of texts, for classes and for numbers."""

import functools
import subprocess
import sys

import numpy as np
import pytest
from sklearn.feature_selection import chi2, r_regression
from sklearn.svm import LinearSVC

from labelled import numbered
from pellucid.classical import (
    PREDICTORS,
    TF_IDF,
    Budget,
    TrainingSet,
    baselines_for,
    fit_baseline,
)
from pellucid.classical.text_baselines import (
    BEST_FEATURES,
    RIDGE,
    SVM,
    TextSetup,
    for_classes,
    for_numbers,
)
from pellucid.classical.text_features import about_classes, about_numbers, most_features, survey_texts
from pellucid.classical.training_set import Trial, Work
from pellucid.data.raw_texts import Texts
from pellucid.input_kinds import TEXTS
from pellucid.targets import CLASSIFICATION, REGRESSION

SMALL = Budget(trees=40)
every_baseline = pytest.mark.parametrize("name", baselines_for(CLASSIFICATION, TEXTS))
every_number_baseline = pytest.mark.parametrize("name", baselines_for(REGRESSION, TEXTS))


def made(count, classes=3, seed=0, alphabet="abcdefghijklmnop"):
    """Texts that hold a few words of their class among many of all."""
    chance = np.random.default_rng(seed)
    letters = np.array(list(alphabet))
    stock = np.array(["".join(np.random.default_rng(each).choice(letters, 5)) for each in range(300)])
    labels = chance.integers(0, classes, count)
    texts = []
    for label in labels:
        own = stock[chance.integers(0, 12, chance.integers(1, 4)) + 12 * label]
        texts.append(" ".join(chance.permutation([*own, *chance.choice(stock, 15)])))
    return texts, labels


def lesson(count=360, classes=3, of_numbers=False, keep=Texts.of):
    texts, labels = made(count, classes)
    known = numbered(labels, classes)
    if of_numbers:
        known = numbered(labels * 10 + np.random.default_rng(1).normal(size=count), 0, REGRESSION)
    places = np.arange(count)
    return TrainingSet(keep(texts), known, places[:-60], places[-60:], "texts")


def fit(name, lesson, **named):
    return fit_baseline(name, lesson, seed=3, **{"threads": 1, "budget": SMALL, **named})


@functools.cache
def of_900(name):
    """A model of 900 texts that several tests share."""
    return fit(name, lesson(900))


def asked(fitted, texts):
    """What a model says of texts, through everything it stores."""
    if fitted.tfidf is None:
        return fitted.predictor.predict(np.zeros((len(texts), 0), np.float32))
    return fitted.predictor.predict(fitted.tfidf.transform(texts))


@every_baseline
def test_same_lesson_same_model_whatever_the_threads_and_the_store(name):
    models = [fit(name, lesson()), fit(name, lesson(keep=list)), fit(name, lesson(classes=3), threads=2)]
    assert models[0].predictor.arrays()
    for other in models[1:]:
        assert other.configurations == models[0].configurations
        if other.tfidf is not None:
            assert other.tfidf.content() == models[0].tfidf.content()
        for one, two in zip(
            models[0].predictor.arrays().values(), other.predictor.arrays().values(), strict=True
        ):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    "name", [name for name in baselines_for(CLASSIFICATION, TEXTS) if name != "majority"]
)
def test_every_baseline_learns_and_majority_does_not_look(name):
    texts, labels = made(300, seed=7)
    fitted = of_900(name)
    assert fitted.features == TF_IDF
    assert (asked(fitted, texts).argmax(axis=1) == labels).mean() > 0.75
    majority = of_900("majority")
    assert majority.tfidf is None
    assert (asked(majority, texts).argmax(axis=1) == labels).mean() < 0.5


@pytest.mark.parametrize("name", ["logistic-regression", "svm"])
def test_one_configuration_is_chosen_among_those_that_cannot_be_told_apart(name):
    whole, fitted = lesson(900), of_900(name)
    best = max(each.score for each in fitted.configurations)
    (chosen,) = [each for each in fitted.configurations if each.chosen]
    assert chosen.score >= best - np.sqrt(best * (1 - best) / len(whole.validation))
    assert {each.features for each in fitted.configurations} == {TF_IDF}
    assert chosen.to_json()["chosen"] is True
    by_loss = fit(name, whole, metric="log-loss").configurations
    assert all(each.chosen is None and each.score < 0 for each in by_loss)
    assert set(by_loss[0].to_json()) == {"features", "words", "score"}


@every_baseline
@pytest.mark.parametrize(
    ("classes", "labels"),
    [
        pytest.param(3, np.minimum(np.arange(30), 1) + 1, id="one example of a class, none of another"),
        pytest.param(4, np.full(30, 2), id="one class only"),
        pytest.param(30, np.arange(30), id="as many classes as examples"),
        pytest.param(2, np.array([1]), id="one example"),
    ],
)
def test_little_data(name, classes, labels):
    texts, places = made(len(labels))[0], np.arange(len(labels))
    fitted = fit(
        name, TrainingSet(texts, numbered(labels.astype(np.int64), classes), places, places[:0], "texts")
    )
    answers = asked(fitted, texts)
    assert answers.shape == (len(labels), classes)
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=0, atol=1e-12)
    assert (answers[:, np.setdiff1d(np.arange(classes), labels)] == 0).all()


@every_baseline
@pytest.mark.parametrize("text", ["", "\n\t ", "the same", "\ud800"], ids=ascii)
def test_texts_that_are_all_alike(name, text):
    labels, places = np.arange(60) % 3, np.arange(60)
    fitted = fit(name, TrainingSet([text] * 60, numbered(labels, 3), places[:48], places[48:], "texts"))
    np.testing.assert_allclose(asked(fitted, [text, "other"]), 1 / 3, atol=0.05)


@every_number_baseline
def test_numbers(name):
    whole = lesson(600, of_numbers=True)
    fitted, mean = fit(name, whole), fit("mean", whole)
    texts = whole.inputs[whole.validation]
    values, truth = asked(fitted, texts), whole.labels.values[whole.validation]
    assert values.shape == (60, 1)
    if name != "mean":
        error, most = (np.sqrt(((said[:, 0] - truth) ** 2).mean()) for said in (values, asked(mean, texts)))
        assert error < 0.8 * most
        (chosen,) = [each for each in fitted.configurations if each.chosen]
        assert -chosen.score <= 1.01 * -max(each.score for each in fitted.configurations)
        assert chosen.words == fitted.setup[1]
    kind = PREDICTORS[fitted.predictor.kind]
    again = kind.from_parts(fitted.predictor.to_json(), fitted.predictor.arrays())
    rows = np.zeros((60, 0), np.float32) if fitted.tfidf is None else fitted.tfidf.transform(texts)
    np.testing.assert_array_equal(again.predict(rows), values)


@every_number_baseline
@pytest.mark.parametrize("labels", [np.full(12, 2.5), np.linspace(-1e9, 1e9, 12)], ids=["alike", "large"])
def test_numbers_of_little_data(name, labels):
    texts = made(12)[0]
    fitted = fit(
        name, TrainingSet(texts, numbered(labels, 0, REGRESSION), np.arange(12), np.arange(0), "texts")
    )
    assert np.isfinite(asked(fitted, [*texts, ""])).all()


def test_svm_agrees_with_scikit_learn_and_weighing_by_class_changes_it():
    whole = lesson(500)
    fitted = fit("svm", whole)
    rows, labels = fitted.tfidf.transform(whole.inputs[whole.train]), whole.labels.values[whole.train]
    work = Work(3, 0, 1, SMALL)
    ours = for_classes(rows, labels, work, TextSetup(SVM, 1.0))
    theirs = LinearSVC(C=1.0, dual=False, tol=1e-8).fit(rows.astype(np.float64), labels)
    scale = (ours.weights.T * theirs.coef_).sum() / (theirs.coef_**2).sum()
    largest = np.abs(theirs.coef_).max()
    np.testing.assert_allclose(ours.weights.T / scale, theirs.coef_, rtol=0, atol=0.03 * largest)
    np.testing.assert_allclose(ours.bias / scale, theirs.intercept_, rtol=0, atol=0.03)
    weighed = for_classes(rows, labels, work, TextSetup(SVM, 1.0, by_label=True))
    assert np.abs(weighed.weights - ours.weights).max() > 0.1


def test_probabilities_are_as_good_as_they_say():
    texts, labels = made(1_000, seed=8)
    for name in ("svm", "logistic-regression"):
        answers = asked(fit(name, lesson(1_500)), texts)
        right = (answers.argmax(axis=1) == labels).mean()
        assert answers.max(axis=1).mean() == pytest.approx(right, abs=0.04), name


def test_a_forest_sees_the_ngrams_that_say_most():
    chance = np.random.default_rng(0)
    stock = [f"word{number}" for number in range(3 * BEST_FEATURES)]
    labels = np.arange(400) % 2
    texts = [" ".join([*chance.choice(stock, 60), "yes" if label else "no"]) for label in labels]
    fitted = fit(
        "random-forest", TrainingSet(texts, numbered(labels, 2), np.arange(400), np.arange(0), "texts")
    )
    assert fitted.predictor.inputs == fitted.tfidf.features == BEST_FEATURES
    assert {"yes", "no"} <= set(fitted.tfidf.terms[0])


def test_what_features_say_equals_scikit_learn():
    whole = lesson(300)
    rows = fit("svm", whole).tfidf.transform(whole.inputs[:])
    np.testing.assert_allclose(
        about_classes(rows, whole.labels.values), chi2(rows, whole.labels.values)[0], rtol=1e-4
    )
    numbers = np.random.default_rng(0).normal(size=300)
    expected = r_regression(rows.astype(np.float64), numbers) ** 2
    np.testing.assert_allclose(about_numbers(rows, numbers), expected, rtol=1e-6, atol=1e-12)


def test_texts_are_read_as_their_script_asks():
    english, chinese = made(50)[0], ["这家酒店很好,服务不错", "书很差 no"] * 25
    places = np.arange(50)
    assert survey_texts(english, places).readings == ("union", "pairs", "words")
    assert survey_texts([text * 20 for text in english], places).readings == ("words", "pairs", "union")
    assert survey_texts(chinese, places).readings == ("characters",)
    assert survey_texts(["a word or two " * 30_000] * 50, places).readings == ("words", "pairs")
    fitted = fit("svm", TrainingSet(chinese, numbered(places % 2, 2), places, places[:0], "texts"))
    assert {"酒", "no"} <= set(fitted.tfidf.terms[0])
    assert "这 家 酒" in fitted.tfidf.terms[2]
    assert (asked(fitted, chinese).argmax(axis=1) == places % 2).all()


def inflected(count, seed=0):
    """Texts whose classes differ in the stem of a word alone, which each text spells in a form of its own."""
    chance = np.random.default_rng(seed)
    letters = np.array(list("abcdefghijklmnop"))
    labels = chance.integers(0, 2, count)
    stems = np.array(["kralj", "zmaga"])[labels]
    forms = ["".join([stem, *chance.choice(letters, 4)]) for stem in stems]
    others = [" ".join("".join(chance.choice(letters, 6)) for _ in range(4)) for _ in range(count)]
    return [f"{form} {other}" for form, other in zip(forms, others, strict=True)], labels


@pytest.mark.parametrize("name", ["svm", "logistic-regression", "ridge"])
def test_every_linear_model_reads_parts_of_words(name):
    (texts, labels), places = inflected(400), np.arange(400)
    of_numbers = name == "ridge"
    known = numbered(labels * 4.0, 0, REGRESSION) if of_numbers else numbered(labels, 2)
    whole = TrainingSet(Texts.of(texts), known, places[:300], places[300:], "texts")
    fitted = fit(name, whole)
    assert "parts of words" in fitted.setup[1]
    answers = asked(fitted, texts[300:])
    answers = answers[:, 0] > 2 if of_numbers else answers.argmax(axis=1)
    assert (answers == (labels[300:] > 0)).mean() > 0.9


def test_weighing_by_number_favours_what_says_most():
    texts, labels = made(400)
    numbers = labels * 10.0
    whole = TrainingSet(
        Texts.of(texts), numbered(numbers, 0, REGRESSION), np.arange(400), np.arange(0), "texts"
    )
    rows = fit("ridge", whole).tfidf.transform(texts)
    errors = []
    for by_label in (False, True):
        model = for_numbers(rows[:300], numbers[:300], Work(0, 0, 1, SMALL), TextSetup(RIDGE, 0.7, by_label))
        errors.append(((model.predict(rows[300:])[:, 0] - numbers[300:]) ** 2).mean())
    assert errors[1] < 0.95 * errors[0]


def test_set_ups_are_compared_on_fewer_of_long_texts_of_many_classes():
    short, long = lesson(400), lesson(400, classes=20)
    budget = Budget(products=16 * 20 * 18 * 1_500)
    few, many = (baselines_for(CLASSIFICATION, TEXTS)["svm"](each, budget)[0] for each in (long, short))
    assert 1_000 <= few.compared_on(budget, True) < many.compared_on(budget, True)
    assert Trial("words", "", few.learn).compared_on(budget, True) == budget.screened_texts


def test_budget_bounds_texts():
    whole = lesson(600)
    size = sum(len(text) for text in whole.inputs[whole.train])
    half = fit("svm", whole, budget=Budget(text=size // 2))
    assert 200 < half.train_examples < 340
    few = fit("svm", whole, budget=Budget(products=3 * 20 * 50))
    assert 30 < few.train_examples < 70
    assert fit("random-forest", whole, budget=Budget(examples=100, trees=5)).train_examples == 100
    assert most_features(2) > most_features(50) > most_features(10**5) > 0


@pytest.mark.parametrize(
    ("inputs", "kind", "said"),
    [
        (np.zeros((3, 2), np.float32), "texts", "inputs: ndarray found, where there are texts"),
        (["a", "b", "c"], "values", "inputs: list found, where there are values"),
    ],
)
def test_inputs_of_another_kind_are_refused(inputs, kind, said):
    with pytest.raises(ValueError, match=said):
        TrainingSet(inputs, numbered(np.zeros(3, np.int64), 1), np.arange(3), np.arange(0), kind)


def test_answers_need_no_scikit_learn():
    code = (
        "import sys, pellucid.classical, pellucid.encoding.tfidf\n"
        "assert 'sklearn' not in sys.modules and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
