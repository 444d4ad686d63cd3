"""The recipe of texts: by family, preset and size of the data."""

import dataclasses
import json

import numpy as np
import pytest

from pellucid.errors import UsageError
from pellucid.settings import NEURAL_OF_TEXTS, Settings
from pellucid.targets import CLASSIFICATION, REGRESSION
from pellucid.training.recipe import Recipe, choose_recipe
from pellucid.training.recipe_defaults import TEXTS, UPDATES_OF_TEXTS, Surroundings


def _around(examples=10_000, model="bag", **changes) -> Surroundings:
    around = Surroundings(
        train_labels=np.arange(examples) % 4,
        classes=4,
        target=CLASSIFICATION,
        takes="texts",
        precision="bf16",
        device="cpu",
        threads=2,
        model=model,
    )
    return dataclasses.replace(around, **changes)


def test_there_is_a_recipe_for_every_network_of_texts():
    assert set(TEXTS) == set(NEURAL_OF_TEXTS)


@pytest.mark.parametrize("model", TEXTS)
def test_presets_grow_in_work(model):
    for examples in (40, 1_000, 10_000, 1_000_000):
        steps = [
            choose_recipe(Settings(preset=name), _around(examples, model)).total_steps
            for name in ("quick", "standard", "best")
        ]
        assert steps == sorted(steps)
        assert steps[0] < steps[2]
    for preset, epochs in TEXTS[model].epochs.items():  # of data of usual size
        assert choose_recipe(Settings(preset=preset), _around(15_000, model)).epochs == epochs


@pytest.mark.parametrize(
    ("examples", "batch_size"), [(10, 10), (400, 16), (2_000, 32), (10_000, 128), (70_000, 256), (10**6, 512)]
)
def test_the_batch_grows_with_the_data(examples, batch_size):
    assert choose_recipe(Settings(), _around(examples)).batch_size == batch_size


def test_small_data_gets_the_updates_it_needs_and_large_data_fewer_epochs():
    small, usual, large = (choose_recipe(Settings(), _around(count)) for count in (500, 15_000, 300_000))
    assert small.epochs > usual.epochs > large.epochs
    assert small.total_steps >= UPDATES_OF_TEXTS["standard"]
    tiny = choose_recipe(Settings(), _around(12))
    assert tiny.epochs == 100


def test_bf16_where_it_pays_and_where_it_is_asked_for():
    for model, recipe in TEXTS.items():
        chosen = choose_recipe(Settings(), _around(model=model)).precision
        assert chosen == ("bf16" if recipe.in_bf16 else "fp32")
    assert choose_recipe(Settings(precision="bf16"), _around()).precision == "bf16"
    assert choose_recipe(Settings(), _around(model="rnn", precision="fp32")).precision == "fp32"


def test_other_optimisers_have_rates_of_their_own():
    recipe = choose_recipe(Settings(optimizer="nesterov"), _around())
    assert (recipe.learning_rate, recipe.weight_decay) == (0.05, 0.0)
    assert choose_recipe(Settings(optimizer="adam"), _around()).learning_rate == TEXTS["bag"].rate_of_few


def test_texts_have_numbers_as_targets_and_are_not_mirrored():
    numbers = _around(train_labels=np.linspace(0, 1, 500), classes=0, target=REGRESSION)
    recipe = choose_recipe(Settings(), numbers)
    assert (recipe.loss, recipe.label_smoothing) == ("mse", 0.0)
    assert recipe.augmentation.is_off
    with pytest.raises(UsageError, match="--augment: texts cannot be shifted or mirrored; leave it out"):
        choose_recipe(Settings(augment=True), numbers)


@pytest.mark.parametrize("model", TEXTS)
def test_few_classes_are_learnt_more_slowly(model):
    for classes in (0, 7, 8):
        labels = np.linspace(0, 1, 600) if classes == 0 else np.arange(600) % classes
        target = CLASSIFICATION if classes else REGRESSION
        around = _around(model=model, train_labels=labels, classes=classes, target=target)
        expected = TEXTS[model].learning_rate if classes >= 8 else TEXTS[model].rate_of_few
        assert choose_recipe(Settings(), around).learning_rate == expected


def test_rare_classes_of_texts_are_weighted_only_where_it_is_asked_for():
    labels = np.repeat([0, 1], [90, 10])
    assert choose_recipe(Settings(), _around(train_labels=labels, classes=2)).class_weights is None
    asked = choose_recipe(Settings(class_weight="balanced"), _around(train_labels=labels, classes=2))
    assert asked.class_weights == pytest.approx((100 / 180, 100 / 20))


def test_networks_of_images_cannot_learn_from_texts():
    with pytest.raises(UsageError, match=r"--model: cnn cannot learn from texts; choose one of text-cnn"):
        choose_recipe(Settings(), _around(model="cnn"))


def test_what_only_texts_have_stands_in_json_only_where_it_is_set():
    recipe = choose_recipe(Settings(), _around())
    for share, is_there in ((0.0, False), (0.2, True)):
        changed = dataclasses.replace(recipe, word_dropout=share)
        document = json.loads(json.dumps(changed.to_json()))
        assert ("word_dropout" in document) is is_there
        assert Recipe.from_json(document) == changed
