"""One small model of every kind that can be saved, on scikit-learn's digits and on texts that name them."""

import functools
from collections.abc import Callable

import numpy as np

from pellucid.bundle import AverageMember, AverageModel, ClassicalModel, Inputs, Model
from pellucid.classical import Budget, Fitted, TrainingSet, fit_baseline
from pellucid.data.raw_texts import Texts
from pellucid.targets import CLASSIFICATION, MULTILABEL, ORDERED, REGRESSION, Labels, Target
from small_models import (
    CLASSES,
    DIGITS,
    LABELS,
    SMALL,
    digits,
    label_model,
    number_model,
    states,
    untrained_model,
    vector_model,
    vectors,
    with_labels,
)
from text_models import text_model, texts

NAMES = {CLASSIFICATION: CLASSES, ORDERED: CLASSES, REGRESSION: (), MULTILABEL: LABELS}
"""What the outputs of models of a target are called."""


def labels_of(target: Target) -> np.ndarray:
    """Labels of the digits for a target."""
    if target is MULTILABEL:
        return states()
    return digits()[1].astype(np.float64) if target is REGRESSION else digits()[1]


@functools.cache
def fitted_baseline(name: str, kind: str, target: Target) -> Fitted:
    """A classical model trained on 300 digits, chosen by 100 more, within a small budget."""
    if "network" in kind:
        inputs, seen = network_model(kind, target).transform(_taken(kind)[:400]), "network"
    elif kind == "texts":
        inputs, seen = Texts.of(texts()[:400]), kind
    else:
        inputs, seen = _taken(kind)[:400], kind
    lesson = TrainingSet(
        inputs=inputs,
        labels=Labels(labels_of(target)[:400], NAMES[target], target),
        train=np.arange(300),
        validation=np.arange(300, 400),
        kind=seen,
    )
    return fit_baseline(name, lesson, seed=0, threads=1, budget=Budget.shrunk(0.1))


def _taken(kind: str):
    """The digits in a form that a kind of model takes."""
    if kind == "values":
        return vectors()
    return digits()[0] if kind in ("images", "network") else texts()


@functools.cache
def network_model(kind: str, target: Target) -> Model:
    """The network that the models on a network stand on."""
    if kind != "network":
        name = "text-cnn" if kind == "text network" else "sentence-encoder"
        return text_model(name, NAMES[target], width=32)
    return {CLASSIFICATION: untrained_model, REGRESSION: number_model, MULTILABEL: label_model}[target]()


def classical_model(name: str, kind: str = "images", target: Target = CLASSIFICATION) -> ClassicalModel:
    """A trained classical model of `images`, `values` or `texts`, or on some `network`."""
    fitted = fitted_baseline(name, kind, target)
    network = network_model(kind, target) if "network" in kind else None
    model = ClassicalModel(
        fitted.predictor,
        fitted.features,
        NAMES[target],
        target,
        preprocessing=DIGITS if kind in ("images", "network") else None,
        network=None if network is None else network.network,
        tfidf=fitted.tfidf if kind == "texts" else None,
        encoder=network.encoder if kind in ("text network", "sentence network") else None,
    )
    return with_labels(model) if target is MULTILABEL else model


NEURAL: dict[str, Callable[[], Model]] = {
    "cnn": untrained_model,
    SMALL: lambda: untrained_model(SMALL),
    "cnn of numbers": number_model,
    "mlp of vectors": vector_model,
    "mlp of vectors, of numbers": lambda: vector_model(()),
    "text-cnn": text_model,
    "rnn": lambda: text_model("rnn", cell="gru"),
    "rnn of sub-words": lambda: text_model("rnn", tokens="sub-words"),
    "bag": lambda: text_model("bag"),
    "text-cnn of numbers": lambda: text_model("text-cnn", ()),
    "transformer": lambda: text_model("transformer", width=64),
    "sentence-encoder": lambda: text_model("sentence-encoder", depth=1),
    "ngram-encoder": lambda: text_model("ngram-encoder"),
    "word-vectors": lambda: text_model("word-vectors"),
}
CLASSICAL: dict[str, Callable[[], Model]] = {
    "majority": lambda: classical_model("majority"),
    "logistic-regression": lambda: classical_model("logistic-regression"),
    "svm": lambda: classical_model("svm"),
    "random-forest": lambda: classical_model("random-forest"),
    "mean": lambda: classical_model("mean", target=REGRESSION),
    "ridge": lambda: classical_model("ridge", target=REGRESSION),
    "svm of numbers": lambda: classical_model("svm", target=REGRESSION),
    "random-forest of numbers": lambda: classical_model("random-forest", target=REGRESSION),
    "majority of vectors": lambda: classical_model("majority", "values"),
    "svm of vectors": lambda: classical_model("svm", "values"),
    "majority of texts": lambda: classical_model("majority", "texts"),
    "logistic-regression of texts": lambda: classical_model("logistic-regression", "texts"),
    "svm of texts": lambda: classical_model("svm", "texts"),
    "random-forest of texts": lambda: classical_model("random-forest", "texts"),
    "mean of texts, of numbers": lambda: classical_model("mean", "texts", REGRESSION),
    "ridge of texts, of numbers": lambda: classical_model("ridge", "texts", REGRESSION),
    "svm of texts, of numbers": lambda: classical_model("svm", "texts", REGRESSION),
    "ridge of vectors, of numbers": lambda: classical_model("ridge", "values", REGRESSION),
}
ON_NETWORK: dict[str, Callable[[], Model]] = {
    "svm-on-cnn": lambda: classical_model("svm", "network"),
    "logistic-regression-on-cnn": lambda: classical_model("logistic-regression", "network"),
    "ridge-on-cnn": lambda: classical_model("ridge", "network", REGRESSION),
    "svm-on-text-cnn": lambda: classical_model("svm", "text network"),
    "logistic-regression-on-sentence-encoder": lambda: classical_model(
        "logistic-regression", "sentence network"
    ),
    "ridge-on-text-cnn": lambda: classical_model("ridge", "text network", REGRESSION),
}
OF_LABELS: dict[str, Callable[[], Model]] = {
    "cnn of labels": label_model,
    "text-cnn of labels": lambda: with_labels(text_model("text-cnn", LABELS)),
    "mlp of vectors, of labels": lambda: with_labels(vector_model(LABELS)),
    "svm of vectors, of labels": lambda: classical_model("svm", "values", MULTILABEL),
    "majority of labels": lambda: classical_model("majority", target=MULTILABEL),
    "logistic-regression of labels": lambda: classical_model("logistic-regression", target=MULTILABEL),
    "svm of labels": lambda: classical_model("svm", target=MULTILABEL),
    "random-forest of labels": lambda: classical_model("random-forest", target=MULTILABEL),
    "logistic-regression of texts, of labels": lambda: classical_model(
        "logistic-regression", "texts", MULTILABEL
    ),
    "svm of texts, of labels": lambda: classical_model("svm", "texts", MULTILABEL),
    "random-forest of texts, of labels": lambda: classical_model("random-forest", "texts", MULTILABEL),
    "svm-on-cnn of labels": lambda: classical_model("svm", "network", MULTILABEL),
    "svm-on-text-cnn of labels": lambda: classical_model("svm", "text network", MULTILABEL),
}
"""Models of several labels."""

