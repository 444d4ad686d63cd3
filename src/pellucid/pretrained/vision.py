"""Vision transformers out of foreign folders: their tensors under our names, at the size that is seen."""

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from pellucid.language.sentence import Sentence
from pellucid.networks import Network, NetworkConfig, Origin, parameter_shapes
from pellucid.networks.config import (
    LARGEST_EMBEDDING,
    LARGEST_KERNEL,
    LARGEST_SIDE,
    LARGEST_WIDTH,
    MOST_HEADS,
    MOST_LAYERS,
    MOST_REGISTERS,
    PatchAttention,
)
from pellucid.networks.families import outline
from pellucid.pretrained.bert import read_tensors, require, shapes_of
from pellucid.pretrained.image_backbones import completed, head_sizes, seen_size
from pellucid.safety.strict import Number, Whole
from pellucid.settings import Settings

_PREFIX = "body.encoder."
_PLACES = "places.weight"
_TOKENS = "prefix.weight"
# Architectures of timm that are ours; in all of them a head sees 64 numbers, and layer norms add 1e-6.
OF_TIMM = re.compile(r"vit_(?:tiny|small|base|large)_patch\d+(?:_reg\d)?_(?:\d+|dinov2)")
_HEAD_SIZE = 64
_EPSILON_OF_TIMM = 1e-6


class Names(NamedTuple):
    """Names of tensors in one kind of file."""

    parts: Mapping[str, str]  # ours outside the layers to theirs
    in_layer: Mapping[str, tuple[str, ...]]  # ours within a layer to theirs, one below the other
    layer: str  # beginning of the names of a layer, `{}` its number from 0
    prefix: str = ""  # before all, where a classifier is saved too
    others: tuple[str, ...] = ()  # beginnings of what may be there and is not needed
    is_antialiased: bool = True  # whether places are interpolated smoothly where the image gets smaller


_DENSE = {"norm1": ("norm1.*",), "norm2": ("norm2.*",), "linear1": ("mlp.fc1.*",), "linear2": ("mlp.fc2.*",)}
_SEPARATE = {
    "query_key_value": tuple(f"attention.attention.{part}.*" for part in ("query", "key", "value")),
    "output": ("attention.output.dense.*",),
}
_TRANSFORMERS = {
    "patches": "embeddings.patch_embeddings.projection.*",
    "class": "embeddings.cls_token",
    "registers": "embeddings.register_tokens",
    "places": "embeddings.position_embeddings",
    "norm": "layernorm.*",
}
_UNUSED = ("embeddings.mask_token", "pooler.", "classifier.")
_DINOV2 = Names(
    parts=_TRANSFORMERS,
    in_layer=_DENSE | _SEPARATE | {"scale1": ("layer_scale1.lambda1",), "scale2": ("layer_scale2.lambda1",)},
    layer="encoder.layer.{}.",
    prefix="dinov2.",
    others=_UNUSED,
    is_antialiased=False,
)
NAMES = {
    "timm": Names(
        parts={
            "patches": "patch_embed.proj.*",
            "class": "cls_token",
            "registers": "reg_token",
            "places": "pos_embed",
            "norm": "norm.*",
        },
        in_layer=_DENSE
        | {"query_key_value": ("attn.qkv.*",), "output": ("attn.proj.*",)}
        | {"scale1": ("ls1.gamma",), "scale2": ("ls2.gamma",)},
        layer="blocks.{}.",
        others=("head.",),
    ),
    "dinov2": _DINOV2,
    "dinov2_with_registers": _DINOV2._replace(prefix="dinov2_with_registers.", is_antialiased=True),
    "vit": Names(
        parts=_TRANSFORMERS,
        in_layer=_SEPARATE
        | {"norm1": ("layernorm_before.*",), "norm2": ("layernorm_after.*",)}
        | {"linear1": ("intermediate.dense.*",), "linear2": ("output.dense.*",)},
        layer="encoder.layer.{}.",
        prefix="vit.",
        others=_UNUSED,
        is_antialiased=False,
    ),
}


