"""Receptive field of one unit: the part of the input that it can see, as a box.

Followed back layer by layer, by the line of index notation of each: a window of $K$ places with stride $s$
and padding $p$ at the places $a$ to $b$ sees the places $a s - p$ to $b s - p + K - 1$ of what it slides
over, those beyond the edge left out. Where several layers take one value, the boxes are joined.

Source: Araujo, Norris and Sim 2019, "Computing receptive fields of convolutional neural networks",
Distill, for windows one behind the other.
"""

from collections.abc import Sequence

from pellucid.insight.opened_networks import Opened
from pellucid.language.sentence import Sentence
from pellucid.reference import Line
from pellucid.reference.notation import Declaration, places_of

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
    unseeing = [line.name for line in opened.lines if opened.layer(line).sees == "nothing"]
    boxes: dict[str, Box] = {name: box}
    for line in reversed(opened.lines):
        if line.name not in boxes or line.name in unseeing:
            continue
        for source in opened.sources(line):
            if source in unseeing:
                continue
            seen = _through(opened, line, source, boxes[line.name])
            pairs = zip(seen, boxes.get(source, seen), strict=True)
            boxes[source] = tuple((min(a, c), max(b, d)) for (a, b), (c, d) in pairs)
    if "inputs" not in boxes:
        raise ValueError(Sentence("{name}: is not computed from the input, and sees nothing of it", name))
    return boxes["inputs"]


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
