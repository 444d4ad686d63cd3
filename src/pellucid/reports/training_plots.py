"""The curves of training: loss, score and learning rate by epoch, as each target has them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.language.sentence import Sentence
from pellucid.reports.facts import ReportFacts
from pellucid.reports.formatting import finite
from pellucid.reports.plots import Plot, Series, line_plot

_MOST_POINTS = 400


def thinned(lines: Sequence[Mapping[str, Any]], most: int) -> Sequence[Mapping[str, Any]]:
    """Evenly spaced lines of a long history, its last among them."""
    stride = math.ceil(len(lines) / most)
    return lines[(len(lines) - 1) % stride :: stride]


@dataclass(frozen=True)
class Curves:
    """Lines of a history that are drawn, and their epochs."""

    lines: Sequence[Mapping[str, Any]]
    epochs: Sequence[float]

    @classmethod
    def of(cls, facts: ReportFacts) -> "Curves":
        """Those of a run."""
        lines = thinned(facts.history, _MOST_POINTS)
        return cls(
            lines, [finite(line.get("epoch")) or float(place) for place, line in enumerate(lines, start=1)]
        )

    def series(self, *curves: tuple[str, str]) -> list[Series]:
        """Curves by label and key, the first one drawn as the main one."""
        return [
            Series(label, style, self.epochs, [finite(line.get(key)) for line in self.lines])
            for (label, key), style in zip(curves, ("main", "second"), strict=False)
        ]

    def both(self, score: str) -> list[Series]:
        """A score on validation and in training."""
        return self.series(("validation", f"validation_{score}"), ("train", f"train_{score}"))

    def loss(self, unit: str, y_range: tuple[float, float] | None = None) -> Plot | None:
        """The loss, in its unit."""
        return line_plot(self.both("loss"), "Loss", "Mean loss after each epoch", unit, y_range)

    @property
    def rate(self) -> Plot | None:
        """The learning rate."""
        (learning_rate,) = self.series(("", "learning_rate"))
        words = "Learning rate at the end of each epoch"
        return line_plot([learning_rate._replace(style="plain")], "Learning rate", words, "no unit")


TrainingPlots = Callable[[ReportFacts, Curves], Sequence[Plot | None]]


def _loss_unit(facts: ReportFacts, per: str) -> str:
    return "squared error" if facts.settings.get("loss") == "mse" else Sentence("nats per {per}", per)


def of_classes(facts: ReportFacts, curves: Curves) -> Sequence[Plot | None]:
    """Accuracy beside the share of the largest class, loss, and learning rate."""
    chance = None if facts.chance is None else (facts.chance, "largest class")
    words = "Share classified correctly after each epoch"
    accuracy = line_plot(curves.both("accuracy"), "Accuracy", words, "share correct", (0, 1), chance)
    return accuracy, curves.loss(_loss_unit(facts, facts.noun)), curves.rate


def of_labels(facts: ReportFacts, curves: Curves) -> Sequence[Plot | None]:
    """Micro-F1, subset accuracy, loss, and learning rate."""
    micro = curves.series(("", "validation_micro_f1"))
    words = "Micro-F1 on validation after each epoch"
    f1 = line_plot([micro[0]._replace(style="plain")], "Micro-F1", words, "on validation", (0, 1))
    words = "Share of examples with all labels right after each epoch"
    right = line_plot(curves.both("subset_accuracy"), "Subset accuracy", words, "all labels right", (0, 1))
    return f1, right, curves.loss(_loss_unit(facts, "label")), curves.rate


def of_numbers(facts: ReportFacts, curves: Curves) -> Sequence[Plot | None]:
    """Errors, loss, and learning rate."""
    squared, absolute = "validation_root_mean_squared_error", "validation_mean_absolute_error"
    words = "Root mean squared and mean absolute error on validation after each epoch"
    errors = curves.series(("squared", squared), ("absolute", absolute))
    plot = line_plot(errors, "Error", words, "root mean squared, mean absolute")
    return plot, curves.loss("squared error, labels standardised"), curves.rate


def of_images(facts: ReportFacts, curves: Curves) -> Sequence[Plot | None]:
    """Losses of both networks and the discriminator's share; or the bound, and its divergence."""
    if "train_discriminator_accuracy" in facts.history[-1]:
        losses = curves.series(("generator", "train_generator_loss"), ("discriminator", "train_loss"))
        return (
            line_plot(losses, "Losses", "Mean loss of both networks over each epoch", "nats per image"),
            line_plot(
                curves.series(("", "train_discriminator_accuracy")),
                "Discriminator",
                "Share of real and generated images that it classified correctly over each epoch",
                "share correct",
                (0, 1),
                (0.5, "guessing"),
            ),
            curves.rate,
        )
    keys = ("train_loss", "validation_loss")  # bits per dimension lie far from 0
    values = [
        number for line in facts.history for key in keys if (number := finite(line.get(key))) is not None
    ]
    room = 0.05 * (max(values) - min(values)) or 0.5
    loss = curves.loss("bits per dimension", (min(values) - room, max(values) + room))
    words = "Divergence from the prior on validation images"
    divergence = curves.series(("", "validation_kl"))
    return loss, line_plot(divergence, "Divergence", words, "nats per image"), curves.rate
