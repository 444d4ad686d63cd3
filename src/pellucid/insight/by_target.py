"""What an opened answer of each target has of its own: what it is about, and the loss that goes back."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor
from torch.nn import functional

from pellucid.arithmetic.probabilities import sigmoid
from pellucid.bundle import Model
from pellucid.language.sentence import Sentence
from pellucid.networks.layers import of_questions
from pellucid.targets import CLASSIFICATION, MULTILABEL, ORDERED, PRESENT, REGRESSION, UNKNOWN, Target
from pellucid.targets.ordered import questions
from pellucid.targets.several import EVEN

# What a loss is against: a class, or of several labels the state of each; `None` where a number is predicted
# or an image made.
Against = int | tuple[int, ...] | None
# Number in question, by the outputs of a network.
Outputs = Float[Tensor, "batch outputs"]
Numbers = Float[Tensor, " batch"]
Score = Callable[[Outputs], Numbers]


def log_odds(outputs: Outputs, target: int) -> Numbers:
    """Log-odds of the class `target` against all others for each row of logits."""
    others = torch.cat([outputs[:, :target], outputs[:, target + 1 :]], 1)
    return outputs[:, target] - others.logsumexp(1)


class OfClass:
    """An answer of classes that exclude each other, opened for one of them."""

    link: ClassVar[str] = "softmax"  # line from logits to probabilities
    is_tempered: ClassVar[bool] = True  # whether the logits are divided by the temperature before it
    loss_kind: ClassVar[str] = "cross-entropy"  # line from logits to the loss
    opens_predictors: ClassVar[bool] = True  # whether pages show how a classical model decides on an output
    dtype: ClassVar[type[np.generic]] = np.int64  # of what the loss is against
    score_words: ClassVar[str] = "the log-odds of the class"

    def answered(self, model: Model, answer: Float64[np.ndarray, " outputs"]) -> int | None:
        """The class that is answered, or of several labels the most probable one that is, if any is."""
        return int(model.decided(answer[None])[0])

    def alone(self, target: int, classes: int) -> Against:
        """What a loss is against that is about a class, or a label, and nothing else."""
        return target

    def true(self, truth: Against, classes: int) -> Against:
        """What a loss is against by what is true of an input."""
        return truth

    def outputs(self, classes: tuple[str, ...]) -> tuple[str, ...]:
        """Names of a model's outputs."""
        return classes

    def output(self, target: int | None) -> int | None:
        """The output that a class or label in question has, or that says most about it."""
        return target

    def linked(self, target: Target, logits: Float64[np.ndarray, "n outputs"]) -> Float64[np.ndarray, "..."]:
        """What the line `link` makes of logits."""
        return target.of_logits(logits)

    def notes(self, target: int | None, classes: tuple[str, ...]) -> tuple[str, ...]:
        """Sentences that a reader of an explanation needs."""
        return ()

    def named(self, against: Any, classes: tuple[str, ...]) -> str:
        """What a loss is against, by name."""
        name: str = classes[against]
        return name

    def loss(self, outputs: Float[Tensor, "1 outputs"], against: Any) -> Float[Tensor, ""]:
        """The loss of one input."""
        return functional.cross_entropy(outputs, torch.tensor([against]))

    def decided(self, model: Model, answer: Float64[np.ndarray, " outputs"]) -> int | None:
        """Of two classes the one that is answered where a threshold decides."""
        return self.answered(model, answer) if model.threshold else None

    def thresholds(self, model: Model) -> tuple[float, ...]:
        """Probability from which on each of several labels is answered; none where one class is."""
        return ()

    def score(self, outputs: Outputs, target: int | None) -> Numbers:
        """The number that explanations are about: log-odds, or what is predicted."""
        assert target is not None  # the class that is answered, or that was asked for
        return log_odds(outputs, target)


