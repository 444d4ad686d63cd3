"""Faults of adversarial training, each provoked by a run."""

import dataclasses

import numpy as np
import pytest

from generators import begin
from pellucid.bundle import generator_of
from pellucid.evaluation.generated_images import spread
from pellucid.insight.training_courses import (
    AdversarialCourse,
    collapse,
    discriminator_winning,
    find_adversarial,
)
from pellucid.training import Batches, Session
from small_models import CLASSES, DIGITS


def run(epochs, width=8, **rules):
    """A training under changed rules, and its course: coverage is taken between the pixels themselves."""
    session = begin(model="gan", epochs=epochs, width=width)
    recipe = session.batches.recipe
    recipe = dataclasses.replace(
        recipe,
        learning_rate=rules.pop("learning_rate", recipe.learning_rate),
        adversarial=dataclasses.replace(recipe.adversarial, **rules),
    )
    session = Session.of(session.network, session.batches.examples, recipe)
    assert isinstance(session.batches, Batches)
    model = generator_of(session.run(), DIGITS, CLASSES)
    examples, history = session.batches.examples, session.state.history
    real = examples.inputs[examples.train].reshape(600, -1).astype(np.float64)
    made = model.sample(examples.labels[:300], 0).reshape(300, -1).astype(np.float64)
    return AdversarialCourse(
        told_apart=[record["train_discriminator_accuracy"] for record in history],
        generator_losses=[record["train_generator_loss"] for record in history],
        coverage=spread(real[300:], made).coverage.value,
        real_coverage=spread(real[300:], real[:300]).coverage.value,
    )


def test_courses_by_hand():
    assert find_adversarial(AdversarialCourse([0.7, 0.8], [1.0, 1.0])) == []  # nothing else was measured
    won = discriminator_winning(AdversarialCourse([0.5, 0.6, 0.7, 0.8, 0.97, 0.99, 0.97, 0.99], [3.0] * 8))
    assert won is not None
    assert won.numbers["told_apart"] == pytest.approx(0.98)  # the last quarter of the epochs
    assert "lower learning rate" in won.remedy
    few = collapse(AdversarialCourse([0.7], [1.0], 0.3, 0.8))
    assert few is not None
    assert few.name == "mode-collapse"
    assert collapse(AdversarialCourse([0.7], [1.0], 0.5, 0.8)) is None


@pytest.mark.slow
def test_a_generator_that_hardly_learns_loses_and_makes_few_kinds():
    assert discriminator_winning(run(10, generator_rate=1e-4)) is not None
    assert collapse(run(4, generator_rate=1e-4)) is not None


@pytest.mark.slow
def test_a_sound_training_has_no_finding():
    assert find_adversarial(run(40, width=32)) == []
