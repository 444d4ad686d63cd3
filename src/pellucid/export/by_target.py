"""What exports of each target have of their own: the end of the graph, its proof, the score of precision."""

from abc import ABC, abstractmethod
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Shaped
from torch import Tensor

from pellucid.bundle import Model
from pellucid.evaluation.by_target import SCORING
from pellucid.networks.layers import of_questions
from pellucid.targets import CLASSIFICATION, MULTILABEL, ORDERED, REGRESSION, Labels, Target

Outputs: TypeAlias = Float[Tensor, "batch ..."]
Answers: TypeAlias = Float64[np.ndarray, "n ..."]
Decided: TypeAlias = Shaped[np.ndarray, "n ..."]


class Scored(NamedTuple):
    """Scores of the answers of two files, and p that they differ as much by chance."""

    full: float
    less: float
    p_value: float
    is_less_better: bool = False  # whether a smaller score is a better one

    @property
    def is_worse(self) -> bool:
        """Whether the second file has the worse score."""
        return self.full < self.less if self.is_less_better else self.less < self.full


def scored(labels: Labels, ours: Decided, theirs: Decided) -> Scored:
    """Scores of decided labels, or of numbers, of two files."""
    scoring, p_value = SCORING[labels.target], 1.0
    if (ours != theirs).any():
        (compared,) = scoring.compare(labels.values, {"full": ours, "less": theirs}, None, 0)
        p_value = compared.p_value
    values = scoring.value(labels, ours), scoring.value(labels, theirs)
    return Scored(*values, p_value, scoring.metric.is_error)


class Head(ABC):
    """What a graph ends in, in torch what a target's methods are in NumPy, and how its answers agree."""

    score: str  # for people
    label: str = "label"  # of an example, for people

    @abstractmethod
    def of_logits(self, outputs: Outputs, temperature: float) -> Outputs:
        """Answers of a network's outputs."""

    def of_columns(self, outputs: Outputs) -> Outputs:
        """Answers of a classical predictor's outputs."""
        return outputs

    def tempered(self, answers: Outputs, temperature: float) -> Outputs:
        """Answers at a temperature."""
        return answers if temperature == 1 else self._powered(answers, temperature)

    @abstractmethod
    def _powered(self, answers: Outputs, temperature: float) -> Outputs:
        """Answers at a temperature that is not 1."""

    def scale(self, answers: Answers) -> float:
        """What differences of answers are shares of."""
        return 1.0

    @abstractmethod
    def are_other(self, model: Model, ours: Answers, theirs: Answers, tie: float) -> Bool[np.ndarray, " n"]:
        """Whether a file's answers decide for a label which the model's, moved by a tie, do not."""

    def in_words(self, model: Model, answer: Answers) -> str:
        """An answer for messages: the label, or labels, and the probability."""
        labels = model.decided(answer)
        (label,) = model.target.texts(labels, model.classes)
        return f"{label or 'none'} {model.target.probability(answer, labels)[0]:.5f}"


class _Classes(Head):
    score = "accuracy"

    def of_logits(self, outputs: Outputs, temperature: float) -> Outputs:
        return (outputs / temperature).softmax(1)

    def _powered(self, answers: Outputs, temperature: float) -> Outputs:
        """Probabilities to the power of one over the temperature, that sum to 1 again."""
        powers = (answers / answers.amax(1, keepdim=True)) ** (1 / temperature)
        return powers / powers.sum(1, keepdim=True)

    def are_other(self, model: Model, ours: Answers, theirs: Answers, tie: float) -> Bool[np.ndarray, " n"]:
        found, fewest, most = (model.decided(each) for each in (theirs, ours - tie, ours + tie))
        is_other = (found != fewest) & (found != most)
        if not model.threshold:
            rows = np.arange(len(ours))
            is_other &= ours[rows, most] - ours[rows, found] > tie
        return np.asarray(is_other)


class _Ordered(_Classes):
    score = "quadratic-weighted kappa"

    def of_logits(self, outputs: Outputs, temperature: float) -> Outputs:
        return self.tempered(of_questions(outputs.sigmoid()), temperature)

    def of_columns(self, outputs: Outputs) -> Outputs:
        return of_questions(outputs)


class _Several(Head):
    score, label = "micro-F1", "labels"

    def of_logits(self, outputs: Outputs, temperature: float) -> Outputs:
        return (outputs / temperature).sigmoid()

    def _powered(self, answers: Outputs, temperature: float) -> Outputs:
        """Each probability of presence against absence."""
        larger = torch.maximum(answers, 1 - answers)
        present, absent = ((each / larger) ** (1 / temperature) for each in (answers, 1 - answers))
        return present / (present + absent)

    def are_other(self, model: Model, ours: Answers, theirs: Answers, tie: float) -> Bool[np.ndarray, " n"]:
        # Where a threshold decides, it is met by the model's probability, or missed, within the tie.
        found, fewest, most = (model.decided(each) for each in (theirs, ours - tie, ours + tie))
        return np.asarray(((found < fewest) | (found > most)).any(axis=1))


class _Numbers(Head):
    score = "RMSE"

    def of_logits(self, outputs: Outputs, temperature: float) -> Outputs:
        return outputs[:, 0]

    def of_columns(self, outputs: Outputs) -> Outputs:
        return outputs[:, 0]

    def _powered(self, answers: Outputs, temperature: float) -> Outputs:
        return answers

    def scale(self, answers: Answers) -> float:
        """The largest number."""
        return max(1e-30, float(np.abs(answers).max()))

    def are_other(self, model: Model, ours: Answers, theirs: Answers, tie: float) -> Bool[np.ndarray, " n"]:
        return np.zeros(len(ours), bool)

    def in_words(self, model: Model, answer: Answers) -> str:
        """The number."""
        return f"{answer[0]:.6g}"


HEADS: dict[Target, Head] = {
    CLASSIFICATION: _Classes(),
    ORDERED: _Ordered(),
    REGRESSION: _Numbers(),
    MULTILABEL: _Several(),
}
