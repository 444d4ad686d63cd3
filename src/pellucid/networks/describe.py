"""Table of a network's layers, without data, training or memory for weights."""

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from torch import nn

from pellucid.data.wording import filled, width
from pellucid.language.catalogue import translated
from pellucid.language.sentence import Sentence
from pellucid.networks.autoencoder import Prior
from pellucid.networks.backbone import ScaleAndStandardise
from pellucid.networks.closed_encoders import ClosedEncoder
from pellucid.networks.config import NetworkConfig
from pellucid.networks.costs import executed_layers, multiply_adds, pair
from pellucid.networks.initialisation import WhiteningStem
from pellucid.networks.layers import Add, Divide, GlobalPool, Rescale, Standardise
from pellucid.networks.text_encoders import Attend, PositionalEmbedding, UnitLength, WithoutPadding
from pellucid.networks.text_layers import EmbeddingBag, MaskedPool, MeanAndMax, TokenConv1d
from pellucid.networks.vision_transformers import LayerScale, PoolTokens, PrefixTokens, ToTokens

_LINE_LENGTH = 80
_WITHIN = "backbone.layers."
_HEADER = ("layer", "kind", "output", "parameters", "multiply-adds", "receptive field")


class LayerRow(NamedTuple):
    """One layer, in the order of computation."""

    name: str  # dotted name inside the network, without `body.`
    kind: str  # what it does, for people
    # `(channels, height, width)`, `(units,)` or, of texts, which are as long as they can be, `(tokens,
    # units)` for one example.
    output_shape: tuple[int, ...]
    parameters: int  # weights and biases, frozen ones too
    multiply_adds: int  # for one example, as `costs.multiply_adds` counts
    # Height and width in pixels of what one output can see, at most the image; of texts `(tokens,)`; `None`
    # for tables of features.
    receptive_field: tuple[int, ...] | None


def describe(config: NetworkConfig) -> list[LayerRow]:
    """List the layers of a network, those of a backbone part by part; norm off and dropout 0 have no row."""
    rows: list[LayerRow] = []
    counts: dict[str, int] = {}
    field = _Tokens(config.input_shape[0]) if config.vocabulary else _Field(config.input_shape)
    for name, layer, _, output_shape in executed_layers(config):
        # A backbone's layers are often variants of torch's own.
        known = next((kind for kind in type(layer).__mro__[:2] if kind in _KINDS), None)
        row = LayerRow(
            name=_part(name.removeprefix("body.")),
            kind=(type(layer).__name__.lower()[:16] if known is None else _KINDS[known](layer)),
            output_shape=output_shape,
            parameters=sum(parameter.numel() for parameter in layer.parameters()),
            multiply_adds=multiply_adds(layer, output_shape, config.input_shape[0]),
            receptive_field=field.through(layer, output_shape),
        )
        counts[row.name] = counts.get(row.name, 0) + 1
        if rows and rows[-1].name == row.name:
            former = rows.pop()
            row = row._replace(
                kind=Sentence("{counts} layers", counts[row.name]),
                parameters=former.parameters + row.parameters,
                multiply_adds=former.multiply_adds + row.multiply_adds,
            )
        rows.append(row)
    return rows


def _part(name: str) -> str:
    """Part of a backbone, which has hundreds of layers, that one belongs to; others by their own name."""
    prefix, found, rest = name.partition(_WITHIN)
    if not found:
        return name
    pieces = rest.split(".")
    numbered = len(pieces) > 1 and pieces[1].isdigit()
    return prefix + "backbone." + ".".join(pieces[: 2 if numbered else 1])


def as_text(rows: Sequence[LayerRow]) -> str:
    """Table of rows with totals, at most 80 columns wide, in the user's language; longer names are cut."""
    parameters = sum(row.parameters for row in rows)
    multiply_adds = sum(row.multiply_adds for row in rows)
    total = (translated("total"), "", "", f"{parameters:,}", f"{multiply_adds:,}", "")
    heads = [["", *re.split("(?<=-)| ", translated(each))][-2:] for each in _HEADER]
    above, below = (tuple(each) for each in zip(*heads, strict=True))
    table = [above, below] if any(above) else [below]
    headed = len(table)
    for row in rows:
        shape, field = (
            "x".join(map(str, lengths)) for lengths in (row.output_shape, row.receptive_field or ())
        )
        table.append(
            (row.name, translated(row.kind), shape, f"{row.parameters:,}", f"{row.multiply_adds:,}", field)
        )
    table.append(total)
    widths = [max(width(line[column]) for line in table) for column in range(len(total))]
    for column in (0, 1):
        excess = sum(widths) + len(widths) - 1 - _LINE_LENGTH
        widths[column] = max(8, widths[column] - max(0, excess))
    lines = []
    for cells in table:
        parts = []
        for column, (cell, size) in enumerate(zip(cells, widths, strict=True)):
            text = cell if width(cell) <= size else cell[: size - 1] + "…"
            parts.append(filled(text, -size if column < 2 else size))
        lines.append(" ".join(parts).rstrip())
    rule = "-" * max(width(line) for line in lines)
    return "\n".join([*lines[:headed], rule, *lines[headed:-1], rule, lines[-1]])


