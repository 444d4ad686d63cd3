"""What is refused beside a classical model."""

import pytest

from pellucid.errors import UsageError
from pellucid.pipeline.learners.refusals import (
    networks_with,
    require_fitting_generator,
    require_fitting_inputs,
    require_fitting_model,
    require_prediction,
)
from pellucid.settings import CLASSICAL, NEURAL, ROWS, Settings
from pellucid.targets import CLASSIFICATION, REGRESSION

NETWORK_ALONE = {
    "activation": "relu", "pooling": "average", "dropout": 0.1, "batch_norm": False, "width": 8, "depth": 1,
    "epochs": 2, "batch_size": 8, "optimizer": "sgd", "learning_rate": 0.1,
    "weight_decay": 0.1, "schedule": "cosine", "loss": "mse", "label_smoothing": 0.2,
    "augment": True, "mirror": True, "patience": 2, "precision": "fp32", "device": "cuda",
    "cell": "gru", "tokens": "bytes", "length": 8, "vectors": "words.txt", "tune_vectors": False,
    "from_": "run", "rehearse": False, "backbone": "efficientnet-lite0", "latent": 8, "beta": 2.0,
}  # fmt: skip
FOR_ALL = {
    "model": "svm", "preset": "quick", "image_size": "8", "time_limit": "9s", "metric": "log-loss", "seed": 3,
    "threads": 1, "skip_bad": True, "augment": False, "mirror": False, "class_weight": "balanced",
    "threshold": "a=0.9", "device": "cpu", "backbone": "none",
}  # fmt: skip


def test_the_two_kinds_of_settings_are_all_there_are() -> None:
    steering = {row.name for row in ROWS if row.group in ("network", "training")}
    assert steering <= NETWORK_ALONE.keys() | FOR_ALL.keys() | {"weights"}  # which only come with a backbone


@pytest.mark.parametrize(("name", "value"), NETWORK_ALONE.items())
def test_what_steers_networks_alone_is_refused(name: str, value: object) -> None:
    settings = Settings(**{"model": "random-forest", name: value})
    flag = next(row.flag for row in ROWS if row.name == name)
    with pytest.raises(
        UsageError, match=f"{flag}: steers networks only, and --model is random-forest; leave"
    ):
        require_fitting_model(settings, CLASSIFICATION)
    require_fitting_model(Settings(**{"model": "mlp", name: value}), CLASSIFICATION)


def test_what_steers_all_models_is_taken() -> None:
    require_fitting_model(Settings(**FOR_ALL), CLASSIFICATION)
    with pytest.raises(UsageError, match=r"^--epochs: steers networks only"):
        require_fitting_model(Settings(**FOR_ALL, epochs=2), CLASSIFICATION)


@pytest.mark.parametrize("model", ["auto", *NEURAL, *CLASSICAL])
def test_each_model_fits_its_task(model: str) -> None:
    fits_numbers = model not in ("majority", "logistic-regression")
    fits_classes = model not in ("mean", "ridge")
    for fits, target in ((fits_numbers, REGRESSION), (fits_classes, CLASSIFICATION)):
        if fits:
            require_fitting_model(Settings(model=model), target)
        else:
            with pytest.raises(
                UsageError, match=f"--model: {model} predicts .*choose auto, a network or one"
            ):
                require_fitting_model(Settings(model=model), target)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"image_size": "8"}, "--image-size: belongs to images, and the inputs are texts; leave it out"),
        ({"augment": True, "batch_norm": False}, "--batch-norm, --augment: belong to images, .*leave them"),
        (
            {"model": "cnn"},
            "--model: cnn needs images, not texts; use text-cnn, rnn, bag, transformer or auto",
        ),
        ({"cell": "gru", "model": "bag"}, "--cell: belongs to rnn, and --model is bag; .*give --model rnn"),
        (
            {"tokens": "words", "model": "bag"},
            "--tokens: belongs to text-cnn, rnn or transformer, and --model is bag",
        ),
        ({"tune_vectors": False}, "--no-tune-vectors: needs --vectors FILE; give it, or leave this out"),
    ],
)
def test_what_texts_have_no_use_for_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        require_fitting_inputs(Settings(**given), "texts")


