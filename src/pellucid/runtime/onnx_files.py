"""ONNX files before anything opens them: protocol buffers walked by hand, and the graph read from them.

onnxruntime reads the data of tensors from other files where a model says so, runs loops, and takes files of
another form of its own. A file that Pellucid wrote needs none of this, so all of it is refused: tensors
outside the file, operators that an export never contains, functions, and everything that is no plain graph.

Source: onnx.proto of ONNX, for the numbers of the fields; "Encoding" in the documentation of protocol
    buffers, for the form.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_DEEPEST = 8
_MOST_NODES = 20_000
_MOST_FIELDS = 20_000_000

_EXTERNAL_DATA, _DATA_LOCATION = 13, 14


class _Message(NamedTuple):
    """Fields of a message that hold messages, and the number of each.

    Attributes:
        inner: number of a field to the message that it holds.
        refused: number of a field to what must not be there.
    """

    inner: dict[int, str]
    refused: dict[int, str]


_MESSAGES = {
    "model": _Message({7: "graph", 8: "opset"}, {20: "training information", 25: "functions"}),
    "graph": _Message({1: "node", 5: "tensor"}, {15: "sparse tensors"}),
    "node": _Message({5: "attribute"}, {}),
    "attribute": _Message(
        {5: "tensor", 10: "tensor"},
        {
            6: "a graph inside an operator",
            11: "graphs inside an operator",
            22: "sparse tensors",
            23: "sparse tensors",
        },
    ),
    "tensor": _Message({}, {_EXTERNAL_DATA: "data in another file"}),
    "opset": _Message({}, {}),
}
_DOMAIN, _OPSET_DOMAIN = 7, 1


def require_plain(content: bytes) -> None:
    """Refuse bytes that are no plain ONNX graph.

    Raises: `ValueError` with what was found.
    """
    view, nodes, seen = memoryview(content), 0, 0
    waiting = [("model", 0, len(view), 0)]
    has_graph = False
    while waiting:
        name, start, end, depth = waiting.pop()
        has_graph |= name == "graph"
        nodes += name == "node"
        if depth > _DEEPEST or nodes > _MOST_NODES:
            raise ValueError(f"nested too deeply, or more than {_MOST_NODES:,} operators")
        for number, value in fields_of(view, start, end):
            seen += 1
            if seen > _MOST_FIELDS:
                raise ValueError(f"more than {_MOST_FIELDS:,} fields")
            inner = _inner(name, number, value, view)
            if inner is not None:
                waiting.append((*inner, depth + 1))
    if not has_graph:
        raise ValueError("it holds no graph")


def _inner(
    name: str, number: int, value: int | tuple[int, int], view: memoryview
) -> tuple[str, int, int] | None:
    """A message inside a message `name`, and where it lies; `None` of a plain value.

    Raises: `ValueError` if the field must not be there.
    """
    form = _MESSAGES[name]
    if number in form.refused:
        raise ValueError(f"it holds {form.refused[number]}")
    if name == "tensor" and number == _DATA_LOCATION and value != 0:
        raise ValueError("it holds data in another file")
    if isinstance(value, tuple):
        if number in form.inner:
            return form.inner[number], *value
        _require_known(name, number, view[value[0] : value[1]])
    elif number in form.inner:
        raise ValueError(f"field {number} of a {name} is no message")
    return None


def _require_known(name: str, number: int, value: memoryview) -> None:
    """Refuse operators of another domain; which of ONNX's own there may be, their costs say."""
    is_domain = (name == "node" and number == _DOMAIN) or (name == "opset" and number == _OPSET_DOMAIN)
    if is_domain and bytes(value[:40]) not in (b"", b"ai.onnx"):
        raise ValueError(f"operators of {bytes(value[:40]).decode('utf-8', 'replace')!r}")


def fields_of(view: memoryview, start: int, end: int) -> Iterator[tuple[int, int | tuple[int, int]]]:
    """Number of each field of a message, and its value, or where its bytes lie.

    Raises: `ValueError` if the bytes are no fields.
    """
    at = start
    while at < end:
        key, at = _varint(view, at, end)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(view, at, end)
            yield number, value
        elif kind == _BYTES:
            size, at = _varint(view, at, end)
            if size > end - at:
                raise ValueError("it is cut short")
            yield number, (at, at + size)
            at += size
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
            if at > end:
                raise ValueError("it is cut short")
            yield number, 0
        else:
            raise ValueError("it is no ONNX file")


def _varint(view: memoryview, at: int, end: int) -> tuple[int, int]:
    """A whole number of variable length, and where it ends."""
    value = shift = 0
    while at < end and shift < 64:
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("it is cut short, or no ONNX file")


# Graph of an ONNX file as far as its cost depends on it: operators, shapes, and the small whole numbers.
#
# The bytes have passed `require_plain`, so that their form is known to be right.
#
# Source: onnx.proto of ONNX, for the numbers of the fields.

# Bytes of one element by its type; others no export contains.
SIZES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8}

