"""Small models with a detector, one for each way to look at inputs."""

import functools

from every_model import MODELS, inputs_of, labels_of
from pellucid.bundle import Model
from pellucid.novelty import fit_detector, fit_measure
from small_models import digits, trained_model, untrained_model

KINDS = {
    "mlp": trained_model,
    "cnn, mirrored": lambda: untrained_model(mirror=True),
    **{
        name: MODELS[name]
        for name in (
            "cnn of numbers",
            "mlp of vectors",
            "text-cnn",
            "bag",
            "logistic-regression",
            "svm of vectors",
            "logistic-regression of texts",
            "ridge of texts, of numbers",
            "svm-on-cnn",
            "svm-on-text-cnn",
        )
    },
}
"""Models that get a detector."""


def with_detector(model: Model, *, train: int = 300, validation: int = 100) -> Model:
    """A model with a detector that was fitted on the first digits and calibrated on the next."""
    inputs = inputs_of(model, len(digits()[1]))
    labels = model.target.codes(labels_of(model.target)[:train])
    measure = fit_measure(model.seen(inputs[:train]), labels, model.sort_seen)
    asked = inputs[train : train + validation]
    said = model.target.nearest(model.target.ask(model, asked))
    return model.with_detector(fit_detector(measure, model.seen(asked), said, len(model.classes)))


@functools.cache
def model_with_detector(name: str) -> Model:
    """One of `KINDS` with its detector."""
    return with_detector(KINDS[name]())
