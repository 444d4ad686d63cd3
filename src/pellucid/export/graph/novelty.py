"""Novelty detectors as layers: the same scores as `pellucid.novelty`, in double precision."""

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from pellucid.novelty import Detector, Measure
from pellucid.novelty.directions import Directions
from pellucid.novelty.neighbours import NEIGHBOUR, Neighbours

_TINY, _LEAST_REACH = 1e-12, 1e-9


def _kept(array: np.ndarray) -> Tensor:
    """A copy of an array as a tensor."""
    return torch.from_numpy(np.array(array))


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
        for name in ("scale", "mean", "axes", "whitening"):
            self.register_buffer(name, _kept(getattr(measure, name)))
        self.register_buffer("centres", _kept(measure.centres.T))
        self.register_buffer("lengths", _kept((measure.centres.astype(np.float64) ** 2).sum(axis=1)))

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
    """Products with rows of which few numbers are not 0: these alone are kept, which spares much memory.

    Attributes:
        columns: where the numbers of each row stand, (rows, most), filled up with 0.
        values: the numbers, filled up with 0, which adds nothing.

    Args:
        rows: all of them, sparse.
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
        self.register_buffer("columns", _kept(columns))
        self.register_buffer("values", _kept(values))

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
        self.measure = layer_of(detector.measure)
        for name in ("middle", "spread", "reference"):
            self.register_buffer(name, _kept(getattr(detector, name)))
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


def layer_of(measure: Measure) -> nn.Module:
    """The layer that measures as a measure does.

    Raises: `TypeError` if it is of no kind known here.
    """
    if isinstance(measure, Directions):
        return DirectionsLayer(measure)
    if isinstance(measure, Neighbours):
        return NeighboursLayer(measure)
    raise TypeError(f"measure: {type(measure).__name__} has no layer")
