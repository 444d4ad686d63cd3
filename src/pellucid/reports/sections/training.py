"""Training: findings, the curves of every epoch, and the layers over time."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pellucid.reports import entries
from pellucid.reports.facts import ReportFacts
from pellucid.reports.numbers import finite
from pellucid.reports.plots.axes import Axes, Plot, Series, line_plot
from pellucid.reports.plots.layers import layer_tables

_COLUMNS = (
    ("train_loss", "Train loss"),
    ("train_accuracy", "Train accuracy"),
    ("validation_loss", "Validation loss"),
    ("train_generator_loss", "Loss of the generator"),
    ("train_discriminator_accuracy", "Discriminator accuracy"),
)


def build(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Show what was found, and how loss, score, learning rate and the layers ran.

    Content of `page/training.html`; `None` without a history.
    """
    if not facts.history:
        return None
    decides = entries.headline(facts)
    key, words, is_error = decides.in_history, decides.words, decides.is_error
    scores = [(finite(line.get(key)), line) for line in facts.history]
    measured = [(value, line) for value, line in scores if value is not None]
    best = _best(measured, is_error)
    speed_key = "texts_per_second" if facts.noun == "text" else "images_per_second"
    speeds = [speed for line in facts.history if (speed := finite(line.get(speed_key)))]
    network = entries.network(facts)
    return {
        "findings": facts.metrics.get("findings"),
        "layers": layer_tables(facts.history),
        "measured_steps": sum((line.get("health") or {}).get("steps", 0) for line in facts.history),
        "has_frozen": _has_frozen(facts.history),
        "plots": [plot for plot in _training_plots(facts) if plot is not None],
        "rows": _thinned(facts.history, 200),
        "columns": _columns(facts),
        "epochs": len(facts.history),
        "planned": int(finite(facts.settings.get("epochs")) or 0),
        "is_mirrored": "model" not in facts.history[-1]
        and bool((facts.settings.get("augmentation") or {}).get("mirror")),
        "is_adversarial": _is_adversarial(facts),
        "has_chance": facts.chance is not None,
        "score": words,
        "is_error": is_error,
        "first": measured[0][0] if measured else None,
        "last": finite(facts.history[-1].get(key)),
        "best": best[0],
        "best_epoch": None if best[1] is None else best[1].get("epoch"),
        "examples_per_second": sum(speeds) / len(speeds) if speeds else None,
        "on_fold": bool(facts.metrics.get("judged_on_folds")) and "model" not in facts.history[-1],
        "network": None if network == facts.recommended else network,
    }


def _has_frozen(history: Sequence[Mapping[str, Any]]) -> bool:
    """True where a layer was measured at first and no longer in the end."""
    layers = [set((line.get("health") or {}).get("weights") or ()) for line in history]
    measured = [each for each in layers if each]
    return bool(measured) and not measured[0] <= measured[-1]


def _columns(facts: ReportFacts) -> Sequence[tuple[str, str]]:
    """Key and title of every loss and score of an epoch that was recorded."""
    scores = [(each.in_history, f"Validation {each.words}") for each in entries.metrics(facts)]
    columns = dict([*scores, *_COLUMNS])
    shown = [*(key for key, _ in _COLUMNS), *(key for key, _ in scores if key != "validation_loss")]
    return [(key, columns[key]) for key in shown if any(key in line for line in facts.history)]


def _best(
    measured: Sequence[tuple[float, Mapping[str, Any]]], is_error: bool
) -> tuple[float, Mapping[str, Any]] | tuple[None, None]:
    """The best epoch's score and line, the earliest of equals."""
    if not measured:
        return (None, None)
    return (min if is_error else max)(measured, key=lambda pair: pair[0])


def _thinned(lines: Sequence[Mapping[str, Any]], most: int) -> Sequence[Mapping[str, Any]]:
    """Evenly spaced lines of a long history, its last among them."""
    stride = math.ceil(len(lines) / most)
    return lines[(len(lines) - 1) % stride :: stride]


def _training_plots(facts: ReportFacts) -> Sequence[Plot | None]:
    lines = _thinned(facts.history, 400)
    epochs = [finite(line.get("epoch")) or float(place) for place, line in enumerate(lines, start=1)]

    def series(label: str, style: str, key: str) -> Series:
        return Series(label, style, epochs, [finite(line.get(key)) for line in lines])

    rate = line_plot(
        [series("", "plain", "learning_rate")],
        Axes("Learning rate", "Learning rate at the end of each epoch", "epoch", "no unit"),
    )
    if _is_adversarial(facts):
        return (*_plots_of_contest(series), rate)
    loss = line_plot(
        [series("validation", "main", "validation_loss"), series("train", "second", "train_loss")],
        Axes("Loss", "Mean loss after each epoch", "epoch", _loss_unit(facts), _loss_range(facts)),
    )
    if facts.generated is not None:
        terms = line_plot(
            [series("", "main", "validation_kl")],
            Axes("Divergence", "Divergence from the prior on validation images", "epoch", "nats per image"),
        )
        return loss, terms, rate
    if facts.is_regression:
        error = line_plot(
            [
                series("squared", "main", "validation_root_mean_squared_error"),
                series("absolute", "second", "validation_mean_absolute_error"),
            ],
            Axes(
                "Error",
                "Root mean squared and mean absolute error on validation after each epoch",
                "epoch",
                "root mean squared, mean absolute",
            ),
        )
        return error, loss, rate
    chance = None if facts.chance is None else (facts.chance, "largest class")
    accuracy = line_plot(
        [series("validation", "main", "validation_accuracy"), series("train", "second", "train_accuracy")],
        Axes(
            "Accuracy",
            "Share classified correctly after each epoch",
            "epoch",
            "share correct",
            (0, 1),
            chance,
        ),
    )
    return accuracy, loss, rate


def _plots_of_contest(series: Callable[[str, str, str], Series]) -> Sequence[Plot | None]:
    """Losses of generator and discriminator, and how often the latter was right."""
    losses = line_plot(
        [
            series("generator", "main", "train_generator_loss"),
            series("discriminator", "second", "train_loss"),
        ],
        Axes("Losses", "Mean loss of both networks over each epoch", "epoch", "nats per image"),
    )
    right = line_plot(
        [series("", "main", "train_discriminator_accuracy")],
        Axes(
            "Discriminator",
            "Share of real and generated images that it classified correctly over each epoch",
            "epoch",
            "share correct",
            (0, 1),
            (0.5, "guessing"),
        ),
    )
    return losses, right


def _is_adversarial(facts: ReportFacts) -> bool:
    return "train_discriminator_accuracy" in facts.history[-1]


def _loss_range(facts: ReportFacts) -> tuple[float, float] | None:
    """Bounds of the losses where they lie far from 0, as bits per dimension do; `None` for zero upwards."""
    if facts.generated is None:
        return None
    losses = [
        loss
        for line in facts.history
        for key in ("train_loss", "validation_loss")
        if (loss := finite(line.get(key))) is not None
    ]
    room = 0.05 * (max(losses) - min(losses)) or 0.5
    return min(losses) - room, max(losses) + room


def _loss_unit(facts: ReportFacts) -> str:
    """Unit of the loss."""
    if facts.generated is not None:
        return "bits per dimension"
    if facts.is_regression:
        return "squared error, labels standardised"
    return "squared error" if facts.settings.get("loss") == "mse" else f"nats per {facts.noun}"
