"""Continual training: its rows, its frozen vectors, what is said about classes, units and old data."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from data.made import images_of, listing_of, with_numbers
from pellucid.data import prepare
from pellucid.data.dataset import EarlierConstraints
from pellucid.errors import UsageError
from pellucid.pipeline import concluding
from pellucid.pipeline.continual import training as training_module
from pellucid.pipeline.continual.starting_point import Earlier, read_earlier, rehearsed, starting_point
from pellucid.pipeline.continual.training import (
    ContinualTraining,
    begin,
    continual_learner,
    read_on,
    recall,
    sentences,
)
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.run.context import RunContext
from pellucid.pipeline.run.journal import Journal, RunFolder
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION
from runs_to_continue import NEW, OLD, old_images, old_numbers, old_texts, write_npz, write_texts
from small_models import CLASSES, digits, untrained_model

QUIET = Stages(quiet=True)
GONE = Earlier("old.csv", None, "it is gone")
SETTINGS = Settings(from_="old", threads=1, epochs=1, baselines=False)


def continuing_from(folder):
    found = begin(dataclasses.replace(SETTINGS, from_=str(folder)), {}, folder / "checkpoints")
    assert found is not None
    return found


def recalled(continual, dataset):
    return recall(continual, dataset, SETTINGS, Journal(RunFolder(Path("nowhere"))), QUIET)


def planned(continual, dataset, settings=SETTINGS):
    folder = RunFolder(Path("nowhere"))
    context = RunContext(folder, dataset, settings, QUIET, Journal(folder))
    return continual_learner(continual, context).planned(dataset).session


def test_without_from_nothing_goes_on(tmp_path):
    assert begin(Settings(), {}, tmp_path) is None


@pytest.mark.slow
def test_the_same_data_again_starts_from_the_very_weights_and_leaves_nothing_to_rehearse():
    continual = continuing_from(old_images())
    dataset, _ = read_on(continual, str(continual.records[0]["data"]["place"]), SETTINGS)
    continual = recalled(continual, dataset)
    session = planned(continual, dataset)
    weights = continual.start.model.network.state_dict()
    for name, tensor in session.network.state_dict().items():
        assert torch.equal(tensor, weights[name]), name
    assert session.state.step == 0
    assert continual.rehearsal is None
    assert continual.at_hand[0].fingerprint == dataset.fingerprint


def test_new_rows_depend_on_the_seed_and_the_data_alone(tmp_path):
    data = write_npz(tmp_path / "new.npz", NEW, slice(0, 400), slice(1300, None))
    continual = continuing_from(old_images())
    dataset, _ = read_on(continual, str(data), SETTINGS)
    continual = recalled(continual, dataset)
    networks = [
        planned(continual, dataset, dataclasses.replace(SETTINGS, seed=seed)).network for seed in (0, 0, 1)
    ]
    heads = [each.head.weight for each in networks]
    assert torch.equal(heads[0], heads[1])
    assert torch.equal(heads[0][:7], heads[2][:7])
    # A new class starts near its examples: most of them are answered right before the first step.
    pixels, labels = digits()
    rows = np.isin(labels, list(NEW))
    with torch.no_grad():
        inputs = torch.from_numpy(pixels[rows]).permute(0, 3, 1, 2).float()
        said = networks[0].eval()(inputs)[:, 7:].argmax(dim=1)
    assert (said.numpy() == labels[rows] - 7).mean() > 0.7


@pytest.mark.slow
def test_vectors_that_were_kept_stay_kept(tmp_path):
    data = write_texts(tmp_path / "more.csv", range(5), slice(900, 1300))
    continual = continuing_from(old_texts())
    dataset, (own, *_) = read_on(continual, str(data), SETTINGS)[0], continual.records
    for tunes in (True, False):
        first = {**own, "settings": {**own["settings"], "tune_vectors": tunes}}
        known = dataclasses.replace(continual, records=[own, first], earlier=[GONE])
        network = planned(known, dataset).network
        (table,) = (each for each in network.modules() if isinstance(each, nn.Embedding))
        assert table.weight.requires_grad == tunes
    assert continual.start.model.network.training is False


def said_of(continual, labels, settings=SETTINGS):
    listing = listing_of(labels, pixels=images_of(len(labels), side=8))
    return sentences(continual, prepare(listing, Settings(), known=continual.known)[0], settings)


def test_new_names_of_classes_go_before_those_of_the_earlier_run():
    earlier = SimpleNamespace(
        joined_columns=(), ignored=(), renamed={"zero": "digit 0", "one": "digit 1", "gone": "none"}
    )
    context = SimpleNamespace(
        dataset=SimpleNamespace(joined_columns=(), dialect={}, classes=CLASSES, target=CLASSIFICATION),
        settings=Settings(rename={"zero": "digit 2"}),
    )
    continual = SimpleNamespace(start=SimpleNamespace(model=earlier))
    candidate = Candidate("mlp", untrained_model("mlp"), 1, 1.0)
    (found,) = concluding._knowing_their_data([candidate], continual, context)
    assert found.model.renamed == {"zero": "digit 2", "one": "digit 1"}


def test_words_about_one_and_many_classes():
    continual = dataclasses.replace(continuing_from(old_images()), records=())
    one = said_of(continual, ["digit 0", "scarf"] * 20)
    assert one[0] == (
        "New class: 'scarf'; its row in the last layer starts from the mean of its examples, and the old "
        "classes keep theirs."
    )
    assert one[1].startswith("No new training example has 6 classes ('digit 1', 'digit 2', ")
    assert one[2].startswith("No old images are rehearsed: ")
    assert one[3].startswith("warning: without them the network forgets 6 classes (")
    two = said_of(continual, ["hat", "scarf"] * 20)
    assert two[0].startswith(
        "New classes: 'hat', 'scarf'; their rows in the last layer start from the means of"
    )
    all_but_one = said_of(continual, [f"digit {digit}" for digit in range(6)] * 20)
    assert all_but_one[0] == "No new training example has 'digit 6'; it stays among the network's answers."


def test_words_about_why_nothing_is_rehearsed():
    continual = continuing_from(old_images())
    gone = dataclasses.replace(continual, earlier=[Earlier("old.npz", None, "old.npz is gone")])
    every = [f"digit {digit}" for digit in OLD] * 10
    assert said_of(gone, every) == ["No old images are rehearsed: old.npz is gone."]
    here = dataclasses.replace(continual, earlier=[Earlier("old.npz", prepare_old())])
    assert said_of(here, every) == ["No old images are rehearsed: the new data has all of them."]
    forbidden = dataclasses.replace(SETTINGS, rehearse=False)
    assert said_of(here, every, forbidden) == ["No old images are rehearsed: as --no-rehearse asks."]


def prepare_old():
    labels = [f"digit {digit}" for digit in OLD] * 10
    return prepare(listing_of(labels, pixels=images_of(len(labels), side=8)), Settings())[0]


@pytest.mark.slow
def test_numbers_in_another_unit_are_warned_of():
    continual = dataclasses.replace(continuing_from(old_numbers()), earlier=[GONE])
    labels = np.random.default_rng(0).uniform(0, 5, 200)
    listing = listing_of([str(row) for row in range(200)], pixels=images_of(200, side=8))
    dataset, _ = prepare(with_numbers(listing, labels), Settings(), known=EarlierConstraints())
    for factor in (1, 1000, 0.01):
        said = sentences(continual, dataclasses.replace(dataset, labels=labels * factor), SETTINGS)
        assert any("are they in the same unit?" in each for each in said) == (factor != 1)


def test_a_rehearsal_that_was_asked_for_needs_old_data(tmp_path):
    data = write_npz(tmp_path / "more.npz", OLD, slice(900, 1300), slice(1300, None))
    settings = dataclasses.replace(SETTINGS, rehearse=True)
    continual = continuing_from(old_images() / "model")
    dataset, _ = read_on(continual, str(data), settings)
    with pytest.raises(
        UsageError, match=r"--rehearse: nothing is at hand to rehearse: .* is a model folder al"
    ):
        recall(continual, dataset, settings, Journal(RunFolder(tmp_path)), QUIET)


def test_validation_examples_that_the_network_learned_from_judge_it_no_more():
    start = starting_point(str(old_images()))
    (kept,) = dataclasses.replace(start, config={**start.config, "judged_on_folds": {}}).records
    (learned,) = dataclasses.replace(start, config={**start.config, "judged_on_folds": {"cnn": 1}}).records
    before, after = read_earlier(kept).dataset, read_earlier(learned).dataset
    assert before is not None
    assert after is not None
    assert len(before.validation) > 0
    assert sorted([*before.train, *before.validation]) == after.train.tolist()
    assert len(after.validation) == 0
    new, _ = prepare(listing_of(["x", "y"] * 20, pixels=images_of(40, seed=9)), Settings())
    new = dataclasses.replace(
        new, inputs=np.zeros((40, *after.inputs.shape[1:]), np.uint8), classes=after.classes
    )
    found = rehearsed(new, [after], seed=1)
    assert (found.train, found.validation) == (len(after.train), 0)


def test_records_carry_all_earlier_data_along():
    start = starting_point(str(old_images()))
    own = start.records
    assert [each["known"] for each in own] == [None]
    config = {**start.config, "continual": {"old_classes": ["digit 0"], "earlier": own}}
    later = dataclasses.replace(start, place="later", config=config).records
    assert [each["run"] for each in later] == ["later", str(old_images())]
    assert [each["known"] for each in later] == [["digit 0"], None]
    alone = dataclasses.replace(start, config=None)
    assert alone.records == []
    assert ContinualTraining(alone, []).not_at_hand[0].endswith("was trained on")


@pytest.mark.parametrize(
    ("mean", "spread", "warns"),
    [
        (105.0, 15.0, False),
        (105.0, 2.5, False),
        (105.0, 1.5, True),
        (105.0, 260.0, True),
        (170.0, 15.0, True),
    ],
)
def test_numbers_of_another_unit_are_warned_of(mean, spread, warns):
    """Those that the network learned before lie around 100, with a spread of 20."""
    rescale = SimpleNamespace(mean=100.0, std=20.0)
    network = SimpleNamespace(rescale=rescale)
    continual = SimpleNamespace(
        new=lambda _: [], missing=lambda _: [], rehearsal=None, at_hand=[], not_at_hand=["it is gone"],
        start=SimpleNamespace(model=SimpleNamespace(network=network)),
    )  # fmt: skip
    numbers = np.array([0.0, -1.0, 1.0, 7.0]) * spread + mean
    numbers[3] = 1e6  # for the test
    numbers[:3] = (numbers[:3] - mean) * np.sqrt(1.5) + mean
    dataset = SimpleNamespace(labels=numbers, train=np.arange(3), noun="image")
    lines = sentences(continual, dataset, Settings())
    assert any("in the same unit?" in line for line in lines) is warns


def test_each_class_keeps_its_own_row_of_the_last_layer(monkeypatch):
    given = []
    monkeypatch.setattr(training_module, "examples_of", lambda *_: None)
    monkeypatch.setattr(training_module, "with_classes", lambda network, places, _: given.append(places))
    monkeypatch.setattr(training_module, "Prepared", lambda *_, trained: trained)
    model = SimpleNamespace(classes=("b", "d", "a"), network=None, preprocessing=None, name="cnn")
    continual = SimpleNamespace(
        start=SimpleNamespace(model=model), learned=lambda _: SimpleNamespace(inputs=None), records=[]
    )
    training_module._prepared(continual, SimpleNamespace(classes=("a", "b", "c", "d")), Settings(threads=1))
    assert given == [[2, 0, None, 1]]
