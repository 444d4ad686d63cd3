"""Ends of graphs compute in torch what targets do in NumPy, and the proof knows when answers disagree."""

import functools

import numpy as np
import pytest
import torch

from pellucid.arithmetic import softmax
from pellucid.arithmetic.probabilities import sigmoid
from pellucid.bundle import Model
from pellucid.evaluation.comparisons import mcnemar
from pellucid.export.by_target import HEADS, scored
from pellucid.targets import CLASSIFICATION, MULTILABEL, REGRESSION, TARGETS, Labels, Target
from small_models import untrained_model

NAMES = ("a", "b", "c")


@pytest.fixture(params=sorted(TARGETS))
def target(request: pytest.FixtureRequest) -> Target:
    return TARGETS[request.param]


def outputs_of(target: Target) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(5, target.outputs(3)))


@functools.cache
def any_model() -> Model:
    return untrained_model("mlp")


def model_of(target: Target, threshold: dict[str, float]) -> Model:
    """A model as far as answers are decided by it."""
    model = any_model().for_data(threshold=threshold)
    model.target, model.classes = target, NAMES
    return model


def test_every_target_has_its_row() -> None:
    assert HEADS.keys() == {*TARGETS.values()}


@pytest.mark.parametrize("temperature", [1.0, 1.7])
def test_a_head_does_what_the_target_does(target: Target, temperature: float) -> None:
    head, logits = HEADS[target], outputs_of(target)
    found = head.of_logits(torch.from_numpy(logits), temperature).numpy()
    np.testing.assert_allclose(found, target.of_logits(logits, temperature), rtol=1e-12)
    columns = {CLASSIFICATION: softmax, MULTILABEL: sigmoid}.get(target, lambda each: each)(logits)
    found = head.tempered(head.of_columns(torch.from_numpy(columns)), temperature).numpy()
    expected = target.calibrated(target.of_columns(columns), temperature)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_answers_agree_with_themselves_and_those_that_decide_otherwise_do_not(target: Target) -> None:
    model, logits = model_of(target, {}), outputs_of(target)
    ours = target.of_logits(logits)
    theirs = target.of_logits(-3 * logits)
    assert not HEADS[target].are_other(model, ours, ours, 1e-5).any()
    decides = np.ones(5, bool) if target.right else np.zeros(5, bool)  # a number decides nothing
    assert np.array_equal(HEADS[target].are_other(model, ours, theirs, 1e-5), decides)


def test_two_classes_equally_likely_may_change_places() -> None:
    ours, theirs = np.array([[0.45, 0.450001, 0.099999]]), np.array([[0.450001, 0.45, 0.099999]])
    head, model = HEADS[CLASSIFICATION], model_of(CLASSIFICATION, {})
    assert not head.are_other(model, ours, theirs, 1e-5)[0]
    assert head.are_other(model, ours, theirs, 1e-7)[0]


def test_answers_in_words() -> None:
    said = np.array([[0.25, 0.75, 0.5]])
    assert HEADS[CLASSIFICATION].in_words(model_of(CLASSIFICATION, {}), said) == "b 0.75000"
    assert HEADS[MULTILABEL].in_words(model_of(MULTILABEL, {"c": 0.6}), said) == "b 0.28125"
    assert HEADS[MULTILABEL].in_words(model_of(MULTILABEL, {}), said / 4) == "none 0.66650"
    assert HEADS[REGRESSION].in_words(model_of(REGRESSION, {}), np.array([2 / 3])) == "0.666667"
    assert HEADS[REGRESSION].scale(np.array([0.5, -4.0])) == 4
    assert HEADS[CLASSIFICATION].scale(said) == 1


def test_scores_by_hand() -> None:
    codes = np.array([0, 1, 2, 0])
    found = scored(Labels(codes, NAMES, CLASSIFICATION), codes, np.array([0, 1, 1, 1]))
    assert (found.full, found.less, found.p_value) == (1.0, 0.5, mcnemar(2, 0))
    assert found.is_worse
    numbers = np.array([1.0, 2.0, 3.0, 4.0])
    found = scored(Labels(numbers, (), REGRESSION), numbers, numbers + 0.5)
    assert (found.full, found.less) == (0.0, 0.5)
    assert found.is_worse
    same = scored(Labels(numbers, (), REGRESSION), numbers, numbers)
    assert (same.p_value, same.is_worse) == (1.0, False)
    states = np.array([[1, 0], [1, 1], [0, 1], [1, 0]], np.int8)
    fewer = states * np.array([1, 0], np.int8)
    found = scored(Labels(states, NAMES[:2], MULTILABEL), states, fewer)
    assert (found.full, found.less) == (1.0, pytest.approx(2 * 3 / (3 + 5)))
    assert found.is_worse
