"""Disagreement of the test with validation, with the choice and between slices: beyond chance alone."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from pellucid.evaluation.comparisons import splits_p_value
from pellucid.pipeline.judging import testing
from pellucid.pipeline.judging.disagreement import contradiction, disagreement, worst_slice
from pellucid.tasks import CLASSIFICATION, REGRESSION

SETTINGS = {"seed": 0, "time_column": None, "group_column": None}


def answers(right: int, count: int, sure: float = 0.8) -> np.ndarray:
    """Answers about as many examples of class 0, of which so many are right."""
    of_label = np.where(np.arange(count) < right, sure, 1 - sure)
    return np.stack([of_label, 1 - of_label], axis=1)


def said(validation: np.ndarray, test: np.ndarray, settings=SETTINGS, **data):
    """The finding about a model of these answers; labels are all of class 0, or 0."""
    first, second = len(validation), len(test)
    dataset = SimpleNamespace(
        labels=np.zeros(first + second, np.int64),
        test=np.arange(first, first + second),
        target=CLASSIFICATION if validation.ndim == 2 else REGRESSION,
        together=np.arange(first + second),
        given_splits=("train", "test"),
        noun="text",
    )
    vars(dataset).update(data)
    candidate = SimpleNamespace(held_out=SimpleNamespace(positions=np.arange(first), answers=validation))
    return disagreement(candidate, testing.Tested(test, test, None, 1.0), dataset, settings)


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
    assert "The test came with the data: it may be of another source, other groups" in found["words"]


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


@pytest.mark.parametrize(
    ("settings", "data", "reason"),
    [
        ({}, {"given_splits": ()}, "Both were drawn at random from the same data"),
        ({"time_column": "day"}, {"given_splits": ()}, "The test is the latest part of the data"),
        ({"group_column": "person"}, {"given_splits": ()}, "The groups of the test are others"),
        ({"group_column": "person"}, {}, "The test came with the data"),
    ],
)
def test_the_reason_goes_by_whose_split_it_is(settings, data, reason):
    found = said(answers(950, 1000), answers(850, 1000), {**SETTINGS, **settings}, **data)
    assert reason in found["words"]
    assert "Go by the test score; " in found["words"]


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
    data = SimpleNamespace(
        labels=CODES,
        test=np.arange(400),
        target=CLASSIFICATION,
        is_regression=False,
        sets_among=lambda positions: None,
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
