"""What is decided for numbers before the first step."""

import dataclasses
import json

import numpy as np
import pytest
from sklearn.datasets import load_digits

from pellucid.data import Dataset
from pellucid.errors import UsageError
from pellucid.pipeline.learners.network import NetworkLearner, learner_on_part, recipe_words
from pellucid.pipeline.learners.preparation import Plan, decided_plan, make_plan, network_name, prepared_for
from pellucid.pipeline.run.journal import Journal, RunFolder
from pellucid.settings import Settings
from pellucid.targets import REGRESSION

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
        target=REGRESSION,
    )


def test_a_plan_for_numbers_has_one_output_and_survives_json(brightness):
    plan = plan_for(Settings(preset="quick"), brightness)
    assert (plan.name, plan.network.outputs, plan.recipe.loss) == ("cnn", 1, "mse")
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_images_are_mirrored_where_the_data_says_that_the_number_stays(brightness):
    plan = plan_for(Settings(), brightness)
    assert plan.recipe.augmentation.mirror
    assert plan.recipe.augmentation.erase == 0.0
    assert plan.reasons[0].startswith(
        "mirroring on: it does not change the number (checked on 1,400 training"
    )
    ink = DIGITS.images.sum(axis=1)
    centre = (ink * COLUMNS).sum(axis=1) / ink.sum(axis=1)
    plan = plan_for(Settings(), dataclasses.replace(brightness, labels=centre))
    assert not plan.recipe.augmentation.mirror
    assert plan.recipe.augmentation.shift == 0
    assert plan.reasons[0].startswith("mirroring off: it may change the number (")
    assert plan.reasons[1].startswith("shifting off: too little is known")


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


def decided(folder, material: Dataset, settings: Settings, *, resume: bool = False) -> Plan:
    """The plan of a run in a folder, as `train` decides it."""
    with RunFolder(folder).opened(resume, overwrite=False):
        journal = Journal(RunFolder(folder), resume=resume)
        found = decided_plan(journal, settings, lambda: plan_for(settings, material))
        journal.begin()
        return found


def test_a_plan_says_how_many_threads_its_parts_keep_busy(brightness):
    def words(**given) -> str:
        return recipe_words(plan_for(Settings(batch_size=200, **given), brightness))

    assert ", 2 threads," in words(threads=2)
    assert ", 3 of 4 threads as a batch has 3 parts," in words(threads=4)
    assert ", 1 of 2 threads as a batch has 1 part," in words(threads=2, parts=1)


def test_more_parts_than_a_batch_can_fill_are_refused_before_the_first_step(brightness, tmp_path):
    with pytest.raises(UsageError) as refusal:
        decided(tmp_path / "run", brightness, Settings(batch_size=100, parts=13))
    assert str(refusal.value) == (
        "--parts: 13 is too many, since a batch has 100 examples and batch norm needs 8 examples in each "
        "part; give at most 12"
    )


def test_trainings_on_a_part_of_the_data_have_parts_of_the_same_size(brightness):
    settings = Settings(batch_size=100, parts=4, augment=False, epochs=1)
    network = NetworkLearner(settings).planned(brightness)
    few = dataclasses.replace(brightness, train=brightness.train[:40])
    recipe = learner_on_part(network, settings).planned(few).plan.recipe
    assert (network.plan.recipe.parts, recipe.batch_size, recipe.parts) == (4, 40, 1)


def test_a_resumed_run_may_have_other_threads_and_an_older_one_had_one_part(brightness, tmp_path):
    settings = Settings(batch_size=200, augment=False, threads=1)
    first = decided(tmp_path / "run", brightness, settings)
    assert first.recipe.parts == 3
    changed = dataclasses.replace(settings, threads=3, batch_size=10)  # the batch is decided already
    again = decided(tmp_path / "run", brightness, changed, resume=True)
    assert again.recipe == dataclasses.replace(first.recipe, threads=3)
    older = first.to_json()
    del older["recipe"]["parts"]
    assert Plan.from_json(older).recipe == dataclasses.replace(first.recipe, parts=1)
