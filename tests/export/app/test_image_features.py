"""Computations of pages for images under node: what classical models see, and layers computed fast."""

import numpy as np
import torch

from export.app.node import Node
from pellucid.classical import extract
from photographs import pieces

FEATURES = """
Object.assign(globalThis, { document: { getElementById: () => ({ textContent: "{}" }) } });
const { FEATURES } = await import("./pellucid/export/app/script/inputs/images/features/kinds.js");
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
const folder = "./pellucid/export/app/script/engine";
const { geluLayer } = await import(`${folder}/gelu.js`);
const { maxPoolLayer } = await import(`${folder}/pointwise.js`);
const whole = ({ shape, numbers }) => ({ shape, data: Float32Array.from(numbers) });
const pool = { shape: given.pooled, settings: { window: given.window } };
return {
  gelu: Array.from(geluLayer({ kind: "gelu", settings: {} }, [whole(given.numbers)])),
  pool: Array.from(maxPoolLayer(pool, [whole(given.maps)])),
};
"""


def test_fast_layers_are_those_of_torch(node: Node) -> None:
    numbers = torch.cat([torch.linspace(-9, 9, 5001), torch.tensor([0.0, -8.0, 8.0, 1e-7, 1e4, -1e4])])
    maps = torch.from_numpy(np.random.default_rng(0).normal(size=(3, 7, 9)).astype(np.float32))
    pooled = torch.nn.functional.max_pool2d(maps[None], (2, 3))[0]
    given = {
        "numbers": {"shape": [len(numbers)], "numbers": numbers.tolist()},
        "maps": {"shape": [*maps.shape], "numbers": maps.ravel().tolist()},
        "pooled": [*pooled.shape],
        "window": [2, 3],
    }
    found = node.run("", LAYERS, given)
    ours = torch.nn.functional.gelu(numbers.double())
    np.testing.assert_allclose(found["gelu"], ours, rtol=1.2e-7, atol=1e-9)
    assert np.array_equal(found["pool"], pooled.ravel())
