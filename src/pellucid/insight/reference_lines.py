"""Translation of torch networks into lines of the reference, each named as torch names its layer."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from torch import fx, nn

from pellucid.insight.unfolded_layers import (
    Closed,
    KnownWords,
    Levels,
    PaddedConvolution,
    Plain,
    PriorOfClass,
    Program,
    Reconstruction,
)
from pellucid.language.sentence import Sentence
from pellucid.networks import Network
from pellucid.networks.closed_encoders import ClosedEncoder
from pellucid.networks.initialisation import WhiteningStem
from pellucid.networks.layers import Add, Divide, GlobalPool, Rescale, ResidualBlock, Standardise
from pellucid.networks.text_encoders import (
    Attend,
    Branch,
    BranchedNgrams,
    PositionalEmbedding,
    Shortcut,
    TokenTransformer,
    Transformer,
    TransformerLayer,
    UnitLength,
    WithoutPadding,
)
from pellucid.networks.text_layers import (
    BothWays,
    EmbeddingBag,
    MaskedPool,
    ParallelConvolutions,
    TokenConv1d,
)
from pellucid.networks.vision_transformers import (
    LayerScale,
    PoolTokens,
    PrefixTokens,
    PreNormLayer,
    ToTokens,
    VisionTransformer,
)
from pellucid.reference import Line

# Kind of the lines that are computed by a layer of another maker, and not opened.
CLOSED = "closed"


class Same(NamedTuple):
    """Counterpart in the reference of a layer of torch.

    `kind`: key of `LAYERS`, or a function of the layer that gives it; `weights`: names of its tensors, in the
    order in which the reference takes them; `settings`: keywords, from the layer.
    """

    kind: str | Callable[[Any], str]
    weights: tuple[str, ...] = ()
    settings: Callable[[Any], dict[str, Any]] = lambda layer: {}


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


_AFFINE = ("weight", "bias")


def _of_convolution(layer: nn.Conv2d) -> dict[str, Any]:
    """Stride and padding, and, where there are some, uneven padding and groups."""
    settings: dict[str, Any] = {"stride": layer.stride, "padding": layer.padding}
    if isinstance(layer, PaddedConvolution):
        settings |= {"padding": layer.before, "padding_after": layer.after}
    return settings | ({"groups": layer.groups} if layer.groups > 1 else {})


def _of_transposed(layer: nn.ConvTranspose2d) -> dict[str, Any]:
    more = {"more": _pair(layer.output_padding)} if any(layer.output_padding) else {}
    return {"stride": layer.stride, "padding": layer.padding, **more}


_CONVOLUTION = Same("convolution", _AFFINE, _of_convolution)
_NORM = Same(
    lambda layer: "batch-norm" if layer.training else "fixed-norm",
    (*_AFFINE, "running_mean", "running_var"),
    lambda layer: {"epsilon": layer.eps},
)
_RECURRENT = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")

# Every kind of layer that the networks are made of.
SAME: dict[type[nn.Module], Same] = {
    nn.Linear: Same("dense", _AFFINE),
    nn.Conv2d: _CONVOLUTION,
    WhiteningStem: _CONVOLUTION,
    PaddedConvolution: _CONVOLUTION,
    TokenConv1d: Same("neighbours", _AFFINE),
    nn.MaxPool2d: Same("max-pool", (), lambda layer: {"window": _pair(layer.kernel_size)}),
    nn.AvgPool2d: Same("average-pool", (), lambda layer: {"window": _pair(layer.kernel_size)}),
    GlobalPool: Same(lambda layer: f"global-{layer.pooling}"),
    nn.BatchNorm1d: _NORM,
    nn.BatchNorm2d: _NORM,
    nn.ReLU: Same("relu"),
    nn.ReLU6: Same("relu6"),
    nn.LeakyReLU: Same("leaky-relu", (), lambda layer: {"slope": layer.negative_slope}),
    nn.GELU: Same("gelu"),
    nn.Sigmoid: Same("sigmoid"),
    nn.Tanh: Same("tanh"),
    nn.Softplus: Same("softplus"),
    nn.Dropout: Same("dropout", ("mask",), lambda layer: {"probability": layer.p}),
    nn.Flatten: Same("flatten"),
    nn.Unflatten: Same("unflatten", (), lambda layer: {"shape": tuple(layer.unflattened_size)}),
    nn.ConvTranspose2d: Same("transposed-convolution", _AFFINE, _of_transposed),
    Plain: Same(lambda layer: layer.kind, (), lambda layer: layer.settings),
    Levels: Same("rescale", ("mean", "std")),
    Reconstruction: Same("reconstruction", (), lambda layer: {"variance": layer.variance.item()}),
    PriorOfClass: Same("mixture-density", ("means", "log_variances", "logits")),
    Add: Same("add"),
    Closed: Same(CLOSED, (), lambda layer: {"what": layer.what}),
    ClosedEncoder: Same(CLOSED, (), lambda layer: {"what": "closed encoder"}),
    Divide: Same("divide", (), lambda layer: {"divisor": layer.divisor}),
    Standardise: Same("standardise", ("mean", "std")),
    Rescale: Same("rescale", ("mean", "std")),
    nn.Embedding: Same("embedding", ("weight",)),
    MaskedPool: Same(lambda layer: f"text-{layer.pooling}"),
    nn.LSTM: Same("lstm", _RECURRENT),
    nn.GRU: Same("gru", _RECURRENT),
    nn.LayerNorm: Same("layer-norm", _AFFINE, lambda layer: {"epsilon": layer.eps}),
    PositionalEmbedding: Same("places", ("weight",)),
    Attend: Same("attention"),
    ToTokens: Same("patches-to-tokens"),
    PrefixTokens: Same("class-token", ("weight",)),
    LayerScale: Same("layer-scale", ("weight",)),
    UnitLength: Same("unit-length"),
    WithoutPadding: Same("without-padding"),
    EmbeddingBag: Same("weighed-sum", ("weight", "bias", "rarity"), lambda layer: {"groups": layer.groups}),
}

# Name within a layer of a transformer of the weights that `Attend` mixes by.
ATTENTION_WEIGHTS = "attend.weights"


def is_known(layer: nn.Module) -> bool:
    """True of a layer that the reference computes, with its settings."""
    if isinstance(layer, nn.Conv2d):
        plain = layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
        return type(layer) in SAME and plain and set(layer.dilation) == {1}
    if isinstance(layer, nn.ConvTranspose2d):
        return layer.groups == 1 and set(layer.dilation) == {1}
    if isinstance(layer, nn.Unflatten):
        return layer.dim == 1 and len(layer.unflattened_size) == 3
    if isinstance(layer, (nn.MaxPool2d, nn.AvgPool2d)):
        is_even = _pair(layer.padding) == (0, 0) and not layer.ceil_mode
        return is_even and _pair(layer.stride) == _pair(layer.kernel_size)
    return type(layer) in SAME or isinstance(layer, (nn.Identity, nn.Dropout))


def taken_apart(network: Network | Program) -> tuple[list[Line], str]:
    """Lines of a network, in its present mode, and the name of the one that gives its answer.

    Raises: `ValueError` if a layer is of a kind that the reference does not have, as those of a backbone.
    """
    lines: list[Line] = []
    if isinstance(network, Program):
        names = {name: name for name in network.given}
        for name, taken in network.takes.items():
            layer = network.get_submodule(name)
            names[name] = _through(lines, name, layer, *(names[each] for each in taken))
        return lines, names[network.output]
    value = "inputs"
    for name, layer in network.named_children():
        value = _through(lines, name, layer, value)
    return lines, value


def dropouts_of(network: Network | Program) -> dict[str, float]:
    """Probability with which training zeroes each number that a layer takes, by its name.

    An answer is computed without dropout, so it is among the lines of a network in training mode alone.
    """
    was_training = network.training
    lines, _ = taken_apart(network.train())
    network.train(was_training)
    found = {line.name: float(line.settings["probability"]) for line in lines if line.kind == "dropout"}
    return {
        line.name: found[name]
        for line in lines
        for name in line.takes
        if name in found and line.kind != "dropout"
    }


def weights_of(network: nn.Module) -> dict[str, np.ndarray]:
    """Copy of all tensors, fixed ones such as running means too, by the names that the lines use."""
    tensors = network.state_dict().items()
    return {name: tensor.cpu().numpy().copy() for name, tensor in tensors if tensor.is_floating_point()}


def _through(lines: list[Line], name: str, layer: Any, *takes: str) -> str:
    """Append the lines of a layer, and return the name of its result."""
    if isinstance(layer, fx.GraphModule):
        return _graph(lines, name, layer, *takes)
    if isinstance(layer, nn.Identity) or (isinstance(layer, nn.Dropout) and not layer.training):
        return takes[0]
    if type(layer) in _PARTS:
        return _PARTS[type(layer)](_Inside(lines, name, layer), *takes)
    if type(layer) not in SAME:
        raise ValueError(Sentence("{name}: {name2} is no layer of the reference", name, type(layer).__name__))
    same = SAME[type(layer)]
    kind = same.kind if isinstance(same.kind, str) else same.kind(layer)
    wanted = same.weights[:2] if kind == "batch-norm" else same.weights
    weights = [f"{name}.{each}" for each in wanted if getattr(layer, each, "mask") is not None]
    lines.append(Line(name, kind, (*takes, *weights), same.settings(layer)))
    return name


class _Inside(NamedTuple):
    """A layer of several, whose parts become lines; a method returns the name of their result."""

    lines: list[Line]
    name: str
    layer: Any

    def line(self, child: str, kind: str, *takes: str, **settings: int) -> str:
        """A line that torch has no layer for."""
        self.lines.append(Line(f"{self.name}.{child}", kind, takes, settings))
        return f"{self.name}.{child}"

    def through(self, child: str, *takes: str) -> str:
        """Lines of a child."""
        return _through(self.lines, f"{self.name}.{child}", getattr(self.layer, child), *takes)


def _sequential(own: _Inside, value: str) -> str:
    for child, layer in own.layer.named_children():
        value = _through(own.lines, f"{own.name}.{child}", layer, value)
    return value


def _graph(lines: list[Line], name: str, graph: fx.GraphModule, images: str) -> str:
    """Lines of an unfolded backbone; steps that give no values have none."""
    names: dict[fx.Node, str] = {}
    for node in graph.graph.nodes:
        if node.op == "placeholder":
            names[node] = images
        elif node.op == "output":
            return names[node.args[0]]
        elif node.op == "call_module":
            layer = graph.get_submodule(str(node.target))
            if getattr(layer, "gives_values", True):
                takes = [names[each] for each in node.all_input_nodes if each in names]
                names[node] = _through(lines, f"{name}.{node.target}", layer, *takes)
    raise AssertionError("every graph has an output")


def _residual_block(own: _Inside, maps: str) -> str:
    through = own.through
    hidden = through("activation1", through("norm1", through("pool", through("conv1", maps))))
    return through("activation2", through("add", through("norm2", through("conv2", hidden)), hidden))


def _parallel_convolutions(own: _Inside, tokens: str) -> str:
    line, through = own.line, own.through
    mask, vectors = line("present", "present", tokens), through("embedding", tokens)
    maps = line("maps", "side-by-side", *(through(f"conv{kernel}", vectors) for kernel in own.layer.kernels))
    return through("pool", through("activation", maps), mask)


def _both_ways(own: _Inside, tokens: str) -> str:
    line, through = own.line, own.through
    states, mask = through("embedding", tokens), line("present", "present", tokens)
    order = line("order", "turned-places", mask)
    for number in range(1, own.layer.layers + 1):
        onward = through(f"forwards{number}", states)
        back = through(f"backwards{number}", line(f"turned{number}", "turn", states, order))
        back = line(f"back{number}", "turn", back, order)
        states = line(f"states{number}", "side-by-side", onward, back)
    return line("pooled", "side-by-side", through("largest", states, mask), through("mean", states, mask))


def _known_words(own: _Inside, tokens: str) -> str:
    line, through = own.line, own.through
    mask = line("present", "present", tokens)
    mean = through("mean_unit", through("mean", through("weighed", tokens), mask))
    largest = through("largest_unit", through("largest", through("vectors", tokens), mask))
    return through("halves", line("both", "side-by-side", mean, largest))


def _transformer(own: _Inside, tokens: str) -> str:
    line, through = own.line, own.through
    mask = line("present", "present", tokens)
    states = through("norm", through("places", through("embedding", tokens)))
    for number in range(1, own.layer.layers + 1):
        states = through(f"layer{number}", states, mask)
    return through("unit", through("mean", states, mask))


def _token_transformer(own: _Inside, tokens: str) -> str:
    line, through = own.line, own.through
    mask, states = line("present", "present", tokens), through("places", through("embedding", tokens))
    for number in range(1, own.layer.layers + 1):
        states = through(f"layer{number}", states, mask)
    return line("pooled", "side-by-side", through("largest", states, mask), through("mean", states, mask))


def _branched_ngrams(own: _Inside, tokens: str) -> str:
    line, through, filters = own.line, own.through, own.layer.filters
    mask, vectors = line("mask", "present", tokens), through("embedding", tokens)
    maps, grams = through("present", through("norm1", through("project", vectors)), mask), []
    for number, kernel in enumerate(own.layer.kernels):
        start = number * filters
        part = line(f"part{kernel}", "part", maps, start=start, stop=start + filters)
        grams.append(through(f"branch{kernel}", part, mask))
    features = through("norm2", line("features", "side-by-side", vectors, *grams))
    pooled = through("linear", through("pool", features, mask))
    return through("unit", through("dense2", through("dense1", pooled)))


def _branch(own: _Inside, values: str, mask: str) -> str:
    line, through = own.line, own.through
    hidden = line("shortcut1", "add", through("activation1", through("conv1", values)), values)
    hidden = through("present", hidden, mask)
    return line("shortcut2", "add", through("activation2", through("conv2", hidden)), hidden)


def _shortcut(own: _Inside, values: str) -> str:
    through = own.through
    inner = through("linear2", through("inner", through("linear1", values)))
    return through("activation", own.line("shortcut", "add", inner, through("around", values)))


def _transformer_layer(own: _Inside, states: str, mask: str) -> str:
    line, through = own.line, own.through
    projected = through("query_key_value", states)
    weights = line(ATTENTION_WEIGHTS, "attention-weights", projected, mask, heads=own.layer.attend.heads)
    mixed = through("output", through("attend", projected, weights))
    hidden = through("norm1", line("shortcut1", "add", mixed, states))
    inner = through("linear2", through("activation", through("linear1", hidden)))
    return through("norm2", line("shortcut2", "add", inner, hidden))


def _vision_transformer(own: _Inside, images: str) -> str:
    states = images
    children = (
        "patches",
        "tokens",
        "places",
        "prefix",
        *(f"layer{at + 1}" for at in range(own.layer.layers)),
    )
    for child in (*children, "norm", "pool"):
        states = own.through(child, states)
    return states


def _pre_norm_layer(own: _Inside, states: str) -> str:
    line, through = own.line, own.through
    projected = through("query_key_value", through("norm1", states))
    weights = line(ATTENTION_WEIGHTS, "attention-weights", projected, heads=own.layer.attend.heads)
    mixed = through("scale1", through("output", through("attend", projected, weights)))
    hidden = line("shortcut1", "add", mixed, states)
    inner = through("linear2", through("activation", through("linear1", through("norm2", hidden))))
    return line("shortcut2", "add", through("scale2", inner), hidden)


def _pooled_tokens(own: _Inside, states: str) -> str:
    found = []
    if own.layer.pooled != "mean":
        found.append(own.line("class", "choose-token", states, place=0))
    if own.layer.pooled != "class":
        found.append(own.line("mean", "token-mean", states, start=own.layer.prefix))
    return found[0] if len(found) == 1 else own.line("both", "side-by-side", *found)


_PARTS: dict[type[nn.Module], Callable[..., str]] = {
    nn.Sequential: _sequential,
    ResidualBlock: _residual_block,
    ParallelConvolutions: _parallel_convolutions,
    BothWays: _both_ways,
    KnownWords: _known_words,
    BranchedNgrams: _branched_ngrams,
    Branch: _branch,
    Shortcut: _shortcut,
    TokenTransformer: _token_transformer,
    Transformer: _transformer,
    TransformerLayer: _transformer_layer,
    VisionTransformer: _vision_transformer,
    PreNormLayer: _pre_norm_layer,
    PoolTokens: _pooled_tokens,
}
