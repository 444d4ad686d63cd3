"""Explanation: everything that is known about one answer of one model, as one object."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from pellucid.arithmetic.rounding import rounded
from pellucid.data.wording import some
from pellucid.insight.attribution import Attributions
from pellucid.insight.by_target import OPENED, Against, loss_against
from pellucid.insight.contributions import Contributions
from pellucid.insight.generator_terms import Contest, Latents
from pellucid.insight.gradients import Backward, WeightCheck, WeightChecker
from pellucid.insight.layer_records import Box, LayerRecord, receptive_field
from pellucid.insight.opened_networks import Opened
from pellucid.insight.unit_arithmetic import Arithmetic
from pellucid.insight.units import open_unit
from pellucid.language.sentence import Sentence
from pellucid.targets import Target

# Labels that a sentence names.
_MOST_NAMED = 6


@dataclass(frozen=True, eq=False)
class Like:
    """Training example that a model finds like the input.

    `source`: path, or file and row; `label`: its class, labels joined by `;`, or number, as text; `distance`:
    in the last hidden layer, relative to the median of all that were compared; `inputs`: the image (height,
    width, channels) or the text.
    """

    source: str
    label: str
    distance: float
    inputs: UInt8[np.ndarray, "height width channels"] | str


@dataclass(frozen=True, eq=False)
class Term:
    """Answer of a member of an average, and how much it counts.

    `name`: that its run gives it; `share`: its weight over that of all members; `answer`: probabilities of
    the classes, or the predicted number alone; `contributions`: of the features of a classical model.
    """

    name: str
    weight: int
    share: float
    answer: Float64[np.ndarray, " outputs"]
    contributions: Contributions | None = None

    def adds(self, target: int | None) -> float:
        """What it adds to the mean: its probability of a class, or its number, times its share."""
        return self.share * float(self.answer[target or 0])


@dataclass(frozen=True, eq=False)
class Mean:
    """The weighted mean of several models from which an average makes its answer.

    `terms`: of the members, the one of the most weight first; `temperature`: of the mean, 1 leaves it as it
    is; `opened`: name of the member whose network is opened, empty where none has one.
    """

    terms: tuple[Term, ...]
    temperature: float
    opened: str

    def of(self, target: int | None) -> float:
        """The mean for a class, before its temperature, or of the numbers."""
        return sum(each.adds(target) for each in self.terms)


@dataclass(frozen=True, eq=False)
class Explanation:
    """Opened answer of a model; shows itself in a notebook.

    Attributes:
        model: its name.
        kind: what it answers: a class, several labels or a number, or the images that it makes.
        classes: names of classes or labels; none where a number is predicted.
        answer: probabilities of these, the predicted number alone, or the bound or score of an image.
        target: the class or label that explanations are about; `None` where a number is predicted, or without
            classes.
        inputs: the image (height, width, channels) as the model takes it, the feature vector, or the text.
        truth: the true class, or of several labels the state of each; `None` where it is not known.
        outputs: names of the model's outputs; none where they are those of the classes.
        thresholds: probability from which on each of several labels is answered; none where classes exclude
            each other, or a number is predicted.
        decided: of classes that exclude each other the one that is answered, where a threshold of one of two
            decides and not which is more probable; else `None`.
        tokens: what a network of texts read, id by id, as it is in the text.
        pieces: what the attributions of a text give numbers to; none of an image.
        opened: lines, values and weights; `None` where there is no network that could be opened.
        layers: a record of every layer, in order.
        backward: gradients; `None` where the answer is not the network's own.
        checks: gradients of single weights in three ways.
        checker: makes such checks of any weight; `None` where there are no gradients.
        attributions: of the answer to the input.
        contributions: of a classical model, what each of its features adds.
        mean: terms of an average's answer; layers and gradients are then of one member.
        latents: latent variables, where the model is an autoencoder.
        contest: scores and losses, where it is an adversarial network.
        nearest: training examples that are like it, of the `compared` ones.
        compared: number of training examples; 0 where the training data is not at hand.
        notes: sentences that a reader should know.
        unfamiliar: the sentence about an input unlike the training data; empty where it is not, or not known.
    """

    model: str
    kind: Target
    classes: tuple[str, ...]
    answer: Float64[np.ndarray, " outputs"]
    target: int | None
    inputs: UInt8[np.ndarray, "height width channels"] | Float32[np.ndarray, " features"] | str
    truth: Against = None
    outputs: tuple[str, ...] = ()
    thresholds: tuple[float, ...] = ()
    decided: int | None = None
    tokens: tuple[str, ...] = ()
    pieces: tuple[str, ...] = ()
    opened: Opened | None = None
    layers: Sequence[LayerRecord] = ()
    backward: Backward | None = None
    checks: Sequence[WeightCheck] = ()
    checker: WeightChecker | None = None
    attributions: Attributions | None = None
    contributions: Contributions | None = None
    mean: Mean | None = None
    latents: Latents | None = None
    contest: Contest | None = None
    nearest: Sequence[Like] = ()
    compared: int = 0
    notes: tuple[str, ...] = ()
    unfamiliar: str = ""

    def layer(self, name: str) -> LayerRecord:
        """Record of a layer, by the name that the network calls it.

        Raises: `ValueError` if no layer is called so.
        """
        by_name = {each.name: each for each in self.layers}
        if name not in by_name:
            raise ValueError(
                Sentence(
                    "{name}: no layer of this name; there are {value}", name, ", ".join(by_name) or "none"
                )
            )
        return by_name[name]

    def unit(self, layer: str, unit: Sequence[int]) -> Arithmetic:
        """Compute one number of a layer by hand, with the network's own for comparison.

        `unit` is the index of the number: (channel, row, column), (place, channel) or (unit,).

        Raises: `ValueError` if no layer is called so, or it has no such unit.
        """
        self.layer(layer)
        assert self.opened is not None  # there are layers
        return open_unit(self.opened, layer, unit)

    def weight(self, name: str, index: Sequence[int]) -> WeightCheck:
        """Compute the gradient of one weight by hand, by autograd and by a central difference.

        `name` is that of a weight or bias that is learnt, such as `head.weight`, and `index` that of a number
        in it.

        Raises: `ValueError` if no weight is called so, it has no such number, or the answer is not a
        network's own.
        """
        if self.checker is None:
            raise ValueError(Sentence("{name}: {model} has no gradients; open a network", name, self.model))
        return self.checker.check(name, index)

    def field(self, layer: str, unit: Sequence[int]) -> Box:
        """Receptive field of a unit, by its index in the value of a layer: the part of the input it sees.

        First and last row and column of the image, or place of the text.

        Raises: `ValueError` if no layer is called so.
        """
        self.layer(layer)
        assert self.opened is not None  # there are layers
        return receptive_field(self.opened, layer, unit)

    @property
    def headline(self) -> str:
        """Outcome for the input, as a sentence without its end."""
        if self.latents is not None:
            return self.latents.headline(self.model)
        if self.contest is not None:
            return self.contest.headline(self.model)
        return Sentence("{model} says {said}", self.model, self.said)

    @property
    def makes_images(self) -> bool:
        """True of a model that makes images instead of predicting anything about them."""
        return self.latents is not None or self.contest is not None

    @property
    def said(self) -> str:
        """Answer in words."""
        if not self.classes or self.makes_images:
            return f"{float(self.answer[0]):.6g}"
        if self.thresholds:
            named = some([self._with_probability(code) for code in self.answered], _MOST_NAMED)
            return named or Sentence(
                "none of these; most probable is {first}", self._with_probability(self._first)
            )
        return self._with_probability(self._first if self.decided is None else self.decided)

    @property
    def answered(self) -> list[int]:
        """Of several labels those that are answered, the most probable first."""
        order = np.argsort(-self.answer, kind="stable").tolist()
        return [code for code in order if self.thresholds and self.answer[code] >= self.thresholds[code]]

    @property
    def loss_is_of_target(self) -> bool:
        """True where the loss is against nothing but what explanations are about."""
        against = None if self.backward is None else self.backward.target
        if against is None or self.target is None:
            return False
        return against == OPENED[self.kind].alone(self.target, len(self.classes))

    @property
    def against(self) -> int | None:
        """The class that the loss is against, which of ordered classes is above so many; `None` without."""
        found = None if self.backward is None else self.backward.target
        return sum(found) if isinstance(found, tuple) else found

    @property
    def threshold_words(self) -> str:
        """From which probabilities on the labels are answered that are, or else the most probable one.

        Empty where nothing is answered by a threshold.
        """
        if not self.thresholds:
            return ""
        first, *others = self.answered or [self._first]
        words: list[str] = [
            Sentence(
                "{classes} is answered from {thresholds:.3g} on", self.classes[first], self.thresholds[first]
            )
        ]
        words += [f"{self.classes[code]} from {self.thresholds[code]:.3g}" for code in others]
        return some(words, _MOST_NAMED)

    def labels_of(self, states: tuple[int, ...]) -> str:
        """Labels that are present, by name, joined by `;`."""
        return loss_against(states).named(states, self.classes)

    @property
    def _first(self) -> int:
        """The most probable class or label."""
        return int(self.answer.argmax())

    def _with_probability(self, code: int) -> str:
        return f"{self.classes[code]} ({rounded(float(self.answer[code]), 3)})"

    @property
    def mean_words(self) -> tuple[str, ...]:
        """Terms of an average's answer, a line for each member; none of other models."""
        if self.mean is None:
            return ()
        whole = sum(each.weight for each in self.mean.terms)
        return tuple(
            Sentence(
                "{name}: {answer:.4g} times {weight} of {whole} adds {target:.4g}",
                each.name,
                float(each.answer[self.target or 0]),
                each.weight,
                whole,
                each.adds(self.target),
            )
            for each in self.mean.terms
        )

    def _repr_html_(self) -> str:
        """Table of the layers for a notebook, with everything foreign escaped."""
        rows = "".join(
            f"<tr><th>{escape(each.name)}</th><td>{escape(each.words)}</td>"
            f"<td>{_shape(each.input_shape)} \u2192 {_shape(each.output_shape)}</td>"
            f"<td>{each.cost.parameters:,}</td></tr>"
            for each in self.layers
        )
        head = "<tr><th>layer</th><th></th><th>shapes</th><th>parameters</th></tr>"
        attributions = () if self.attributions is None else self.attributions.methods
        tested = "".join(f"<li>{escape(repr(each))}</li>" for each in attributions)
        table = f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>" if rows else ""
        words = f"<p>{escape(self.headline)}</p>"
        words += "".join(f"<p>{escape(line)}</p>" for line in self.mean_words)
        return words + table + (f"<ul>{tested}</ul>" if tested else "")

    def __repr__(self) -> str:
        lines = [self.headline]
        if self.latents is not None:
            lines[0] += Sentence("; {bound_words}", self.latents.bound_words)
        if self.contest is not None:
            lines[0] += Sentence("; {words}", self.contest.words)
        if self.target is not None:
            lines[0] += Sentence("; explained for {classes}", self.classes[self.target])
        if self.backward is not None and self.backward.target is not None:
            against = self.backward.target
            named = OPENED[self.kind].named(against, self.classes)
            lines[0] += Sentence("; loss against {named} {loss:.4g}", named, self.backward.loss)
        lines += [Sentence("  {line}", line) for line in (self.unfamiliar, *self.mean_words) if line]
        lines += [f"  {record!r}" for record in self.layers]
        if self.attributions is not None:
            lines += [f"  {each!r}" for each in self.attributions.methods]
        if self.contributions is not None:
            lines += [Sentence("  {line}", line) for line in repr(self.contributions).split("\n")]
        return "\n".join([*lines, *(Sentence("  {note}", note) for note in self.notes)])


def _shape(shape: tuple[int, ...]) -> str:
    return "\u00d7".join(map(str, shape))


# Training examples that are compared; of more a sample is drawn.
MOST_COMPARED = 2000


class Neighbour(NamedTuple):
    """Training example near an input.

    `row`: its place among those that were compared; `distance`: to the input, in the last hidden layer;
    `share`: the distance relative to the median of all that were compared.
    """

    row: int
    distance: float
    share: float


def nearest(
    hidden: Float32[np.ndarray, "1 features"], examples: Float32[np.ndarray, "examples features"], count: int
) -> Sequence[Neighbour]:
    """Nearest training examples in the last hidden layer, at most `count`, nearest first."""
    difference: Float64[np.ndarray, "examples features"] = examples.astype(np.float64) - hidden.astype(
        np.float64
    )
    distances = np.sqrt((difference**2).sum(axis=1))
    middle = float(np.median(distances)) if len(distances) else 0.0
    return [
        Neighbour(int(row), float(distances[row]), float(distances[row]) / middle if middle else 0.0)
        for row in np.argsort(distances, kind="stable")[:count]
    ]
