"""Classical predictors, features of images and novelty detectors as layers that exporters can follow."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float, Float64, UInt8
from torch import Tensor, nn
from torch.nn import functional

from pellucid.classical import Predictor
from pellucid.classical.forests import Forest
from pellucid.classical.image_features import (
    BLOCK,
    CLIP,
    EPSILON,
    LONGEST_OF_HOG,
    LONGEST_OF_PIXELS,
    ORIENTATIONS,
    Grid,
    grid,
    group,
    smaller,
)
from pellucid.classical.kernel_machines import SHARPNESS, Kernel
from pellucid.classical.predictors import Constant, Linear
from pellucid.networks import Network
from pellucid.networks.backbone import ScaleAndStandardise
from pellucid.novelty import Detector, Measure
from pellucid.novelty.measures import NEIGHBOUR, Directions, Neighbours

Outputs = Float64[Tensor, "batch outputs"]


def _keep(layer: nn.Module, **arrays: np.ndarray) -> None:
    """Register copies of arrays as buffers."""
    for name, array in arrays.items():
        layer.register_buffer(name, torch.from_numpy(np.array(array)))


class ScaleByProducts(nn.Module):
    r"""Scaling of images as two products, $R x C^\top$, and their standardisation, of `ScaleAndStandardise`.

    Scaling mixes rows, then columns; what it mixes shows in the scaled identity. No export has an operator
    for it.
    """

    rows: Tensor
    columns: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, layer: ScaleAndStandardise, height: int, width: int) -> None:
        super().__init__()
        for name, old, new in (("rows", height, layer.size[0]), ("columns", width, layer.size[1])):
            is_smaller = layer.size[0] < height or layer.size[1] < width
            scaled = functional.interpolate(
                torch.eye(old)[None, None],
                (new, old),
                mode="bilinear",
                align_corners=False,
                antialias=is_smaller,
            )
            self.register_buffer(name, scaled[0, 0])
        self.register_buffer("mean", layer.mean)
        self.register_buffer("std", layer.std)

    def forward(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch 3 seen_height seen_width"]:
        """Scaled and standardised images."""
        scaled = self.rows @ images @ self.columns.T
        return (scaled.expand(-1, 3, -1, -1) - self.mean) / self.std


def without_scaling(network: Network) -> Network:
    """The network, or a copy of it whose scaling of images, if it has one, is made of products."""
    prepare = dict(network.body.named_children()).get("prepare")
    if not isinstance(prepare, ScaleAndStandardise) or prepare.size == network.config.input_shape[1:]:
        return network
    network = copy.deepcopy(network)
    _, height, width = network.config.input_shape
    network.body.prepare = ScaleByProducts(prepare, height, width)
    return network


class ConstantLayer(nn.Module):
    """The same answer for every row."""

    answer: Tensor

    def __init__(self, predictor: Constant) -> None:
        super().__init__()
        _keep(self, answer=predictor.answer)

    def forward(self, features: Float[Tensor, "batch d"]) -> Outputs:
        """Probabilities, or the number in column 0."""
        return self.answer.unsqueeze(0).expand(features.shape[0], -1)


class LinearLayer(nn.Module):
    """Weighted sum of the features, as probabilities or as a number."""

    weights: Tensor
    bias: Tensor
    spread: "Spread"

    def __init__(self, predictor: Linear) -> None:
        super().__init__()
        _keep(self, weights=predictor.weights, bias=predictor.bias)
        self.spread = Spread(predictor)

    def forward(self, features: Float[Tensor, "batch d"]) -> Outputs:
        """Probabilities, or the number in column 0."""
        spread: Tensor = self.spread(features.double() @ self.weights + self.bias)
        return spread


class KernelLayer(nn.Module):
    """Kernel similarity to support vectors, weighted and added up; of classes every pair decides."""

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
        columns = len(predictor.classes)
        weights, bias = predictor.weights, predictor.bias
        self.is_of_pairs = predictor.exclusive and not predictor.number
        if self.is_of_pairs:
            # Weights with a column for every class, 0 for a point's own; the bias of each pair, symmetric.
            owner = np.searchsorted(predictor.ends, np.arange(len(points)), "right")
            weights = np.zeros((len(points), columns))
            weights[np.arange(columns) != owner[:, np.newaxis]] = predictor.weights.ravel()
            bias, (first, second) = np.zeros((columns, columns)), np.triu_indices(columns, 1)
            bias[first, second] = bias[second, first] = predictor.bias
        self.gamma, self.scale = float(predictor.gamma[0]), float(predictor.scale[0])
        self.sizes = np.diff(predictor.ends, prepend=0).tolist()
        ones = np.ones((columns, columns))
        _keep(
            self,
            mean=predictor.mean,
            projection=predictor.projection,
            points=predictor.points.T.copy(),
            lengths=(points**2).sum(axis=1),
            weights=weights,
            bias=bias,
            # For whom a decision of two classes speaks: 1 the first, -1 the second, 0 a class by itself.
            sign=np.triu(ones, 1) - np.tril(ones, -1),
        )
        self.spread = Spread(predictor)

    def forward(self, features: Float[Tensor, "batch d"]) -> Outputs:
        """Probabilities, or the number in column 0."""
        rows = (features.double() - self.mean) @ self.projection.double()
        distances = rows.square().sum(1, keepdim=True) - 2 * rows @ self.points.double() + self.lengths
        near = (-self.gamma * distances.clamp(min=0)).exp()
        if not self.is_of_pairs:
            decided: Tensor = self.spread(near @ self.weights + self.bias)
            return decided
        # Softly counted wins of each class against the others.
        parts = zip(torch.split(near, self.sizes, 1), torch.split(self.weights, self.sizes), strict=True)
        won = torch.stack([of_class @ weights for of_class, weights in parts], 1)
        decisions = won + won.transpose(1, 2) + self.bias
        sure = torch.sigmoid(SHARPNESS * self.sign * decisions)
        spread: Tensor = self.spread((sure * self.sign.abs()).sum(2) * self.scale)
        return spread


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
        for name in ("roots", "feature", "left", "right", "threshold"):
            _keep(self, **{name: getattr(predictor, name)})
        _keep(self, of_leaf=of_leaf, answers=answers)
        # Most questions in a row.
        level, depth = predictor.roots[predictor.roots >= 0], 0
        while len(level):
            depth += 1
            following = np.concatenate([predictor.left[level], predictor.right[level]])
            level = following[following >= 0]
        self.depth = depth

    def forward(self, features: Float[Tensor, "batch d"]) -> Outputs:
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


class Spread(nn.Module):
    """Scores of the classes that were there to learn as probabilities of all classes; numbers as they are."""

    chosen: Tensor

    def __init__(self, predictor: Linear | Kernel) -> None:
        super().__init__()
        self.number, self.exclusive = predictor.number, predictor.exclusive
        classes, outputs = predictor.classes, predictor.outputs
        self.is_whole = len(classes) == outputs
        chosen = np.zeros((len(classes), outputs))
        chosen[np.arange(len(classes)), classes] = 1
        _keep(self, chosen=chosen)

    def forward(self, scores: Float64[Tensor, "batch columns"]) -> Outputs:
        """Probabilities, or the number in column 0."""
        if self.number:
            return scores
        probabilities = scores.softmax(1) if self.exclusive else scores.sigmoid()
        return probabilities if self.is_whole else probabilities @ self.chosen


_PREDICTORS: dict[type, Callable[[Any], nn.Module]] = {
    Constant: ConstantLayer,
    Linear: LinearLayer,
    Kernel: KernelLayer,
    Forest: ForestLayer,
}


def make_predictor_layer(predictor: Predictor) -> nn.Module:
    """The layer that answers as a predictor does.

    Raises: `TypeError` if it is of no kind known here.
    """
    if type(predictor) not in _PREDICTORS:
        raise TypeError(f"predictor: {type(predictor).__name__} has no layer")
    return _PREDICTORS[type(predictor)](predictor)


# Features of images for classical models, as layers: the same numbers as `pellucid.classical.features`.

_BRIGHTEST = 255.0


class Pooled(nn.Module):
    """Mean of square groups of pixels; groups at the right and lower border may be smaller."""

    counts: Tensor

    def __init__(self, height: int, width: int, longest: int) -> None:
        super().__init__()
        self.side = group(height, width, longest)
        rows, columns = smaller(height, width, longest)
        self.more = (0, columns * self.side - width, 0, rows * self.side - height)
        down = np.diff(np.arange(0, height, self.side), append=height)
        across = np.diff(np.arange(0, width, self.side), append=width)
        _keep(self, counts=np.outer(down, across).astype(np.float32))

    def forward(
        self, pixels: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels rows columns"]:
        """Smaller images, values as before."""
        if self.side == 1:
            return pixels
        padded = functional.pad(pixels, self.more)
        summed = functional.avg_pool2d(padded, self.side, divisor_override=1)
        result: Tensor = summed / self.counts
        return result


class Pixels(nn.Module):
    """Square roots of the brightness, 0 to 1, in rows of (height, width, channels)."""

    pooled: Pooled

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.pooled = Pooled(height, width, LONGEST_OF_PIXELS)

    def forward(self, images: UInt8[Tensor, "batch channels height width"]) -> Float[Tensor, "batch d"]:
        """One row for each image."""
        smaller_images: Tensor = self.pooled(images.float()).permute(0, 2, 3, 1).flatten(1)
        return (smaller_images / _BRIGHTEST).sqrt()


class Hog(nn.Module):
    """Histograms of oriented gradients.

    Every pixel votes in each orientation by a weight that is 0 in all but two, so that nothing has to be
    scattered; the mean over a cell is then a pooling.
    """

    pooled: Pooled

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.pooled = Pooled(height, width, LONGEST_OF_HOG)
        rows, columns = smaller(height, width, LONGEST_OF_HOG)
        self.parted = grid(rows, columns)
        self.top = (rows - self.parted.rows * self.parted.cell) // 2
        self.left = (columns - self.parted.columns * self.parted.cell) // 2

    def forward(self, images: UInt8[Tensor, "batch channels height width"]) -> Float[Tensor, "batch d"]:
        """One row for each image."""
        cell, high, wide = self.parted.cell, self.parted.rows, self.parted.columns
        down, across = (
            each[:, self.top : self.top + high * cell, self.left : self.left + wide * cell]
            for each in _gradients(self.pooled(images.float()) / _BRIGHTEST)
        )
        # Length of each gradient, shared by the two nearest of the orientations.
        strength = (down.square() + across.square()).sqrt()
        # Both halves of the turn are one orientation, so that the arc tangent of a quotient tells it; the
        # exporter makes of `atan2` one that is no number where there is no gradient.
        is_level = across == 0
        turn = (down / torch.where(is_level, 1.0, across)).atan() * (ORIENTATIONS / np.pi)
        turn = torch.where(is_level, ORIENTATIONS / 2, turn)
        turn = torch.where(turn < 0, turn + ORIENTATIONS, turn) - 0.5
        lower = turn.floor()
        upper_part = turn - lower
        lower_bin = torch.where(lower < 0, lower + ORIENTATIONS, lower)
        upper_bin = torch.where(lower_bin + 1 >= ORIENTATIONS, 0.0, lower_bin + 1)
        votes = [
            strength * ((lower_bin == each) * (1 - upper_part) + (upper_bin == each) * upper_part)
            for each in range(ORIENTATIONS)
        ]
        cells = functional.avg_pool2d(torch.stack(votes, 1), cell)
        return _normalised(cells, self.parted).flatten(1)


def _gradients(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Differences of the two neighbours, 0 at the border, of the channel where they are longest."""
    down = functional.pad(pixels[:, :, 2:] - pixels[:, :, :-2], (0, 0, 1, 1))
    across = functional.pad(pixels[:, :, :, 2:] - pixels[:, :, :, :-2], (1, 1))
    if pixels.shape[1] == 1:
        return down[:, 0], across[:, 0]
    longest = (down.square() + across.square()).argmax(1, keepdim=True)
    return down.gather(1, longest)[:, 0], across.gather(1, longest)[:, 0]


