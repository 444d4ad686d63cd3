"""FAULTS 19 and 20 for models of texts: the file with the words, and what `model.json` says of it."""

import json
import os
import pickle
import resource
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from every_model import answers_of
from forged_folders import document_of, flipped, require_flips_refused, require_refused
from pellucid.bundle import load, load_any, save
from pellucid.encoding.encoder import MOST_BYTES
from pellucid.errors import ModelFileError
from pellucid.input_kinds import TEXTS
from small_models import CLASSES, reseal, sealed
from text_models import encoder, text_model

NETWORKS = [
    "text-cnn",
    "rnn of sub-words",
    "bag",
    "svm-on-text-cnn",
    "transformer",
    "sentence-encoder",
    "ngram-encoder",
    "word-vectors",
]


def words_of(folder: Path) -> dict:
    return json.loads((folder / "tokenizer.json").read_text())


def forge(folder: Path, content: bytes | dict) -> None:
    """Write the file with the words, every checksum right."""
    plain = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
    (folder / "tokenizer.json").write_bytes(plain)
    reseal(folder)


@pytest.mark.parametrize("name", NETWORKS)
def test_one_flipped_byte(name, copied):
    require_flips_refused(
        copied(name) / "tokenizer.json", 60, r"tokenizer\.json: its checksum does not match"
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_flipped_bytes_with_right_checksums(name, copied):
    """Whatever comes of it is a refusal or a model that answers."""
    folder = copied(name)
    content = (folder / "tokenizer.json").read_bytes()
    reasons = []
    for damaged in flipped(content, 60):
        forge(folder, damaged)
        try:
            found = answers_of(load_any(folder), 20)
        except ModelFileError as error:
            reasons.append(str(error))
        else:
            assert found.shape == (20, 10)
            assert np.isfinite(found).all()
    assert len(reasons) > 5
    assert all(reason.startswith(f"{folder}: ") for reason in reasons)


@pytest.mark.parametrize("length", [0, 1, 7, 50])
def test_truncation(length, copied):
    folder = copied("text-cnn")
    content = (folder / "tokenizer.json").read_bytes()
    (folder / "tokenizer.json").write_bytes(content[:length])
    require_refused(folder, r"tokenizer\.json: its checksum does not match")
    forge(folder, content[:length])
    require_refused(folder, r"model: .*use an undamaged copy")


ENTRIES = ["one", "two", "three"]
CONTENTS = {
    "a list": b"[]",
    "not UTF-8": b'{"entries": ["\xff\xfe"], "merges": []}',
    "no words": b'{"merges": []}',
    "something more": b'{"entries": [], "merges": [], "pre_tokenizer": {"type": "os.system"}}',
    "another library's": b'{"version": "1.0", "model": {"type": "BPE", "vocab": {}, "merges": []}}',
    "nested deeply": b'{"entries": ' + b"[" * 100_000 + b"]" * 100_000 + b', "merges": []}',
    "merges that are none": b'{"entries": [], "merges": [[1, 2, 3]]}',
    "other words": json.dumps({"entries": ENTRIES, "merges": []}).encode(),
    "more words": json.dumps({"entries": [f"word {n}" for n in range(9999)], "merges": []}).encode(),
}


@pytest.mark.parametrize("case", CONTENTS)
def test_words_that_cannot_be(case, copied):
    folder = copied("text-cnn")
    forge(folder, CONTENTS[case])
    with pytest.raises(ModelFileError, match=r"model: .*; use an undamaged copy") as caught:
        load_any(folder)
    assert str(caught.value).startswith(str(folder))
    assert len(str(caught.value)) < 400
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda words: words["entries"].append(words["entries"][0]), "one of them is there twice"),
        (lambda words: words["entries"].append("new"), "27 ids found, 26 stated"),
        (lambda words: words["entries"].pop(), "25 ids found, 26 stated"),
    ],
)
def test_words_that_contradict_themselves(change, reason, copied):
    folder = copied("text-cnn")
    words = words_of(folder)
    change(words)
    forge(folder, words)
    require_refused(folder, reason)


