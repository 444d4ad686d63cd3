"""Values of JSON documents, cut at their brackets wherever a piece of the file ends."""

import json

from hypothesis import given
from hypothesis import strategies as st

from pellucid.data.tables.json_tables import JsonValues

VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=6) | st.sampled_from(['a"b', "\\", '\\"', "],[", "{", '"'])
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(st.lists(VALUES, max_size=4), st.integers(1, 7), st.sampled_from([None, 1]), st.booleans())
def test_values_are_those_of_json(
    values: list[object], size: int, indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(values, indent=indent, ensure_ascii=ascii_only)
    pieces = iter([text[at : at + size] for at in range(0, len(text), size)])
    found = []
    document = JsonValues(pieces, "t.json")
    assert document.next_sign() == "["
    document.skip()
    while document.next_sign() != "]":
        found.append(json.loads(document.take(1_000, "a value")))
        if document.next_sign() == ",":
            document.skip()
    document.skip()
    assert found == values
    assert document.next_sign() == ""
