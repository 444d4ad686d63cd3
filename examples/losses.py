"""Cross-entropy trains a classifier better than the mean squared error.

Trains a perceptron with two hidden layers with either loss of the same softmax, each at the learning rate
that suits it, chosen in trainings of their own. And computes, with the formulas of the reference, how
strong the gradient is that a confident and wrong answer sends back.

Takes: about 2 minutes with one thread.
"""

import sys
from typing import Any

import numpy as np
from drawing import CATEGORIES, Line, Lines, figure
from material import Options, images
from showing import cost, differences_table, panels_of, table, trainings
from trying import best_rates, main, twins

from pellucid.arithmetic import softmax
from pellucid.reference.losses import cross_entropy_backward, squared_error_of_probabilities_backward

LOSSES = ("cross-entropy", "mse")
RATES = (0.0003, 0.001, 0.003, 0.01)
MARGINS = (-10.0, -8.0, -6.0, -4.0, -2.0, 0.0, 2.0, 4.0)
EPOCHS = 10
FIXED = {"model": "mlp", "width": 128, "batch_norm": False, "augment": False, "optimizer": "adam"}
FIXED_TOO = {"label_smoothing": 0.0, "precision": "fp32"}


def tried(options: Options) -> dict[str, Any]:
    """Choose the rates, train, and compute gradients."""
    place = images(options)
    fixed = {**FIXED, **FIXED_TOO, "epochs": options.passes(EPOCHS)}
    rates, tuning = best_rates(options, place, "loss", LOSSES, RATES, **fixed)
    variants = {name: {"loss": name, "learning_rate": rates[name]} for name in LOSSES}
    return {
        "tuning": tuning,
        "rates": rates,
        "trained": twins(options, place, variants, **fixed),
        "gradients": _gradients(),
    }


def _gradients() -> dict[str, Any]:
    """What the right logit is sent back, by how far it lies above (or below) one wrong logit."""
    logits = np.zeros((len(MARGINS), 2))
    logits[:, 0] = MARGINS
    labels = np.zeros(len(MARGINS), np.int64)
    one = np.ones(1)
    found: dict[str, list[float]] = {name: [] for name in LOSSES}
    for row in range(len(MARGINS)):
        given = logits[row : row + 1], labels[row : row + 1]
        for name, backward in zip(
            LOSSES, (cross_entropy_backward, squared_error_of_probabilities_backward), strict=True
        ):
            found[name].append(round(float(abs(_gradient(backward(one[0], *given))[0, 0])), 8))
    right = softmax(logits)[:, 0].round(6).tolist()
    return {"margins": list(MARGINS), "probability_of_the_class": right, **found}


def _gradient(sent: Any) -> np.ndarray:
    return np.asarray(sent[0] if isinstance(sent, tuple) else sent)


def drawn(record: dict[str, Any]) -> str:
    """Accuracy and gradients."""
    gradients = record["gradients"]
    lines = [
        Line(name, gradients["margins"], gradients[name], colour=colour)
        for colour, name in zip(CATEGORIES, LOSSES, strict=False)
    ]
    panels = [
        *panels_of(record["trained"], "Accuracy on the folds", "mse"),
        *panels_of(record["trained"], "Log loss on the folds: smaller is better", "mse", "log_loss"),
        Lines(
            "What a wrong answer sends back",
            "right logit less the wrong one; below 0 the answer is wrong",
            "gradient at the right logit",
            lines,
        ),
    ]
    return figure(panels, "Accuracy with two losses, and the gradient each sends back")


def shown(record: dict[str, Any]) -> str:
    """The tables."""
    found, gradients = record["trained"], record["gradients"]
    rows = [
        [f"{probability:.5f}", *(f"{gradients[name][at]:.5f}" for name in LOSSES)]
        for at, probability in enumerate(gradients["probability_of_the_class"])
    ]
    header = ["probability of the right class", *(f"gradient of {name}" for name in LOSSES)]
    chosen = ", ".join(f"{name} {rate:g}" for name, rate in record["rates"].items())
    grid = ", ".join(f"{rate:g}" for rate in RATES)
    return (
        f"{differences_table(found, 'mse')}\n{differences_table(found, 'mse', 'log_loss')}\n"
        f"{table(header, rows)}\n"
        f"Learning rates of Adam chosen from {grid}: {chosen}. {trainings(found)} {cost(record)}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
