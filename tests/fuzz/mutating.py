"""Mutations that know what they change: values of JSON, numbers of tensors, bytes of files."""

import copy
import json
import math
import random
import struct
from typing import Any

import numpy as np

ODD_VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 7, 255, 65_536, 2**31 - 1, 2**31, 2**53, 2**63, 10**30, 0.0, -0.0, 0.5,
    1e-300, 1e300, 1.0000001, "", "a", "a" * 5000, "../../etc/passwd", "\x00", "\u202eabc", "relu", "cnn",
    "rnn", [], [[]], {}, [0], [1, 2, 3], [1] * 1000, {"a": 1}, [None], ["a", "a"], 3, 4096, 100_000, 16,
    131_072,
]  # fmt: skip
ODD_FLOATS = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    math.inf,
    -math.inf,
    math.nan,
    3.4e38,
    -3.4e38,
    1e-45,
    1e30,
    1e308,
    1e-308,
]
ODD_WHOLES = [0, 1, -1, 2, 127, 128, 255, 2**15, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63)]
NAUGHTY = [
    "", " ", "\x00", "\x1b[31mred\x1b[0m", "\u202eevil", "\ufeff", "a\nb", "a\rb", "\u2028",
    "<script>alert(1)</script>",
    "=1+1", "@SUM(1)", "'", '"', "a,b", ";", "\t", "NaN", "null", "NA", "inf", "1e400", "\U0001f600",
    "\u0301",
    "é" * 300,
    "../../x", "/etc/passwd", "CON", "x" * 10_000, "{{7*7}}", "%s%n", "\ud7ff", "\U0010ffff", "true",
    "-0", "\u200b",
]  # fmt: skip


def mutate_json(draw: random.Random, document: Any) -> Any:
    """A copy of a document in which one to three values, keys or elements are others."""
    found = copy.deepcopy(document)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        found = _mutate_once(draw, found)
    return found


def _mutate_once(draw: random.Random, document: Any) -> Any:
    places = list(_places(document))
    if not places:
        return draw.choice(ODD_VALUES)
    holder, key = draw.choice(places)
    what = draw.random()
    if what < 0.6:
        holder[key] = _other(draw, holder[key])
    elif what < 0.75:
        del holder[key]
    elif what < 0.85 and isinstance(holder, dict):
        holder[draw.choice(["x", "", "kind", "format", "length", "__class__"])] = draw.choice(ODD_VALUES)
    elif isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    else:
        holder[key] = copy.deepcopy(draw.choice(places)[0])
    return document


def _other(draw: random.Random, value: Any) -> Any:
    if isinstance(value, bool) or draw.random() < 0.3:
        return copy.deepcopy(draw.choice(ODD_VALUES))
    if isinstance(value, int):
        return draw.choice([value + 1, value - 1, -value, value * 2, value * 1000, value // 2, *ODD_WHOLES])
    if isinstance(value, float):
        return draw.choice([value * 2, -value, value + 1, 1e300, 1e-300, 0.0])
    if isinstance(value, str):
        return draw.choice([value + "x", value[:-1], value.upper(), *NAUGHTY])
    return copy.deepcopy(draw.choice(ODD_VALUES))


def _places(document: Any, depth: int = 0):
    keys = (
        range(len(document))
        if isinstance(document, list)
        else list(document)
        if isinstance(document, dict)
        else ()
    )
    for key in list(keys)[:2000]:
        yield document, key
        if depth < 8:
            yield from _places(document[key], depth + 1)


_KINDS = {"F32": np.float32, "F64": np.float64, "I64": np.int64, "I32": np.int32}


def mutate_tensors(draw: random.Random, content: bytes) -> bytes:
    """Safetensors bytes with odd numbers in a tensor, or with another header; the lengths stay right."""
    length = struct.unpack("<Q", content[:8])[0]
    header, data = json.loads(content[8 : 8 + length]), bytearray(content[8 + length :])
    if not isinstance(header, dict) or not all(map(_is_entry, header.values())) or not header:
        return mutate_bytes(draw, content)  # it was changed before
    if draw.random() < 0.25:
        text = json.dumps(mutate_json(draw, header)).encode()
        return struct.pack("<Q", len(text)) + text + bytes(data)
    for _ in range(draw.choice((1, 1, 2, 4))):
        entry = header[draw.choice(sorted(header))]
        first, end = entry["data_offsets"]
        kind = {"F32": np.float32, "F64": np.float64, "I64": np.int64, "I32": np.int32}.get(
            entry["dtype"], np.uint8
        )
        end = min(end, len(data))
        end -= max(0, end - first) % np.dtype(kind).itemsize
        values = np.frombuffer(bytes(data[first:end]), kind).copy()
        if len(values):
            values[_chosen(draw, len(values))] = _odd_number(draw, kind, values)
            data[first : first + values.nbytes] = values.tobytes()
    return content[: 8 + length] + bytes(data)


def _is_entry(entry: Any) -> bool:
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    whole = isinstance(offsets, list) and len(offsets) == 2 and all(type(each) is int for each in offsets)
    return whole and isinstance(entry.get("dtype"), str) and 0 <= offsets[0] <= offsets[1] < 1 << 30


def _chosen(draw: random.Random, count: int) -> slice:
    if draw.random() < 0.2:
        return slice(None)
    start = draw.randrange(count)
    return slice(start, start + draw.choice((1, 1, 2, 50)))


def _odd_number(draw: random.Random, kind: type, values: np.ndarray) -> Any:
    with np.errstate(all="ignore"):
        if np.issubdtype(kind, np.floating):
            number = draw.choice([*ODD_FLOATS, float(np.finfo(kind).max), float(values[0]) * 1e6])
            return np.array(number, np.float64).astype(kind)
        bounds = np.iinfo(kind)
        number = draw.choice([*ODD_WHOLES, len(values), draw.randrange(-3, 1000)])
        return kind(min(max(number, bounds.min), bounds.max))


def mutate_bytes(draw: random.Random, content: bytes) -> bytes:
    """A file with flipped, removed, repeated or odd bytes."""
    found = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 4, 8))):
        if not found:
            return bytes(found)
        at, what = draw.randrange(len(found)), draw.randrange(7)
        if what == 0:
            found[at] ^= 1 << draw.randrange(8)
        elif what == 1:
            found[at] = draw.choice((0, 1, 127, 128, 255, 10, 13, 34, 44))
        elif what == 2:
            del found[at : at + draw.choice((1, 2, 4, 100))]
        elif what == 3:
            found[at:at] = found[at : at + draw.choice((1, 4, 64))]
        elif what == 4:
            found[at : at + 4] = struct.pack(
                draw.choice("<>") + "I", draw.choice((0, 1, 2**31 - 1, 2**32 - 1, 65_536))
            )
        elif what == 5:
            del found[at:]
        else:
            found[at:at] = draw.choice(NAUGHTY).encode(errors="surrogatepass")
    return bytes(found)