class _Field:
    r"""Receptive field after each layer, by recursion.

    With kernel $k$, stride $s$ and $j$ the distance in input pixels between neighbouring outputs:
    $r \leftarrow r + (k - 1) j$, then $j \leftarrow j s$. A shortcut sees less than the path that
    it goes around, so the path alone counts.

    Source: Araujo, Norris and Sim 2019, "Computing receptive fields of convolutional neural
    networks", Distill, eq. 2.
    """

    def __init__(self, input_shape: tuple[int, ...]) -> None:
        self.image = (input_shape[1], input_shape[2]) if len(input_shape) == 3 else None
        self.size = [1.0, 1.0]
        self.jump = [1.0, 1.0]

    def through(self, layer: nn.Module, output_shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """Take one more layer in, and return height and width seen by its outputs."""
        if self.image is None:
            return None
        is_dense = isinstance(layer, nn.Linear) and len(output_shape) == 1  # else token by token
        if is_dense or isinstance(layer, (GlobalPool, Attend, PoolTokens, ClosedEncoder)):
            self.size = [float(side) for side in self.image]
        if isinstance(layer, Standardise):
            self.size, self.jump = [1.0, 1.0], [1.0, 1.0]  # an image comes in, made or real
        if isinstance(layer, ScaleAndStandardise):
            self.jump = [own / seen for own, seen in zip(self.image, layer.size, strict=True)]
        window, grows = _window(layer), isinstance(layer, nn.ConvTranspose2d)
        for axis, (kernel, stride) in enumerate(window):
            self.size[axis] += (kernel - 1) * self.jump[axis] / (stride if grows else 1)
            self.jump[axis] *= 1 / stride if grows else stride
        return min(math.ceil(self.size[0]), self.image[0]), min(math.ceil(self.size[1]), self.image[1])


class _Tokens:
    """Number of neighbouring tokens seen: by a filter its width, above a pool or a recurrent layer all."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.size = 1

    def through(self, layer: nn.Module, output_shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """Take one more layer in, and return how many tokens its outputs see."""
        if isinstance(layer, TokenConv1d):
            self.size = min(self.length, layer.sees)
        elif isinstance(layer, (Attend, MaskedPool, nn.RNNBase, MeanAndMax, EmbeddingBag)):
            self.size = self.length
        return (self.size,)


def _window(layer: nn.Module) -> tuple[tuple[int, int], tuple[int, int]]:
    """Kernel and stride, on height and on width."""
    if not isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.MaxPool2d, nn.AvgPool2d)):
        return (1, 1), (1, 1)
    (rows, columns), (down, across) = pair(layer.kernel_size), pair(layer.stride)
    return (rows, down), (columns, across)


def _windowed(title: str) -> Callable[[Any], str]:
    """Title with the layer's kernel."""
    return lambda layer: Sentence(
        "{title} {layer}x{layer2}", title, _window(layer)[0][0], _window(layer)[1][0]
    )


_KINDS: dict[type, Callable[[Any], str]] = {  # at most 16 characters each
    Standardise: lambda layer: "standardise",
    ScaleAndStandardise: lambda layer: "fit the backbone",
    WhiteningStem: _windowed("frozen conv"),
    nn.Conv2d: _windowed("conv"),
    Prior: lambda layer: "likeliest class",
    nn.ConvTranspose2d: _windowed("conv up"),
    nn.MaxPool2d: _windowed("max pool"),
    nn.AvgPool2d: _windowed("average pool"),
    nn.BatchNorm1d: lambda layer: "batch norm",
    nn.BatchNorm2d: lambda layer: "batch norm",
    nn.Flatten: lambda layer: "flatten",
    nn.Unflatten: lambda layer: "unflatten",
    nn.Linear: lambda layer: "linear",
    nn.ReLU: lambda layer: "relu",
    nn.LeakyReLU: lambda layer: "leaky relu",
    nn.GELU: lambda layer: "gelu",
    nn.Sigmoid: lambda layer: "sigmoid",
    nn.Tanh: lambda layer: "tanh",
    Add: lambda layer: "add shortcut",
    nn.Dropout: lambda layer: Sentence("dropout {p:g}", layer.p),
    Divide: lambda layer: Sentence("divide by {divisor:g}", layer.divisor),
    Rescale: lambda layer: "rescale",
    nn.Embedding: lambda layer: "vectors of tokens",
    TokenConv1d: lambda layer: Sentence("conv {kernel_size}", layer.kernel_size[0]),
    MaskedPool: lambda layer: Sentence("{pooling} over text", layer.pooling),
    nn.LSTM: lambda layer: "lstm",
    nn.GRU: lambda layer: "gru",
    EmbeddingBag: lambda layer: "weighted sum",
    MeanAndMax: lambda layer: "mean and maximum",
    PositionalEmbedding: lambda layer: "vectors of place",
    nn.LayerNorm: lambda layer: "layer norm",
    Attend: lambda layer: Sentence("attention x{heads}", layer.heads),
    UnitLength: lambda layer: "to length 1",
    WithoutPadding: lambda layer: "zeros at padding",
    GlobalPool: lambda layer: Sentence("global {pooling}", layer.pooling),
    ToTokens: lambda layer: "maps to tokens",
    PrefixTokens: lambda layer: "learnt tokens",
    LayerScale: lambda layer: "layer scale",
    PoolTokens: lambda layer: "pooled tokens",
    ClosedEncoder: lambda layer: "closed encoder",
}
