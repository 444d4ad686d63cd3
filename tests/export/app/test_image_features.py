"""What classical models see of an image in a page is what they see of it in Python."""

import numpy as np

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
