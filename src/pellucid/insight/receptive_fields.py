"""Receptive field of one unit: the part of the input that it can see, as a box.

Followed back layer by layer, by the line of index notation of each: a window of $K$ places with stride $s$
and padding $p$ at the places $a$ to $b$ sees the places $a s - p$ to $b s - p + K - 1$ of what it slides
over, those beyond the edge left out. Where several layers take one value, the boxes are joined.

Source: Araujo, Norris and Sim 2019, "Computing receptive fields of convolutional neural networks",
Distill, for windows one behind the other.
"""

from collections.abc import Sequence

from pellucid.insight.opened_networks import Opened
from pellucid.reference import LAYERS, Line
from pellucid.reference.notation import Declaration

# First and last place.
Range = tuple[int, int]

# One range for rows and one for columns, one for the places of a text, or one for the units of a vector.
Box = tuple[Range, ...]


def axes(shape: Sequence[int]) -> tuple[int, ...]:
    """Lengths along which a value has places: rows and columns of maps, places of a text, units."""
    return {3: tuple(shape[1:]), 2: (shape[0],)}.get(len(shape), tuple(shape))


def place_of(shape: Sequence[int], unit: Sequence[int]) -> tuple[int, ...]:
    """Position of a unit along these axes: row and column, place in a text, or unit."""
    return {3: tuple(unit[1:]), 2: (unit[0],)}.get(len(shape), tuple(unit))


def receptive_field(opened: Opened, name: str, unit: Sequence[int]) -> Box:
    """Box of the input that a unit of a layer, or of `inputs`, sees.

    `unit` is the index of one number in its value: (channel, row, column), (place, channel) or (unit,). First
    and last row and column of the image, place of the text or number of the vector.

    Raises: `ValueError` if no layer is called so.
    """
    index = tuple(unit)
    while name in opened.by_name and opened.by_name[name].kind in _PASSING:  # keeps to one of several parts
        name, index = _passed_on(opened, opened.by_name[name], index)
    start = tuple((each, each) for each in place_of(opened.value(name).shape, index))
    return field_of(opened, name, start)


def _passed_on(opened: Opened, line: Line, unit: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    """Source of a number that is bent, or stands beside others."""
    channel = unit[-1]
    sources = opened.sources(line)
    for source in sources[:-1]:
        width = opened.value(source).shape[-1]
        if line.kind != "side-by-side" or channel < width:
            return source, (*unit[:-1], channel)
        channel -= width
    return sources[-1], (*unit[:-1], channel)


def field_of(opened: Opened, name: str, box: Box) -> Box:
    """Box of the input that a box of units of a layer, or of `inputs`, sees.

    Raises: `ValueError` if no layer is called so, it is given itself, or is not computed from the input.
    """
    if name == "inputs":
        return box
    if name in opened.given:
        raise ValueError(f"{name}: is given beside the input, and sees nothing of it")
    opened.line(name)
    boxes: dict[str, Box] = {name: box}
    for line in reversed(opened.lines):
        if line.name not in boxes or line.kind in _UNSEEING:
            continue
        for source in opened.sources(line):
            if opened.by_name[source].kind in _UNSEEING if source in opened.by_name else False:
                continue
            seen = _through(opened, line, source, boxes[line.name])
            boxes[source] = _joined(boxes[source], seen) if source in boxes else seen
    if "inputs" not in boxes:
        raise ValueError(f"{name}: is not computed from the input, and sees nothing of it")
    return boxes["inputs"]


def sees_input(opened: Opened, name: str) -> bool:
    """Tell whether a layer's value depends on the input, and not only on noise or what else is given."""
    reached = {name}
    for line in reversed(opened.lines):
        if line.name in reached:
            reached.update(opened.sources(line))
    return "inputs" in reached


def fields_of_all(opened: Opened) -> dict[str, list[list[Range]] | None]:
    """Field of every place of every line, followed from the input onwards: by axis, then by place along it.

    Rows do not change which columns a unit sees, so that each axis is followed by itself. `None` where places
    are not those of the input, as in a vector: there every unit sees everything.
    """
    lengths = axes(opened.value("inputs").shape)
    found: dict[str, list[list[Range]] | None] = {
        "inputs": [[(at, at) for at in range(length)] for length in lengths]
    }
    for line in opened.lines:
        if line.kind in _UNSEEING:
            continue
        shape = opened.value(line.name).shape
        sources = [name for name in opened.sources(line) if name in found]
        if not sources:
            continue  # it is made of noise
        has_places = len(axes(shape)) == len(lengths) and len(shape) > 1
        if has_places and all(found[name] is not None for name in sources):
            found[line.name] = [_along(opened, line, sources, axis, found) for axis in range(len(lengths))]
        else:
            found[line.name] = None
    return found


def _along(
    opened: Opened,
    line: Line,
    sources: Sequence[str],
    axis: int,
    known: dict[str, list[list[Range]] | None],
) -> list[Range]:
    """Field of each place of a line along one axis, from the fields of what it takes."""
    count = len(axes(opened.value(line.name).shape))
    fields = []
    for at in range(axes(opened.value(line.name).shape)[axis]):
        box = tuple((at if each == axis else 0,) * 2 for each in range(count))
        ranges = []
        for source in sources:
            low, high = _through(opened, line, source, box)[axis]
            before = known[source]
            assert before is not None  # asked for sources with places only
            ranges += before[axis][low : high + 1]
        fields.append((min(low for low, _ in ranges), max(high for _, high in ranges)))
    return fields


def _through(opened: Opened, line: Line, source: str, box: Box) -> Box:
    """Box of one source that a box of a layer's units sees."""
    shape, taken = opened.value(line.name).shape, opened.value(source).shape
    lengths, declared = axes(taken), LAYERS[line.kind].declared if line.kind in LAYERS else None
    seen: Box = tuple((0, length - 1) for length in lengths)
    bound = opened.bound(line)
    if bound is not None and isinstance(declared, Declaration):
        name = declared.names[line.takes.index(source)]
        seen = seen if name == "-" else bound.field(name, box)
    elif line.kind in ("lstm", "gru"):  # everything up to its place
        seen = ((0, box[0][1]),)
    elif axes(shape) == lengths and line.kind not in _SEEING_ALL:
        seen = box
    return tuple(
        (max(0, low), min(length - 1, high)) for (low, high), length in zip(seen, lengths, strict=True)
    )


def _joined(one: Box, other: Box) -> Box:
    return tuple((min(a, c), max(b, d)) for (a, b), (c, d) in zip(one, other, strict=True))


# Lines of which each number comes from one number alone.
_PASSING = frozenset({"side-by-side", "relu", "relu6", "leaky-relu", "gelu", "sigmoid", "tanh", "softplus"})

# Lines that say where ids stand and not which.
_UNSEEING = frozenset({"present", "turned-places"})

# Lines of which each number sees all that there are, though there are as many.
_SEEING_ALL = frozenset(
    {
        "closed",
        "attention-weights",
        "unit-length",
        "softmax",
        "reconstruction",
        "density-of-draw",
        "mixture-density",
    }
)
