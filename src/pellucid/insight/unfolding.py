"""Backbones unfolded: a network in which each step of a backbone is a layer with a name.

A backbone is a program of timm's. It is followed once with `torch.fx`, which writes down each step, and every
step becomes a layer of torch's or of `backbone_layers`. The unfolded network computes the same numbers to the
last bit, and weights keep their names. What has no such layer stays closed: it is computed, but not opened.
"""

import inspect
from collections import OrderedDict
from typing import Any

import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from pellucid.data.wording import some
from pellucid.insight.reference_lines import is_known
from pellucid.insight.unfolded_layers import Closed, PaddedConvolution, add, resize, side_by_side
from pellucid.networks import Network
from pellucid.networks.backbone import Backbone, ScaleAndStandardise
from pellucid.networks.layers import GlobalPool, Standardise

# Layers of timm's that are translated as a whole, and not followed inside.
_WHOLE = ("BatchNormAct2d", "Conv2dSame")


class Refused(ValueError):
    """Refusal of a backbone that cannot be followed step by step."""


def unfold(network: Network) -> Network:
    """Make each step of a backbone a layer; networks without one stay as they are.

    Changes the network, which has to be a copy, and returns it.

    Raises: `Refused` if the backbone cannot be followed.
    """
    if not network.config.backbone:
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
            f"the steps of its backbone cannot be followed ({type(error).__name__}), so that all are closed: "
            + "; ".join(f"{kind} ({some(names, 1)})" for kind, names in sorted(kinds.items()))
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
