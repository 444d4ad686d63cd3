"""The test's word on the choice: said where another model is better there beyond chance."""

from types import SimpleNamespace

import numpy as np
import pytest

from pellucid.pipeline.judging import testing
from pellucid.pipeline.judging.disagreement import contradiction
from pellucid.tasks import CLASSIFICATION

LABELS = np.random.default_rng(0).integers(0, 2, 400)


def _tested(right, sure):
    """A model that is right on so many of the first of each hundred, and always as sure."""
    is_right = np.arange(400) % 100 < right
    of_label = np.where(is_right, sure, 1 - sure)
    answers = np.where(LABELS[:, None] == np.arange(2), of_label[:, None], 1 - of_label[:, None])
    return testing.Tested(answers, answers, None, 1.0)


def _said(metric=None, **models):
    data = SimpleNamespace(
        labels=LABELS,
        test=np.arange(400),
        target=CLASSIFICATION,
        is_regression=False,
        sets_among=lambda positions: None,
    )
    return contradiction("cnn", {"cnn": _tested(80, 0.7), **models}, data, metric, 0)


@pytest.mark.parametrize("name", ["svm", "average"])
def test_who_is_right_more_often_beyond_chance_contradicts(name):
    said = _said(**{name: _tested(90, 0.7)})
    assert (said["model"], said["metric"]) == (name, "accuracy")
    assert said["words"].startswith(f"The test contradicts the choice: {name} is better there beyond chance")
    assert (said["value"], said["recommended_value"]) == (0.9, 0.8)


def test_who_loses_less_as_often_right_contradicts():
    surer = _tested(80, 0.8)
    assert (_said(svm=surer)["model"], _said(svm=surer)["metric"]) == ("svm", "log_loss")


def test_what_is_practically_nothing_is_no_contradiction():
    """Every example loses a little less, which is beyond chance and not worth a word."""
    assert _said(average=_tested(80, 0.71)) is None


def test_only_the_metric_that_was_asked_for_contradicts():
    surer, right = _tested(80, 0.8), _tested(90, 0.7)
    assert _said("accuracy", svm=surer) is None
    assert _said("accuracy", svm=right)["metric"] == "accuracy"
    assert _said("log-loss", svm=surer)["metric"] == "log_loss"
    assert _said("macro-f1", svm=right) is None


def test_what_chance_explains_is_no_contradiction():
    assert _said(svm=_tested(81, 0.7)) is None
    assert _said(svm=_tested(60, 0.7)) is None