def _normalised(
    cells: Float[Tensor, "batch orientations rows columns"], parted: Grid
) -> Float[Tensor, "batch down across values"]:
    """Blocks of neighbouring cells at length 1, clipped, and at length 1 again."""
    down, across, _ = parted.blocks
    high, wide = min(BLOCK, parted.rows), min(BLOCK, parted.columns)
    last = cells.permute(0, 2, 3, 1)
    blocks = torch.cat(
        [
            last[:, row : row + down, column : column + across]
            for row in range(high)
            for column in range(wide)
        ],
        dim=3,
    )
    # In units of the small number: the exporter leaves out a sum with one as small as its square.
    blocks = _at_length_1(blocks / EPSILON).clamp(max=CLIP)
    return _at_length_1(blocks / EPSILON)


def _at_length_1(
    blocks: Float[Tensor, "batch down across values"],
) -> Float[Tensor, "batch down across values"]:
    """Blocks over their length, to whose square 1 is added."""
    return blocks / (blocks.square().sum(3, keepdim=True) + 1).sqrt()


# Novelty detectors as layers: the same scores as `pellucid.novelty`, in double precision.

_TINY = 1e-12  # length, so that nothing is divided by 0
_LEAST_REACH = 1e-9  # distance


class DirectionsLayer(nn.Module):
    """Distance from the training examples along and beside the directions in which these vary most."""

    scale: Tensor
    mean: Tensor
    axes: Tensor
    whitening: Tensor
    centres: Tensor
    lengths: Tensor

    def __init__(self, measure: Directions) -> None:
        super().__init__()
        self.of_layer, self.rest = measure.of_layer, float(measure.rest[0])
        _keep(
            self,
            scale=measure.scale,
            mean=measure.mean,
            axes=measure.axes,
            whitening=measure.whitening,
            centres=measure.centres.T,
            lengths=(measure.centres.astype(np.float64) ** 2).sum(axis=1),
        )

    def forward(self, features: Float[Tensor, "batch d"]) -> Float64[Tensor, "batch signals"]:
        """Signals of each row."""
        scaled = features.double() / self.scale
        length = scaled.square().sum(1, keepdim=True).sqrt()
        if self.of_layer:
            scaled = scaled / length.clamp(min=_TINY)
        offset = scaled - self.mean
        along = (offset.float() @ self.axes).double()
        white = along @ self.whitening.double()
        squared = white.square().sum(1, keepdim=True) - 2 * white @ self.centres.double() + self.lengths
        distance = squared.amin(1, keepdim=True).clamp(min=0)
        if self.rest > 0:
            beside = offset.square().sum(1, keepdim=True) - along.square().sum(1, keepdim=True)
            distance = distance + beside.clamp(min=0) / self.rest
        distance = distance.sqrt()
        return torch.cat([distance, -length.clamp(min=_TINY).log()], 1) if self.of_layer else distance


