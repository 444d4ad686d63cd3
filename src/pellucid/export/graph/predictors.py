"""Classical predictors as layers, which answer as those of `pellucid.classical`, in double precision."""

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from pellucid.classical import Predictor
from pellucid.classical.predictors.constant import Constant
from pellucid.classical.predictors.forest import Forest
from pellucid.classical.predictors.kernel import SHARPNESS, Kernel
from pellucid.classical.predictors.linear import Linear

_UP_TO_DOUBLE = torch.float64


class ConstantLayer(nn.Module):
    """The same answer for every row."""

    answer: Tensor

    def __init__(self, predictor: Constant) -> None:
        super().__init__()
        self.register_buffer("answer", torch.from_numpy(predictor.answer.copy()))

    def forward(self, features: Float[Tensor, "batch d"]) -> Float64[Tensor, "batch outputs"]:
        """Probabilities, or the number in column 0."""
        return self.answer.unsqueeze(0).expand(features.shape[0], -1)


class LinearLayer(nn.Module):
    """Weighted sum of the features, as probabilities or as a number."""

    weights: Tensor
    bias: Tensor
    spread: "Spread"

    def __init__(self, predictor: Linear) -> None:
        super().__init__()
        self.register_buffer("weights", torch.from_numpy(predictor.weights.copy()))
        self.register_buffer("bias", torch.from_numpy(predictor.bias.copy()))
        self.spread = Spread(predictor.classes, predictor.outputs, predictor.number)

    def forward(self, features: Float[Tensor, "batch d"]) -> Float64[Tensor, "batch outputs"]:
        """Probabilities, or the number in column 0."""
        spread: Tensor = self.spread(features.to(_UP_TO_DOUBLE) @ self.weights + self.bias)
        return spread


class KernelLayer(nn.Module):
    """Likeness to kept examples, weighted and added up; of classes every pair decides."""

    mean: Tensor
    projection: Tensor
    points: Tensor
    lengths: Tensor
    weights: Tensor
    bias: Tensor
    sign: Tensor
    spread: "Spread"

    def __init__(self, predictor: Kernel) -> None:
        super().__init__()
        points = predictor.points.astype(np.float64)
        self.register_buffer("mean", torch.from_numpy(predictor.mean.copy()))
        self.register_buffer("projection", torch.from_numpy(predictor.projection.copy()))
        self.register_buffer("points", torch.from_numpy(predictor.points.T.copy()))
        self.register_buffer("lengths", torch.from_numpy((points**2).sum(axis=1)))
        self.gamma, self.scale, self.number = (
            float(predictor.gamma[0]),
            float(predictor.scale[0]),
            predictor.number,
        )
        self.sizes = np.diff(predictor.ends, prepend=0).tolist()
        self.register_buffer("weights", torch.from_numpy(_against_each(predictor)))
        self.register_buffer("bias", torch.from_numpy(_of_pairs(predictor)))
        self.register_buffer("sign", torch.from_numpy(_signs(len(predictor.classes))))
        self.spread = Spread(predictor.classes, predictor.outputs, predictor.number)

    def forward(self, features: Float[Tensor, "batch d"]) -> Float64[Tensor, "batch outputs"]:
        """Probabilities, or the number in column 0."""
        rows = (features.to(_UP_TO_DOUBLE) - self.mean) @ self.projection.to(_UP_TO_DOUBLE)
        distances = (
            rows.square().sum(1, keepdim=True) - 2 * rows @ self.points.to(_UP_TO_DOUBLE) + self.lengths
        )
        near = (-self.gamma * distances.clamp(min=0)).exp()
        if self.number:
            return near @ self.weights + self.bias
        spread: Tensor = self.spread(self._votes(near) * self.scale)
        return spread

    def _votes(self, near: Float64[Tensor, "batch points"]) -> Float64[Tensor, "batch columns"]:
        """Softly counted wins of each class against the others."""
        parts = zip(torch.split(near, self.sizes, 1), torch.split(self.weights, self.sizes), strict=True)
        won = torch.stack([of_class @ weights for of_class, weights in parts], 1)
        decisions = won + won.transpose(1, 2) + self.bias
        sure = torch.sigmoid(SHARPNESS * self.sign * decisions)
        return (sure * self.sign.abs()).sum(2)


def _against_each(predictor: Kernel) -> np.ndarray:
    """Weights with a column for every class, 0 for a point's own; of a number as they are."""
    if predictor.number:
        return predictor.weights.copy()
    count, columns = len(predictor.points), len(predictor.classes)
    owner = np.searchsorted(predictor.ends, np.arange(count), "right")
    weights = np.zeros((count, columns))
    weights[np.arange(columns) != owner[:, np.newaxis]] = predictor.weights.ravel()
    return weights