# Types whose values can decide a shape.
WHOLE = {6: "<i4", 7: "<i8"}

# Elements of a tensor whose values are followed; shapes and axes are far shorter.
MOST_VALUES = 1024

# Longest axis: no tensor that is refused needs be told more exactly.
LARGEST = 1 << 40

_INT, _STRING, _TENSOR, _INTS = 2, 3, 4, 7
_View = memoryview
_Fields = dict[int, list[Any]]


class Tensor(NamedTuple):
    """Knowledge of a tensor.

    Attributes:
        shape: lengths of its axes.
        size: bytes of one element.
        values: where they are few whole numbers that the file alone decides.
    """

    shape: tuple[int, ...]
    size: int
    values: np.ndarray | None = None

    @property
    def elements(self) -> int:
        """Count them."""
        return math.prod(self.shape)


class Node(NamedTuple):
    """One operator.

    Attributes:
        operator: its name.
        inputs: names of tensors; an empty one is left out.
        outputs: names of tensors.
        attributes: whole numbers, lists of them, texts in bytes, and tensors by name.
    """

    operator: str
    inputs: list[str]
    outputs: list[str]
    attributes: Mapping[str, Any]


class Graph(NamedTuple):
    """Operators in their order, and constants by name.

    Attributes:
        nodes: each after those that it needs.
        constants: weights and other tensors in the file.
        inputs: axes of each input; `None` where their length may be any.
        properties: metadata, texts by their keys.
    """

    nodes: list[Node]
    constants: dict[str, Tensor]
    inputs: dict[str, list[int | None]]
    properties: dict[str, str]


def read_graph(content: bytes) -> Graph:
    """The graph of a file.

    Raises: `ValueError` if a constant announces more than the file holds, or is of an unknown type.
    """
    view = memoryview(content)
    model = _message(view)
    if len(model[7]) != 1:
        raise ValueError("it holds more than one graph")
    found = _message(model[7][0])
    pairs = [_message(each) for each in model.get(14, [])]
    properties = _distinct([(_text(pair, 1), _text(pair, 2)) for pair in pairs])
    return Graph(
        [_node(each) for each in found.get(1, [])],
        _distinct([_constant(each) for each in found.get(5, [])]),
        _distinct([_input(each) for each in found.get(11, [])]),
        properties,
    )


def _input(view: _View) -> tuple[str, list[int | None]]:
    """Name and axes of an input."""
    fields = _message(view)
    axes: _Fields = {}
    for at, number in (
        (2, 1),
        (1, 2),
    ):  # of the value its type, of the type its tensor, of the tensor its shape
        fields_within = _message(fields[2][-1]) if at == 2 else axes
        axes = _message(fields_within[number][-1]) if number in fields_within else {}
    lengths = [_message(each) for each in axes.get(1, [])]
    return _text(fields, 1), [each[1][-1] if 1 in each else None for each in lengths]


def _message(view: _View) -> _Fields:
    """Fields of a message by their numbers; those of bytes as views."""
    found: _Fields = {}
    for number, value in fields_of(view, 0, len(view)):
        found.setdefault(number, []).append(view[value[0] : value[1]] if isinstance(value, tuple) else value)
    return found


def _text(fields: _Fields, number: int) -> str:
    return bytes(fields[number][-1]).decode("utf-8", "replace") if number in fields else ""


def _node(view: _View) -> Node:
    fields = _message(view)
    names = [[bytes(each).decode("utf-8", "replace") for each in fields.get(number, [])] for number in (1, 2)]
    attributes = _distinct([_attribute(each) for each in fields.get(5, [])])
    return Node(_text(fields, 4), names[0], names[1], attributes)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Pairs as a dict.

    Raises: `ValueError` if a name stands twice, of which every reader might take another.
    """
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _attribute(view: _View) -> tuple[str, Any]:
    """Name and value; a fraction, which decides no shape, as nothing."""
    fields = _message(view)
    kind = fields.get(20, [0])[-1]
    value: Any = None
    if kind == _INT:
        value = _signed(fields.get(3, [0])[-1])
    elif kind == _INTS:
        value = _wholes(fields.get(8, []))
    elif kind == _STRING:
        value = bytes(fields.get(4, [b""])[-1])
    elif kind == _TENSOR:
        (tensor,) = fields[5]
        value = _constant(tensor)[1]
    return _text(fields, 1), value


def _constant(view: _View) -> tuple[str, Tensor]:
    """Name and form of a constant, and its values where they are few whole numbers.

    Raises: `ValueError` if its data are not as long as its shape says, or its type is unknown.
    """
    fields = _message(view)
    name, shape = _text(fields, 8), tuple(_wholes(fields.get(1, [])))
    kind = fields.get(2, [0])[-1]
    if kind not in SIZES or any(not 0 <= length <= LARGEST for length in shape):
        raise ValueError(f"the constant {name[:40]!r} is of an unknown type, or an impossible shape")
    tensor, raw = Tensor(shape, SIZES[kind]), fields.get(9)
    if raw is None:
        # Numbers one by one take at least a byte each, so that what is announced is in the file.
        held = sum(
            len(each) if isinstance(each, memoryview) else 8
            for at in (4, 5, 7, 10)
            for each in fields.get(at, [])
        )
        if tensor.elements > held:
            raise ValueError(
                f"the constant {name[:40]!r} announces {tensor.elements:,} numbers, which it lacks"
            )
        values: Any = _wholes(fields.get(7, [])) if kind == 7 else None
    else:
        if len(raw[-1]) != tensor.elements * tensor.size:
            raise ValueError(f"the constant {name[:40]!r} is not as long as its shape says")
        is_followed = kind in WHOLE and tensor.elements <= MOST_VALUES
        values = np.frombuffer(raw[-1], WHOLE[kind]) if is_followed else None
    if values is not None and len(values) == tensor.elements <= MOST_VALUES:
        tensor = tensor._replace(values=np.asarray(values, np.int64).reshape(shape))
    return name, tensor


def _wholes(values: list[Any]) -> list[int]:
    """Whole numbers of a repeated field, packed or one by one."""
    found: list[int] = []
    for value in values:
        if isinstance(value, int):
            found.append(_signed(value))
            continue
        number = shift = 0
        for byte in value:
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                found.append(_signed(number))
                number = shift = 0
    return found


def _signed(value: int) -> int:
    """A whole number of 64 bits with its sign."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >= 1 << 63 else value


