"""What is decided for numbers before the first step."""

import dataclasses
import json

import numpy as np
import pytest
from sklearn.datasets import load_digits

from pellucid.data import Dataset
from pellucid.errors import UsageError
from pellucid.pipeline.learners.preparation import Plan, make_plan, network_name, prepared_for
from pellucid.settings import Settings

DIGITS = load_digits()
COLUMNS = np.arange(8.0)


def plan_for(settings: Settings, material: Dataset) -> Plan:
    return make_plan(settings, prepared_for(network_name(settings, material), material, settings))


@pytest.fixture(scope="module")
def brightness() -> Dataset:
    order = np.random.default_rng(0).permutation(1797)
    return Dataset(
        inputs=(DIGITS.images * 15).astype(np.uint8)[..., None],
        labels=DIGITS.images.mean(axis=(1, 2)),
        train=np.sort(order[:1400]),
        validation=np.sort(order[1400:]),
        classes=(),
    )


def test_a_plan_for_numbers_has_one_output_and_survives_json(brightness):
    plan = plan_for(Settings(preset="quick"), brightness)
    assert (plan.name, plan.network.outputs, plan.recipe.loss) == ("cnn", 1, "mse")
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_images_are_mirrored_where_the_data_says_that_the_number_stays(brightness):
    plan = plan_for(Settings(), brightness)
    assert plan.recipe.augmentation.mirror
    assert plan.recipe.augmentation.erase == 0.0
    assert plan.reasons[0].startswith("mirroring keeps the number: the nearest neighbour of 1,400 training")
    ink = DIGITS.images.sum(axis=1)
    centre = (ink * COLUMNS).sum(axis=1) / ink.sum(axis=1)
    plan = plan_for(Settings(), dataclasses.replace(brightness, labels=centre))
    assert not plan.recipe.augmentation.mirror
    assert plan.recipe.augmentation.shift == 0
    assert plan.reasons[0].startswith("mirroring changes the number: ")
    assert plan.reasons[1].startswith("shifting is left out: ")


def test_no_augment_asks_nothing(brightness):
    plan = plan_for(Settings(augment=False), brightness)
    assert plan.recipe.augmentation.is_off
    assert plan.reasons == ()


def test_feature_vectors_with_numbers(brightness):
    rows = dataclasses.replace(brightness, inputs=DIGITS.data.astype(np.float32))
    plan = plan_for(Settings(), rows)
    assert (plan.name, plan.network.input_shape, plan.network.outputs) == ("mlp", (64,), 1)


def test_settings_of_classes_are_refused(brightness):
    with pytest.raises(UsageError, match="--metric log-loss: belongs to classes, but numbers are predicted"):
        plan_for(Settings(metric="log-loss", augment=False), brightness)
