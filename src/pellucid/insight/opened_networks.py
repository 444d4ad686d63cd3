"""Networks opened on one input: a forward pass that keeps what each layer gives; backbones unfolded."""

import contextlib
import copy
import inspect
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from pellucid.bundle.network_answers import answering
from pellucid.data.wording import some
from pellucid.insight.reference_lines import CLOSED, SAME, dropouts_of, is_known, taken_apart, weights_of
from pellucid.insight.unfolded_layers import Closed, PaddedConvolution, Program, add, resize, side_by_side
from pellucid.language.sentence import Sentence, join
from pellucid.networks import Network
from pellucid.networks.backbone import Backbone, ScaleAndStandardise
from pellucid.networks.layers import GlobalPool, Standardise
from pellucid.networks.text_encoders import Attend
from pellucid.reference import LAYERS, Layer, Line
from pellucid.reference.notation import Bound, Declaration, Sizes

# Backbones unfolded: a backbone is a program of timm's. It is followed once with `torch.fx`, which records
# each step, and every step becomes a layer of torch's or of `unfolded_layers`. The unfolded network computes
# the same numbers to the last bit, and weights keep their names. What has no such layer stays closed: it is
# computed, but not opened.

# Layers of timm's that are translated as a whole, and not followed inside.
_WHOLE = ("BatchNormAct2d", "Conv2dSame")


class Refused(ValueError):
    """Refusal of a backbone that cannot be followed step by step."""


def unfold(network: Network) -> Network:
    """Make each step of a backbone, and of the preparation of its images, a layer; other networks stay.

    Changes the network, which has to be a copy, and returns it.

    Raises: `Refused` if the backbone cannot be followed.
    """
    if not network.config.seen:
        return network
    prepare = network.body.get_submodule("prepare")
    assert isinstance(prepare, ScaleAndStandardise)
    layers = OrderedDict[str, nn.Module]()
    if network.config.input_shape != (3, *prepare.size):
        layers["resize"] = resize(prepare.size, 3)
    standardise = Standardise((3, *prepare.size))
    standardise.mean, standardise.std = prepare.mean, prepare.std
    layers["standardise"] = standardise
    network.body.prepare = nn.Sequential(layers)
    if network.config.backbone:
        network.body.backbone = _followed(network.body.get_submodule("backbone"), prepare.size)
    return network


class _Plain(nn.Module):
    """Backbone whose `forward` checks no shapes: what is written down are steps, not arrays."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.layers = backbone.get_submodule("layers")

    def forward(self, images: Any) -> Any:
        return inspect.unwrap(Backbone.forward)(self, images)


class _Tracer(fx.Tracer):
    """Follows everything but layers of torch's, and those of timm's that are translated whole."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return type(m).__name__ in _WHOLE or super().is_leaf_module(m, module_qualified_name)


def _followed(backbone: nn.Module, size: tuple[int, int]) -> fx.GraphModule:
    """Write down the steps of a backbone, and put a layer in the place of each.

    Raises: `Refused` if it does other things at each image, or goes ways that cannot be written down.
    """
    try:
        plain = _Plain(backbone).eval()
        found = fx.GraphModule(plain, _Tracer().trace(plain))
        with torch.no_grad():
            ShapeProp(found).propagate(torch.zeros(1, 3, *size))
    except Exception as error:  # a program of another maker may stumble over anything
        kinds: dict[str, list[str]] = {}
        for name, layer in backbone.named_modules():
            if not list(layer.children()) and not isinstance(layer, nn.Identity):
                kinds.setdefault(type(layer).__name__, []).append(name)
        raise Refused(
            Sentence(
                "the steps of its backbone cannot be followed ({name}), so that all are closed: ",
                type(error).__name__,
            )
            + join(
                "; ",
                [Sentence("{kind} ({names})", kind, some(names, 1)) for kind, names in sorted(kinds.items())],
            )
        ) from error
    for node in list(found.graph.nodes):
        if node.op == "call_module":
            _translate_layer(found, node)
        elif node.op in ("call_function", "call_method"):
            _translate_function(found, node)
    found.graph.lint()
    found.recompile()
    return found


