"""Data of an explain page: every number in one run of bytes, and what its script needs of the layers."""

import base64
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Shaped

from pellucid.insight.contributions import TreePath
from pellucid.insight.explanation import Explanation
from pellucid.insight.layer_records import LayerRecord
from pellucid.insight.opened_networks import Opened
from pellucid.insight.reference_lines import ATTENTION_WEIGHTS, CLOSED
from pellucid.insight.unit_arithmetic import Arithmetic
from pellucid.insight.units import OPENED, open_unit
from pellucid.language.catalogue import CHINESE, translated
from pellucid.pages.assembly import visible
from pellucid.reference import LAYERS, Line

# Most bytes of numbers in a page; as text they take a third more.
BUDGET = 5_300_000

_SMALL = 16_384
_FEWEST = 4


class Packed:
    """Arrays one behind the other."""

    def __init__(self) -> None:
        # By name where an array begins, its shape and, where not all is kept, which of its rows are.
        self.places: dict[str, dict[str, Any]] = {}
        self.count = 0  # numbers that are kept
        # Whether values or weights were left out for want of room, and whether gradients were.
        self.left_out = self.gradients_left_out = False
        self._parts: list[bytes] = []

    def add(self, name: str, array: Shaped[np.ndarray, "..."], kept: np.ndarray | None = None) -> None:
        """Keep an array, or the rows of indices `kept`, under the name by which the page finds it."""
        stored = np.ascontiguousarray(array if kept is None else array[kept], "<f4")
        place: dict[str, Any] = {"at": self.count, "shape": list(array.shape)}
        if kept is not None:
            place["kept"] = [int(each) for each in kept]
        self.places[name] = place
        self._parts.append(stored.tobytes())
        self.count += stored.size

    def add_bytes(
        self, name: str, array: Shaped[np.ndarray, "heads queries keys"], queries: list[int]
    ) -> None:
        """Keep whole numbers from 0 to 255, those of some queries of an attention."""
        stored = array.astype(np.uint8).tobytes()
        self.places[name] = {"at": self.count, "shape": list(array.shape), "kept": queries}
        self._parts.append(stored + bytes(-len(stored) % 4))
        self.count += -(-len(stored) // 4)

    @property
    def text(self) -> str:
        """All bytes in base64."""
        return base64.b64encode(b"".join(self._parts)).decode("ascii")


def pack(explanation: Explanation, budget: int = BUDGET) -> Packed:
    """Choose and store the numbers of an opened network.

    Values under their names, weights under theirs, gradients with `gradient:` before them, inside the gates
    of recurrent layers with `sums:` and `state-sums:`, of weights by autograd with `autograd:`. Where not all
    fit, values and gradients of patches are kept channel by channel, with `maps:` before their names, and of
    attention between patches some queries, rounded, with `bytes:`.
    """
    opened = explanation.opened
    assert opened is not None  # asked for opened networks only
    packed, whole = Packed(), budget
    stored = [*opened.given, *(line.name for line in opened.lines if not _is_copy(opened, line))]
    values = {name: opened.value(name) for name in stored}
    taken = [name for line in opened.lines for name in line.takes if name in opened.weights]
    weights = {name: opened.weights[name] for name in taken}
    rows = _rows_read(opened)
    backward = explanation.backward
    gradients = {}
    if backward is not None:
        found = [name for name in opened.values if name in backward.gradients]
        gradients = {f"gradient:{name}": backward.gradients[name][0] for name in found}
        for name, (of_inputs, of_state) in backward.sums.items():
            gradients |= {f"sums:{name}": of_inputs, f"state-sums:{name}": of_state}
    needed = [_bytes(values, {}), _bytes(weights, rows), _bytes(gradients, {})]
    if sum(needed) <= budget:
        shares = needed
    elif sum(needed[:2]) <= budget:  # arithmetic first: of gradients only what fits
        shares = [*needed[:2], budget - sum(needed[:2])]
        gradients = _by_channel(opened, gradients)
    else:
        if _grid_of(opened) is None:
            budget -= _store_attention(packed, values, budget // 5 * 3, opened)
        else:
            budget -= _store_rounded_attention(packed, values, budget // 4, opened)
            values, gradients = _by_channel(opened, values), _by_channel(opened, gradients)
        shares = [budget // 3, budget // 3, budget // 6]
    of_values = _store(packed, values, {}, shares[0], opened)
    of_weights = _store(packed, weights, rows, shares[1], opened)
    packed.left_out = of_values or of_weights
    packed.gradients_left_out = _store(packed, gradients, {}, shares[2], opened)
    # Gradients of weights by torch, the small tensors first, as far as they fit.
    left = whole - 4 * packed.count
    if explanation.checker is not None and backward is not None:
        by_torch = {name: backward.by_autograd[name] for name in explanation.checker.names}
        for name in sorted(by_torch, key=lambda name: by_torch[name].size):
            size = _bytes({name: by_torch[name]}, rows)
            if size <= left:
                packed.add(f"autograd:{name}", by_torch[name], rows.get(name))
                left -= size
    return packed


def _is_copy(opened: Opened, line: Line) -> bool:
    """Whether a layer's values are those of others in another order, which the page makes by itself."""
    bound = opened.bound(line)
    is_copy = line.kind == "side-by-side" if bound is None else bound.is_copy
    return is_copy or opened.layer(line).sees == "nothing"


def _store_attention(packed: Packed, values: dict[str, np.ndarray], budget: int, opened: Opened) -> int:
    """Move attention maps into the page, of each layer as many heads as fit, and what they come from.

    They come first, since any number of a map opens with the queries and keys of all tokens. Returns how many
    bytes were stored.
    """
    before = packed.count
    lines = [line for line in opened.lines if line.kind == "attention-weights"]
    for line in lines:
        maps = values.pop(line.name)
        count = budget // len(lines) // (4 * maps[0].size)
        if count >= len(maps):
            packed.add(line.name, maps)
        elif count:
            packed.add(line.name, maps, np.sort(_loudest(opened, line.name, maps)[:count]))
    for line in lines:
        if 4 * (packed.count - before + values[line.takes[0]].size) <= budget:
            packed.add(line.takes[0], values.pop(line.takes[0]))
    return 4 * (packed.count - before)


def _grid_of(opened: Opened) -> tuple[int, int] | None:
    """Rows and columns of the patches that are tokens; `None` where an image is not read as such."""
    lines = [line for line in opened.lines if line.kind == "patches-to-tokens"]
    if not lines:
        return None
    _, rows, columns = opened.value(lines[0].takes[0]).shape
    return rows, columns


def _by_channel(opened: Opened, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Rows of numbers of patches as maps, so that what is kept of them are whole channels.

    Gradients of attention are left out: each of its maps has as many numbers as patches squared.
    """
    if _grid_of(opened) is None:
        return dict(arrays)
    kept = {
        name: each
        for name, each in arrays.items()
        if not (name.startswith("gradient:") and name.endswith(ATTENTION_WEIGHTS))
    }
    return {
        f"maps:{name}" if each.ndim == 2 else name: each.T if each.ndim == 2 else each
        for name, each in kept.items()
    }


def _store_rounded_attention(
    packed: Packed, values: dict[str, np.ndarray], budget: int, opened: Opened
) -> int:
    """Move the attention of all heads into the page, rounded, from as many tokens as fit.

    These are the learnt tokens, and patches at equal distances. Each weight is a share of the largest of its
    row in 255 steps: enough to be drawn. Returns how many bytes were stored.
    """
    grid, before = _grid_of(opened), packed.count
    assert grid is not None
    lines = [line for line in opened.lines if line.kind == "attention-weights"]
    heads, length, _ = values[lines[0].name].shape
    places = np.arange(math.prod(grid)).reshape(grid)
    learnt = length - places.size
    for step in range(1, max(grid) + 1):
        every = places[step // 2 :: step, step // 2 :: step].ravel() + learnt
        queries = [*range(learnt), *every.tolist()]
        if len(lines) * heads * len(queries) * length <= budget:
            break
    for line in lines:
        weights = values.pop(line.name)[:, queries]
        packed.add_bytes(
            f"bytes:{line.name}", np.rint(255 * weights / weights.max(axis=2, keepdims=True)), queries
        )
    return 4 * (packed.count - before)


def _bytes(arrays: Mapping[str, np.ndarray], rows: Mapping[str, np.ndarray]) -> int:
    return sum(4 * (array[rows[name]] if name in rows else array).size for name, array in arrays.items())


def _rows_read(opened: Opened) -> dict[str, np.ndarray]:
    """Of tables of vectors, the rows of the ids that are in the text: no unit needs another."""
    rows = {}
    for line in opened.lines:
        if line.kind == "places":
            table = opened.weights_of(line)[0]
            rows[line.takes[1]] = np.arange(min(len(opened.value(line.name)), len(table)))
        if line.kind in ("embedding", "weighed-sum"):
            ids = np.unique(opened.value(opened.sources(line)[0]))
            tables = [name for name in line.takes if name in opened.weights]
            rows[tables[0]] = ids
            if line.kind == "weighed-sum":
                rows[tables[2]] = ids
    return rows


def _store(
    packed: Packed,
    arrays: Mapping[str, np.ndarray],
    rows: Mapping[str, np.ndarray],
    budget: int,
    opened: Opened,
) -> bool:
    """Store arrays within a budget: all of the small ones, of the others the rows that matter most.

    Returns whether anything had to be left out.
    """
    wanted = {name: array[rows[name]] if name in rows else array for name, array in arrays.items()}
    total = _bytes(wanted, {})
    large = {name: 4 * each.size for name, each in wanted.items() if 4 * each.size > _SMALL}
    share, fewest = 1.0, _FEWEST
    if total > budget:
        room = max(0, budget - (total - sum(large.values())))
        share = room / max(1, sum(large.values()))
        maps = [name for name in large if wanted[name].ndim > 2]
        while fewest > 1 and sum(4 * wanted[name][:fewest].size for name in maps) > room:
            fewest //= 2
    for name, array in arrays.items():
        of_rows = min(_FEWEST, budget // 4 // max(1, 4 * array[0].size))
        count = max(fewest if array.ndim > 2 else of_rows, int(share * len(array)))
        if name in rows or share == 1 or name not in large or name == "inputs" or count >= len(array):
            packed.add(name, array, rows.get(name))
        elif count:
            packed.add(name, array, np.sort(_loudest(opened, name, array)[:count]))
    return total > budget


def _loudest(opened: Opened, name: str, array: np.ndarray) -> np.ndarray:
    """Rows of an array, those first whose values, or whose channel's values, are largest."""
    measured = array
    if name in opened.by_name and array.ndim == 2:  # the same tokens in all layers, so that units open
        of_texts = [line.name for line in opened.lines if opened.value(line.name).ndim == 2]
        measured = opened.value(of_texts[-1])
    for line in opened.lines:
        if name in line.takes and name in opened.weights:
            of_inputs = line.kind == "transposed-convolution" and name == line.takes[1]
            given = opened.value(line.takes[0] if of_inputs else line.name)
            measured = given.T if given.ndim == 2 else given
    if len(measured) != len(array):
        measured = array
    loudness = np.abs(measured.reshape(len(measured), -1)).max(axis=1)
    return np.argsort(-loudness, kind="stable")


# Lines without numbers to look at, or that are not opened.
HIDDEN = frozenset({*LAYERS, CLOSED} - OPENED)


def described(explanation: Explanation, packed: Packed) -> dict[str, Any]:
    """Everything the page's script needs but the numbers: layers, receptive fields, places of the numbers."""
    opened = explanation.opened
    assert opened is not None  # asked for opened networks only
    return {
        "layers": [_layer(explanation, opened, each) for each in explanation.layers],
        "inputs": list(opened.value("inputs").shape),
        "given": {name: list(opened.value(name).shape) for name in opened.given if name != "inputs"},
        "ids": opened.value("inputs").tolist() if explanation.tokens else [],
        "tokens": [visible(token) for token in explanation.tokens],
        "places": packed.places,
        "classes": [visible(name) for name in explanation.outputs or explanation.classes],
        "answer": explanation.kind.noun,
        "output": opened.output,
        "answers": ["temperature", "probabilities"],
        "against": None if explanation.backward is None else explanation.backward.target,
        "unseeing": [each.name for each in explanation.layers if not each.receptive_field],
        "terms": {} if explanation.backward is None else dict(explanation.backward.terms),
        "learnt": [] if explanation.checker is None else list(explanation.checker.names),
    }


def _layer(explanation: Explanation, opened: Opened, record: LayerRecord) -> dict[str, Any]:
    """Facts of one layer for the page's script."""
    line = opened.line(record.name)
    backward = explanation.backward
    return {
        "name": record.name,
        "kind": record.kind,
        "words": record.words,
        "chinese": translated(record.words, CHINESE),
        "takes": [
            name
            for name in record.takes
            if not (name in opened.by_name and opened.by_name[name].kind in HIDDEN)
        ],
        "weights": [name for name in line.takes if name in opened.weights],
        "settings": {
            name: list(value) if isinstance(value, tuple) else value for name, value in line.settings.items()
        },
        "declaration": record.declaration,
        "shape": list(record.output_shape),
        "hidden": record.kind in HIDDEN,
        "dropout": opened.dropouts.get(record.name),
        "norm": None if backward is None else backward.norm(record.name),
        "disagreement": None if backward is None else backward.disagreement(record.name),
    }


# Units of a layer that are opened beforehand where a network is too large for a page: the loudest of the
# loudest channels.
UNITS = 4
_LARGEST_PATCH = 16_384


def chosen_units(explanation: Explanation, packed: Packed) -> dict[str, list[dict[str, Any]]]:
    """Calculations of some units by layer, as the script makes them; none where the page has every number."""
    opened = explanation.opened
    if opened is None or not packed.left_out:
        return {}
    found = {}
    for record in explanation.layers:
        if record.kind not in HIDDEN:
            values = record.values
            if record.kind == "attention-weights" and _grid_of(opened) is not None:
                values = values[:, :1]  # of the class token
            units = [open_unit(opened, record.name, unit) for unit in loudest_units(values)]
            found[record.name] = [
                _unit_data(each, f"chosen:{record.name}:{number}", packed)
                for number, each in enumerate(units)
                if all(weighing.patch.size <= _LARGEST_PATCH for weighing in each.weighings)
            ]
    return found


def loudest_units(values: np.ndarray) -> list[tuple[int, ...]]:
    """The largest number, by magnitude, of each of the channels that hold the largest ones."""
    by_channel = values.T if values.ndim == 2 else values
    flat = np.abs(by_channel.reshape(len(by_channel), -1))
    channels = np.argsort(-flat.max(axis=1), kind="stable")[:UNITS]
    units = []
    for channel in channels.tolist():
        place = np.unravel_index(int(flat[channel].argmax()), by_channel.shape[1:])
        inside = tuple(int(each) for each in place)
        units.append((*inside, channel) if values.ndim == 2 else (channel, *inside))
    return units


def _unit_data(found: Arithmetic, name: str, packed: Packed) -> dict[str, Any]:
    """A calculation as JSON; its long parts are among the numbers of the page."""
    weighings = []
    for number, weighing in enumerate(found.weighings):
        packed.add(f"{name}:{number}:patch", weighing.patch.ravel())
        packed.add(f"{name}:{number}:weights", weighing.weights.ravel())
        weighings.append(
            {
                "name": weighing.name,
                "shape": list(weighing.patch.shape),
                "bias": weighing.bias,
                "at": f"{name}:{number}",
            }
        )
    choice = None
    if found.choice is not None:
        packed.add(f"{name}:window", np.maximum(found.choice.window.ravel(), np.finfo(np.float32).min))
        choice = {
            "at": f"{name}:window",
            "shape": list(found.choice.window.shape),
            "winner": int(np.ravel_multi_index(found.choice.winner, found.choice.window.shape)),
            "source": list(found.choice.place),
        }
    return {
        "unit": list(found.unit),
        "value": found.value,
        "network": found.network,
        "magnitude": found.magnitude,
        "steps": [list(step) for step in found.steps],
        "weighings": weighings,
        "choice": choice,
    }


# Overview of a network on one input, from pixels or words to scores, and a tree of a forest as a drawing.

# Stages of an overview: as many as fit beside each other and are taken in at a glance.
MOST_STAGES = 6

# Stages whose layers stand beside each other, as directions of a recurrent network do, and not behind.
_BESIDE = ("states", "n-grams")
# Shares of the longer side of the image up to which what a unit sees is a small pattern, or a part.
_SMALL_MAP = 0.35  # share
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
    if kind == "features" and len(layer.output_shape) == 2:
        return None  # of each token or patch, between two attentions
    if kind == "image" and not explanation.makes_images:
        return None  # a predicted number at the scale of the data
    # The head of a discriminator gives its score, and the losses come after it.
    last = "head" if explanation.contest is not None else opened.output.split(".")[0]
    if kind == "features" and layer.name.split(".")[0] == last == "head":
        return "scores" if explanation.classes and not explanation.makes_images else "number"
    if kind == "maps":
        seen = max(size / side for size, side in zip(layer.receptive_field, _sides(explanation), strict=True))
        return "small-patterns" if seen <= _SMALL_MAP else "parts" if seen <= _PART else "whole"
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
    if LAYERS[layer.kind].stage == "features":  # not queries, keys and values, nor the wider layer inside
        return layer.output_shape == stage.layer.output_shape
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
