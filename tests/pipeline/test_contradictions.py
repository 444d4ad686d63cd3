"""Settings beside `--from`: what would make another network is refused, what says the same is not."""

import dataclasses
from pathlib import Path

import pytest

from pellucid.errors import UsageError
from pellucid.pipeline.continual.starting_point import (
    require_no_contradiction,
    require_place_of_its_own,
    starting_point,
)
from pellucid.settings import Settings
from runs_to_continue import old_images, old_numbers, old_texts


@pytest.fixture(scope="module")
def images():
    return starting_point(str(old_images()))


@pytest.fixture(scope="module")
def texts():
    return starting_point(str(old_texts()))


@pytest.mark.parametrize(
    ("name", "value", "there"),
    [
        ("model", "cnn", r" \(model mlp\)"),
        ("model", "svm", r" \(model mlp\)"),
        ("image_size", "16", r" \(image-size 8x8\)"),
        ("activation", "tanh", r" \(activation relu\)"),
        ("pooling", "average", r" \(pooling max\)"),
        ("batch_norm", False, r" \(batch-norm True\)"),
        ("dropout", 0.5, r" \(dropout 0.0\)"),
        ("width", 32, ""),
        ("depth", 3, ""),
        ("target", "number", r" \(target class\)"),
        ("task", "text", r" \(task image\)"),
        ("cell", "gru", ""),
        ("vectors", "words.txt", ""),
    ],
)
def test_another_network_of_images_is_refused(images, name, value, there):
    flag = f"--{name.replace('_', '-')}"
    with pytest.raises(
        UsageError,
        match=f"^{flag}: continual training keeps the network of .* as it is{there}; leave it out$",
    ):
        require_no_contradiction({name: value}, images)


@pytest.mark.parametrize(
    ("name", "value"),
    [("tokens", "characters"), ("length", 3), ("width", 9), ("cell", "lstm"), ("image_size", "8")],
)
def test_another_network_of_texts_is_refused(texts, name, value):
    with pytest.raises(
        UsageError, match=r"continual training keeps the network of .* as it is.*; leave it out"
    ):
        require_no_contradiction({name: value}, texts)


def test_several_are_named_together(images):
    with pytest.raises(UsageError, match=r"^--model, --width: .* as it is \(model mlp\); leave them out$"):
        require_no_contradiction({"width": 32, "model": "lenet"}, images)


def test_what_says_the_same_is_taken(images, texts):
    same = {
        "model": "mlp",
        "width": 16,
        "image_size": "8",
        "pooling": "max",
        "batch_norm": True,
        "task": "image",
    }
    require_no_contradiction({**same, "target": "class", "depth": None}, images)
    require_no_contradiction({**same, "image_size": "8x8", "model": "auto", "activation": "relu"}, images)
    length = texts.model.encoder.length
    require_no_contradiction({"tokens": "words", "length": length, "width": 8, "task": "text"}, texts)
    with pytest.raises(UsageError, match=r"^--depth: "):
        require_no_contradiction({**same, "target": "class", "depth": 5}, images)


def test_what_steers_training_is_never_a_contradiction(images):
    given = {"epochs": 3, "learning_rate": 0.1, "preset": "best", "augment": False, "metric": "log-loss"}
    require_no_contradiction({**given, "from_": "run", "seed": 4, "test": "data"}, images)
    with pytest.raises(UsageError, match=r"^--activation: "):
        require_no_contradiction({**given, "activation": "tanh", "seed": 4}, images)


def test_of_a_model_folder_alone_only_what_can_be_read_off_it_may_be_repeated():
    alone = starting_point(str(old_images() / "model"))
    require_no_contradiction({"model": "mlp", "image_size": "8"}, alone)
    with pytest.raises(UsageError, match="--width: "):
        require_no_contradiction({"width": 16}, alone)


def test_a_network_of_numbers_has_number_for_its_target():
    start = starting_point(str(old_numbers()))
    require_no_contradiction({"target": "number"}, start)
    with pytest.raises(UsageError, match=r"--target: .* \(target number\)"):
        require_no_contradiction({"target": "class"}, start)


def test_rehearsal_without_a_network_that_goes_on_is_refused():
    for rehearse, flag in ((True, "--rehearse"), (False, "--no-rehearse")):
        with pytest.raises(UsageError, match=f"^{flag}: belongs to --from RUN; give it, or leave this out"):
            require_place_of_its_own(Settings(rehearse=rehearse), Path("out"), is_network=True)
    require_place_of_its_own(Settings(), Path("out"), is_network=False)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"folds": 3}, "--folds: trains every model afresh, and --from continues training"),
        ({"learning_curve": True}, "--learning-curve: trains the network afresh on parts of the data, and"),
    ],
)
def test_what_trains_afresh_cannot_go_on(given, words):
    with pytest.raises(UsageError, match=words):
        require_place_of_its_own(Settings(from_="run", **given), Path("out"), is_network=True)
    require_place_of_its_own(Settings(from_="run", learning_curve=False), Path("out"), is_network=True)


def test_a_classical_model_cannot_go_on():
    with pytest.raises(UsageError, match="--from: continues training a network, and --model svm is none"):
        require_place_of_its_own(Settings(from_="run", model="svm"), Path("out"), is_network=False)


@pytest.mark.parametrize("source", ["run", "run/model", "run/models/cnn", "elsewhere/../run"])
def test_the_run_that_goes_on_is_never_written_over(tmp_path, source):
    (tmp_path / "elsewhere").mkdir()
    settings = Settings(from_=str(tmp_path / source))
    with pytest.raises(
        UsageError, match=r"--out: .* holds the network that continues training, and would be written over"
    ):
        require_place_of_its_own(settings, tmp_path / "run", is_network=True)
    require_place_of_its_own(settings, tmp_path / "run2", is_network=True)


def test_settings_of_a_start_without_a_run_are_none(images):
    alone = dataclasses.replace(images, config=None)
    with pytest.raises(UsageError, match="--depth"):
        require_no_contradiction({"depth": 2}, alone)