@dataclass(frozen=True, eq=False)
class VisionBackbone:
    """Weights of a vision transformer and what is known about them."""

    config: NetworkConfig  # of its layers at the size whose places it learnt
    tensors: Mapping[str, Tensor]  # of everything below the head, by the names that `Network` gives them
    origin: Origin
    mean: tuple[float, ...]  # of red, green and blue, 0 to 1, that images are standardised with
    std: tuple[float, ...]  # likewise
    largest: int  # longer side in pixels at which images are seen at most
    is_antialiased: bool

    def config_for(self, outputs: int, settings: Settings, shape: tuple[int, int, int]) -> NetworkConfig:
        """Config of the same layers below a head for `outputs` (1 for a number) and images of a shape.

        The settings size the head; the preset decides at which size images (channels, height, width) are
        seen, in whole patches, at most at that of its training.
        """
        own = self.config.layers(PatchAttention)
        sides = seen_size(shape[1:], settings.preset)
        share = min(1.0, self.largest / max(sides)) / own.patch
        seen = tuple(max(1, round(side * share)) * own.patch for side in sides)
        return dataclasses.replace(
            self.config,
            input_shape=shape,
            outputs=outputs,
            own=dataclasses.replace(own, seen=seen),
            **head_sizes(settings),
        )

    def network(self, config: NetworkConfig, generator: torch.Generator) -> Network:
        """Build the network in evaluation mode: these weights, and a head that has learnt nothing."""
        grids = [each.layers(PatchAttention).grid for each in (self.config, config)]
        places = resampled(self.tensors[_PREFIX + _PLACES], grids[0], grids[1], self.is_antialiased)
        network, weights = outline(config), {**self.tensors, _PREFIX + _PLACES: places}
        network.load_state_dict(weights, strict=False, assign=True)
        return completed(network, self.mean, self.std, self.origin, generator)


def resampled(
    places: Float[Tensor, "old_places size"], old: tuple[int, int], new: tuple[int, int], is_antialiased: bool
) -> Float[Tensor, "new_places size"]:
    """Vectors of the places of one grid of patches at those of another, bicubic."""
    if old == new:
        return places
    maps = places.T.reshape(1, -1, *old)
    scaled = functional.interpolate(maps, new, mode="bicubic", align_corners=False, antialias=is_antialiased)
    return scaled[0].flatten(1).T.contiguous()


def config_of_transformers(document: Mapping[str, Any]) -> NetworkConfig:
    """Config out of the parsed `config.json` of transformers.

    Raises: `ValueError` if a size is missing or out of bounds, or something is not supported.
    """
    require("hidden_act", document.get("hidden_act"), ["gelu"])
    require("use_swiglu_ffn", document.get("use_swiglu_ffn", False), [False])
    require("qkv_bias", document.get("qkv_bias", True), [True])
    require("num_channels", document.get("num_channels"), [3])

    def whole(name: str, most: int, least: int = 1) -> int:
        return Whole(least, most).read(name, document.get(name))

    size, side = whole("hidden_size", LARGEST_EMBEDDING), whole("image_size", LARGEST_SIDE)
    is_plain = document["model_type"] == "vit"
    ratio = 1 if is_plain else whole("mlp_ratio", LARGEST_WIDTH)
    return _config(
        size,
        transformer_layers=whole("num_hidden_layers", MOST_LAYERS),
        attention_heads=whole("num_attention_heads", MOST_HEADS),
        feed_forward=whole("intermediate_size", LARGEST_WIDTH) if is_plain else size * ratio,
        seen=(side, side),
        patch=whole("patch_size", LARGEST_KERNEL),
        registers=whole("num_register_tokens", MOST_REGISTERS, 0) if "num_register_tokens" in document else 0,
        layer_scale=not is_plain,
        norm_epsilon=Number(1e-12, 1e-3).read("layer_norm_eps", document.get("layer_norm_eps")),
        pooled="class" if is_plain else "both",
    )


