"""One small model of every kind that can be saved, on scikit-learn's digits."""

import functools
from collections.abc import Callable

import numpy as np

from pellucid.bundle import ClassicalModel, Model
from pellucid.classical import Budget, Fitted, Lesson, fit_rival
from small_models import CLASSES, DIGITS, digits, number_model, untrained_model, vector_model, vectors


@functools.cache
def fitted_rival(name: str, kind: str, of_numbers: bool) -> Fitted:
    """A classical model trained on 300 digits, chosen by 100 more, within a small budget."""
    pixels, labels = digits()
    if kind == "network":
        inputs = network_model(of_numbers).transform(pixels[:400])
    else:
        inputs = vectors()[:400] if kind == "values" else pixels[:400]
    lesson = Lesson(
        inputs=inputs,
        labels=labels[:400].astype(np.float64) if of_numbers else labels[:400],
        train=np.arange(300),
        validation=np.arange(300, 400),
        classes=0 if of_numbers else 10,
        kind=kind,
    )
    return fit_rival(name, lesson, seed=0, threads=1, budget=Budget.shrunk(0.1))


def network_model(of_numbers: bool) -> Model:
    """The network that the models on a network stand on."""
    return number_model() if of_numbers else untrained_model()


def classical_model(name: str, kind: str = "pictures", *, of_numbers: bool = False) -> ClassicalModel:
    """A trained classical model of `pictures`, of `values` or on a `network`."""
    fitted = fitted_rival(name, kind, of_numbers)
    return ClassicalModel(
        fitted.predictor,
        fitted.features,
        () if of_numbers else CLASSES,
        preprocessing=None if kind == "values" else DIGITS,
        network=network_model(of_numbers).network if kind == "network" else None,
    )


NEURAL: dict[str, Callable[[], Model]] = {
    "cnn": untrained_model,
    "cnn of numbers": number_model,
    "mlp of vectors": vector_model,
    "mlp of vectors, of numbers": lambda: vector_model(()),
}
CLASSICAL: dict[str, Callable[[], Model]] = {
    "majority": lambda: classical_model("majority"),
    "logistic-regression": lambda: classical_model("logistic-regression"),
    "svm": lambda: classical_model("svm"),
    "random-forest": lambda: classical_model("random-forest"),
    "mean": lambda: classical_model("mean", of_numbers=True),
    "ridge": lambda: classical_model("ridge", of_numbers=True),
    "svm of numbers": lambda: classical_model("svm", of_numbers=True),
    "random-forest of numbers": lambda: classical_model("random-forest", of_numbers=True),
    "majority of vectors": lambda: classical_model("majority", "values"),
    "svm of vectors": lambda: classical_model("svm", "values"),
    "ridge of vectors, of numbers": lambda: classical_model("ridge", "values", of_numbers=True),
}
ON_NETWORK: dict[str, Callable[[], Model]] = {
    "svm-on-cnn": lambda: classical_model("svm", "network"),
    "logistic-regression-on-cnn": lambda: classical_model("logistic-regression", "network"),
    "ridge-on-cnn": lambda: classical_model("ridge", "network", of_numbers=True),
}
MODELS = NEURAL | CLASSICAL | ON_NETWORK
CLASSIFIERS = [
    name for name in MODELS if "numbers" not in name and name not in ("mean", "ridge", "ridge-on-cnn")
]


def inputs_of(model: Model, count: int = 40) -> np.ndarray:
    """The last digits in the form that a model takes."""
    return vectors()[-count:] if model.preprocessing is None else digits()[0][-count:]


def answers_of(model: Model, count: int = 40) -> np.ndarray:
    """What a model says about the last digits: probabilities, or numbers."""
    inputs = inputs_of(model, count)
    return model.predict_values(inputs) if model.is_numbers else model.predict_proba(inputs)
