"""Disagreement of the test with validation, with the choice and between slices: beyond chance alone."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from labelled import with_labels_at
from pellucid.evaluation import Interval, LearningCurve
from pellucid.evaluation.comparisons import splits_p_value
from pellucid.evaluation.learning_curve import CurvePoint
from pellucid.pipeline.judging import testing
from pellucid.pipeline.judging.disagreement import contradiction, disagreement, worst_slice
from pellucid.targets import CLASSIFICATION, REGRESSION

SETTINGS = {"seed": 0}


def answers(right: int, count: int, sure: float = 0.8) -> np.ndarray:
    """Answers about as many examples of class 0, of which so many are right."""
    of_label = np.where(np.arange(count) < right, sure, 1 - sure)
    return np.stack([of_label, 1 - of_label], axis=1)


def said(
    validation: np.ndarray,
    test: np.ndarray,
    others=None,
    curve=None,
    folds=0,
    trained=0,
    settings=SETTINGS,
    **data,
):
    """The finding about a model of these answers; labels are all of class 0, or 0."""
    first, second = len(validation), len(test)
    dataset = with_labels_at(
        SimpleNamespace(
            labels=np.zeros(first + second, np.int64),
            test=np.arange(first, first + second),
            target=CLASSIFICATION if validation.ndim == 2 else REGRESSION,
            together=np.arange(first + second),
            train=np.zeros(0, np.int64),
            validation=np.arange(first),
            leaked=np.zeros(0, np.int64),
            with_sibling=np.zeros(0, np.int64),
            has_groups=False,
            times=None,
            noun="text",
        )
    )
    vars(dataset).update(data)
    parts = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    dataset.split_positions = parts
    held_out = SimpleNamespace(positions=np.arange(first), answers=validation)
    candidate = SimpleNamespace(name="cnn", held_out=held_out, judged=None, train_examples=trained)
    others = [
        candidate,
        *(
            SimpleNamespace(name=name, held_out=SimpleNamespace(positions=np.arange(first), answers=each))
            for name, each in (others or {}).items()
        ),
    ]
    tested = testing.Tested(test, test, None, 1.0)
    return disagreement(candidate, tested, dataset, settings, others, curve, folds)


@pytest.mark.parametrize(
    ("first", "second"), [((937, 1000), (893, 1000)), ((60, 70), (90, 140)), ((26, 32), (15, 32))]
)
def test_a_drop_beyond_chance_is_said_with_both_sizes(first, second):
    found = said(answers(*first), answers(*second))
    assert found["metric"] == "accuracy"
    assert found["test_is_worse"]
    assert (found["validation"], found["test"]) == (first[0] / first[1], second[0] / second[1])
    assert (found["validation_examples"], found["test_examples"]) == (first[1], second[1])
    assert "Validation and test disagree beyond chance (p = 0." in found["words"]
    assert f"on {second[1]:,} test texts against" in found["words"]
    assert found["words"].endswith("No reason for it could be computed. Go by the test score.")
    assert (found["explained_by"], found["without"]) == (None, {})


def test_what_chance_explains_is_not_said_and_nothing_of_few():
    assert said(answers(93, 100), answers(89, 100)) is None
    assert said(answers(19, 19), answers(100, 1000)) is None
    assert said(answers(900, 1000), answers(900, 1000)) is None


def test_log_loss_speaks_where_as_many_are_right_and_a_better_test_is_no_drop():
    surer = said(answers(800, 1000, 0.8), answers(800, 1000, 0.95))
    assert surer["metric"] == "log_loss"
    better = said(answers(800, 1000), answers(900, 1000))
    assert not better["test_is_worse"]
    assert better["words"].endswith("Go by the test score.")


def test_numbers_are_compared_by_squared_errors():
    draws = np.random.default_rng(0)
    near, far = draws.normal(size=300), 2 * draws.normal(size=300)
    found = said(near, far)
    assert (found["metric"], found["test_is_worse"]) == ("root_mean_squared_error", True)
    assert said(near, draws.normal(size=300)) is None


def answers_by(right: np.ndarray, sure: float = 0.8) -> np.ndarray:
    """Answers about examples of class 0, by which of them are right."""
    return np.where(right[:, None], [sure, 1 - sure], [1 - sure, sure])


def test_copies_of_training_examples_in_the_test_are_found_to_explain_it():
    """The first 150 of 300 test texts are copies and all right; the rest does as well as validation."""
    leaked = np.arange(300, 450)
    test = np.concatenate([np.ones(150, bool), np.arange(150) < 120])
    found = said(answers(240, 300), answers_by(test), leaked=leaked, with_sibling=leaked)
    assert found["explained_by"] == "related"
    without = found["without"]["related"]
    assert (without["test_mean"], without["test_examples"], without["validation_examples"]) == (0.8, 150, 300)
    assert without["p_value"] > 0.05
    assert (
        "Without the 150 test and 0 held-out texts that have a copy or a relative in training, it is 0.800 "
        in (found["words"])
    )
    assert found["words"].endswith("that explains it. Go by the score of the unseen test texts.")


def test_nothing_is_said_of_a_test_that_is_known_from_training():
    leaked = np.arange(300, 350)
    assert said(answers(240, 300), answers(50, 50), leaked=leaked, with_sibling=leaked) is None
    assert said(answers(240, 300), answers(50, 50)) is not None


def test_sets_of_several_that_stand_in_the_test_alone_explain_it():
    """The fault of old splits: all pairs are in the test, where they are hard."""
    together = np.arange(600)
    together[400:600] = 400 + np.arange(200) // 2
    test = np.concatenate([np.arange(200) < 180, np.arange(200) < 60])
    found = said(answers(180, 200), answers_by(test), together=together)
    assert found["explained_by"] == "sets"
    assert found["without"]["sets"]["test_mean"] == 0.9
    assert "the 200 test and 0 held-out texts in sets of two or more" in found["reason"]


def test_the_group_that_adds_most_is_taken_away():
    """The shuffled groups count one bad group as chance; beside a drop of all it only adds to it."""
    together = np.arange(800)
    together[400:420] = 400
    test = np.arange(400) % 20 < 16
    test[:20] = False
    found = said(answers(380, 400), answers_by(test), together=together, has_groups=True)
    assert found["without"]["group"]["test_examples"] == 380
    assert found["without"]["group"]["test_mean"] == 0.8
    assert "group" not in said(answers(380, 400), answers_by(test), together=together)["without"]


def test_a_trend_over_time_explains_it_and_its_absence_does_not():
    draws = np.random.default_rng(0)
    times = np.arange(2000.0)
    falling = draws.random(2000) < 0.95 - 0.4 * times / 2000
    found = said(answers_by(falling[:1400]), answers_by(falling[1400:]), times=times)
    assert found["explained_by"] == "time"
    assert "Without the trend over time within both" in found["words"]
    step = draws.random(2000) < np.where(times < 1400, 0.9, 0.7)
    found = said(answers_by(step[:1400]), answers_by(step[1400:]), times=times)
    assert found["explained_by"] is None
    assert "the difference stays without a trend over time" in found["reason"]


def test_more_training_examples_explain_it_where_the_curve_says_so():
    points = [
        CurvePoint(examples, Interval(value, value, value))
        for examples, value in ((100, 0.5), (200, 0.6), (400, 0.7), (800, 0.8))
    ]
    curve = LearningCurve("accuracy", {"cnn": tuple(points)}, "cnn", "", True)
    data = {"train": np.arange(800, 1200), "together": np.arange(1200), "trained": 800, "folds": 2}
    found = said(answers(280, 400), answers(320, 400), curve=curve, **data)
    assert found["explained_by"] == "learned_from"
    assert "what 800 training texts are worth more than the 400 of validation" in found["words"]
    level = [CurvePoint(examples, Interval(0.7, 0.7, 0.7)) for examples in (100, 200, 400, 800)]
    flat = LearningCurve("accuracy", {"cnn": tuple(level)}, "cnn", "", False)
    found = said(answers(280, 400), answers(320, 400), curve=flat, **data)
    assert found["explained_by"] is None


def test_choosing_among_many_guesses_explains_a_flattered_validation():
    """Many models that guess: the best on validation is so by chance, and guesses on the test."""
    draws = np.random.default_rng(1)
    models = [draws.random(100) < 0.5 for _ in range(300)]
    best = max(models, key=lambda each: each.sum())
    others = {f"model {at}": answers_by(each) for at, each in enumerate(models) if each is not best}
    found = said(answers_by(best), answers(150, 300), others)
    assert found["explained_by"] == "choice"
    assert "choosing among 300 models by the same held-out texts" in found["words"]
    one = said(answers_by(best), answers(150, 300))
    assert one["explained_by"] is None
    assert "choice" not in one["without"]


def test_no_sentence_blames_what_was_not_computed():
    for first, second in (((950, 1000), (850, 1000)), ((850, 1000), (950, 1000))):
        words = said(answers(*first), answers(*second))["words"]
        for guess in ("source", "people", "devices", "may be", "flatters", "fewer examples"):
            assert guess not in words


def test_few_groups_of_many_examples_are_few():
    """Of ten people in each split all images are right or all wrong: ten examples, not a thousand."""
    first, second = answers(900, 1000), answers(700, 1000)
    assert said(first, second) is not None
    assert said(first, second, together=np.arange(2000) // 100) is None


def test_the_p_value_is_that_of_fishers_exact_test():
    for right in (930, 900, 890):
        terms = np.concatenate([np.arange(400) < 372, np.arange(1000) < right]).astype(float)
        table = [[372, 28], [right, 1000 - right]]
        expected = stats.fisher_exact(table).pvalue
        found = splits_p_value(terms, np.arange(1400) >= 400, np.arange(1400), 0)
        assert found == pytest.approx(expected, abs=0.05)


CODES = np.random.default_rng(0).integers(0, 2, 400)


def of_model(right, sure):
    """A model that is right on so many of the first of each hundred, and always as sure."""
    is_right = np.arange(400) % 100 < right
    of_label = np.where(is_right, sure, 1 - sure)
    answers = np.where(CODES[:, None] == np.arange(2), of_label[:, None], 1 - of_label[:, None])
    return testing.Tested(answers, answers, None, 1.0)


def contradicted(metric=None, **models):
    data = with_labels_at(
        SimpleNamespace(
            leaked=np.zeros(0, np.int64),
            with_sibling=np.zeros(0, np.int64),
            labels=CODES,
            test=np.arange(400),
            target=CLASSIFICATION,
            is_regression=False,
            sets_among=lambda positions: None,
        )
    )
    return contradiction("cnn", {"cnn": of_model(80, 0.7), **models}, data, metric, 0)


@pytest.mark.parametrize("name", ["svm", "average"])
def test_who_is_right_more_often_beyond_chance_contradicts(name):
    said = contradicted(**{name: of_model(90, 0.7)})
    assert (said["model"], said["metric"]) == (name, "accuracy")
    assert said["words"].startswith(f"The test contradicts the choice: {name} is better there beyond chance")
    assert (said["value"], said["recommended_value"]) == (0.9, 0.8)


def test_who_loses_less_as_often_right_contradicts():
    surer = of_model(80, 0.8)
    assert (contradicted(svm=surer)["model"], contradicted(svm=surer)["metric"]) == ("svm", "log_loss")


def test_what_is_practically_nothing_is_no_contradiction():
    """Every example loses a little less, which is beyond chance and not worth a word."""
    assert contradicted(average=of_model(80, 0.71)) is None


def test_only_the_metric_that_was_asked_for_contradicts():
    surer, right = of_model(80, 0.8), of_model(90, 0.7)
    assert contradicted("accuracy", svm=surer) is None
    assert contradicted("accuracy", svm=right)["metric"] == "accuracy"
    assert contradicted("log-loss", svm=surer)["metric"] == "log_loss"
    assert contradicted("macro-f1", svm=right) is None


def test_what_chance_explains_is_no_contradiction():
    assert contradicted(svm=of_model(81, 0.7)) is None
    assert contradicted(svm=of_model(60, 0.7)) is None


def slices(*scores):
    values = [
        {
            "value": value,
            "examples": 30,
            "score": {"value": score, "low": 0.5, "high": 1.0},
            "worse_than_all": False,
        }
        for value, score in scores
    ]
    return {"column": "source", "values": values}


def test_the_worst_value_is_told_and_none_where_all_are_as_good():
    found = worst_slice(slices(("desk", 0.8), ("web", 1.0)), "text")
    assert found.replace("\u00a0", " ") == (
        "worst by 'source': 'desk', 0.800 [0.500, 1.000] of 30 test texts, which could be chance"
    )
    found = worst_slice(slices(("desk", 1.0), ("web", 1.0)), "text")
    assert found == "no value of 'source' is worse than another"
    assert worst_slice(slices(("desk", 1.0)), "text") is None