def config_of_timm(document: Mapping[str, Any], weights: Path) -> NetworkConfig:
    """Config by the shapes of the weights of an architecture that `OF_TIMM` matches.

    Raises: `ModelFileError` if the weights cannot be read; `ValueError` if they are others.
    """
    shapes = shapes_of(weights)
    try:
        size, patch = shapes["cls_token"][2], shapes["patch_embed.proj.weight"][3]
        feed_forward, places = shapes["blocks.0.mlp.fc1.weight"][0], shapes["pos_embed"][1]
        registers = shapes["reg_token"][1] if "reg_token" in shapes else 0
    except (KeyError, IndexError) as error:
        raise ValueError(Sentence("the weights lack {name!r}", str(error.args[0])[:80])) from error
    side = patch * math.isqrt(places)
    arguments = document.get("model_args") or {}
    return _config(
        size,
        transformer_layers=sum(
            re.fullmatch(r"blocks\.\d+\.norm1\.weight", name) is not None for name in shapes
        ),
        attention_heads=arguments.get("num_heads", max(1, size // _HEAD_SIZE)),
        feed_forward=feed_forward,
        seen=(side, side),
        patch=patch,
        registers=registers,
        layer_scale="blocks.0.ls1.gamma" in shapes,
        norm_epsilon=_EPSILON_OF_TIMM,
        pooled="both" if "dinov2" in document["architecture"] else "class",
    )


def _config(size: int, **own: Any) -> NetworkConfig:
    """Config of the layers, with the head of one number, for images of the size whose places were learnt."""
    layers = PatchAttention(**own)
    return NetworkConfig(
        name="vision-transformer",
        input_shape=(3, *layers.seen),
        outputs=1,
        activation="gelu",
        embedding=size,
        own=layers,
    )


def read_weights(path: Path, config: NetworkConfig, names: Names) -> dict[str, Tensor]:
    """Read the tensors of a file, which must be those of the config, under our names.

    Raises: `ModelFileError` if the file is damaged, or its tensors are others; `ValueError` if the config is
        too large.
    """
    size, own = config.embedding, config.layers(PatchAttention)
    shapes = parameter_shapes(config)
    ours = [name.removeprefix(_PREFIX) for name in shapes if name.startswith(_PREFIX)]
    sources = {name: names_of(name, names) for name in ours if name not in (_PLACES, _TOKENS)}
    expected = {
        each: (shapes[_PREFIX + name][0] // len(theirs), *shapes[_PREFIX + name][1:])
        for name, theirs in sources.items()
        for each in theirs
    }
    # The places of timm's networks with registers have none for the class token.
    count = math.prod(own.grid)
    with_class = 0 if shapes_of(path).get(names.parts["places"]) == (1, count, size) else 1
    expected |= {names.parts["class"]: (1, 1, size), names.parts["places"]: (1, with_class + count, size)}
    expected |= {names.parts["registers"]: (1, own.registers, size)} if own.registers else {}
    tensors = read_tensors(path, expected, names.prefix, names.others)
    places, tokens = tensors[names.parts["places"]][0], tensors[names.parts["class"]][0]
    if with_class:
        tokens = tokens + places[:1]
    if own.registers:
        tokens = torch.cat([tokens, tensors[names.parts["registers"]][0]])
    found = {name: torch.cat([tensors[each] for each in theirs]) for name, theirs in sources.items()}
    found |= {_PLACES: places[with_class:].clone(), _TOKENS: tokens}
    return {_PREFIX + name: tensor for name, tensor in found.items()}


def names_of(ours: str, names: Names) -> tuple[str, ...]:
    """Names in the file of the tensors that one of ours is put together of, one below the other."""
    part, _, kind = ours.rpartition(".")
    layer, _, within = part.partition(".")
    if not within:
        return (names.parts[part].replace("*", kind),)
    before = names.layer.format(int(layer.removeprefix("layer")) - 1)
    return tuple(before + each.replace("*", kind) for each in names.in_layer[within])
