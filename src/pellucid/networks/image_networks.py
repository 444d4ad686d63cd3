"""Networks of images: `mlp`, `lenet` and `cnn`, each designed and assembled."""

import dataclasses
import math
from collections import OrderedDict

from torch import nn

from pellucid.errors import UsageError
from pellucid.language.sentence import Sentence
from pellucid.networks.config import InputFacts, NetworkConfig, Stem, designed
from pellucid.networks.initialisation import WhiteningStem
from pellucid.networks.layers import (
    Divide,
    GlobalPool,
    ResidualBlock,
    add_dense,
    make_activation,
    make_dropout,
    make_norm,
    make_pool,
    make_unit_norm,
)
from pellucid.networks.network import Network
from pellucid.settings import Settings

# Fewest rows and columns.
SMALLEST_SIDE = 8


def require_large_images(name: str, facts: InputFacts, remedy: str = "choose a larger --image-size") -> None:
    """Refuse inputs that are no images of at least 8x8 pixels with a `UsageError`."""
    if not _is_large(facts.input_shape):
        raise UsageError(
            "--model: {name} needs images of at least {SMALLEST_SIDE}x{SMALLEST_SIDE2} pixels, "
            "found inputs of shape {input_shape}; {remedy}",
            name,
            SMALLEST_SIDE,
            SMALLEST_SIDE,
            facts.input_shape,
            remedy,
        )


def require_large_input(config: NetworkConfig) -> None:
    """Refuse a config for anything but images of at least 8x8 pixels with a `ValueError`."""
    if not _is_large(config.input_shape):
        raise ValueError(
            Sentence(
                "{name}: input_shape {input_shape} is not an image of at least 8x8",
                config.name,
                list(config.input_shape),
            )
        )


