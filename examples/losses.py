"""Cross-entropy trains a classifier better than the mean squared error.

Trains a perceptron with two hidden layers with either loss of the same softmax, each at the learning rate
that suits it, chosen in trainings of their own. And computes, with the formulas of the reference, how
strong the gradient is that a confident and wrong answer sends back.

Takes: about 2 minutes with one thread.
"""

from typing import Any

import numpy as np
from drawing import CATEGORIES, Line, Lines, figure
from showing import (
    Conclusion,
    against,
    cost,
    differences_table,
    holds,
    panels_of,
    rates_chosen,
    table,
    trainings,
)
from trying import BARE, Options, best_rates, images, twins

from pellucid.arithmetic import softmax
from pellucid.reference.losses import cross_entropy_backward, squared_error_of_probabilities_backward

LOSSES = ("cross-entropy", "mse")
RATES = (0.0003, 0.001, 0.003, 0.01)
MARGINS = (-10.0, -8.0, -6.0, -4.0, -2.0, 0.0, 2.0, 4.0)
EPOCHS = 10
FIXED = {**BARE, "width": 128, "optimizer": "adam"}


def tried(options: Options) -> dict[str, Any]:
    place = images(options)
    fixed = {**FIXED, "epochs": options.passes(EPOCHS)}
    rates, tuning = best_rates(options, place, "loss", LOSSES, RATES, **fixed)
    variants = {name: {"loss": name, "learning_rate": rates[name]} for name in LOSSES}
    trained = twins(options, place, variants, **fixed)
    return {"tuning": tuning, "rates": rates, "trained": trained, "gradients": _gradients()}


def _gradients() -> dict[str, Any]:
    """What the right logit is sent back, by how far it lies above (or below) one wrong logit."""
    logits, labels = np.zeros((len(MARGINS), 2)), np.zeros(len(MARGINS), np.int64)
    logits[:, 0] = MARGINS
    backwards = (cross_entropy_backward, squared_error_of_probabilities_backward)
    found: dict[str, list[float]] = {}
    for name, backward in zip(LOSSES, backwards, strict=True):
        sent = (backward(np.ones(1)[0], logits[[row]], labels[[row]]) for row in range(len(MARGINS)))
        of_logits = (np.asarray(each[0] if isinstance(each, tuple) else each) for each in sent)
        found[name] = [round(float(abs(each[0, 0])), 8) for each in of_logits]
    right = softmax(logits)[:, 0].round(6).tolist()
    return {"margins": list(MARGINS), "probability_of_the_class": right, **found}


def drawn(record: dict[str, Any]) -> str:
    gradients = record["gradients"]
    lines = [
        Line(name, gradients["margins"], gradients[name], colour=colour)
        for colour, name in zip(CATEGORIES, LOSSES, strict=False)
    ]
    x_axis = "right logit minus the wrong one; below 0 the answer is wrong"
    panels = [
        *panels_of(record["trained"], "Accuracy on the folds", "mse"),
        *panels_of(record["trained"], "Log loss on the folds: smaller is better", "mse", "log_loss"),
        Lines("What a wrong answer sends back", x_axis, "gradient at the right logit", lines),
    ]
    return figure(panels, "Accuracy with two losses, and the gradient each sends back")


def shown(record: dict[str, Any]) -> str:
    found, gradients = record["trained"], record["gradients"]
    rows = [
        [f"{probability:.5f}", *(f"{gradients[name][at]:.5f}" for name in LOSSES)]
        for at, probability in enumerate(gradients["probability_of_the_class"])
    ]
    header = ["probability of the right class", *(f"gradient of {name}" for name in LOSSES)]
    return (
        f"{differences_table(found, 'mse')}\n{differences_table(found, 'mse', 'log_loss')}\n"
        f"{table(header, rows)}\n"
        f"{rates_chosen(record, RATES)} {trainings(found)} {cost(record)}\n"
    )


def concluded(record: dict[str, Any]) -> Conclusion:
    found = record["trained"]
    return Conclusion(holds(found, *LOSSES), f"accuracy {against(found, *LOSSES)}")