class NeighboursLayer(nn.Module):
    """Distances from the fifth kept text and from the nearest centre."""

    kept: "FewEntries"
    centres: "FewEntries"

    def __init__(self, measure: Neighbours) -> None:
        super().__init__()
        self.place = min(NEIGHBOUR, measure.kept.shape[0])
        self.kept, self.centres = FewEntries(measure.kept), FewEntries(measure.centres)

    def forward(self, features: Float[Tensor, "batch d"]) -> Float64[Tensor, "batch signals"]:
        """Signals of each row."""
        neighbour = self.kept(features).topk(self.place, 1).values[:, -1]
        centre = self.centres(features).amax(1)
        return 1 - torch.stack([neighbour, centre], 1).double()


class FewEntries(nn.Module):
    """Products with sparse rows, of which only the entries other than 0 are kept.

    Attributes:
        columns: of the entries of each row, (rows, most), padded with 0.
        values: of the entries, padded with 0, which adds nothing.

    Args:
        rows: all of them.
    """

    columns: Tensor
    values: Tensor

    def __init__(self, rows: scipy.sparse.csr_array) -> None:
        super().__init__()
        lengths = np.diff(rows.indptr)
        shape = (len(lengths), max(1, int(lengths.max())))
        inside = np.arange(shape[1]) < lengths[:, np.newaxis]
        columns, values = np.zeros(shape, np.int32), np.zeros(shape, np.float32)
        columns[inside], values[inside] = rows.indices, rows.data
        _keep(self, columns=columns, values=values)

    def forward(self, features: Float[Tensor, "batch d"]) -> Float[Tensor, "batch rows"]:
        """Product of each with each."""
        met = features.index_select(1, self.columns.flatten()).reshape(-1, *self.values.shape)
        products: Tensor = (met * self.values).sum(2)
        return products


