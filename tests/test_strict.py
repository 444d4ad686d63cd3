import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.errors import ModelFileError
from pellucid.strict import parse_file

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
        (b'{"a": 1, "a": 2}', "the key 'a' stands twice"),
        (b'{"b": [{"a": 1, "c": 0, "a": 1}]}', "the key 'a' stands twice"),
        (b"[NaN]", "NaN is not a number"),
        (b"[-Infinity]", "-Infinity is not a number"),
        (b"[1e999]", "1e999 is too large"),
        (b"[" * 100_000, "nested too deeply"),
        (b'["' + b"9" * 10 + b"", "Unterminated string"),
        (b"1" * 301, "11111111111111111111... has more than 300 digits"),
        (b'["\xff"]', "it is not UTF-8"),
        (rb'["\ud800"]', "it is not UTF-8"),
        (b"", "Expecting value"),
        (b"{} {}", "Extra data"),
        (b"\xef\xbb\xbf{}", "BOM"),
    ],
)
def test_refuses(content, reason):
    with pytest.raises(ModelFileError, match=f"here: not acceptable JSON: .*{reason}"):
        parse_file(content, "here")