def test_more_words_than_the_network_knows(copied):
    folder = copied("text-cnn")
    words = words_of(folder)
    words["entries"].append("new")
    forge(folder, words)
    preprocessing = {**document_of(folder)["preprocessing"], "vocabulary": 27}
    reseal(folder, preprocessing=preprocessing)
    require_refused(folder, "the network knows 26 tokens, the vocabulary 27")


def test_a_larger_network_than_the_weights(copied):
    folder = copied("text-cnn")
    architecture = {**document_of(folder)["architecture"], "vocabulary": 27}
    reseal(folder, architecture=architecture)
    require_refused(folder, r"is F32 \[26, 128\], the architecture needs float32 \[27, 128\]")


@pytest.mark.parametrize("name", ["text-cnn", "rnn"])
def test_a_bomb_allocates_nothing(name, copied):
    """An admissible architecture of gigabytes, over weights of some kilobytes."""
    folder = copied(name)
    architecture = {**document_of(folder)["architecture"], "vocabulary": 1_000_000, "embedding": 400}
    reseal(folder, architecture=architecture)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelFileError, match="the architecture needs"):
        load(folder)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 50_000 * (1 if sys.platform == "linux" else 1024)


def test_an_oversized_file_is_not_parsed(copied, monkeypatch):
    folder = copied("text-cnn")
    monkeypatch.setattr("pellucid.bundle.reading.WORDS_LIMIT", 1 << 20)
    forge(folder, b" " * ((1 << 20) + 1))
    require_refused(folder, r"tokenizer\.json: larger than 1 MB")
    assert MOST_BYTES == 64 << 20


@pytest.mark.parametrize("content", [pickle.dumps({"entries": []}), b"PK\x03\x04" + b"\0" * 60])
def test_a_file_that_may_run_code(content, copied):
    folder = copied("text-cnn")
    forge(folder, content)
    require_refused(folder, r"tokenizer\.json: .*such a file may run code; refused")


@pytest.mark.parametrize("name", NETWORKS)
def test_the_file_with_the_words_is_needed(name, copied):
    folder = copied(name)
    (folder / "tokenizer.json").unlink()
    require_refused(folder, r"tokenizer\.json: missing; use an undamaged copy")
    document = document_of(folder)
    hashes = {key: value for key, value in document["sha256"].items() if key != "tokenizer.json"}
    (folder / "model.json").write_bytes(sealed({**document, "sha256": hashes}))
    require_refused(folder, r"'tokenizer\.json' is missing from 'sha256'")


def test_a_file_too_many(copied):
    """One that is named must be there and unchanged; one that is not named is nobody's."""
    folder = copied("text-cnn")
    (folder / "INTENDED_USE.md").write_text("for tests")
    assert load_any(folder).input_kind is TEXTS
    document = document_of(folder)
    (folder / "vocabulary.json").write_text("{}")
    (folder / "model.json").write_bytes(
        sealed({**document, "sha256": {**document["sha256"], "vocabulary.json": "0" * 64}})
    )
    require_refused(folder, r"vocabulary\.json: its checksum does not match")


def test_links_and_pipes_are_refused(copied, tmp_path):
    folder = copied("text-cnn")
    shutil.move(folder / "tokenizer.json", tmp_path / "elsewhere")
    (folder / "tokenizer.json").symlink_to(tmp_path / "elsewhere")
    require_refused(folder, r"tokenizer\.json: a link; a model folder holds its own files")
    (folder / "tokenizer.json").unlink()
    os.mkfifo(folder / "tokenizer.json")
    require_refused(folder, r"tokenizer\.json: not a regular file")


