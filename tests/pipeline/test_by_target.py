"""Rows of the tables by target of a run, of training and of the classical models."""

import dataclasses
import math

import numpy as np
import pytest

from pellucid.classical import FITS
from pellucid.errors import UsageError
from pellucid.pipeline.by_target import WAYS, Variations, continued_target, target_of_run, target_of_task
from pellucid.pipeline.judging.by_target import JUDGING
from pellucid.settings import Settings
from pellucid.targets import (
    ABSENT,
    CLASSIFICATION,
    GENERATION,
    MULTILABEL,
    PRESENT,
    REGRESSION,
    TARGETS,
    UNKNOWN,
    Labels,
)
from pellucid.training.by_target import RULES, require_fitting_target
from pellucid.training.objectives import OBJECTIVES

EVERY = [*TARGETS.values(), GENERATION]


def test_every_target_has_its_rows():
    assert {*FITS} == {*OBJECTIVES} == {*TARGETS.values()}
    assert {*RULES} == {*WAYS} == {*EVERY}


GUESSES = {
    CLASSIFICATION: (np.array([0, 2, 2, 2]), 0.75, math.log(2)),
    REGRESSION: (np.array([1.0, 5.0]), 0.0, 1.0),
    # shares of 1/2 and 1/4, an unknown label counting as absent
    MULTILABEL: (
        np.array([[PRESENT, ABSENT], [PRESENT, PRESENT], [ABSENT, UNKNOWN], [ABSENT, ABSENT]], np.int8),
        0.0,
        (math.log(2) + 0.25 * math.log(4) + 0.75 * math.log(4 / 3)) / 2,
    ),
}


@pytest.mark.parametrize("target", GUESSES, ids=lambda target: target.name)
def test_guessing_knows_the_training_labels_alone(target):
    values, accuracy, loss = GUESSES[target]
    names = ("a", "b", "c")[: 0 if target is REGRESSION else 1 + int(values.max())]
    found = WAYS[target].guessing(Labels(values, names, target))
    assert found == pytest.approx((accuracy, loss))


def test_which_variations_keep_a_label():
    draws = np.random.default_rng(0)
    pixels = draws.integers(0, 256, (40, 6, 6, 1), np.uint8)
    codes, train = np.arange(40) % 2, np.arange(30)
    states = np.stack([codes, 1 - codes], axis=1).astype(np.int8)
    asked = ("mirroring is on, as --mirror asks",)

    def varied(values, names, target, mirror=True):
        return WAYS[target].vary(
            mirror, pixels, Labels(values, names, target), train, np.random.default_rng(1)
        )

    assert varied(codes, ("a", "b"), CLASSIFICATION) == (True, True, True, asked)
    assert varied(states, ("a", "b"), MULTILABEL) == (True, True, False, asked)
    off = varied(codes, ("a", "b"), CLASSIFICATION, mirror=False)
    assert off == (False, True, True, ("mirroring is off, as --no-mirror asks",))
    probed = varied(codes, ("a", "b"), CLASSIFICATION, mirror=None)
    assert probed == varied(states, ("b", "a"), MULTILABEL, mirror=None)._replace(erases=True)
    number = varied(codes.astype(float), (), REGRESSION)
    assert (number.mirrors, number.erases, number.reasons[:1]) == (True, False, asked)
    assert len(number.reasons) == 2
    assert varied(codes, ("a", "b"), GENERATION) == Variations()


@pytest.mark.parametrize("target", EVERY, ids=lambda target: target.name)
def test_a_task_names_its_target(target):
    assert target_of_task(f"image-{target.name}") is target


def test_other_tasks_have_none():
    assert target_of_task("classification") is None
    assert target_of_task("image-segmentation") is None


def test_what_makes_images_learns_no_labels(photos):
    assert target_of_run("cnn", photos) is CLASSIFICATION
    assert target_of_run("vae", photos) is target_of_run("gan", photos) is GENERATION
    numbers = dataclasses.replace(
        photos, labels=photos.labels.astype(np.float64), classes=(), target=REGRESSION
    )
    assert target_of_run("cnn", numbers) is REGRESSION


def test_networks_of_classes_and_of_numbers_continue_training():
    assert {target for target in EVERY if WAYS[target].continued} == {CLASSIFICATION, REGRESSION}
    assert continued_target(("a", "b")) is CLASSIFICATION
    assert continued_target(()) is REGRESSION


@pytest.mark.parametrize("only", [(), ("class_weight",)])
@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (MULTILABEL, "--class-weight: belongs to examples of one class each"),
        (REGRESSION, "--class-weight balanced: belongs to classes, but numbers are predicted"),
    ],
)
def test_weights_of_classes_are_refused_elsewhere(target, sentence, only):
    with pytest.raises(UsageError, match=sentence):
        require_fitting_target(Settings(class_weight="balanced"), target, only)
    require_fitting_target(Settings(class_weight="none"), target, only)


def test_only_some_settings_are_looked_at():
    settings = Settings(loss="cross-entropy")
    require_fitting_target(settings, REGRESSION, ("class_weight",))
    with pytest.raises(UsageError, match="--loss cross-entropy: belongs to classes"):
        require_fitting_target(settings, REGRESSION)


def test_a_table_of_answers_is_read_as_labels():
    read = {target: each.read for target, each in JUDGING.items()}
    assert read[CLASSIFICATION](["b", "a", "gone"], ("a", "b")).tolist() == [1, 0, 2]
    assert read[REGRESSION](["2.5", "none"], ()).tolist() == [2.5, pytest.approx(np.nan, nan_ok=True)]
    assert read[MULTILABEL](["b;a", "", "b;gone"], ("a", "b")).tolist() == [[1, 1], [0, 0], [0, 1]]