class _OfOrdered(OfClass):
    """Outputs say of each class but the last whether a higher one is right; each is as a label by itself."""

    link, is_tempered, opens_predictors = "sigmoid", False, False

    def alone(self, target: int, classes: int) -> Against:
        """The truth about every output, were this the class."""
        return tuple(questions(np.array([target]), classes)[0].tolist())

    def true(self, truth: Against, classes: int) -> Against:
        return self.alone(truth, classes) if isinstance(truth, int) else truth

    def named(self, against: Any, classes: tuple[str, ...]) -> str:
        """The class, which is above as many as are said to be."""
        name: str = classes[sum(against)]
        return name

    def outputs(self, classes: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(Sentence("above {name}", name) for name in classes[:-1])

    def output(self, target: int | None) -> int | None:
        """That of the class being reached, or left behind where it is the lowest."""
        return None if target is None else max(0, target - 1)

    def linked(self, target: Target, logits: Float64[np.ndarray, "n outputs"]) -> Float64[np.ndarray, "..."]:
        return sigmoid(logits)

    def notes(self, target: int | None, classes: tuple[str, ...]) -> tuple[str, ...]:
        """What each output says, and which of them the parts of the answer add up to."""
        if target is None:
            return ()
        name = self.outputs(classes)[max(0, target - 1)]
        return (
            Sentence(
                "The classes are ordered: each output of the model says how probable it is that the class is "
                "above one of them. What its parts add is about {name!r}.",
                name,
            ),
        )

    def score(self, outputs: Outputs, target: int | None) -> Numbers:
        """Log-odds of the class, by the probabilities that the outputs give."""
        assert target is not None  # as of other classes
        probability = of_questions(outputs.sigmoid())[:, target]
        return probability.log() - torch.log1p(-probability)


class _OfLabel(OfClass):
    link, loss_kind, dtype = "sigmoid", "binary-cross-entropy", np.int8
    score_words = "the logit of the label"

    def answered(self, model: Model, answer: Float64[np.ndarray, " outputs"]) -> int | None:
        states = model.decided(answer[None])[0]
        return int(np.where(states == PRESENT, answer, answer - 1).argmax())

    def alone(self, target: int, classes: int) -> Against:
        """The label as present, all others as not known."""
        return tuple(PRESENT if code == target else UNKNOWN for code in range(classes))

    def named(self, against: Any, classes: tuple[str, ...]) -> str:
        """The labels that are present, joined by `;`."""
        return MULTILABEL.texts(np.array([against], np.int8), classes)[0] or "none of these"

    def loss(self, outputs: Float[Tensor, "1 outputs"], against: Any) -> Float[Tensor, ""]:
        states = torch.tensor(against)
        known = states != UNKNOWN
        present = (states[known] == PRESENT).to(outputs.dtype)
        return functional.binary_cross_entropy_with_logits(outputs[0, known], present)

    def decided(self, model: Model, answer: Float64[np.ndarray, " outputs"]) -> int | None:
        return None

    def thresholds(self, model: Model) -> tuple[float, ...]:
        return tuple(model.threshold.get(name, EVEN) for name in model.classes)

    def score(self, outputs: Outputs, target: int | None) -> Numbers:
        """The logit of a label, which excludes no other, is its log-odds."""
        return outputs[:, target or 0]


class _OfNumber(OfClass):
    score_words = "the predicted number"

    def answered(self, model: Model, answer: Float64[np.ndarray, " outputs"]) -> int | None:
        return None

    def score(self, outputs: Outputs, target: int | None) -> Numbers:
        return outputs[:, 0]


OPENED: dict[Target, OfClass] = {
    CLASSIFICATION: OfClass(),
    ORDERED: _OfOrdered(),
    REGRESSION: _OfNumber(),
    MULTILABEL: _OfLabel(),
}


def loss_against(against: int | tuple[int, ...]) -> OfClass:
    """What a loss against a class, or against states of labels, has of its own."""
    return OPENED[MULTILABEL if isinstance(against, tuple) else CLASSIFICATION]