MODELS = NEURAL | CLASSICAL | ON_NETWORK | OF_LABELS


def average(weights: dict[str, int]) -> AverageModel:
    """An average of some of these models by their names."""
    return AverageModel(
        [
            AverageMember(name.split()[0], weight, (MODELS | OF_ORDER)[name]())
            for name, weight in weights.items()
        ]
    )


AVERAGES: dict[str, Callable[[], Model]] = {
    "average": lambda: average({"svm": 3, "svm-on-cnn": 2, "cnn": 1, "random-forest": 1}),
    "average of numbers": lambda: average({"ridge-on-cnn": 2, "ridge": 1}),
    "average of texts": lambda: average(
        {"svm of texts": 4, "svm-on-text-cnn": 3, "logistic-regression of texts": 2, "bag": 1}
    ),
    "average of labels": lambda: average(
        {"svm of labels": 3, "svm-on-cnn of labels": 2, "cnn of labels": 1, "random-forest of labels": 1}
    ),
    "average of texts, of labels": lambda: average(
        {"svm of texts, of labels": 2, "text-cnn of labels": 1, "svm-on-text-cnn of labels": 1}
    ),
    "average of texts, of numbers": lambda: average(
        {"ridge of texts, of numbers": 2, "svm of texts, of numbers": 1}
    ),
}
EVERY = MODELS | AVERAGES


def with_order(model: Model) -> Model:
    """A model with an output for each class but the last as one of classes in the order of the digits."""
    model.classes, model.target = CLASSES, ORDERED
    return model


OF_ORDER: dict[str, Callable[[], Model]] = {
    "cnn of ordered classes": lambda: with_order(untrained_model(classes=CLASSES[1:])),
    "mlp of vectors, of ordered classes": lambda: with_order(vector_model(CLASSES[1:])),
    "bag of ordered classes": lambda: with_order(text_model("bag", CLASSES[1:])),
    "svm of ordered classes": lambda: classical_model("svm", target=ORDERED),
    "random-forest of ordered classes": lambda: classical_model("random-forest", target=ORDERED),
    "svm of vectors, of ordered classes": lambda: classical_model("svm", "values", ORDERED),
    "logistic-regression of texts, of ordered classes": lambda: classical_model(
        "logistic-regression", "texts", ORDERED
    ),
}
AVERAGES_OF_ORDER: dict[str, Callable[[], Model]] = {
    "average of ordered classes": lambda: average({"svm of ordered classes": 2, "cnn of ordered classes": 1}),
    "average of texts, of ordered classes": lambda: average(
        {"logistic-regression of texts, of ordered classes": 2, "bag of ordered classes": 1}
    ),
}
"""Models of ordered classes, which only the tests of files take beside the others."""

SAVED = EVERY | OF_ORDER | AVERAGES_OF_ORDER
CLASSIFIERS = [
    name
    for name in MODELS
    if not any(word in name for word in ("numbers", "labels", "ordered"))
    and not name.startswith(("mean", "ridge"))
]


def inputs_of(model: Model, count: int = 40) -> Inputs:
    """The last digits in the form that a model takes."""
    return _taken(model.input_kind.name)[-count:]


def answers_of(model: Model, count: int = 40) -> np.ndarray:
    """What a model says about the last digits: probabilities, or numbers."""
    return model.target.ask(model, inputs_of(model, count))
