"""What is explained, and the losses that go back, by hand and by the reference."""

import functools

import numpy as np
import pytest
import torch

from pellucid.bundle import Model
from pellucid.insight.by_target import OPENED, log_odds, loss_against
from pellucid.reference.losses import binary_cross_entropy, cross_entropy
from pellucid.targets import CLASSIFICATION, MULTILABEL, REGRESSION, TARGETS, Target
from small_models import untrained_model

NAMES = ("a", "b", "c")


@functools.cache
def any_model() -> Model:
    return untrained_model("mlp")


def model_of(target: Target, **threshold: float) -> Model:
    """A model as far as answers are decided by it."""
    model = any_model().for_data(threshold=threshold)
    model.target, model.classes = target, NAMES
    return model


def test_every_target_has_its_row() -> None:
    assert OPENED.keys() == {*TARGETS.values()}


def test_what_is_answered_is_explained() -> None:
    answer = np.array([0.5, 0.25, 0.75])
    assert OPENED[CLASSIFICATION].answered(model_of(CLASSIFICATION), answer) == 2
    assert OPENED[CLASSIFICATION].decided(model_of(CLASSIFICATION), answer) is None
    # The most probable label is not answered, another is.
    assert OPENED[MULTILABEL].answered(model_of(MULTILABEL, c=0.8), answer) == 0
    assert OPENED[MULTILABEL].thresholds(model_of(MULTILABEL, c=0.8)) == (0.5, 0.5, 0.8)
    assert OPENED[MULTILABEL].decided(model_of(MULTILABEL, c=0.8), answer) is None
    assert OPENED[REGRESSION].answered(model_of(REGRESSION), np.array([2.0])) is None
    assert OPENED[REGRESSION].thresholds(model_of(REGRESSION)) == ()


def test_a_score_is_the_log_odds_or_the_number() -> None:
    outputs = torch.tensor([[1.0, -2.0, 0.5]])
    others = np.log(np.exp(1.0) + np.exp(0.5))
    assert OPENED[CLASSIFICATION].score(outputs, 1).tolist() == pytest.approx([-2.0 - others])
    assert log_odds(outputs, 1).tolist() == pytest.approx([-2.0 - others])
    assert OPENED[MULTILABEL].score(outputs, 1).tolist() == [-2.0]
    assert OPENED[REGRESSION].score(outputs[:, :1], None).tolist() == [1.0]


def test_losses_are_those_of_the_reference() -> None:
    logits = np.array([[1.0, -2.0, 0.5]])
    outputs = torch.from_numpy(logits)
    expected = float(cross_entropy(logits, np.array([2])))
    assert float(loss_against(2).loss(outputs, 2)) == pytest.approx(expected)
    states = (1, -1, 0)
    expected = float(binary_cross_entropy(logits, np.array([states], np.int8)))
    assert float(loss_against(states).loss(outputs, states)) == pytest.approx(expected)


def test_one_label_alone() -> None:
    assert OPENED[CLASSIFICATION].alone(1, 3) == 1
    assert OPENED[MULTILABEL].alone(1, 3) == (-1, 1, -1)
    assert loss_against(1).named(1, NAMES) == "b"
    assert loss_against((1, 0, 1)).named((1, 0, 1), NAMES) == "a;c"
    assert loss_against((0, -1, 0)).named((0, -1, 0), NAMES) == "none of these"