def _of_pairs(predictor: Kernel) -> np.ndarray:
    """Bias of each pair in a symmetric table; of a number as it is."""
    if predictor.number:
        return predictor.bias.copy()
    columns = len(predictor.classes)
    bias, (first, second) = np.zeros((columns, columns)), np.triu_indices(columns, 1)
    bias[first, second] = bias[second, first] = predictor.bias
    return bias


def _signs(columns: int) -> np.ndarray:
    """For whom a decision of two classes speaks: 1 the first, -1 the second, 0 a class by itself."""
    ones = np.ones((columns, columns))
    return np.triu(ones, 1) - np.tril(ones, -1)


class ForestLayer(nn.Module):
    """Trees that all go down one level at a time, and the mean of what their leaves answer."""

    roots: Tensor
    feature: Tensor
    left: Tensor
    right: Tensor
    threshold: Tensor
    of_leaf: Tensor
    answers: Tensor

    def __init__(self, predictor: Forest) -> None:
        super().__init__()
        answers, of_leaf = _answers_of_leaves(predictor)
        for name in ("roots", "feature", "left", "right"):
            self.register_buffer(name, torch.from_numpy(getattr(predictor, name).copy()))
        self.register_buffer("threshold", torch.from_numpy(predictor.threshold.copy()))
        self.register_buffer("of_leaf", torch.from_numpy(of_leaf))
        self.register_buffer("answers", torch.from_numpy(answers))
        self.depth = _depth(predictor)

    def forward(self, features: Float[Tensor, "batch d"]) -> Float64[Tensor, "batch outputs"]:
        """Probabilities, or the number in column 0."""
        place = self.roots.unsqueeze(0).expand(features.shape[0], -1)
        for _ in range(self.depth):
            node = place.clamp(min=0).long()
            yes = features.gather(1, self.feature[node].long()) <= self.threshold[node]
            following = torch.where(yes, self.left[node], self.right[node])
            place = torch.where(place >= 0, following, place)
        leaves = self.of_leaf[(-1 - place).long()].long()
        return self.answers[leaves].mean(1)


def _answers_of_leaves(predictor: Forest) -> tuple[np.ndarray, np.ndarray]:
    """Different answers of leaves, and which of them each leaf gives: most leaves know one class alone."""
    shares, starts = predictor.shares, np.concatenate([[0], predictor.ends[:-1]])
    known: dict[bytes, int] = {}
    rows: list[tuple[int, int]] = []
    of_leaf = np.zeros(len(predictor.ends), np.int32)
    for leaf, (start, end) in enumerate(zip(starts.tolist(), predictor.ends.tolist(), strict=True)):
        key = predictor.entry[start:end].tobytes() + shares[start:end].tobytes()
        of_leaf[leaf] = known.setdefault(key, len(known))
        if of_leaf[leaf] == len(rows):
            rows.append((start, end))
    answers = np.zeros((len(rows), predictor.outputs))
    for row, (start, end) in enumerate(rows):
        answers[row, predictor.entry[start:end]] = shares[start:end]
    return answers, of_leaf


def _depth(predictor: Forest) -> int:
    """Most questions in a row."""
    level, depth = predictor.roots[predictor.roots >= 0], 0
    while len(level):
        depth += 1
        following = np.concatenate([predictor.left[level], predictor.right[level]])
        level = following[following >= 0]
    return depth


class Spread(nn.Module):
    """Scores of the classes that were there to learn as probabilities of all classes; numbers as they are."""

    chosen: Tensor

    def __init__(self, classes: np.ndarray, outputs: int, number: bool) -> None:
        super().__init__()
        self.number, self.outputs = number, outputs
        self.is_whole = len(classes) == outputs
        chosen = np.zeros((len(classes), outputs))
        chosen[np.arange(len(classes)), classes] = 1
        self.register_buffer("chosen", torch.from_numpy(chosen))

    def forward(self, scores: Float64[Tensor, "batch columns"]) -> Float64[Tensor, "batch outputs"]:
        """Probabilities, or the number in column 0."""
        if self.number:
            return scores
        probabilities = scores.softmax(1)
        return probabilities if self.is_whole else probabilities @ self.chosen


def layer_of(predictor: Predictor) -> nn.Module:
    """The layer that answers as a predictor does.

    Raises: `TypeError` if it is of no kind known here.
    """
    if isinstance(predictor, Constant):
        return ConstantLayer(predictor)
    if isinstance(predictor, Linear):
        return LinearLayer(predictor)
    if isinstance(predictor, Kernel):
        return KernelLayer(predictor)
    if isinstance(predictor, Forest):
        return ForestLayer(predictor)
    raise TypeError(f"predictor: {type(predictor).__name__} has no layer")
