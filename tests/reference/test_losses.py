import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from pellucid.reference.losses import (
    cross_entropy,
    cross_entropy_backward,
    squared_error,
    squared_error_backward,
    squared_error_of_probabilities,
)
from reference.agreement import assert_agrees
from reference.cases import draw

QUARTERS = np.array([[0.0, math.log(3)]])  # probabilities of a quarter and three quarters


def test_cross_entropy_by_hand():
    assert cross_entropy(QUARTERS, np.array([0])) == pytest.approx(math.log(4))
    of_logits, _ = cross_entropy_backward(1.0, QUARTERS, np.array([0]))
    assert of_logits[0].tolist() == pytest.approx([0.25 - 1, 0.75])
    # Half of the target is spread over both classes: three quarters of it on class 0.
    smoothed = 0.75 * math.log(4) + 0.25 * math.log(4 / 3)
    assert cross_entropy(QUARTERS, np.array([0]), smoothing=0.5) == pytest.approx(smoothed)


def test_weights_of_classes_by_hand():
    logits, labels = np.concatenate([QUARTERS, QUARTERS]), np.array([0, 1])
    weighed = (3 * math.log(4) + 1 * math.log(4 / 3)) / 4
    assert cross_entropy(logits, labels, class_weights=(3.0, 1.0)) == pytest.approx(weighed)


def test_squared_errors_by_hand():
    predicted, numbers = np.array([[3.0], [5.0]]), np.array([1.0, 6.0])
    assert squared_error(predicted, numbers) == 2.5
    assert squared_error(predicted, numbers, unit=2.0) == 0.625
    assert squared_error_backward(1.0, predicted, numbers)[0].tolist() == [[2.0], [-1.0]]
    assert squared_error_of_probabilities(QUARTERS, np.array([0])) == pytest.approx(2 * 0.75**2)


def test_cross_entropy_of_certain_errors_is_finite():
    assert cross_entropy(np.array([[1e4, 0.0]]), np.array([1])) == 1e4


@given(
    examples=st.integers(1, 5),
    classes=st.integers(2, 4),
    smoothing=st.sampled_from([0.0, 0.1, 0.9]),
    weighed=st.booleans(),
)
@settings(max_examples=30)
def test_any_cross_entropy_is_torchs(examples, classes, smoothing, weighed):
    labels = np.random.default_rng(examples).integers(0, classes, examples)
    weights = np.exp(draw(classes))

    def theirs(logits, labels):
        return functional.cross_entropy(
            logits, labels, weight=torch.from_numpy(weights) if weighed else None, label_smoothing=smoothing
        )

    assert_agrees(
        "cross-entropy",
        (draw(examples, classes) * 5, labels),
        theirs,
        fixed=(1,),
        smoothing=smoothing,
        class_weights=tuple(weights.tolist()) if weighed else None,
    )
