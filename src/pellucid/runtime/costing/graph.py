"""Graph of an ONNX file as far as its cost depends on it: operators, shapes, and the small whole numbers.

The bytes have passed `require_plain`, so that their form is known to be right.

Source: onnx.proto of ONNX, for the numbers of the fields.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from pellucid.runtime.protobuf import fields_of

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
