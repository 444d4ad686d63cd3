# ruff: noqa: RUF001  # odd characters are what is tested
"""Unigram vocabularies as others write them, made small by hand."""

import base64
import struct
from collections.abc import Mapping
from typing import Any

PIECES = [
    ("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), ("▁", -2.0), ("a", -2.5), ("▁a", -3.0), ("ab", -3.5),
    ("京", -4.0),
]  # fmt: skip
TYPES = (2, 3, 3, 1, 1, 1, 1, 1)
REPLACED = {"\n": " ", "\x07": "", "ﬁ": "fi", "Ａ": "a", "𝐚": "a", "½": "1⁄2"}


def compiled(table: Mapping[str, str]) -> bytes:
    """Double-array trie with a block of 256 units for the children of every node, and the texts behind it."""
    units: dict[int, int] = {}
    texts = b""
    bases = {b"": 256}
    units[0] = 256 << 10
    for key in sorted(text.encode() for text in table):
        for end in range(1, len(key) + 1):
            begun, place = key[:end], bases[key[: end - 1]] ^ key[end - 1]
            bases.setdefault(begun, 256 * (len(bases) + 1))
            units[place] = units.get(place, 0) | key[end - 1] | (place ^ bases[begun]) << 10
        units[place] |= 0x100
        units[bases[key]] = 0x80000000 | len(texts)
        texts += table[key.decode()].encode() + b"\0"
    size = 256 * (len(bases) + 2)
    return struct.pack(f"<I{size}I", 4 * size, *(units.get(at, 0) for at in range(size))) + texts


def message(*fields: tuple[int, int | float | bytes]) -> bytes:
    """Message of protocol buffers."""
    found = b""
    for number, value in fields:
        if isinstance(value, bytes):
            found += _whole(number << 3 | 2) + _whole(len(value)) + value
        elif isinstance(value, float):
            found += _whole(number << 3 | 5) + struct.pack("<f", value)
        else:
            found += _whole(number << 3) + _whole(value)
    return found


def _whole(number: int) -> bytes:
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])


def sentencepiece(trained: bytes = b"", reads: bytes = b"", types: tuple[int, ...] = TYPES) -> bytes:
    """A `.model`; `trained` and `reads` are further fields of how it was trained and reads characters."""
    rows = [
        (1, message((1, piece.encode()), (2, score), (3, kind)))
        for (piece, score), kind in zip(PIECES, types, strict=True)
    ]
    return message(*rows, (2, message((3, 1)) + trained), (3, message((2, compiled(REPLACED))) + reads))


def tokenizer(**changed: Any) -> dict[str, Any]:
    """A `tokenizer.json`, some of whose parts may be others."""
    table = base64.b64encode(compiled(REPLACED)).decode()
    return {
        "normalizer": {"type": "Precompiled", "precompiled_charsmap": table},
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "WhitespaceSplit"},
                {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
            ],
        },
        "model": {
            "type": "Unigram",
            "unk_id": 0,
            "vocab": [[*row] for row in PIECES],
            "byte_fallback": False,
        },
    } | changed


def packed() -> bytes:
    """The vocabulary of a packed model."""
    pieces = [piece.encode() for piece, _ in PIECES]
    starts = [sum(map(len, pieces[:place])) for place in range(len(pieces) + 1)]
    table = b"".join(
        struct.pack(f"<IB{len(read)}I", ord(character), len(read), *map(ord, read))
        for character, read in REPLACED.items()
    )
    count = len(PIECES)
    return b"".join(
        (
            struct.pack("<5iQ", count, 1, 2, 0, 0, starts[-1]),
            struct.pack(f"<{count + 1}I{count}f", *starts, *(score for _, score in PIECES)),
            b"".join(pieces),
            struct.pack("<iI", len(REPLACED), len(table)),
            table,
        )
    )
