"""Overview of a network on one input, from pixels or words to scores, and a tree of a forest as a drawing."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from pellucid.insight.contributions import TreePath
from pellucid.insight.explanation import Explanation
from pellucid.insight.layer_records import LayerRecord
from pellucid.reference import LAYERS
from pellucid.reports.explain.page_data import HIDDEN

# Stages of an overview: as many as fit beside each other and are taken in at a glance.
MOST_STAGES = 6

# Stages whose layers stand beside each other, as directions of a recurrent network do, and not behind.
_BESIDE = ("states", "n-grams")
# Shares of the longer side of the image up to which what a unit sees is a small pattern, or a part.
_SMALL = 0.35  # share
_PART = 0.8  # share
# Stages that many layers in a row may share.
_SHARED = ("small-patterns", "parts", "whole", "made-maps", "context", "states", "n-grams", "features")


class Stage(NamedTuple):
    """Stage of an overview: its kind, whose words the template has, and the layer whose values it shows."""

    kind: str
    layer: LayerRecord
    layers: int = 1  # how many of its layers compute something new


def stages_of(explanation: Explanation) -> list[Stage]:
    """Stages of a network in the order of computation, at most `MOST_STAGES`; none without opened layers."""
    found: list[Stage] = []
    for layer in explanation.layers:
        # Of an adversarial network what judges the given image is shown, and of an autoencoder not its bound.
        is_aside = layer.part == "bound" or (explanation.contest is not None and not layer.receptive_field)
        if layer.kind in HIDDEN or is_aside:
            continue
        kind = _kind(explanation, layer)
        if kind is None:
            if found and _continues(found[-1], layer):
                found[-1] = found[-1]._replace(layer=layer)
        elif found and kind == found[-1].kind and (kind in _BESIDE or layer.takes == found[-1].layer.takes):
            found[-1] = found[-1]._replace(layer=layer)
        else:
            found.append(Stage(kind, layer))
    while len(found) > MOST_STAGES:
        twins = [
            at
            for at, (one, other) in enumerate(pairwise(found))
            if one.kind == other.kind and one.kind in _SHARED
        ]
        at = twins[0] if twins else MOST_STAGES // 2
        count = found[at].layers + found[at + 1].layers if twins else found[at + 1].layers
        found[at : at + 2] = [found[at + 1]._replace(layers=count)]
    return found


def _kind(explanation: Explanation, layer: LayerRecord) -> str | None:
    """Kind of the stage that a layer begins; `None` where it belongs to the one before."""
    opened = explanation.opened
    assert opened is not None  # there are layers
    if layer.name == "probabilities":
        return "probabilities"
    kind = LAYERS[layer.kind].stage or None
    if kind == "image" and not explanation.makes_images:
        return None  # a predicted number at the scale of the data
    # The head of a discriminator gives its score, and the losses come after it.
    last = "head" if explanation.contest is not None else opened.output.split(".")[0]
    if kind == "features" and layer.name.split(".")[0] == last == "head":
        return "scores" if explanation.classes and not explanation.makes_images else "number"
    if kind == "maps":
        seen = max(size / side for size, side in zip(layer.receptive_field, _sides(explanation), strict=True))
        return "small-patterns" if seen <= _SMALL else "parts" if seen <= _PART else "whole"
    return kind


def _sides(explanation: Explanation) -> tuple[int, ...]:
    """Rows and columns of the image."""
    assert not isinstance(explanation.inputs, str)  # maps are those of images
    return explanation.inputs.shape[:2]


def _continues(stage: Stage, layer: LayerRecord) -> bool:
    """True of a layer that gives numbers of the same form, but for the class beside latent variables."""
    is_aside = stage.kind == "latent" and layer.kind == "side-by-side"
    if is_aside or LAYERS[layer.kind].stage is None:
        return False
    return len(layer.output_shape) == len(stage.layer.output_shape)


# One tree of a forest as lines: a branch ends at its depth, above the middle of what is below it.

_WIDTH = 720  # pixels of the drawing
_HEIGHT = 240  # pixels


def drawing_of(path: TreePath) -> dict[str, Any]:
    """Lines of a tree as two paths of SVG, one of them the input's, and a place for each question."""
    parents = path.parents.tolist()
    places = _places(parents)
    depth = max(1, max(down for _, down in places))
    spots = [(_WIDTH * across, _HEIGHT * down / depth) for across, down in places]
    lines: dict[bool, list[str]] = {False: [], True: []}
    for at, parent in enumerate(parents):
        if parent >= 0:
            (x, y), (end, below) = spots[parent], spots[at]
            lines[bool(path.is_on_path[at])].append(f"M{x:.1f} {y:.1f}H{end:.1f}V{below:.1f}")
    on_path = [spots[at] for at in np.flatnonzero(path.is_on_path).tolist()]
    return {
        "width": _WIDTH,
        "height": _HEIGHT,
        "others": "".join(lines[False]),
        "path": "".join(lines[True]),
        "questions": on_path[:-1],
        "leaf": on_path[-1],
    }


def _places(parents: Sequence[int]) -> list[tuple[float, int]]:
    """Place of each branch: a share of the width, and its depth; leaves have equal distances."""
    children: list[list[int]] = [[] for _ in parents]
    depths = [0] * len(parents)
    for at, parent in enumerate(parents):
        if parent >= 0:
            children[parent].append(at)
            depths[at] = depths[parent] + 1
    leaves = [1 if not below else 0 for below in children]
    for at in reversed(range(1, len(parents))):  # parents come first
        leaves[parents[at]] += leaves[at]
    start, across = [0.0] * len(parents), [0.0] * len(parents)
    for at, below in enumerate(children):
        first = start[at]
        for child in below:
            start[child], first = first, first + leaves[child]
    for at in reversed(range(len(parents))):
        below = children[at]
        across[at] = (
            sum(across[child] for child in below) / len(below) if below else (start[at] + 0.5) / leaves[0]
        )
    return list(zip(across, depths, strict=True))