def _is_large(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and min(shape[1:]) >= SMALLEST_SIDE


# `mlp`. With depth 0 there is no hidden layer, and it is softmax regression, a perceptron where there are two
# classes, or linear regression where a number is predicted.

_NARROWEST_MLP = 32  # units
_WIDEST_MLP = 512  # units


def design_mlp(settings: Settings, facts: InputFacts) -> NetworkConfig:
    """Choose depth and width.

    Two hidden layers of equal width: the power of two at or above twice the number of inputs,
    but not above that for the number of examples, between 32 and 512.
    """
    inputs = math.prod(facts.input_shape)
    depth = 2 if settings.depth is None else settings.depth
    width = min(_power_of_two(2 * inputs), _power_of_two(facts.examples))
    width = settings.width or min(_WIDEST_MLP, max(_NARROWEST_MLP, width))
    return designed("mlp", settings, facts, (width,) * depth, "relu")


def assemble_mlp(config: NetworkConfig) -> Network:
    """Assemble a hidden layer for each of `widths`."""
    layers = OrderedDict[str, nn.Module](flatten=nn.Flatten())
    units = add_dense(layers, config, math.prod(config.input_shape), config.widths)
    return Network(config, nn.Sequential(layers), nn.Linear(units, config.outputs))


def _power_of_two(number: int) -> int:
    """Smallest power of two at or above a number."""
    return 1 << max(0, number - 1).bit_length()


# `lenet`: LeNet-5 in spirit, for images of any size from 8x8. As in the paper, convolutions are not padded,
# but for the first, which keeps the size, and where fewer than 8 rows or columns are left; pooling comes
# before the activation. Source: LeCun, Bottou, Bengio and Haffner 1998, "Gradient-based learning applied to
# document recognition", section II.B.

_LENET_KERNEL = 5
_LARGEST_LENET_MAP = 8


def design_lenet(settings: Settings, facts: InputFacts) -> NetworkConfig:
    """Choose the widths: 6, 16, 120, 84, in proportion when `width` is not 6.

    `width` is the channels of the first convolution; `depth` counts convolutions (2 by default), each after
    the second with twice the channels of the one before, up to 8 times those of the second.

    Raises: `UsageError` if the input is not an image of at least 8x8, or depth is 0.
    """
    require_large_images("lenet", facts, "choose mlp or a larger --image-size")
    width = settings.width or 6
    stages = 2 if settings.depth is None else settings.depth
    if stages == 0:
        raise UsageError("--depth: lenet needs at least 1 convolution, found 0; choose mlp for none")
    channels = [width] + [max(1, width * 16 // 6) * 2 ** min(number, 3) for number in range(stages - 1)]
    return designed("lenet", settings, facts, (*channels, width * 20, width * 14), "relu")


def assemble_lenet(config: NetworkConfig) -> Network:
    """Assemble convolutions of `widths` channels and, by the last two of them, two dense layers.

    Raises: `ValueError` if the config does not describe a lenet.
    """
    require_large_input(config)
    if len(config.widths) < 3:
        raise ValueError(Sentence("lenet: {widths} widths found, at least 3 expected", len(config.widths)))
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels, *size = config.input_shape
    *convolutions, first, second = config.widths
    windows = [_window(side, len(convolutions)) for side in size]
    for number, width in enumerate(convolutions, start=1):
        padding = [_padding(side, number) for side in size]
        size = [side + 2 * pad - _LENET_KERNEL + 1 for side, pad in zip(size, padding, strict=True)]
        window = [min(pool, side) for pool, side in zip(windows, size, strict=True)]
        size = [side // pool for side, pool in zip(size, window, strict=True)]
        layers[f"conv{number}"] = nn.Conv2d(
            channels, width, _LENET_KERNEL, padding=(padding[0], padding[1]), bias=not config.batch_norm
        )
        layers[f"pool{number}"] = make_pool(config.pooling, (window[0], window[1]))
        layers[f"norm{number}"] = make_norm(width, config.batch_norm)
        layers[f"activation{number}"] = make_activation(config.activation)
        channels = width
    layers["flatten"] = nn.Flatten()
    units = channels * size[0] * size[1]
    units = add_dense(layers, config, units, (first, second), len(convolutions) + 1)
    return Network(config, nn.Sequential(layers), nn.Linear(units, config.outputs))


def _padding(side: int, number: int) -> int:
    """Padding of convolution `number` where `side` rows or columns arrive."""
    return _LENET_KERNEL // 2 if number == 1 or side < SMALLEST_SIDE else 0


def _window(side: int, stages: int) -> int:
    """The smallest window from 2 up whose pools leave at most 8 of `side` rows or columns."""
    window = 2
    while True:
        left = side
        for number in range(1, stages + 1):
            left = left + 2 * _padding(left, number) - _LENET_KERNEL + 1
            left = max(1, left // window)
        if left <= _LARGEST_LENET_MAP:
            return window
        window += 1


# `cnn`: whitening stem, residual blocks, global pool, linear head. The stem's patches lie closer in small
# images. A block halves the map while 3 rows and columns are left; where fewer than two can, there are two
# all the same. Small data take narrower blocks, always by multiples of 16, which the processor's kernels
# like. Dropout acts once, after the last norm: before a norm it would shift the variance that the norm learns
# (Li et al. 2018, arXiv:1801.05134). Where there is little time, `small_cnn` has single convolutions and a
# dense layer in the blocks' place and a stem of touching patches, so that the same time holds several times
# as many epochs.

_SMALLEST_MAP = 3
_FEWEST_BLOCKS = 2
_MOST_STEM_FILTERS = 64
_CHANNEL_STEP = 16
_GREY_WIDTHS = {"quick": (32, 96, 128), "standard": (32, 96, 128), "best": (64, 128, 256)}
_COLOUR_WIDTHS = {"quick": (48, 128, 192), "standard": (48, 128, 192), "best": (64, 192, 256)}
_FEW_EXAMPLES = 2_000  # of training
_SHARE_FOR_FEW = 0.75  # of the width
_SMALL_GREY = (16, 64)  # filters of the first and the last block
_SMALL_COLOUR = (48, 96)  # the same of colour images
_DENSE = 256  # units
_LOGIT_DIVISOR = 3.0  # keeps the first probabilities near uniform


def design_cnn(settings: Settings, facts: InputFacts) -> NetworkConfig:
    """Choose stem, blocks and widths.

    `width` sets the channels of the first block, the others in proportion; `depth` cuts the row of blocks
    short or repeats the last one, without halving.

    Raises: `UsageError` if the input is not an image of at least 8x8, or depth is 0.
    """
    require_large_images("cnn", facts, "choose mlp or a larger --image-size")
    if settings.depth == 0:
        raise UsageError("--depth: cnn needs at least 1 block, found 0; choose mlp for none")
    channels, shorter = facts.input_shape[0], min(facts.input_shape[1:])
    stride = 1 if shorter < 48 else 2 if shorter < 96 else 4
    halvings = _halvings(shorter, stride)
    widths = _cnn_widths(settings, facts, max(_FEWEST_BLOCKS, halvings))
    stem = _stem(channels, stride, min(len(widths), halvings))
    return designed("cnn", settings, facts, widths, "gelu", own=stem)


def small_cnn(config: NetworkConfig) -> NetworkConfig:
    """A network of single convolutions and a dense layer in the place of a `cnn`."""
    channels, *size = config.input_shape
    stride = 2 * config.layers(Stem).stem_stride
    halvings = _halvings(min(size), stride)
    first, last = _SMALL_GREY if channels == 1 else _SMALL_COLOUR
    return dataclasses.replace(
        config,
        widths=(*[first] * (max(_FEWEST_BLOCKS, halvings) - 1), last),
        own=_stem(channels, stride, halvings, _DENSE),
    )


def _stem(channels: int, stride: int, pooled_blocks: int, dense: int = 0) -> Stem:
    """A stem of patches that touch each other, of 2x2 pixels at least, and what follows it."""
    kernel = max(2, stride)
    filters = min(2 * channels * kernel * kernel, _MOST_STEM_FILTERS // (2 if dense else 1))
    return Stem(
        stem_filters=filters, stem_kernel=kernel, stem_stride=stride, pooled_blocks=pooled_blocks, dense=dense
    )


def assemble_cnn(config: NetworkConfig) -> Network:
    """Assemble a block, or a single convolution, for each of `widths`, which gives its channels.

    Raises: `ValueError` if the config does not describe a cnn.
    """
    stem = config.layers(Stem)
    require_large_input(config)
    channels, *size = config.input_shape
    if not 1 <= stem.stem_kernel <= SMALLEST_SIDE or not 1 <= stem.stem_stride <= SMALLEST_SIDE:
        raise ValueError(
            Sentence(
                "cnn: stem of {stem_kernel} pixels every {stem_stride} is not 1 to 8",
                stem.stem_kernel,
                stem.stem_stride,
            )
        )
    most = 2 * channels * stem.stem_kernel**2
    if stem.stem_filters % 2 or not 2 <= stem.stem_filters <= most:
        raise ValueError(
            Sentence(
                "cnn: stem_filters {stem_filters} is not an even number from 2 to {most}",
                stem.stem_filters,
                most,
            )
        )
    if not config.widths:
        raise ValueError("cnn: no widths found, at least one block expected")
    side = (min(size) - stem.stem_kernel) // stem.stem_stride + 1
    if stem.pooled_blocks > len(config.widths) or side >> stem.pooled_blocks < 1:
        raise ValueError(
            Sentence(
                "cnn: pooled_blocks {pooled_blocks} is more than {side} pixels can be halved",
                stem.pooled_blocks,
                side,
            )
        )
    layers = OrderedDict[str, nn.Module](
        stem=WhiteningStem(channels, stem.stem_filters, stem.stem_kernel, stem.stem_stride),
        activation=make_activation(config.activation),
    )
    layers.update(_convolutions(config, stem) if stem.dense else _blocks(config, stem))
    head = OrderedDict[str, nn.Module](
        dropout=make_dropout(config.dropout),
        linear=nn.Linear(stem.dense or config.widths[-1], config.outputs),
        divide=Divide(_LOGIT_DIVISOR),
    )
    return Network(config, nn.Sequential(layers), nn.Sequential(head))


def _blocks(config: NetworkConfig, stem: Stem) -> OrderedDict[str, nn.Module]:
    """Residual blocks and the global pool."""
    channels = stem.stem_filters
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number, width in enumerate(config.widths, start=1):
        pools = number <= stem.pooled_blocks
        layers[f"block{number}"] = ResidualBlock(
            (channels, width),
            pool=make_pool(config.pooling, (2, 2)) if pools else nn.Identity(),
            activation=config.activation,
            batch_norm=config.batch_norm,
        )
        channels = width
    layers["global_pool"] = GlobalPool(config.pooling)
    return layers


def _convolutions(config: NetworkConfig, stem: Stem) -> OrderedDict[str, nn.Module]:
    """Single convolutions of 3x3, each with norm and activation, and the dense layer."""
    channels = stem.stem_filters
    size = [(side - stem.stem_kernel) // stem.stem_stride + 1 for side in config.input_shape[1:]]
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number, width in enumerate(config.widths, start=1):
        layers[f"conv{number}"] = nn.Conv2d(channels, width, 3, padding=1, bias=not config.batch_norm)
        if number <= stem.pooled_blocks:
            layers[f"pool{number}"] = make_pool(config.pooling, (2, 2))
            size = [side // 2 for side in size]
        layers[f"norm{number}"] = make_norm(width, config.batch_norm)
        layers[f"activation{number}"] = make_activation(config.activation)
        channels = width
    number, units = len(config.widths) + 1, channels * size[0] * size[1]
    layers["flatten"] = nn.Flatten()
    layers[f"linear{number}"] = nn.Linear(units, stem.dense, bias=not config.batch_norm)
    layers[f"norm{number}"] = make_unit_norm(stem.dense, config.batch_norm)
    layers[f"activation{number}"] = make_activation(config.activation)
    return layers


def _halvings(pixels: int, stride: int) -> int:
    """Number of times that the stem's map can be halved before fewer than 3 rows or columns are left."""
    side, count = (pixels - max(2, stride)) // stride + 1, 0
    while side // 2 >= _SMALLEST_MAP:
        side //= 2
        count += 1
    return count


def _cnn_widths(settings: Settings, facts: InputFacts, blocks: int) -> tuple[int, ...]:
    """Channels of each block, where the rule wants so many blocks."""
    table = _GREY_WIDTHS if facts.input_shape[0] == 1 else _COLOUR_WIDTHS
    share = _SHARE_FOR_FEW if facts.examples < _FEW_EXAMPLES else 1.0
    widths = [share * width for width in table[settings.preset]]
    while len(widths) < blocks:
        widths.insert(0, widths[0] / 2)
    # The nearest multiple of the channel step above zero, halves upwards.
    channels = [(max(1, int(width / _CHANNEL_STEP + 0.5)) * _CHANNEL_STEP) for width in widths[-blocks:]]
    if settings.width is not None:
        channels = [max(1, width * settings.width // channels[0]) for width in channels]
    depth = blocks if settings.depth is None else settings.depth
    return (*channels[:depth], *[channels[-1]] * (depth - blocks))
