"""What a file holds is read as declared, or refused in words that name the place: bounds, codec, seals."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.errors import ModelFileError
from pellucid.safety import strict
from pellucid.safety.budgets import DIGITS, NESTED, STRUCTURE
from pellucid.safety.strict import (
    LEFT_OUT,
    MOST_BYTES,
    SEAL,
    Items,
    Number,
    Object,
    OneOf,
    Read,
    Saved,
    Text,
    Truth,
    Whole,
    declared,
    field_of,
    fields_of,
    from_json,
    optional_of,
    parse,
    parse_file,
    parse_line,
    read_json,
    read_object,
    read_sealed,
    read_sealed_bytes,
    sealed,
    to_bytes,
    to_json,
    write_sealed_bytes,
)

texts = st.text(st.characters(exclude_categories=["Cs"]))
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
)


@given(documents)
def test_reads_whatever_json_writes(document):
    assert parse_file(json.dumps(document).encode(), "here") == document
    assert parse_file(json.dumps(document, ensure_ascii=False).encode(), "here") == document


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"a": 1, "a": 2}', "the key 'a' is there twice"),
        (b'{"b": [{"a": 1, "c": 0, "a": 1}]}', "the key 'a' is there twice"),
        (b"[NaN]", "NaN is not a number"),
        (b"[-Infinity]", "-Infinity is not a number"),
        (b"[1e999]", "1e999 is too large"),
        (b"[" * 100_000, "nested too deeply"),
        (b'["' + b"9" * 10 + b"", "Unterminated string"),
        (b"1" * 301, "11111111111111111111... has more than 300 digits"),
        (b'["\xff"]', "it is not UTF-8"),
        (rb'["\ud800"]', "it is not UTF-8"),
        (b"[" + b"[]," * NESTED + b'"\xff"]', "it is not UTF-8"),
        (b"", "Expecting value"),
        (b"{} {}", "Extra data"),
        (b"\xef\xbb\xbf{}", "BOM"),
    ],
)
def test_refuses(content, reason):
    with pytest.raises(ModelFileError, match=f"here: not acceptable JSON: .*{reason}"):
        parse_file(content, "here")


def test_numbers_have_as_many_digits_as_they_may():
    assert parse(b"7" * DIGITS) == int("7" * DIGITS)
    with pytest.raises(ValueError, match=r"7{20}\.\.\. has more than 300 digits"):
        parse_line("7" * (DIGITS + 1))


@pytest.mark.parametrize("read", [parse_line, lambda text: parse(text.encode())])
def test_lists_and_objects_lie_within_each_other_as_deeply_as_they_may(read):
    """Brackets side by side, or in texts, are not within each other."""
    half = NESTED // 2
    deepest = '{"a":[' * half + '"[[{{\\"[["' + "]}" * half
    assert str(read(deepest)).count("[") == half + 4
    assert read(f"[{'[],{},' * NESTED}3]")[-1] == 3
    assert len(read(f"[{','.join([deepest[6:-2]] * 2)}]")) == 2
    for too_deep in (f"[{deepest}]", f'{{"a":{deepest}}}', f"[[],{{}},{deepest}]"):
        with pytest.raises(ValueError, match="nested too deeply"):
            read(too_deep)


@pytest.mark.parametrize("read", [parse_line, lambda text: parse(text.encode())])
def test_values_are_counted_before_they_are_read(read, monkeypatch):
    assert STRUCTURE == 4_000_000
    monkeypatch.setattr(strict, "STRUCTURE", 6)
    assert read('[[],{"a":1},2,3]') == [[], {"a": 1}, 2, 3]
    for more in ('[[],{"a":1},2,3,4]', '[[],{"a":[]},2,3]', '[[],{"a":{}},2,3]'):
        with pytest.raises(ValueError, match="more than 6 values"):
            read(more)


def test_a_line_of_a_table_may_hold_what_python_writes():
    assert parse_line('["\\ud800", 1.5]') == ["\ud800", 1.5]
    assert math.isnan(parse_line("[NaN]")[0])
    for text, reason in (
        ("-Infinity", "is not a number"),
        ('{"a":1,"a":1}', "twice"),
        ("1e999", "too large"),
    ):
        with pytest.raises(ValueError, match=reason):
            parse_line(text)


def test_a_text_spelt_by_escapes_is_unicode():
    assert parse(rb'["\u00e9\ud83d\ude00", "\\ud800"]') == ["é😀", "\\ud800"]


def test_plain_values_have_one_way_to_be_written():
    assert to_bytes({"ä": [1, 2.5], "b": None}) == '{"ä":[1,2.5],"b":null}\n'.encode()


# A field, values that it reads, and values that it refuses with what it says.
BOUNDS = [
    (Truth(), [True, False], [(0, "0 is neither true nor false"), (None, "None is neither true nor false")]),
    (
        Whole(-2, 5),
        [-2, 5],
        [(value, f"{value} is no whole number from -2 to 5") for value in (-3, 6, 2.0, True)],
    ),
    (Whole(3), [3, 10**20], [(2, "2 is no whole number"), ("3", "3 is no whole number")]),
    (Whole(most=3), [3, -(10**20)], [(4, "4 is no whole number")]),
    (Whole(), [-7, 7], [(None, "None is no whole number")]),
    (
        Number(-0.5, 3),
        [-0.5, 3.0],
        [(value, f"{value} is no number from -0.5 to 3") for value in (-0.51, 3.01, True, "1", math.nan)],
    ),
    (
        Number(),
        [-1e9, 1e9],
        [
            (1e9 + 1, "1000000001.0 is no number from -1e+09 to 1e+09"),
            (-1e9 - 1, "-1000000001.0 is no number from -1e+09 to 1e+09"),
            (10**400, f"1{'0' * 39} is no number from -1e+09 to 1e+09"),
        ],
    ),
    (
        Text(3),
        ["a", "abc"],
        [(value, f"'{value}' is no text of 1 to 3 characters") for value in ("", "abcd", 12)],
    ),
    (
        Text(4, 2, "[ab]+"),
        ["ab", "abba"],
        [
            ("b", "'b' is no text of 2 to 4 characters"),
            *((value, f"'{value}' is malformed") for value in ("abc", "cab")),
        ],
    ),
    (
        OneOf(("no", "yes")),
        ["no", "yes"],
        [(value, f"'{value}' is not one of no, yes") for value in ("maybe", 1)],
    ),
    (OneOf(("only",)), ["only"], [("other", "'other' is not one of only")]),
    (OneOf((1, 3)), [1, 3], [(value, f"{value} is not one of 1, 3") for value in (True, 1.0, 2, "1")]),
]


def refused(words: str) -> Any:
    """Expects exactly these words."""
    return pytest.raises(ValueError, match=f"^{re.escape(words)}$")


@pytest.mark.parametrize(("bounds", "good", "bad"), BOUNDS)
def test_a_value_is_within_its_bounds_or_named_with_them(bounds, good, bad):
    for value in good:
        found = bounds.read("it", value)
        assert (found, type(found)) == (value, type(value))
    for value, words in bad:
        with refused(f"it: {words}"):
            bounds.read("it", value)


def test_a_number_is_a_float_and_a_reader_of_its_own_sees_the_value():
    found = Number().read("it", 3)
    assert (found, type(found)) == (3.0, float)
    assert Read(len).read("it", "four") == 4


def test_what_is_shown_of_a_value_is_short():
    with refused(f"it: '{'a' * 40}' is no text of 1 to 45 characters"):
        Text(45).read("it", "a" * 46)
    with refused(f"it: {'k' * 40}:  is no whole number"):
        Object(Whole()).read("it", {"k" * 41: ""})
    with refused(f"the key '{'k' * 40}' is there twice"):
        parse(b'{"%s":1,"%s":2}' % (b"k" * 41, b"k" * 41))


def test_lists_and_objects_hold_values_of_one_kind():
    pairs = Items(3, 2, Whole(0, 9), "digits")
    assert pairs.read("it", [4, 5]) == (4, 5)
    assert pairs.read("it", [4, 5, 6]) == (4, 5, 6)
    for value in ([4], [4, 5, 6, 7], (4, 5)):
        with refused("it: no list of 2 to 3 digits"):
            pairs.read("it", value)
    with refused("it: 10 is no whole number from 0 to 9"):
        pairs.read("it", [4, 10])
    with refused("it: no list of 2 whole numbers"):
        Items(2, 2).read("it", [1])
    assert Items(1).read("it", []) == ()
    assert Object(Whole(0, 9)).read("it", {"a": 3, "b": 4}) == {"a": 3, "b": 4}
    assert Object().read("it", {"a": [None]}) == {"a": [None]}
    with refused("it: no object of digits"):
        Object(Whole(), " of digits").read("it", [1])
    with refused("it: b: 10 is no whole number from 0 to 9"):
        Object(Whole(0, 9)).read("it", {"a": 3, "b": 10})


@dataclass(frozen=True)
class Part:
    """Is read and written by its declaration alone."""

    size: Annotated[int, Whole(1, 8)]
    note: str = "none"


@dataclass(frozen=True)
class Halved(Saved):
    """Is stored in a form of its own: as half of what it is."""

    number: float

    def to_json(self) -> dict[str, Any]:
        return {"half": self.number / 2}

    @classmethod
    def from_json(cls, document: Any) -> "Halved":
        return cls(2 * document["half"])


@dataclass(frozen=True)
class Everything(Saved):
    """A field of every kind."""

    part: Part
    halved: Halved
    pair: tuple[int, int]
    numbers: tuple[float, ...]
    shares: Mapping[str, float]
    counts: Mapping[str, int]
    parts: Sequence[Part]
    maybe: int | None
    maybe_part: Part | None
    free: Any
    flag: Annotated[bool, LEFT_OUT] = False
    bounded: Annotated[Annotated[int, Whole(0, 5)] | None, LEFT_OUT] = None
    own: Annotated[Part | None, LEFT_OUT] = None
    other: Annotated[Part, LEFT_OUT] = Part(2)
    names: Annotated[tuple[str, ...], LEFT_OUT] = field(default_factory=tuple)
    computed: int = field(default=7, init=False)


LEAST = {
    "part": {"size": 8, "note": ""},
    "halved": {"half": 1.5},
    "pair": [4, 5],
    "numbers": [0.5, -1e308],
    "shares": {"a": 0.25},
    "counts": {"b": 3},
    "parts": [{"size": 1, "note": "é"}],
    "maybe": None,
    "maybe_part": None,
    "free": [None, {}],
}
MORE = {
    "maybe": 6,
    "maybe_part": {"size": 3, "note": "x"},
    "flag": True,
    "bounded": 5,
    "own": {"size": 4, "note": "y"},
    "other": {"size": 5, "note": "z"},
    "names": ["b", "a"],
}


def test_a_declared_object_is_written_and_read_again():
    least = Everything(
        Part(8, ""), Halved(3.0), (4, 5), (0.5, -1e308), {"a": 0.25}, {"b": 3}, (Part(1, "é"),), None, None,
        [None, {}],
    )  # fmt: skip
    assert least.to_json() == to_json(least) == LEAST
    assert Everything.from_json(LEAST) == least
    every = Everything.from_json({**LEAST, **MORE})
    assert every.to_json() == {**LEAST, **MORE}
    assert (every.maybe, every.maybe_part, every.flag, every.bounded) == (6, Part(3, "x"), True, 5)
    assert (every.own, every.other, every.names) == (Part(4, "y"), Part(5, "z"), ("b", "a"))
    assert to_json({"a": (Part(3),), "b": [Halved(3.0)], "c": 1.5}) == {
        "a": [{"size": 3, "note": "none"}], "b": [{"half": 1.5}], "c": 1.5,
    }  # fmt: skip
    assert optional_of(Everything) == {"flag", "bounded", "own", "other", "names"}
    assert list(fields_of(Everything)) == [*LEAST, "flag", "bounded", "own", "other", "names"]
    assert declared(Everything)["names"].default == ()
    assert declared(Everything)["flag"].annotation == Annotated[bool, LEFT_OUT]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"part": 3}, "everything: part: int found, an object expected"),
        ({"part": {"size": 9, "note": ""}}, "everything: part: size: 9 is no whole number from 1 to 8"),
        ({"part": {"size": 8}}, r"everything: part: unknown keys \[\], missing keys \['note'\]"),
        ({"maybe_part": {"size": 0, "note": ""}}, "maybe_part: size: 0 is no whole number from 1"),
        ({"maybe": "x"}, "everything: maybe: x is no whole number"),
        ({"pair": [4]}, "everything: pair: no list of 2 values"),
        ({"pair": [4, 5, 6]}, "everything: pair: no list of 2 values"),
        ({"pair": [4, 5.0]}, "everything: pair: 5.0 is no whole number"),
        ({"numbers": 4}, "everything: numbers: no list of 0 to 10000000 values"),
        ({"numbers": [1.1e308]}, r"everything: numbers: 1.1e\+308 is no number from -1e\+308 to 1e\+308"),
        ({"numbers": [-1.1e308]}, r"everything: numbers: -1.1e\+308 is no number from -1e\+308 to 1e\+308"),
        ({"shares": []}, "everything: shares: no object of numbers"),
        ({"counts": []}, "everything: counts: no object$"),
        ({"counts": {"b": 3.5}}, "everything: counts: b: 3.5 is no whole number"),
        ({"parts": {}}, "everything: parts: no list of 0 to 10000000 objects"),
        ({"flag": 1}, "everything: flag: 1 is neither true nor false"),
        ({"flag": None}, "everything: flag: None is neither"),
        ({"bounded": None}, "everything: bounded: None is no whole number from 0 to 5"),
        ({"bounded": 6}, "everything: bounded: 6 is no whole number from 0 to 5"),
        ({"own": None}, "everything: own: NoneType found, an object expected"),
        ({"other": None}, "everything: other: NoneType found, an object expected"),
        ({"names": ["a", 4]}, "everything: names: '4' is no text of 0 to 10000000 characters"),
        ({"computed": 7}, r"everything: unknown keys \['computed'\], missing keys \[\]"),
        (
            {f"{code}{'k' * 50}": 0 for code in "gfedcba"},
            r"unknown keys \['ak{39}', 'bk{39}', 'ck{39}', 'dk{39}', 'ek{39}'\], missing keys \[\]",
        ),
    ],
)  # fmt: skip
def test_an_object_of_a_file_is_not_trusted(changes, words):
    with pytest.raises(ValueError, match=words):
        Everything.from_json({**LEAST, **changes})


def test_fields_come_in_the_order_of_their_declaration():
    fields = {"b": Whole(), "a": Text(3), "c": Truth()}
    found = read_object("it", {"c": True, "a": "x", "b": 4}, fields, {"c"})
    assert list(found.items()) == [("b", 4), ("a", "x"), ("c", True)]
    assert read_object("it", {"a": "x", "b": 4}, fields, {"c"}) == {"b": 4, "a": "x"}
    with pytest.raises(ValueError, match=r"it: unknown keys \['d'\], missing keys \['a', 'c'\]"):
        read_object("it", {"b": 4, "d": 5}, fields)
    with pytest.raises(ValueError, match="it: b: x is no whole number"):
        read_object("it", {"b": "x"}, {"b": Whole()})
    with pytest.raises(ValueError, match="it: size: x is no whole number from 1 to 8"):
        from_json("it", {"size": "x", "note": ""}, Part)


def test_a_tuple_of_one_and_any_kind_of_object_are_fields():
    assert field_of(tuple[int]).read("it", [4]) == (4,)
    with refused("it: no list of 1 values"):
        field_of(tuple[int]).read("it", [4, 5])
    assert field_of(dict[str, int]).read("it", {"a": 3}) == {"a": 3}
    assert field_of(list[str]).read("it", ["b", "a"]) == ("b", "a")


@pytest.mark.parametrize("annotation", [complex, set[int], type(None)])
def test_what_no_file_can_hold_is_no_field(annotation):
    with pytest.raises(TypeError, match="cannot be read from a file"):
        field_of(annotation)


def test_what_is_sealed_is_read_and_no_change_of_it_passes(tmp_path):
    document = {"ä": [1, 2.5], SEAL: "an older one"}
    content = sealed(document)
    assert content.startswith('{\n  "ä": [\n    1,\n    2.5\n  ],\n  "own_sha256": "'.encode())
    assert content.endswith(b'"\n}\n')
    path = tmp_path / "sealed.json"
    path.write_bytes(content)
    assert read_sealed(path) == {"ä": [1, 2.5]}
    assert read_sealed(path, len(content)) == {"ä": [1, 2.5]}
    assert MOST_BYTES == 2**26
    with pytest.raises(OSError, match="larger than"):
        read_sealed(path, len(content) - 1)
    for edited in (content.replace(b"2.5", b"2.6"), b'{"a": 1}'):
        path.write_bytes(edited)
        with pytest.raises(ValueError, match="it was changed after it was written"):
            read_sealed(path)
    path.write_bytes(b"[1]")
    with pytest.raises(ValueError, match="list found, an object expected"):
        read_sealed(path)
    assert read_json(path, 3) == [1]
    with pytest.raises(OSError, match="larger than"):
        read_json(path, 2)
    with pytest.raises(ValueError, match="not JSON compliant"):
        sealed({"a": math.inf})


def test_bytes_are_sealed_too(tmp_path):
    path = tmp_path / "sealed.bin"
    write_sealed_bytes(path, b"content")
    assert len(path.read_bytes()) == 7 + 32
    assert read_sealed_bytes(path, 7) == b"content"
    with pytest.raises(OSError, match="larger than"):
        read_sealed_bytes(path, 6)
    path.write_bytes(b"d" + path.read_bytes()[1:])
    with pytest.raises(ValueError, match="it was changed after it was written"):
        read_sealed_bytes(path, 7)