TOKENS = {"kind": "tokens", "tokens": "words", "length": 24, "vocabulary": 26}
WRONG = {
    "no words": ({"preprocessing": None}, "preprocessing must be given in a model of the kind text"),
    "words without kind": ({"preprocessing": {"length": 24}}, "preprocessing: unknown keys"),
    "a name to import": (
        {"preprocessing": {"kind": "os.system"}},
        "preprocessing: kind: 'os.system' is not one of tokens, n-grams",
    ),
    "weights of words": ({"preprocessing": {"kind": "tf-idf"}}, "kind: 'tf-idf' is not one of tokens"),
    "a path": (
        {"preprocessing": TOKENS | {"file": "../../elsewhere.json"}},
        r"tokenizer: unknown keys \['file'\], missing keys \[\]",
    ),
    "another length": ({"preprocessing": TOKENS | {"length": 25}}, "but texts have at most 25 tokens"),
    "another encoder": (
        {"preprocessing": {"kind": "n-grams"}}, "tokenizer: unknown keys .*, missing keys .*length",
    ),
    "images": (
        {"preprocessing": {"height": 8, "width": 8, "channels": 1, "low": 0.0, "high": 255.0}},
        "preprocessing: that of other inputs in a model of the kind text-classifier",
    ),
    "a model of images": ({"kind": "image-classifier"}, "preprocessing: that of other inputs"),
    "a model of vectors": (
        {"kind": "feature-classifier", "preprocessing": None, "length": 24},
        "the network takes texts, the model values",
    ),
    "a length": ({"length": 24}, "length must be null in a model of the kind text-classifier"),
    "mirrored": ({"mirror": True}, "'mirror' must be false in a model of the kind text-classifier"),
    "numbers": ({"kind": "text-regressor"}, "'classes' must be empty in a model of the kind text-regressor"),
    "numbers of 10 outputs": ({"kind": "text-regressor", "classes": []}, "10 outputs where 1 is needed"),
    "too few classes": ({"classes": ["a", "b"]}, "the network has 10 outputs where 2 are needed"),
}  # fmt: skip


@pytest.mark.parametrize("change", WRONG)
def test_a_description_that_cannot_be(change, copied):
    fields, reason = WRONG[change]
    folder = copied("text-cnn")
    (folder / "model.json").write_bytes(sealed({**document_of(folder), **fields}))
    with pytest.raises(ModelFileError, match=reason) as caught:
        load_any(folder)
    assert caught.value.exit_code == 4
    assert len(str(caught.value)) < 400


ARCHITECTURES = {
    "another family": ({"name": "lenet"}, r"network: unknown keys \['kernels'\]"),
    "a vocabulary of nothing": ({"vocabulary": 0}, "the network takes no texts, the model texts"),
    "another length": ({"input_shape": [9]}, r"the network takes \(9,\), but texts have at most 24 tokens"),
    "an unknown cell": ({"cell": "os.system"}, r"network: unknown keys \['cell'\]"),
}


@pytest.mark.parametrize("case", ARCHITECTURES)
def test_an_architecture_that_cannot_be(case, copied):
    fields, reason = ARCHITECTURES[case]
    folder = copied("text-cnn")
    document = document_of(folder)
    document["architecture"] |= fields
    (folder / "model.json").write_bytes(sealed(document))
    require_refused(folder, reason)


def test_an_image_models_folder_needs_no_words(copied):
    folder = copied("cnn")
    reseal(folder, preprocessing=TOKENS)
    require_refused(folder, "preprocessing: that of other inputs")


@pytest.mark.parametrize("tokens", ["words", "sub-words", "characters", "bytes", "unigram"])
def test_every_kind_of_tokens_is_saved(tokens, tmp_path):
    model = text_model("text-cnn", tokens=tokens)
    save(model, tmp_path / "model", {})
    loaded = load_any(tmp_path / "model")
    assert loaded.encoder == encoder("text-cnn", tokens)
    assert np.array_equal(answers_of(loaded), answers_of(model))
    card = (tmp_path / "model" / "README.md").read_text()
    assert ("Words of the training texts are in" in card) == (tokens != "bytes")


def test_names_of_classes_are_shown_as_text(tmp_path):
    """FAULTS 32 in the card of a text model."""
    names = ("<script>alert(1)</script>", "=1+1", *CLASSES[2:])
    save(text_model("bag", names), tmp_path / "model", {"kept": "<img src=x onerror=alert(1)>"})
    card = (tmp_path / "model" / "README.md").read_text()
    assert "<script" not in card
    assert "<img" not in card
    assert load_any(tmp_path / "model").classes == names
