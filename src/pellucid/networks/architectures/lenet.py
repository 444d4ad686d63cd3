"""`lenet`: LeNet-5 in spirit, for images of any size from 8x8.

5x5 convolutions (6 and 16 channels) with pooling and activation after each, then dense layers of
120 and 84 units. As in the paper, pooling stands before the activation. At 28x28 with batch norm
off these are the familiar 61,706 parameters for ten classes.

How it adapts to the image, on height and width apart:
- the first convolution is padded by 2, so it keeps the size; later ones are not padded, as in
  the paper, unless fewer than 8 rows or columns are left: then they are, too;
- all pools share one window, the smallest from 2 up that leaves at most 8 rows and columns;
- a window never exceeds the rows or columns that are left.

Source: LeCun, Bottou, Bengio and Haffner 1998, "Gradient-based learning applied to document
recognition", section II.B.
"""

from collections import OrderedDict

from torch import nn

from pellucid.errors import UsageError
from pellucid.networks.architectures.image_size import (
    SMALLEST_SIDE,
    require_large_images,
    require_large_input,
)
from pellucid.networks.config import InputFacts, NetworkConfig
from pellucid.networks.layers.shared import (
    make_activation,
    make_dropout,
    make_norm,
    make_pool,
    make_unit_norm,
)
from pellucid.networks.network import Network
from pellucid.settings import Settings

_KERNEL = 5
_DEFAULT_WIDTH, _DEFAULT_STAGES = 6, 2
_LARGEST_RESULT = 8
_DEFAULT_ACTIVATION = "relu"


def design(settings: Settings, facts: InputFacts) -> NetworkConfig:
    """Choose the widths: 6, 16, 120, 84, in proportion when `width` is not 6.

    `width` is the channels of the first convolution; `depth` counts convolutions (2 by default), each after
    the second with twice the channels of the one before, up to 8 times those of the second.

    Raises: `UsageError` if the input is not an image of at least 8x8, or depth is 0.
    """
    require_large_images("lenet", facts, "choose mlp or a larger --image-size")
    width = settings.width or _DEFAULT_WIDTH
    stages = _DEFAULT_STAGES if settings.depth is None else settings.depth
    if stages == 0:
        raise UsageError("--depth: lenet needs at least 1 convolution, found 0; choose mlp for none")
    channels = [width] + [max(1, width * 16 // 6) * 2 ** min(number, 3) for number in range(stages - 1)]
    return NetworkConfig(
        name="lenet",
        input_shape=facts.input_shape,
        outputs=facts.outputs,
        activation=settings.activation or _DEFAULT_ACTIVATION,
        pooling=settings.pooling,
        dropout=settings.dropout or 0.0,
        batch_norm=settings.batch_norm,
        widths=(*channels, width * 20, width * 14),
    )


def assemble(config: NetworkConfig) -> Network:
    """Assemble convolutions of `widths` channels and, by the last two of them, two dense layers.

    Raises: `ValueError` if the config does not describe a lenet.
    """
    require_large_input(config)
    if len(config.widths) < 3:
        raise ValueError(f"lenet: {len(config.widths)} widths found, at least 3 expected")
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels, *size = config.input_shape
    *convolutions, first, second = config.widths
    windows = [_window(side, len(convolutions)) for side in size]
    for number, width in enumerate(convolutions, start=1):
        padding = [_padding(side, number) for side in size]
        size = [side + 2 * pad - _KERNEL + 1 for side, pad in zip(size, padding, strict=True)]
        window = [min(pool, side) for pool, side in zip(windows, size, strict=True)]
        size = [side // pool for side, pool in zip(size, window, strict=True)]
        layers[f"conv{number}"] = nn.Conv2d(
            channels, width, _KERNEL, padding=(padding[0], padding[1]), bias=not config.batch_norm
        )
        layers[f"pool{number}"] = make_pool(config.pooling, (window[0], window[1]))
        layers[f"norm{number}"] = make_norm(width, config.batch_norm)
        layers[f"activation{number}"] = make_activation(config.activation)
        channels = width
    layers["flatten"] = nn.Flatten()
    units = channels * size[0] * size[1]
    for number, width in enumerate((first, second), start=len(convolutions) + 1):
        layers[f"linear{number}"] = nn.Linear(units, width, bias=not config.batch_norm)
        layers[f"norm{number}"] = make_unit_norm(width, config.batch_norm)
        layers[f"activation{number}"] = make_activation(config.activation)
        layers[f"dropout{number}"] = make_dropout(config.dropout)
        units = width
    return Network(config, nn.Sequential(layers), nn.Linear(units, config.outputs))


def _padding(side: int, number: int) -> int:
    """Padding of convolution `number` where `side` rows or columns arrive."""
    return _KERNEL // 2 if number == 1 or side < SMALLEST_SIDE else 0


def _window(side: int, stages: int) -> int:
    """The smallest window from 2 up whose pools leave at most 8 of `side` rows or columns."""
    window = 2
    while True:
        left = side
        for number in range(1, stages + 1):
            left = left + 2 * _padding(left, number) - _KERNEL + 1
            left = max(1, left // window)
        if left <= _LARGEST_RESULT:
            return window
        window += 1
