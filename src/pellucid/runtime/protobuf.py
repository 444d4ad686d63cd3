"""Check of an ONNX file before anything opens it: protocol buffers walked by hand, nothing allocated.

onnxruntime reads the data of tensors from other files where a model says so, runs loops, and takes files of
another form of its own. A file that Pellucid wrote needs none of this, so all of it is refused: tensors
outside the file, operators that an export never contains, functions, and everything that is no plain graph.

Source: onnx.proto of ONNX, for the numbers of the fields; "Encoding" in the documentation of protocol
    buffers, for the form.
"""

from collections.abc import Iterator
from typing import NamedTuple

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
