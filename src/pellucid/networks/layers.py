"""Layers that the networks share, beside those of torch itself."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from jaxtyping import Float, Float64, Shaped
from torch import Tensor, nn

from pellucid.language.sentence import Sentence
from pellucid.networks.config import NetworkConfig
from pellucid.targets.ordered import LEAST

LEAKY_SLOPE = 0.01
# Examples, and values, made float64 at once: all images in float64 take eight times their 8 bits.
_CHUNK = 1024
_CHUNK_VALUES = 2**22


class Standardise(nn.Module):
    r"""Standardisation: subtract the training mean and divide by the deviation, per channel or feature.

    $$y = (x - \mu) / \sigma$$

    Of `input_shape`, `(channels, height, width)` or `(features,)`, only the first length matters.
    """

    mean: Tensor  # one number per channel or feature, in raw units (pixels 0 to 255)
    std: Tensor  # likewise, never 0

    def __init__(self, input_shape: tuple[int, ...]) -> None:
        super().__init__()
        shape = (input_shape[0],) + (1,) * (len(input_shape) - 1)
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("std", torch.ones(shape))

    def forward(self, inputs: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Standardised inputs."""
        return (inputs - self.mean).div_(self.std)

    @torch.no_grad()
    def fit(self, inputs: Shaped[Tensor, "*shape"]) -> None:
        """Set mean and deviation from at least one example, 8-bit pixels too, in two float64 passes.

        A channel or feature that is constant, or varies less than float32 resolves, keeps the
        divisor 1: it becomes 0 instead of noise.
        """
        axes = [0, *range(2, inputs.ndim)]
        count = inputs.numel() // inputs.shape[1]
        chunks = torch.split(inputs, min(_CHUNK, max(1, _CHUNK_VALUES // inputs[0].numel())))
        mean = torch.stack([chunk.double().sum(axes) for chunk in chunks]).sum(0) / count
        mean = mean.view(self.mean.shape)
        squares = torch.stack([(chunk.double() - mean).square().sum(axes) for chunk in chunks]).sum(0)
        std = (squares / count).sqrt().view(self.std.shape)
        constant = std <= torch.finfo(torch.float32).eps * mean.abs()
        self.mean.copy_(mean)
        self.std.copy_(torch.where(constant, 1.0, std))


class Rescale(nn.Module):
    r"""Inverse of the standardisation of labels: predictions in the unit of the numbers predicted.

    $$\hat y = \sigma \hat z + \mu$$
    """

    mean: Tensor  # of the training labels, (1,), in their own unit
    std: Tensor  # their standard deviation, (1,), above 0

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1))
        self.register_buffer("std", torch.ones(1))

    def forward(self, standardised: Float[Tensor, "batch 1"]) -> Float[Tensor, "batch 1"]:
        """Predictions in the labels' own unit."""
        return standardised * self.std + self.mean

    @torch.no_grad()
    def fit(self, numbers: Float64[Tensor, " examples"]) -> None:
        """Set mean and standard deviation from training labels.

        Raises: `ValueError` if they do not differ within the precision of float32.
        """
        mean, std = numbers.mean(), numbers.std(correction=0)
        precision = torch.finfo(torch.float32)
        if not std > max(precision.tiny, precision.eps * float(mean.abs())):
            raise ValueError(
                Sentence(
                    "rescale: standard deviation {std:g} around {mean:g}, too little for float32", std, mean
                )
            )
        self.mean.fill_(mean)
        self.std.fill_(std)


class GlobalPool(nn.Module):
    """Largest or mean value of each channel over the whole image."""

    def __init__(self, pooling: str) -> None:
        super().__init__()
        self.pooling = pooling

    def forward(self, maps: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch channel"]:
        """One number per channel."""
        return maps.amax((2, 3)) if self.pooling == "max" else maps.mean((2, 3))


class Add(nn.Module):
    """Addition of a shortcut to maps, in place: whoever keeps the maps from before must copy them."""

    def forward(
        self,
        maps: Float[Tensor, "batch channel height width"],
        shortcut: Float[Tensor, "batch channel height width"],
    ) -> Float[Tensor, "batch channel height width"]:
        """Sum, in the memory of `maps`."""
        return maps.add_(shortcut)


class Divide(nn.Module):
    """Division by a constant; for logits, it keeps the first probabilities near uniform."""

    def __init__(self, divisor: float) -> None:
        super().__init__()
        self.divisor = divisor

    def forward(self, logits: Float[Tensor, "batch classes"]) -> Float[Tensor, "batch classes"]:
        """Quotient."""
        return logits / self.divisor


class ResidualBlock(nn.Module):
    r"""Two 3x3 convolutions, the second with a shortcut around it; the image may halve between.

    $$h = f(\mathrm{norm}(\mathrm{pool}(W_1 * x))), \quad y = f(\mathrm{norm}(W_2 * h) + h)$$

    Pooling comes before norm and activation, which are bound by memory and so run on a quarter
    of the values.

    Source: He et al. 2015, arXiv:1512.03385, for the shortcut; Page 2019, "How to train your
    ResNet 8: bag of tricks", for the order.
    """

    def __init__(
        self, channels: tuple[int, int], *, pool: nn.Module, activation: str, batch_norm: bool
    ) -> None:
        super().__init__()
        incoming, outgoing = channels
        self.conv1 = nn.Conv2d(incoming, outgoing, 3, padding=1, bias=not batch_norm)
        self.pool = pool
        self.norm1 = make_norm(outgoing, batch_norm)
        self.activation1 = make_activation(activation)
        self.conv2 = nn.Conv2d(outgoing, outgoing, 3, padding=1, bias=not batch_norm)
        self.norm2 = make_norm(outgoing, batch_norm)
        self.add = Add()
        self.activation2 = make_activation(activation)

    def forward(
        self, maps: Float[Tensor, "batch incoming height width"]
    ) -> Float[Tensor, "batch outgoing new_height new_width"]:
        """Maps of the block."""
        hidden = self.activation1(self.norm1(self.pool(self.conv1(maps))))
        result: Tensor = self.activation2(self.add(self.norm2(self.conv2(hidden)), hidden))
        return result


def make_activation(name: str) -> nn.Module:
    """Activation layer, in place where its gradient can be had from its result."""
    layers: dict[str, nn.Module] = {
        "relu": nn.ReLU(inplace=True),
        "leaky-relu": nn.LeakyReLU(LEAKY_SLOPE, inplace=True),
        "gelu": nn.GELU(),
        "sigmoid": nn.Sigmoid(),
        "tanh": nn.Tanh(),
    }
    return layers[name]


def make_pool(pooling: str, window: tuple[int, int]) -> nn.Module:
    """Pooling layer (`max` or `average`) whose windows, in pixels, touch but do not overlap."""
    return nn.MaxPool2d(window) if pooling == "max" else nn.AvgPool2d(window)


def make_norm(channels: int, batch_norm: bool) -> nn.Module:
    """Batch normalisation over the channels of maps, or an identity."""
    return nn.BatchNorm2d(channels) if batch_norm else nn.Identity()


def make_unit_norm(units: int, batch_norm: bool) -> nn.Module:
    """Batch normalisation over the units of a dense layer, or an identity."""
    return nn.BatchNorm1d(units) if batch_norm else nn.Identity()


def make_dropout(probability: float) -> nn.Module:
    """Dropout, or an identity at probability 0."""
    return nn.Dropout(probability) if probability else nn.Identity()


def add_dense(
    layers: OrderedDict[str, nn.Module],
    config: NetworkConfig,
    units: int,
    widths: Sequence[int],
    first: int = 1,
) -> int:
    """Add dense layers on so many units, numbered from `first`, and return how many the last one has."""
    for number, width in enumerate(widths, start=first):
        layers[f"linear{number}"] = nn.Linear(units, width, bias=not config.batch_norm)
        layers[f"norm{number}"] = make_unit_norm(width, config.batch_norm)
        layers[f"activation{number}"] = make_activation(config.activation)
        layers[f"dropout{number}"] = make_dropout(config.dropout)
        units = width
    return units


# Ordered classes, as `targets/ordered.py` has them of arrays.


def of_questions(above: Float[Tensor, "batch questions"]) -> Float[Tensor, "batch classes"]:
    """Probability of each class by those of a higher one."""
    first, last = torch.ones_like(above[:, :1]), torch.zeros_like(above[:, :1])
    higher = torch.cat([first, above, last], dim=1)
    shares = (higher[:, :-1] - higher[:, 1:]).clamp(min=LEAST)
    return shares / shares.sum(dim=1, keepdim=True)
