"""Convolutions that halve an image, and the same turned around: parts of networks that make images.

Rule from the data to the layers: 4x4 convolutions at every second pixel, each halving the image, while 4 rows
and columns are left (two at 28 pixels, one at 8). Turned around: a dense layer and then transposed
convolutions to the very size of the image, odd sides too.
"""

import math
from collections import OrderedDict

from torch import nn

from pellucid.errors import UsageError
from pellucid.networks.architectures.image_size import (
    require_large_input,
)
from pellucid.networks.config import InputFacts, NetworkConfig
from pellucid.networks.layers.shared import make_activation, make_norm, make_unit_norm
from pellucid.settings import Settings

_SMALLEST_MAP = 4
_MOST_TIMES_WIDTH = 4
_KERNEL, _STRIDE, _PADDING = 4, 2, 1


def require_fitting_layers(config: NetworkConfig) -> None:
    """Refuse a config whose layers could not stand on one another with a `ValueError`."""
    require_large_input(config)
    if not config.widths or min(config.input_shape[1:]) >> len(config.widths) < 1:
        raise ValueError(
            f"{config.name}: {len(config.widths)} convolutions do not fit {list(config.input_shape)}"
        )


def _depth_of(settings: Settings, facts: InputFacts) -> int:
    """Number of convolutions: the setting, or as many as leave 4 rows and columns.

    Raises: `UsageError` if the setting is 0, or more than the image can be halved.
    """
    shorter = min(facts.input_shape[1:])
    most = int(math.log2(shorter))
    if settings.depth is None:
        return max(1, most - int(math.log2(_SMALLEST_MAP)))
    if not 1 <= settings.depth <= most:
        raise UsageError(
            f"--depth: {settings.depth} halvings are not 1 to {most}, which {shorter} pixels allow; "
            "leave it out"
        )
    return settings.depth


def widths_of(settings: Settings, facts: InputFacts, width: int) -> tuple[int, ...]:
    """Channels of each convolution: each twice those of the one before, up to four times the first's.

    The first has `width`, where the settings ask for no other. Raises: `UsageError` if `--depth` is unfit.
    """
    first = settings.width or width
    return tuple(first * min(2**number, _MOST_TIMES_WIDTH) for number in range(_depth_of(settings, facts)))


def sides(config: NetworkConfig) -> list[tuple[int, int]]:
    """Height and width of the image, and then of the map of each convolution."""
    _, height, width = config.input_shape
    return [(height >> number, width >> number) for number in range(len(config.widths) + 1)]


def halving(config: NetworkConfig, *, batch_norm: bool) -> OrderedDict[str, nn.Module]:
    """From an image to the values of its smallest map: a convolution for each of `widths`."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels = config.input_shape[0]
    for number, width in enumerate(config.widths, start=1):
        layers[f"conv{number}"] = nn.Conv2d(channels, width, _KERNEL, _STRIDE, _PADDING, bias=not batch_norm)
        layers[f"norm{number}"] = make_norm(width, batch_norm)
        layers[f"activation{number}"] = make_activation(config.activation)
        channels = width
    layers["flatten"] = nn.Flatten()
    return layers


def doubling(config: NetworkConfig, given: int) -> OrderedDict[str, nn.Module]:
    """From so many numbers to an image: `halving` turned around."""
    of, channels = sides(config), config.widths[-1]
    units = channels * math.prod(of[-1])
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        linear=nn.Linear(given, units, bias=not config.batch_norm),
        norm=make_unit_norm(units, config.batch_norm),
        activation=make_activation(config.activation),
        unflatten=nn.Unflatten(1, (channels, *of[-1])),
    )
    for number in range(len(config.widths), 0, -1):
        is_last = number == 1
        width = config.input_shape[0] if is_last else config.widths[number - 2]
        odd = (of[number - 1][0] % _STRIDE, of[number - 1][1] % _STRIDE)
        layers[f"up{number}"] = nn.ConvTranspose2d(
            channels, width, _KERNEL, _STRIDE, _PADDING, odd, bias=is_last or not config.batch_norm
        )
        if not is_last:
            layers[f"norm{number}"] = make_norm(width, config.batch_norm)
            layers[f"activation{number}"] = make_activation(config.activation)
        channels = width
    return layers
