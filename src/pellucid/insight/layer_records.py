"""Record of every layer of an opened network: what it does, its formula, what it costs, what it gave."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Shaped

from pellucid.insight.opened_networks import Opened
from pellucid.language.sentence import Sentence
from pellucid.reference import Line
from pellucid.reference.notation import Declaration, Pointwise, Sizes, places_of


class Cost(NamedTuple):
    """Parameters and multiply-adds of a layer on one example, and of the dense layer of the same work."""

    parameters: int
    multiply_adds: int
    dense_parameters: int | None = None
    dense_multiply_adds: int | None = None


def cost_of(opened: Opened, line: Line) -> Cost:
    """Cost of a line of an opened network."""
    layer, bound, sizes = opened.layer(line), opened.bound(line), opened.sizes(line)
    weights = opened.weights_of(line)[: layer.learnt]
    parameters = sum(each.size for each in weights)
    given = math.prod(sizes.shape)
    if layer.multiply_adds is not None:
        multiply_adds = layer.multiply_adds(sizes)
    elif isinstance(layer.declared, tuple):  # a scale multiplies each number once
        scales = any(step.operation in ("*", "/") and step.at == "channel" for step in layer.declared)
        multiply_adds = given if scales else 0
    else:
        multiply_adds = 0 if bound is None else bound.multiply_adds
    if bound is None or not bound.is_local:
        return Cost(parameters, multiply_adds)
    work = sizes.taken[0].size * given
    return Cost(parameters, multiply_adds, work + (given if len(weights) > 1 else 0), work)


def formula_of(opened: Opened, line: Line) -> str:
    """Formula of a layer in LaTeX with its sizes; between lines are two backslashes."""
    layer, bound, sizes = opened.layer(line), opened.bound(line), opened.sizes(line)
    if bound is not None:
        return bound.latex
    if isinstance(layer.declared, tuple):
        return _formula_of_steps(layer.declared, sizes.shape, line.settings)
    return _text(layer.formula, sizes)


def _text(given: str | Callable[[Sizes], str], sizes: Sizes) -> str:
    return given if isinstance(given, str) else given(sizes)


def _formula_of_steps(declared: tuple[Pointwise, ...], shape: tuple[int, ...], settings: Any) -> str:
    index = {1: "o", 2: "t o", 3: "o r c"}[len(shape)]
    numbers = {
        name: f"{each:g}" if isinstance(each, (int, float)) else each for name, each in settings.items()
    }
    text, conditions = f"x_{{{index}}}", ""
    for operation, symbol, *_ in declared:
        # Braces around the name of a setting are placeholders; all others are LaTeX's.
        for name, number in numbers.items():
            symbol = symbol.replace(f"{{{name}}}", number)
        symbol = symbol.replace("@", f"_{{{index}}}")
        if operation == "function":
            text = symbol
        elif operation == "*":
            text = Sentence("{symbol} {text}", symbol, text)
        elif operation == "/√":
            text = rf"\frac{{{text}}}{{\sqrt{{{symbol} + \epsilon}}}}"
            conditions = rf", \epsilon = {numbers['epsilon']}"
        elif operation == "/":
            text = rf"\frac{{{text}}}{{{symbol}}}"
        else:
            text = Sentence("{text} {operation} {symbol}", text, operation, symbol)
    return f"y_{{{index}}} = {text}{conditions}"


@dataclass(frozen=True, eq=False)
class LayerRecord:
    """Record of one layer on one input.

    Attributes:
        name: as the network calls it.
        kind: what it does, a key of `pellucid.reference.LAYERS`.
        words: what it does, for people.
        formula: in LaTeX, with the sizes of this layer.
        takes: names of the values that it takes.
        input_shape: of the first of them, without the batch.
        output_shape: of its value.
        cost: parameters and multiply-adds.
        receptive_field: most rows and columns, or places of a text, that one unit sees of the input; empty
            where it sees nothing of it.
        values: what it gave.
        part: of the network that it belongs to; empty where there is one part alone.
        declaration: `line` of index notation and the `sizes` of its letters, or `steps`; `None` where there
            is neither.
    """

    name: str
    kind: str
    words: str
    formula: str
    takes: tuple[str, ...]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    cost: Cost
    receptive_field: tuple[int, ...]
    values: Shaped[np.ndarray, "..."]
    part: str = ""
    declaration: dict[str, Any] | None = None

    def _repr_latex_(self) -> str:
        return rf"$$\begin{{gathered}} {self.formula} \end{{gathered}}$$"

    def __repr__(self) -> str:
        shapes = " → ".join("\u00d7".join(map(str, shape)) for shape in (self.input_shape, self.output_shape))
        return Sentence(
            "{name}: {words}, {shapes}, {parameters:,} parameters",
            self.name,
            self.words,
            shapes,
            self.cost.parameters,
        )


def layer_records(opened: Opened) -> list[LayerRecord]:
    """Record of every line, in the order of computation."""
    records = []
    for line in opened.lines:
        sources, values, bound = opened.sources(line), opened.value(line.name), opened.bound(line)
        declared = opened.layer(line).declared
        declaration = None if bound is None else bound.to_json()
        if isinstance(declared, tuple):
            declaration = {"steps": [list(each) for each in declared]}
        records.append(
            LayerRecord(
                name=line.name,
                kind=line.kind,
                words=_words(opened, line),
                formula=formula_of(opened, line),
                takes=tuple(sources),
                input_shape=opened.value(sources[0]).shape,
                output_shape=values.shape,
                cost=cost_of(opened, line),
                receptive_field=_field_size(opened, line),
                values=values,
                part=opened.parts.get(line.name, ""),
                declaration=declaration,
            )
        )
    return records


def _words(opened: Opened, line: Line) -> str:
    """A layer in a few words for people; by the name, what one is for among several of its kind."""
    layer = opened.layer(line)
    words = _text(layer.words, opened.sizes(line)) or line.kind
    if line.name.endswith(".query_key_value"):
        return "dense: queries, keys and values of the heads"
    for direction in ("forwards", "backwards"):  # of a text that is read from both ends
        if layer.sees == "earlier" and direction in line.name:
            is_onward = direction == "forwards"
            return Sentence("{words}, forwards" if is_onward else "{words}, backwards", words)
    return words


def _field_size(opened: Opened, line: Line) -> tuple[int, ...]:
    """Largest field of the first, middle and last unit: edges cut some, and a text is read from one end."""
    if opened.layer(line).sees == "nothing":
        return (1,)
    if not sees_input(opened, line.name):
        return ()
    name = opened.sources(line)[0] if line.kind == "flatten" else line.name
    lengths = places(opened.value(name).shape)
    sizes = []
    for share in (0.0, 0.5, 1.0):
        box = tuple((int(share * (length - 1)),) * 2 for length in lengths)
        seen = _seen_of_input(opened, name, box)
        sizes += [] if seen is None else [[high - low + 1 for low, high in seen]]
    return tuple(max(each) for each in zip(*sizes, strict=True))


# Receptive field of one unit: the part of the input that it can see, as a box.

# First and last place.
Range = tuple[int, int]

# One range for rows and one for columns, one for the places of a text, or one for the units of a vector.
Box = tuple[Range, ...]


def places(of_axes: Sequence[int]) -> tuple[int, ...]:
    """Of a shape or an index what belongs to places: rows and columns of maps, places of a text, units."""
    return tuple(of_axes[places_of(len(of_axes))])


def receptive_field(opened: Opened, name: str, unit: Sequence[int]) -> Box:
    """Box of the input that a unit of a layer, or of `inputs`, sees.

    `unit` is the index of one number in its value: (channel, row, column), (place, channel) or (unit,). First
    and last row and column of the image, place of the text or number of the vector.

    Raises: `ValueError` if no layer is called so.
    """
    index = tuple(unit)
    while (line := opened.by_name.get(name)) is not None:  # keeps to one of several parts
        if not (opened.layer(line).is_function or line.kind == "side-by-side"):
            break
        *others, name = opened.sources(line)
        channel = index[-1]
        for source in others:
            width = opened.value(source).shape[-1]
            if channel < width:
                name = source
                break
            channel -= width
        index = (*index[:-1], channel)
    opened.value(name)
    return field_of(opened, name, tuple((each, each) for each in places(index)))


def field_of(opened: Opened, name: str, box: Box) -> Box:
    """Box of the input that a box of units of a layer, or of `inputs`, sees.

    Raises: `ValueError` if no layer is called so, it is given itself, or is not computed from the input.
    """
    if name == "inputs":
        return box
    if name in opened.given:
        raise ValueError(Sentence("{name}: is given besides the input, and sees nothing of it", name))
    opened.line(name)
    if (seen := _seen_of_input(opened, name, box)) is None:
        raise ValueError(Sentence("{name}: is not computed from the input, and sees nothing of it", name))
    return seen


def _seen_of_input(opened: Opened, name: str, box: Box) -> Box | None:
    """Box of the input that a box of units sees; `None` where they see nothing of it, as a learnt token."""
    unseeing = [line.name for line in opened.lines if opened.layer(line).sees == "nothing"]
    boxes: dict[str, Box] = {name: box}
    for line in reversed(opened.lines):
        if line.name not in boxes or line.name in unseeing:
            continue
        for source in opened.sources(line):
            if source in unseeing:
                continue
            seen = _through(opened, line, source, boxes[line.name])
            if any(low > high for low, high in seen):
                continue  # beyond its edges
            pairs = zip(seen, boxes.get(source, seen), strict=True)
            boxes[source] = tuple((min(a, c), max(b, d)) for (a, b), (c, d) in pairs)
    return boxes.get("inputs")


def sees_input(opened: Opened, name: str) -> bool:
    """Whether a layer's value depends on the input, and not only on noise or what else is given."""
    reached = {name}
    for line in reversed(opened.lines):
        if line.name in reached:
            reached.update(opened.sources(line))
    return "inputs" in reached


def _through(opened: Opened, line: Line, source: str, box: Box) -> Box:
    """Box of one source that a box of a layer's units sees."""
    shape, lengths = opened.value(line.name).shape, places(opened.value(source).shape)
    layer, bound = opened.layer(line), opened.bound(line)
    seen: Box = tuple((0, length - 1) for length in lengths)
    if bound is not None and isinstance(layer.declared, Declaration):
        name = layer.declared.names[line.takes.index(source)]
        seen = seen if name == "-" else bound.field(name, box)
    elif layer.sees == "earlier":
        seen = ((0, box[0][1]),)
    elif places(shape) == lengths and layer.sees == "own":
        seen = box
    return tuple(
        (max(0, low), min(length - 1, high)) for (low, high), length in zip(seen, lengths, strict=True)
    )
