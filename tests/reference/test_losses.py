import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from pellucid.reference import LAYERS
from pellucid.reference.dense import draw_mask, dropout
from pellucid.reference.losses import (
    binary_cross_entropy,
    binary_cross_entropy_backward,
    cross_entropy,
    cross_entropy_backward,
    squared_error_of_labels,
)
from pellucid.training.batches import Batch
from pellucid.training.objectives import LabelClassification
from reference.agreement import assert_agrees
from reference.cases import STATES, draw
from reference.test_training import SMOOTHING, recipe_of

QUARTERS = np.array([[0.0, math.log(3)]])  # probabilities of a quarter and three quarters


def test_cross_entropy_by_hand():
    assert cross_entropy(QUARTERS, np.array([0])) == pytest.approx(math.log(4))
    of_logits, _ = cross_entropy_backward(1.0, QUARTERS, np.array([0]))
    assert of_logits[0].tolist() == pytest.approx([0.25 - 1, 0.75])
    # Half of the target is spread over both classes: three quarters of it on class 0.
    smoothed = 0.75 * math.log(4) + 0.25 * math.log(4 / 3)
    assert cross_entropy(QUARTERS, np.array([0]), smoothing=0.5) == pytest.approx(smoothed)


def test_a_gradient_from_above_passes_in_proportion():
    labels, states = np.array([0]), np.array([[1, 0]], np.int8)
    for backward, true in ((cross_entropy_backward, labels), (binary_cross_entropy_backward, states)):
        once, much = (backward(gradient, QUARTERS, true)[0] for gradient in (1.0, -2.5))
        np.testing.assert_allclose(much, -2.5 * once, rtol=1e-12)


def test_cross_entropy_of_certain_errors_is_finite():
    assert cross_entropy(np.array([[1e4, 0.0]]), np.array([1])) == 1e4


def test_losses_of_several_labels_by_hand():
    """Probabilities of a half and three quarters; what is not known counts nowhere, nor in the mean."""
    both, first = np.array([[1, 0]], np.int8), np.array([[1, -1]], np.int8)
    assert binary_cross_entropy(QUARTERS, both) == pytest.approx((math.log(2) + math.log(4)) / 2)
    assert binary_cross_entropy(QUARTERS, first) == pytest.approx(math.log(2))
    of_logits, _ = binary_cross_entropy_backward(1.0, QUARTERS, both)
    assert of_logits[0].tolist() == pytest.approx([(0.5 - 1) / 2, 0.75 / 2])
    of_logits, _ = binary_cross_entropy_backward(1.0, QUARTERS, first)
    assert of_logits[0].tolist() == pytest.approx([0.5 - 1, 0.0])
    assert squared_error_of_labels(QUARTERS, both) == pytest.approx((1 / 4 + 9 / 16) / 2)
    # Of two examples that know one label and two, each counts one half.
    rows, mixed = np.concatenate([QUARTERS, QUARTERS]), np.concatenate([first, both])
    assert binary_cross_entropy(rows, mixed) == pytest.approx(
        (math.log(2) + (math.log(2) + math.log(4)) / 2) / 2
    )


@pytest.mark.parametrize(
    ("loss", "kind", "given"),
    [
        ("cross-entropy", "binary-cross-entropy", {"smoothing": SMOOTHING}),
        ("mse", "squared-error-of-labels", {}),
    ],
)
def test_losses_of_several_labels_are_those_of_training(loss, kind, given):
    recipe, logits = recipe_of("adamw", loss), draw(4, 3).astype(np.float32)
    network = torch.nn.Identity()
    if loss == "mse":
        recipe = dataclasses.replace(recipe, label_smoothing=0.0)
    batch = Batch(torch.from_numpy(logits), torch.from_numpy(STATES), np.arange(4))
    (ask,) = LabelClassification(network, recipe).losses(batch, 0, {})
    expected = float(ask(network, batch, slice(None)).loss)
    assert LAYERS[kind].forward(logits.astype(np.float64), STATES, **given) == pytest.approx(expected)


def test_binary_cross_entropy_of_certain_errors_is_finite():
    assert binary_cross_entropy(np.array([[-1e4, 1e4]]), np.array([[1, 1]], np.int8)) == 5e3


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


def test_a_mask_is_drawn_from_its_generator_and_keeps_the_mean():
    mask = draw_mask((200, 500), 0.3, np.random.default_rng(1))
    assert np.array_equal(mask, draw_mask((200, 500), 0.3, np.random.default_rng(1)))
    assert mask.mean() == pytest.approx(0.7, abs=4 * np.sqrt(0.3 * 0.7 / mask.size))
    assert dropout(np.ones(mask.shape), mask, probability=0.3).mean() == pytest.approx(1.0, abs=0.01)
    assert draw_mask((50,), 0.0, np.random.default_rng(1)).all()
