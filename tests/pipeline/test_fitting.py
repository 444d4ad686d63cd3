"""One model from examples, and what is refused beside a classical one."""

import pytest

from pellucid.errors import UsageError
from pellucid.pipeline.fitting import require_fitting_model
from pellucid.settings import CLASSICAL, NEURAL, ROWS, Settings

NETWORK_ALONE = {
    "activation": "relu", "pooling": "average", "dropout": 0.1, "batch_norm": False, "width": 8, "depth": 1,
    "preset": "quick", "epochs": 2, "batch_size": 8, "optimizer": "sgd", "learning_rate": 0.1,
    "weight_decay": 0.1, "schedule": "cosine", "loss": "mse", "label_smoothing": 0.2,
    "class_weight": "balanced", "augment": True, "patience": 2, "precision": "fp32", "device": "cuda",
}  # fmt: skip
FOR_ALL = {
    "model": "svm", "image_size": "8", "time_limit": "9s", "metric": "log-loss", "seed": 3, "threads": 1,
    "skip_bad": True, "augment": False, "class_weight": "none", "device": "cpu",
}  # fmt: skip


def test_the_two_kinds_of_settings_are_all_there_are() -> None:
    steering = {row.name for row in ROWS if row.group in ("network", "training")}
    assert steering <= NETWORK_ALONE.keys() | FOR_ALL.keys()


@pytest.mark.parametrize(("name", "value"), NETWORK_ALONE.items())
def test_what_steers_networks_alone_is_refused(name: str, value: object) -> None:
    settings = Settings(**{"model": "random-forest", name: value})
    flag = "--" + name.replace("_", "-")
    with pytest.raises(
        UsageError, match=f"{flag}: steers networks only, and --model is random-forest; leave"
    ):
        require_fitting_model(settings, is_numbers=False)
    require_fitting_model(Settings(**{"model": "mlp", name: value}), is_numbers=False)


def test_what_steers_all_models_is_taken() -> None:
    require_fitting_model(Settings(**FOR_ALL), is_numbers=False)


@pytest.mark.parametrize("model", CLASSICAL)
def test_each_model_fits_its_task(model: str) -> None:
    fits_numbers = model in ("mean", "ridge", "svm", "random-forest")
    fits_classes = model in ("majority", "logistic-regression", "svm", "random-forest")
    for fits, is_numbers in ((fits_numbers, True), (fits_classes, False)):
        if fits:
            require_fitting_model(Settings(model=model), is_numbers=is_numbers)
        else:
            with pytest.raises(
                UsageError, match=f"--model: {model} predicts .*choose auto, a network or one"
            ):
                require_fitting_model(Settings(model=model), is_numbers=is_numbers)


@pytest.mark.parametrize("model", ["auto", *NEURAL])
def test_networks_fit_both(model: str) -> None:
    require_fitting_model(Settings(model=model), is_numbers=True)
    require_fitting_model(Settings(model=model), is_numbers=False)