# Small whole numbers that a graph computes from shapes: the lengths, places and axes of later operators.

Given = Sequence[Tensor | None]


def values_of(node: Node, given: Given, shape: tuple[int, ...]) -> np.ndarray | None:
    """Values of the first output, of that shape, where all inputs are known; `None` otherwise."""
    rule = _RULES.get(node.operator)
    if rule is None or any(length > MOST_VALUES for length in shape) or int(np.prod(shape)) > MOST_VALUES:
        return None
    if node.operator in ("Shape", "Constant"):
        found: np.ndarray | None = rule(node, given)
        return found
    values = [None if each is None else each.values for each in given]
    if any(value is None for value in values):
        return None
    with np.errstate(all="ignore"):
        computed = np.asarray(rule(node, values))
    return computed.astype(np.int64).reshape(shape) if computed.size == int(np.prod(shape)) else None


def shape_read(node: Node, given: Given) -> tuple[int, ...]:
    """Give what `Shape` gives, of all axes or some."""
    (tensor,) = given
    assert tensor is not None  # an operator without its input was refused
    return tensor.shape[slice(node.attributes.get("start", 0), node.attributes.get("end"))]


def _sliced(node: Node, values: Sequence[np.ndarray]) -> np.ndarray:
    data, starts, ends = values[:3]
    axes = values[3].tolist() if len(values) > 3 else range(len(starts))
    steps = values[4].tolist() if len(values) > 4 else [1] * len(starts)
    places: list[Any] = [slice(None)] * data.ndim
    for axis, start, end, step in zip(axes, starts.tolist(), ends.tolist(), steps, strict=True):
        places[axis] = slice(start, end if step > 0 or end >= -data.shape[axis] else None, step)
    found: np.ndarray = data[tuple(places)]
    return found


def _divided(node: Node, values: Sequence[np.ndarray]) -> np.ndarray:
    """Division of whole numbers towards zero, as ONNX defines it; by 0 nothing can be told."""
    above, below = values
    if (below == 0).any():
        raise ValueError("a length is divided by 0")
    quotient: np.ndarray = np.sign(above) * np.sign(below) * (np.abs(above) // np.abs(below))
    return quotient


def _concatenated(node: Node, values: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(values, node.attributes.get("axis", 0))


def _taken(node: Node, values: Sequence[np.ndarray]) -> np.ndarray:
    found: np.ndarray = np.asarray(np.take(values[0], values[1], node.attributes.get("axis", 0)))
    return found


_RULES: dict[str, Callable[[Node, Any], Any]] = {
    "Add": lambda node, values: values[0] + values[1],
    "Cast": lambda node, values: values[0],
    "Concat": _concatenated,
    "Constant": lambda node, given: getattr(node.attributes.get("value"), "values", None),
    "Div": _divided,
    "Equal": lambda node, values: values[0] == values[1],
    "Gather": _taken,
    "Identity": lambda node, values: values[0],
    "Max": lambda node, values: np.maximum.reduce(values),
    "Min": lambda node, values: np.minimum.reduce(values),
    "Mul": lambda node, values: values[0] * values[1],
    "Neg": lambda node, values: -values[0],
    "Range": lambda node, values: np.arange(*(int(value.ravel()[0]) for value in values)),
    "Reshape": lambda node, values: values[0],
    "Shape": lambda node, given: np.array(shape_read(node, given), np.int64),
    "Slice": _sliced,
    "Squeeze": lambda node, values: values[0],
    "Sub": lambda node, values: values[0] - values[1],
    "Unsqueeze": lambda node, values: values[0],
    "Where": lambda node, values: np.where(*values),
}
