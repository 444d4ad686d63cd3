import dataclasses
import json

import numpy as np
import pytest

from pellucid.data.images.augmentation import Augmentation
from pellucid.errors import UsageError
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION, REGRESSION
from pellucid.training.recipe import Recipe, choose_recipe
from pellucid.training.recipe_defaults import PRESETS, Surroundings


def _around(**changes) -> Surroundings:
    around = Surroundings(
        train_labels=np.repeat(np.arange(10), 5500),
        classes=10,
        target=CLASSIFICATION,
        takes="images",
        shortest_side=28,
        mirror_keeps_class=True,
        precision="fp32",
        device="cpu",
        threads=2,
    )
    return dataclasses.replace(around, **changes)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_spends_its_epochs_on_large_data(preset):
    recipe = choose_recipe(Settings(preset=preset), _around())
    assert recipe.epochs == PRESETS[preset].epochs
    assert recipe.total_steps == recipe.epochs * -(-55000 // recipe.batch_size)


@pytest.mark.parametrize(
    ("examples", "epochs", "batch_size", "shift"),
    [(55_000, 6, 256, 1), (40_000, 7, 256, 1), (39_000, 9, 512, 2), (9_000, 10, 128, 2)],
)
def test_many_images_get_a_short_course_of_smaller_shifts_and_batches(examples, epochs, batch_size, shift):
    around = _around(model="cnn", train_labels=np.arange(examples) % 10)
    quick = choose_recipe(Settings(preset="quick"), around)
    assert (quick.epochs, quick.batch_size, quick.augmentation.shift) == (epochs, batch_size, shift)


def test_other_courses_and_other_networks_keep_the_large_batch():
    for preset, model, epochs in [("standard", "cnn", 16), ("best", "cnn", 90), ("quick", "lenet", 8)]:
        recipe = choose_recipe(Settings(preset=preset), _around(model=model))
        assert (recipe.epochs, recipe.batch_size, recipe.augmentation.shift) == (epochs, 512, 2)
    asked = choose_recipe(Settings(preset="quick", epochs=20), _around(model="cnn"))
    assert (asked.epochs, asked.batch_size, asked.augmentation.shift) == (20, 512, 2)


@pytest.mark.parametrize(
    ("examples", "epochs"),
    [(50_000, 16), (22_500, 20), (9_000, 20), (4_500, 40), (2_000, 80), (125, 320), (20, 320)],
)
def test_the_fewer_images_the_more_epochs(examples, epochs):
    around = _around(train_labels=np.arange(examples) % 10)
    assert choose_recipe(Settings(), around).epochs == epochs


def test_what_the_user_set_stands():
    settings = Settings(
        epochs=3,
        batch_size=77,
        optimizer="sgd",
        learning_rate=0.5,
        weight_decay=0.1,
        schedule="cosine",
        label_smoothing=0.0,
        patience=2,
        metric="log-loss",
        seed=9,
        class_weight="balanced",
    )
    recipe = choose_recipe(settings, _around())
    assert (recipe.epochs, recipe.batch_size, recipe.optimizer) == (3, 77, "sgd")
    assert (recipe.learning_rate, recipe.weight_decay, recipe.schedule) == (0.5, 0.1, "cosine")
    assert (recipe.label_smoothing, recipe.patience, recipe.metric, recipe.seed) == (0.0, 2, "log-loss", 9)
    assert recipe.class_weights == pytest.approx((1.0,) * 10)
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


@pytest.mark.parametrize(
    ("asked", "weights"), [(None, None), ("none", None), ("balanced", (70 / 120, 70 / 20))]
)
def test_rare_classes_of_images_are_weighted_only_where_it_is_asked_for(asked, weights):
    around = _around(train_labels=np.repeat([0, 1], [60, 10]), classes=2)
    found = choose_recipe(Settings(class_weight=asked), around).class_weights
    assert found == (None if weights is None else pytest.approx(weights))


def test_mirroring_follows_the_data_and_no_augment_switches_all_off():
    assert choose_recipe(Settings(), _around()).augmentation.mirror
    digits = choose_recipe(Settings(), _around(mirror_keeps_class=False)).augmentation
    assert not digits.mirror
    assert digits.shift == 2
    assert choose_recipe(Settings(augment=False), _around()).augmentation.is_off


def test_images_seen_but_a_few_times_are_shifted_by_half_as_much():
    shifts = [
        choose_recipe(Settings(epochs=epochs), _around()).augmentation.shift for epochs in (1, 7, 8, 60)
    ]
    assert shifts == [1, 1, 2, 2]


def test_best_mixes_images_of_classes_in_a_long_training_of_cnn():
    best = Settings(preset="best")
    mixed = choose_recipe(best, _around(model="cnn")).augmentation
    assert (mixed.mix, mixed.erase) == (0.5, 0.2)
    short = Settings(preset="best", epochs=23)
    for settings, given in [
        (best, {"model": "lenet"}),
        (short, {"model": "cnn"}),
        (best, NUMBERS | {"model": "cnn"}),
    ]:
        plain = choose_recipe(settings, _around(**given)).augmentation
        assert (plain.mix, plain.erase) == (0.0, 0.4)
    assert choose_recipe(Settings(), _around(model="cnn")).augmentation.mix == 0.0


def test_feature_vectors_are_not_augmented():
    around = _around(takes="values", shortest_side=0)
    assert choose_recipe(Settings(), around).augmentation.is_off
    with pytest.raises(UsageError, match="--augment: feature vectors cannot be shifted"):
        choose_recipe(Settings(augment=True), around)


def test_gd_takes_no_batch_size():
    with pytest.raises(UsageError, match="--batch-size: gd takes the whole training split"):
        choose_recipe(Settings(optimizer="gd", batch_size=8), _around())


NUMBERS = {"train_labels": np.linspace(0.0, 5.0, 5000), "classes": 0, "target": REGRESSION}


def test_numbers_are_trained_on_squared_errors_and_judged_by_their_root():
    recipe = choose_recipe(Settings(), _around(**NUMBERS))
    assert (recipe.loss, recipe.metric) == ("mse", REGRESSION.metric)
    assert (recipe.label_smoothing, recipe.class_weights) == (0.0, None)
    assert choose_recipe(Settings(loss="mse", class_weight="none"), _around(**NUMBERS)) == recipe
    classes = choose_recipe(Settings(), _around(train_labels=np.arange(5000) % 10))
    same = ("epochs", "total_steps", "batch_size", "optimizer", "learning_rate", "weight_decay", "schedule")
    assert [getattr(recipe, name) for name in same] == [getattr(classes, name) for name in same]
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


@pytest.mark.parametrize(
    ("given", "flag"),
    [
        ({"loss": "cross-entropy"}, "--loss cross-entropy"),
        ({"label_smoothing": 0.1}, "--label-smoothing"),
        ({"class_weight": "balanced"}, "--class-weight balanced"),
        ({"metric": "macro-f1"}, "--metric macro-f1"),
    ],
)
def test_settings_of_classes_are_refused_for_numbers(given, flag):
    with pytest.raises(
        UsageError, match=f"{flag}: belongs to classes, but numbers are predicted; leave it out"
    ):
        choose_recipe(Settings(**given), _around(**NUMBERS))
    choose_recipe(Settings(**given), _around())


def test_images_are_varied_only_in_ways_that_keep_the_number():
    around = _around(**NUMBERS, mirror_keeps_class=False, shift_keeps_label=False, erase_keeps_label=False)
    assert choose_recipe(Settings(), around).augmentation.is_off
    shifted = dataclasses.replace(around, shift_keeps_label=True)
    assert choose_recipe(Settings(), shifted).augmentation == Augmentation(shift=2)


COLOURED = {"model": "cnn", "channels": 3, "shortest_side": 32}


def test_coloured_images_are_learnt_by_muon_unless_a_rate_or_no_norm_is_asked_for():
    assert choose_recipe(Settings(), _around(**COLOURED)).optimizer == "muon"
    for settings, changes in [
        (Settings(), {"channels": 1}),
        (Settings(), {"model": "lenet"}),
        (Settings(learning_rate=0.01), {}),
        (Settings(batch_norm=False), {}),
        (Settings(optimizer="adamw"), {}),
    ]:
        assert choose_recipe(settings, _around(**COLOURED | changes)).optimizer == "adamw"


@pytest.mark.parametrize(
    ("settings", "model"), [(Settings(batch_norm=False), "cnn"), (Settings(), "backbone")]
)
def test_muon_without_norms_is_refused(settings, model):
    with pytest.raises(UsageError, match=r"^--optimizer: muon learns weights that a batch norm follows"):
        choose_recipe(dataclasses.replace(settings, optimizer="muon"), _around(**COLOURED | {"model": model}))


@pytest.mark.parametrize(
    ("examples", "batch_size"), [(40, 16), (200, 16), (500, 32), (1_000, 64), (6_000, 128), (22_500, 512)]
)
def test_batches_of_muon_are_an_eighth_of_few_images_and_a_32nd_of_many(examples, batch_size):
    around = _around(**COLOURED, train_labels=np.arange(examples) % 10)
    assert choose_recipe(Settings(), around).batch_size == batch_size


@pytest.mark.parametrize(
    ("examples", "epochs", "rate"),
    [(50_000, 7, 0.12), (50_000, 8, 0.24), (1_600, 23, 0.12), (1_600, 24, 0.24)],
)
def test_few_epochs_and_few_steps_take_half_of_the_rate_of_muon(examples, epochs, rate):
    around = _around(**COLOURED, train_labels=np.arange(examples) % 10)
    assert choose_recipe(Settings(epochs=epochs), around).learning_rate == rate
