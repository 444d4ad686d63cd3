"""Features of images for classical models, as layers: the same numbers as `pellucid.classical.features`."""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from pellucid.classical.features.hog import BLOCK, CLIP, EPSILON, ORIENTATIONS, Grid, grid
from pellucid.classical.features.kinds import LONGEST_OF_HOG, LONGEST_OF_PIXELS, group, smaller

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
        self.register_buffer("counts", torch.from_numpy(np.outer(down, across).astype(np.float32)))

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
        down, across = _gradients(self.pooled(images.float()) / _BRIGHTEST)
        cell, high, wide = self.parted.cell, self.parted.rows, self.parted.columns
        down = down[:, self.top : self.top + high * cell, self.left : self.left + wide * cell]
        across = across[:, self.top : self.top + high * cell, self.left : self.left + wide * cell]
        cells = functional.avg_pool2d(_votes(down, across), cell)
        return _normalised(cells, self.parted).flatten(1)


def _gradients(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Differences of the two neighbours, 0 at the border, of the channel where they are longest."""
    down = functional.pad(pixels[:, :, 2:] - pixels[:, :, :-2], (0, 0, 1, 1))
    across = functional.pad(pixels[:, :, :, 2:] - pixels[:, :, :, :-2], (1, 1))
    if pixels.shape[1] == 1:
        return down[:, 0], across[:, 0]
    longest = (down.square() + across.square()).argmax(1, keepdim=True)
    return down.gather(1, longest)[:, 0], across.gather(1, longest)[:, 0]


def _votes(
    down: Float[Tensor, "batch height width"], across: Float[Tensor, "batch height width"]
) -> Float[Tensor, "batch orientations height width"]:
    """Length of each gradient, shared by the two nearest of the orientations."""
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
    return torch.stack(votes, 1)


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
