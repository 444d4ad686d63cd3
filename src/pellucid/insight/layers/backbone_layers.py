"""Layers into which a backbone is unfolded, where neither torch nor our own networks have one for them."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

Pair = tuple[int, int]


class Resize(nn.Module):
    """Scaling of images, as `ScaleAndStandardise` does it.

    Args:
        size: new height and width.
        channels: as many as there are, or more where there is one.
    """

    def __init__(self, size: Pair, channels: int) -> None:
        super().__init__()
        self.size, self.channels = size, channels

    def forward(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch new_channels new_height new_width"]:
        """Scaled images."""
        images = images.expand(-1, self.channels, -1, -1)
        own = (images.shape[2], images.shape[3])
        if own == self.size:
            return images
        is_smaller = self.size[0] < own[0] or self.size[1] < own[1]
        return functional.interpolate(
            images, self.size, mode="bilinear", align_corners=False, antialias=is_smaller
        )


class PaddedConvolution(nn.Conv2d):
    """Convolution padded below and right otherwise than above and left, as TensorFlow does it.

    Attributes:
        before: rows above and columns to the left.
        after: rows below and columns to the right.

    Args:
        layer: the convolution, whose weights are shared.
        before: see the attribute.
        after: likewise.
    """

    before: Pair
    after: Pair

    def __init__(self, layer: nn.Conv2d, before: Pair, after: Pair) -> None:
        super().__init__(
            layer.in_channels,
            layer.out_channels,
            (layer.kernel_size[0], layer.kernel_size[1]),
            (layer.stride[0], layer.stride[1]),
            groups=layer.groups,
            bias=layer.bias is not None,
            device="meta",
        )
        self.weight, self.bias = layer.weight, layer.bias
        self.before, self.after = before, after

    def forward(
        self, input: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch filters rows columns"]:
        """Maps of the padded input."""
        (top, left), (bottom, right) = self.before, self.after
        return super().forward(functional.pad(input, (left, right, top, bottom)))


class Sum(nn.Module):
    """Addition of a shortcut, both terms left as they are."""

    def forward(
        self, maps: Float[Tensor, "*shape"], shortcut: Float[Tensor, "*shape"]
    ) -> Float[Tensor, "*shape"]:
        """Sum."""
        return maps + shortcut


class SideBySide(nn.Module):
    """Several feature vectors beside one another."""

    def forward(self, *parts: Float[Tensor, "batch _"]) -> Float[Tensor, "batch features"]:
        """All features."""
        return torch.cat(parts, dim=1)


class Closed(nn.Module):
    """Step of a backbone that is computed, but not opened.

    Attributes:
        what: the step in words.
        gives_values: whether its result is an array of numbers.

    Args:
        step: a layer or function.
        what: see the attribute.
        gives_values: likewise.
    """

    what: str
    gives_values: bool

    def __init__(self, step: Callable[..., Any], what: str, gives_values: bool) -> None:
        super().__init__()
        self.step, self.what, self.gives_values = step, what, gives_values

    def forward(self, *given: Any, **settings: Any) -> Any:
        """Result of the step."""
        return self.step(*given, **settings)