class NoveltyLayer(nn.Module):
    """Novelty of features, 0 to 1: the share of validation examples that look less foreign."""

    measure: nn.Module
    middle: Tensor
    spread: Tensor
    reference: Tensor

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.measure = make_measure_layer(detector.measure)
        _keep(self, middle=detector.middle, spread=detector.spread, reference=detector.reference)
        count = len(detector.reference)
        self.count, self.last = count, float(detector.reference[-1])
        self.reach = max(self.last - float(detector.reference[count // 2]), _LEAST_REACH)

    def forward(self, features: Float[Tensor, "batch d"]) -> Float64[Tensor, " batch"]:
        """One number for each row."""
        relative = (self.measure(features) - self.middle) / self.spread
        foreign = relative[:, 0] + relative[:, 1:].clamp(min=0).sum(1)
        below = (self.reference < foreign.unsqueeze(1)).double().sum(1)
        upto = (self.reference <= foreign.unsqueeze(1)).double().sum(1)
        found = ((below + upto) / 2 + 0.5) / (self.count + 1)
        excess = foreign - self.last
        beyond = 1 - 0.5 / (self.count + 1) * self.reach / (self.reach + excess.clamp(min=0))
        return torch.where(excess > 0, beyond, found)


_MEASURES: dict[type, Callable[[Any], nn.Module]] = {
    Directions: DirectionsLayer,
    Neighbours: NeighboursLayer,
}


def make_measure_layer(measure: Measure) -> nn.Module:
    """The layer that measures as a measure does.

    Raises: `TypeError` if it is of no kind known here.
    """
    if type(measure) not in _MEASURES:
        raise TypeError(f"measure: {type(measure).__name__} has no layer")
    return _MEASURES[type(measure)](measure)
