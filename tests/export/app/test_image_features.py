"""Computations of pages for images under node: what classical models see, and layers computed fast."""

from typing import Any

import numpy as np
import torch

from export.app.node import Node
from pellucid.classical import extract
from pellucid.reference import LAYERS as LAYERS_OF_PYTHON
from photographs import pieces

FEATURES = """
globalThis.document = { getElementById: () => ({ textContent: '{"layers": []}' }) };
const { FEATURES } = await import("./pellucid/export/app/script/images/features.js");
return given.map(({ kind, shape: [height, width, channels], pixels }) =>
  Array.from(FEATURES[kind]({ data: Uint8Array.from(pixels), height, width, channels })));
"""
SHAPES = ((28, 28, 1), (8, 8, 1), (32, 32, 3), (48, 31, 3), (150, 97, 3), (3, 2, 1), (1, 9, 1), (70, 70, 1))
"""Sizes that are taken as they are, made smaller with and without a rest, and smaller than a cell."""


def test_features_of_images_are_those_of_python(node: Node) -> None:
    images = [pieces("flower", 1, 160)[0][: shape[0], : shape[1], : shape[2]] for shape in SHAPES]
    images.append(np.full((28, 28, 1), 7, np.uint8))  # no edge at all
    images.append(
        np.tile(np.uint8([[0], [255]]), (16, 32))[..., None]
    )  # edges of every length and of one turn
    asked = [(kind, image) for kind in ("pixels", "hog") for image in images]
    given = [{"kind": kind, "shape": image.shape, "pixels": image.ravel().tolist()} for kind, image in asked]
    for (kind, image), found in zip(asked, node.run("", FEATURES, given), strict=True):
        wanted = extract(kind, image[np.newaxis])[0]
        if kind == "pixels":
            assert np.array_equal(np.float32(found), wanted), image.shape
        else:
            np.testing.assert_allclose(found, wanted, atol=2e-6, err_msg=str(image.shape))


LAYERS = """
Object.assign(globalThis, { document: { getElementById: () => ({ textContent: '{"layers": []}' }) } });
const { computed } = await import("./pellucid/reports/explain/script/layers.js");
const { wholeOf } = await import("./pellucid/reports/explain/script/arrays.js");
return given.map(({ layer, takes: [[shape, numbers], ...weights] }) => {
  const tensors = weights.map(([own, data]) => wholeOf(own, Float32Array.from(data)));
  const x = wholeOf(shape, Float32Array.from(numbers));
  return Array.from(computed(layer, [x], tensors, Float32Array).data);
});
"""


def layer_of(kind: str, settings: dict[str, Any], takes: list[np.ndarray], shape: tuple[int, ...]) -> dict:
    """A layer and what it takes, as a page has them."""
    declared = LAYERS_OF_PYTHON[kind].declared
    if isinstance(declared, tuple):
        declaration: dict[str, Any] = {"steps": [list(each) for each in declared]}
    else:
        declaration = declared.bind(takes, shape, settings).to_json()
    facts = {"kind": kind, "settings": settings, "shape": shape, "declaration": declaration}
    return {"layer": facts, "takes": [[each.shape, each.ravel().tolist()] for each in takes]}


def test_layers_are_those_of_torch(node: Node) -> None:
    """Those that follow from their line alone, and those that are computed fast."""
    rng = np.random.default_rng(0)
    functional = torch.nn.functional
    numbers = np.r_[np.linspace(-9, 9, 5001), 0.0, -8.0, 8.0, 1e-7, 1e4, -1e4].astype(np.float32)
    maps = rng.normal(size=(3, 7, 9)).astype(np.float32)
    kernels, small = rng.normal(size=(3, 2, 4, 3)).astype(np.float32), rng.normal(size=2).astype(np.float32)
    sides = {"stride": (2, 1), "padding": (1, 1)}
    given = torch.from_numpy(maps)[None]
    laid = functional.conv_transpose2d(given, torch.tensor(kernels), torch.tensor(small), (2, 1), (1, 1))[0]
    cases = [
        (layer_of("gelu", {}, [numbers], numbers.shape), functional.gelu(torch.tensor(numbers).double())),
        (
            layer_of("max-pool", {"window": (2, 3)}, [maps], (3, 3, 3)),
            functional.max_pool2d(given, (2, 3))[0],
        ),
        (
            layer_of("average-pool", {"window": (2, 3)}, [maps], (3, 3, 3)),
            functional.avg_pool2d(given, (2, 3))[0],
        ),
        (layer_of("transposed-convolution", sides, [maps, kernels, small], tuple(laid.shape)), laid),
    ]
    for found, (_, ours) in zip(node.run("", LAYERS, [case for case, _ in cases]), cases, strict=True):
        np.testing.assert_allclose(found, ours.ravel(), rtol=1e-6, atol=1e-6)