def _translate_layer(found: fx.GraphModule, node: fx.Node) -> None:
    """Put a layer that can be opened in the place of one, or close it."""
    name, layer = str(node.target), found.get_submodule(str(node.target))
    kind = type(layer).__name__
    if kind == "BatchNormAct2d":
        _split_norm(found, node, layer)
    elif kind == "Conv2dSame":
        assert isinstance(layer, nn.Conv2d)
        # As many zeros as give one number for each stride, the odd one below and right.
        size = _shape(_sources(node)[0])[2:]
        whole = [
            max((-(-side // stride) - 1) * stride + kernel - side, 0)
            for side, stride, kernel in zip(size, layer.stride, layer.kernel_size, strict=True)
        ]
        before = (whole[0] // 2, whole[1] // 2)
        after = (whole[0] - before[0], whole[1] - before[1])
        _put(found, node, name, PaddedConvolution(layer, before, after))
    elif (
        isinstance(layer, nn.AdaptiveAvgPool2d)
        and all(_is_layer(found, user, nn.Flatten) for user in node.users)
        and layer.output_size in (1, (1, 1))
    ):
        _put(found, node, name, GlobalPool("average"))
    elif isinstance(layer, nn.Flatten) and _is_layer(found, _sources(node)[0], GlobalPool):
        (pool,) = _sources(node)
        pool.meta = dict(node.meta)  # the pool of ours leaves no axes of one place behind
        node.replace_all_uses_with(pool)
        found.graph.erase_node(node)
    elif not is_known(layer) or not all(map(_is_openable, (node, *_sources(node)))):
        _put(found, node, name, Closed(layer, kind, _is_values(node)))


def _split_norm(found: fx.GraphModule, node: fx.Node, layer: Any) -> None:
    """Batch norm with its activation function becomes two layers, one inside the name of the other."""
    norm = nn.BatchNorm2d(layer.num_features, eps=layer.eps, device="meta")
    for each in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
        setattr(norm, each, getattr(layer, each))
    name = str(node.target)
    new = _put(found, node, name, norm.eval())
    if not isinstance(layer.act, nn.Identity):
        norm.add_module("act", layer.act)
        with found.graph.inserting_after(new):
            after = found.graph.call_module(f"{name}.act", (new,))
        after.meta = dict(new.meta)
        new.replace_all_uses_with(after, delete_user_cb=lambda user: user is not after)
        if not is_known(layer.act):
            _put(found, after, f"{name}.act", Closed(layer.act, type(layer.act).__name__, True))


def _translate_function(found: fx.GraphModule, node: fx.Node) -> None:
    """Put a layer in the place of a function, or close it."""
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "function")
    sources = _sources(node)
    shapes = [_shape(each) for each in sources]
    layer: nn.Module | None = None
    if name == "_assert":
        found.graph.erase_node(node)
        return
    if not all(map(_is_openable, (node, *sources))):
        pass  # values of other shapes are no maps and no vector
    elif name in ("add", "iadd") and len(sources) == 2 and shapes[0] == shapes[1]:
        name, layer = "add", add()
    elif name == "mean" and len(shapes[0]) == 4 and len(_shape(node)) == 2:
        axes = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
        if isinstance(axes, (tuple, list)) and {int(axis) % 4 for axis in axes} == {2, 3}:
            layer = GlobalPool("average")
    elif name in ("cat", "concat") and len(_shape(node)) == 2 and all(len(shape) == 2 for shape in shapes):
        name, layer = "features", side_by_side()
    elif name == "relu":
        layer = nn.ReLU()
    # Within the layer that it belongs to a step is named by what it does, numbered where there are several.
    scopes = [str(path) for path, _ in node.meta.get("nn_module_stack", {}).values()]
    own = stem = f"{scopes[-1]}.{name}" if scopes and scopes[-1] else name
    taken, number = {each for each, _ in found.named_modules()}, 1
    while own in taken:
        number += 1
        own = f"{stem}{number}"
    if layer is not None:
        _put(found, node, own, layer, tuple(sources))
        return
    method = lambda given, *rest, **settings: getattr(given, name)(*rest, **settings)  # noqa: E731
    _put(found, node, own, Closed(node.target if callable(node.target) else method, name, _is_values(node)))


def _put(
    found: fx.GraphModule,
    node: fx.Node,
    name: str,
    layer: nn.Module,
    takes: tuple[fx.Node, ...] | None = None,
) -> fx.Node:
    """Put a layer in the place of a step; by default it is given what the step was given."""
    found.add_submodule(name, layer)
    with found.graph.inserting_before(node):
        new = found.graph.call_module(
            name, node.args if takes is None else takes, node.kwargs if takes is None else {}
        )
    new.meta = dict(node.meta)
    node.replace_all_uses_with(new)
    found.graph.erase_node(node)
    return new


def _sources(node: fx.Node) -> list[fx.Node]:
    return [each for each in node.all_input_nodes if each.op != "get_attr"]


def _shape(node: fx.Node) -> tuple[int, ...]:
    """Shape of what a step gives; empty where that is no array."""
    return tuple(getattr(node.meta.get("tensor_meta"), "shape", ()))


def _is_values(node: fx.Node) -> bool:
    """True of a step that gives numbers for a batch of one, from numbers that were given."""
    shape, dtype = _shape(node), getattr(node.meta.get("tensor_meta"), "dtype", torch.int64)
    is_number = len(shape) > 1 and shape[0] == 1 and dtype.is_floating_point
    return is_number and (node.op == "placeholder" or any(map(_is_values, _sources(node))))


def _is_openable(node: fx.Node) -> bool:
    """True of maps (batch, channel, row, column) and of feature vectors (batch, unit)."""
    return _is_values(node) and len(_shape(node)) in (2, 4)


def _is_layer(found: fx.GraphModule, node: fx.Node, kind: type[nn.Module]) -> bool:
    return node.op == "call_module" and isinstance(found.get_submodule(str(node.target)), kind)


_CLOSED = Layer(Closed.forward, words=CLOSED, formula="y = f(x)", sees="all")


@dataclass(frozen=True, eq=False)
class Opened:
    """Computation of a network on one input, by itself and in its own precision.

    `lines`: what it does, in order, each under the name of its layer; `values`: by name, `inputs` included,
    each for a batch of one example; `weights`: by the names that the lines use; `output`: name of the line
    whose value are the logits, the predicted number, or the image made; `given`: names of what the network
    was given, `inputs` is among them; `parts`: part of the network that each line belongs to, by name, none
    where there is one part alone; `dropouts`: of each line behind a dropout, by name, the probability with
    which training zeroes the numbers that it takes.
    """

    lines: tuple[Line, ...]
    values: Mapping[str, Shaped[np.ndarray, "1 ..."]]
    weights: Mapping[str, np.ndarray]
    output: str
    given: tuple[str, ...] = ("inputs",)
    parts: Mapping[str, str] = field(default_factory=dict)
    dropouts: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def by_name(self) -> dict[str, Line]:
        """Lines by name."""
        return {line.name: line for line in self.lines}

    def line(self, name: str) -> Line:
        """Line of the layer `name`.

        Raises: `ValueError` if none is called so.
        """
        if name not in self.by_name:
            raise ValueError(
                Sentence("{name}: no layer of this name; there are {by_name}", name, ", ".join(self.by_name))
            )
        return self.by_name[name]

    def value(self, name: str) -> Shaped[np.ndarray, "..."]:
        """Value of a layer, or of `inputs`: (channel, row, column), (place, channel) or a vector.

        Raises: `ValueError` if nothing is called so.
        """
        if name not in self.values:
            self.line(name)
        found: np.ndarray = self.values[name][0]
        return found

    def sources(self, line: Line) -> list[str]:
        """Names of the values that a line takes, its weights left out."""
        return [name for name in line.takes if name in self.values]

    def taken(self, line: Line) -> list[Shaped[np.ndarray, "..."]]:
        """Everything that a line takes, in order: values without the batch, and weights."""
        return [self.values[name][0] if name in self.values else self.weights[name] for name in line.takes]

    def layer(self, line: Line) -> Layer:
        """What is declared of a line's kind of layer."""
        return LAYERS.get(line.kind, _CLOSED)

    def sizes(self, line: Line) -> Sizes:
        """Everything that a line takes, the shape of its value, and its settings."""
        return Sizes(self.taken(line), self.value(line.name).shape, line.settings)

    def bound(self, line: Line) -> Bound | None:
        """Line of index notation that is declared of a layer, with its arrays; `None` where there is none."""
        if line.name not in self._bound:
            declared = self.layer(line).declared
            self._bound[line.name] = (
                declared.bind(*self.sizes(line)) if isinstance(declared, Declaration) else None
            )
        return self._bound[line.name]

    @cached_property
    def _bound(self) -> dict[str, Bound | None]:
        return {}

    def weights_of(self, line: Line) -> list[Shaped[np.ndarray, "..."]]:
        """Weights that a line takes, in order."""
        return [self.weights[name] for name in line.takes if name in self.weights]


_Asked = TypeVar("_Asked", bound=nn.Module)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute in one thread for a while: sums then come out the same everywhere, and small ones sooner."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def still(network: _Asked) -> _Asked:
    """Copy of a network on the CPU, in evaluation mode and single precision."""
    return copy.deepcopy(network).cpu().float().eval()


def layered(network: _Asked) -> _Asked:
    """Copy of a network as of `still`, in which each step is a layer: a backbone is unfolded.

    Raises: `ValueError` if a backbone cannot be followed.
    """
    copied = still(network)
    if isinstance(copied, Network):
        unfold(copied)
    return copied


def open_network(network: Network, inputs: Shaped[np.ndarray, "1 ..."]) -> Opened:
    """Compute a network's answer to one input, and keep every line, value and weight on the way.

    The values are those of torch in single precision, each copied before a later layer may write over it.
    Lines that torch has no layer for only pick values, put them in another order or add two of them, which
    rounds to the same everywhere, or take the mean of the patches of an image. Weights of an attention, which
    its fused operation keeps to itself, are computed by torch from the queries and keys that it was given.
    Inputs are raw pixels (1, channel, row, column), features, or ids of a text.

    Raises: `ValueError` if a layer is of a kind that the reference does not have, or a backbone cannot be
    followed.
    """
    asked = layered(network)
    given = inputs if asked.config.vocabulary else inputs.astype(np.float32)
    return _opened(asked, {"inputs": given}, lambda tensors: asked(tensors["inputs"]))


def open_program(program: Program, given: Mapping[str, Shaped[np.ndarray, "1 ..."]]) -> Opened:
    """Compute all steps of a program for one input, and keep every value on the way, as `open_network`.

    It is given a batch of one each, by name. Each line has the part of the network that it belongs to.
    """
    asked = layered(program)
    found = _opened(asked, {name: each.astype(np.float32) for name, each in given.items()}, asked)
    return replace(found, parts={line.name: program.part_of(line.name) for line in found.lines})


def _opened(
    asked: Network | Program, given: dict[str, np.ndarray], ask: Callable[[dict[str, Tensor]], object]
) -> Opened:
    """Ask a network that may be changed, and keep what its layers give."""
    lines, output = taken_apart(asked)
    seen: dict[str, np.ndarray] = {}
    for name, layer in asked.named_modules():
        if type(layer) in SAME and getattr(layer, "gives_values", True):

            def record(_: object, __: object, output: Any, name: str = name) -> None:
                values = output if isinstance(output, Tensor) else output[0]  # all states, and the last ones
                seen[name] = values.detach().clone().numpy()

            layer.register_forward_hook(record)
        if isinstance(layer, Attend):

            def record_weights(layer: Attend, taken: tuple[Tensor, ...], name: str = name) -> None:
                seen[f"{name}.weights"] = layer.weights(*taken).numpy()

            layer.register_forward_pre_hook(record_weights)
    with answering(asked, torch.device("cpu")):
        ask({name: torch.from_numpy(np.ascontiguousarray(each)) for name, each in given.items()})
    values: dict[str, np.ndarray] = dict(given)
    for line in lines:
        if line.name in seen:
            values[line.name] = seen[line.name]
        else:
            taken = [values[name] for name in line.takes]
            values[line.name] = LAYERS[line.kind].forward(*taken, **line.settings)
    return Opened(tuple(lines), values, weights_of(asked), output, tuple(given), dropouts=dropouts_of(asked))
