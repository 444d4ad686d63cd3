"""FAULTS 20 for classical models of texts: their n-grams, and what `model.json` says of them."""

import json
import struct
from pathlib import Path

import pytest

from forged_folders import document_of, header_of, require_flips_refused, require_refused, write_weights
from pellucid.bundle import load_any
from pellucid.errors import ModelFileError
from pellucid.input_kinds import TEXTS
from small_models import reseal, sealed

TOKENS = {"kind": "tokens", "tokens": "words", "length": 24, "vocabulary": 26}
CLASSICAL = ["logistic-regression of texts", "ridge of texts, of numbers", "random-forest of texts"]


def terms_of(folder: Path) -> list[list[str]]:
    return json.loads((folder / "vocabulary.json").read_text())["terms"]


def forge_terms(folder: Path, content: bytes | list) -> None:
    """Write the n-grams of a classical model, every checksum right."""
    plain = content if isinstance(content, bytes) else json.dumps({"terms": content}).encode()
    (folder / "vocabulary.json").write_bytes(plain)
    reseal(folder)


@pytest.mark.parametrize("name", CLASSICAL)
def test_damaged_terms(name, copied):
    path = copied(name) / "vocabulary.json"
    require_flips_refused(path, 30, r"vocabulary\.json: its checksum does not match")
    path.unlink()
    require_refused(path.parent, r"vocabulary\.json: missing")


TERMS = {
    "a key twice": b'{"terms": [], "terms": []}',
    "no terms": b"{}",
    "something more": b'{"terms": [], "hook": "os.system"}',
    "terms as text": b'{"terms": "one"}',
    "terms that are none": b'{"terms": [[1, 2], [3]]}',
    "too few": b'{"terms": [["one"]]}',
}


@pytest.mark.parametrize("case", TERMS)
def test_terms_that_cannot_be(case, copied):
    folder = copied("logistic-regression of texts")
    forge_terms(folder, TERMS[case])
    with pytest.raises(ModelFileError, match=r"model: .*; use an undamaged copy") as caught:
        load_any(folder)
    assert str(caught.value).startswith(str(folder))
    assert caught.value.exit_code == 4


def test_terms_that_contradict_themselves(copied):
    folder = copied("logistic-regression of texts")
    terms = terms_of(folder)
    group = next(number for number, each in enumerate(terms) if len(each) > 1)
    for first in (terms[group][1], "half \ud83d", 7):
        forged = [list(each) for each in terms]
        forged[group][0] = first
        forge_terms(folder, forged)
        require_refused(folder, r"model: .*; use an undamaged copy")


WRONG_OF_TERMS = {
    "no terms": (None, r"holds 'tfidf\.idf', which does not belong to it"),
    "tokens": (TOKENS, "preprocessing: kind: 'tokens' is not one of tf-idf"),
    "no settings": ({"kind": "tf-idf"}, r"tf-idf: unknown keys \[\], missing keys"),
    "a path": ({"file": "../elsewhere"}, r"tf-idf: unknown keys \['file'\]"),
    "a bomb": ({"kept": [10**15]}, "kept|n-grams"),
    "other numbers": ({"kept": [3]}, r"tfidf\.idf' is F32 .*, the architecture needs float32 \[3\]"),
    "below zero": ({"kept": [-1]}, "kept: -1 is no whole number"),
    "a huge n-gram": ({"words": 10**9}, "words: 1000000000 is no whole number"),
}


@pytest.mark.parametrize("case", WRONG_OF_TERMS)
def test_a_description_of_terms_that_cannot_be(case, copied):
    fields, reason = WRONG_OF_TERMS[case]
    folder = copied("logistic-regression of texts")
    document = document_of(folder)
    if fields is None or "kind" in fields:
        document["preprocessing"] = fields
    else:
        document["preprocessing"] |= fields
    (folder / "model.json").write_bytes(sealed(document))
    with pytest.raises(ModelFileError, match=reason) as caught:
        load_any(folder)
    assert caught.value.exit_code == 4


def test_weights_of_words_that_are_not_positive(copied):
    folder = copied("logistic-regression of texts")
    header, data = header_of(folder)
    start = header["tfidf.idf"]["data_offsets"][0]
    write_weights(folder, header, data[:start] + struct.pack("<f", -1.0) + data[start + 4 :])
    require_refused(folder, "idf: a weight is not finite, or not positive")


def test_a_model_that_looks_at_no_text_has_no_words(saved):
    folder = saved("majority of texts")
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "model.json",
        "weights.safetensors",
    ]
    assert document_of(folder)["preprocessing"] is None
    assert "Words of the training texts" not in (folder / "README.md").read_text()
    assert load_any(folder).input_kind is TEXTS