@pytest.mark.parametrize("takes", ["images", "values"])
def test_settings_of_texts_are_refused_elsewhere(takes: str) -> None:
    with pytest.raises(
        UsageError, match=r"--tokens, --length: belong to texts, and the inputs are .*them out"
    ):
        require_fitting_inputs(Settings(tokens="words", length=9), takes)
    with pytest.raises(UsageError, match=r"--model: rnn needs texts, not .*; use .*mlp.*or auto"):
        require_fitting_inputs(Settings(model="rnn"), takes)


@pytest.mark.parametrize(
    ("given", "takes", "other"),
    [
        ({"augment": False, "width": 8, "dropout": 0.1, "model": "text-cnn"}, "texts", "images"),
        ({"cell": "gru", "model": "rnn", "length": 8}, "texts", "values"),
        ({"image_size": "8", "pooling": "average", "model": "lenet"}, "images", "texts"),
    ],
)
def test_what_fits_is_taken(given: dict[str, object], takes: str, other: str) -> None:
    require_fitting_inputs(Settings(model="svm"), takes)
    require_fitting_inputs(Settings(**given), takes)
    with pytest.raises(UsageError, match=f"^--model: {given['model']} needs "):
        require_fitting_inputs(Settings(**given), other)


def test_the_network_by_rule_has_every_setting_that_was_given() -> None:
    names = ("bag", "text-cnn", "rnn")
    assert networks_with(Settings(length=9), names) == ["bag", "text-cnn", "rnn"]
    assert networks_with(Settings(tokens="words"), names) == ["text-cnn", "rnn"]
    assert networks_with(Settings(tokens="words", cell="gru"), names) == ["rnn"]
    with pytest.raises(UsageError, match="--cell: no network has all of them"):
        networks_with(Settings(cell="gru"), ("bag",))


@pytest.mark.parametrize(("name", "owners"), [("latent", "vae or gan"), ("beta", "vae")])
def test_settings_of_generators_are_refused_beside_networks_that_predict(name: str, owners: str) -> None:
    for model, takes in (("cnn", "images"), ("auto", "texts"), ("mlp", "values")):
        with pytest.raises(
            UsageError, match=f"--{name}: belongs to {owners}, and --model is {model}; leave it out"
        ):
            require_fitting_inputs(Settings(model=model, **{name: 3}), takes)
    require_fitting_inputs(Settings(model="vae", **{name: 3}), "images")


IDLE_IN_GENERATORS = {
    "pooling": "average", "dropout": 0.1, "loss": "mse", "label_smoothing": 0.2, "class_weight": "balanced",
    "augment": True, "metric": "macro-f1", "learning_curve": True, "folds": 4, "slice_column": "camera",
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), IDLE_IN_GENERATORS.items())
def test_settings_of_prediction_are_refused_beside_a_generator(name: str, value: object) -> None:
    settings = Settings(**{"model": "vae", name: value})
    flag = next(row.flag for row in ROWS if row.name == name)
    with pytest.raises(
        UsageError, match=f"{flag}: steers models that predict, and vae makes images; leave it"
    ):
        require_fitting_generator(settings, {}, CLASSIFICATION)


def test_what_a_generator_does_anyway_may_be_said() -> None:
    said = {
        "augment": False,
        "mirror": False,
        "class_weight": "none",
        "dropout": 0.0,
        "baselines": False,
        "folds": 0,
    }
    require_fitting_generator(Settings(model="vae", **said), said, CLASSIFICATION)
    with pytest.raises(UsageError, match="--baselines: steers models that predict"):
        require_fitting_generator(Settings(model="vae"), {"baselines": True}, CLASSIFICATION)
    with pytest.raises(UsageError, match="these labels are numbers; give --target class"):
        require_fitting_generator(Settings(model="vae"), {}, REGRESSION)


def test_a_generator_is_refused_where_something_is_predicted() -> None:
    require_prediction(Settings(model="cnn"))
    with pytest.raises(UsageError, match="vae makes images and predicts nothing"):
        require_prediction(Settings(model="vae"))
