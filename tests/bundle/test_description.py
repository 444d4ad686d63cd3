"""FAULTS 20: what `model.json` may not say."""

import hashlib
import os

import pytest

from forged_folders import document_of, require_refused
from pellucid.bundle import load
from pellucid.errors import ModelFileError
from small_models import sealed

WRONG = {
    "another format": ({"format": 1}, "format 1, this version reads format 2"),
    "format as truth": ({"format": True}, "not the description of a Pellucid model"),
    "another kind": ({"kind": "os.system"}, "kind 'os.system' is not known"),
    "an unknown key": ({"hook": "os.system"}, r"unknown keys \['hook'\]"),
    "an unknown network": ({"architecture": {"name": "os.system"}}, r"'os\.system' is not one of"),
    "a huge network": ({"architecture": {"widths": [131_072] * 3}}, "is over the limit"),
    "absurd widths": ({"architecture": {"widths": [10**12]}}, "widths: 1000000000000 is outside"),
    "architecture as text": ({"architecture": "cnn"}, "an object expected"),
    "other images": ({"preprocessing": {"height": 9}}, r"but preprocessing makes \(1, 9, 8\)"),
    "no classes": ({"classes": []}, "'classes' is not a list of two or more different names"),
    "equal classes": ({"classes": ["a"] * 10}, "'classes' is not a list of two or more different names"),
    "nested classes": ({"classes": [["a"], ["b"]]}, r"classes: \"\['a'\]\" is no text"),
    "too few classes": ({"classes": ["a", "b"]}, "has 10 outputs where 2 are needed"),
    "mirror as number": ({"mirror": 1}, "mirror: 1 is neither true nor false"),
    "temperature as truth": ({"temperature": True}, "temperature: True is no number from 0.01 to 100"),
    "too hot": ({"temperature": 10**299}, "temperature: .* is no number from 0.01 to 100"),
    "a predictor": ({"predictor": {"kind": "linear", "settings": {}}}, "predictor must be null"),
    "features": ({"features": "hog"}, "features must be null in a model of the kind image-classifier"),
    "a length": ({"length": 64}, "length must be null in a model of the kind image-classifier"),
    "numbers": ({"kind": "image-regressor"}, "'classes' must be empty in a model of the kind image-reg"),
    "numbers of 10 outputs": ({"kind": "image-regressor", "classes": []}, "has 10 outputs where 1 is needed"),
    "vectors": ({"kind": "feature-classifier"}, "preprocessing must be null"),
    "vectors of images": (
        {"kind": "feature-classifier", "preprocessing": None, "length": 64},
        r"the network takes \(1, 8, 8\), but feature vectors have the length 64",
    ),
    "no network": ({"architecture": None}, "architecture must be given in a model"),
    "a classical kind": ({"kind": "classical-image-classifier"}, "predictor must be given"),
    "checksums as list": ({"sha256": []}, "'sha256' is not an object"),
    "no weights": ({"sha256": {}}, r"'weights\.safetensors' is missing from 'sha256'"),
}  # fmt: skip


@pytest.mark.parametrize("change", WRONG)
def test_a_description_that_cannot_be(change, folder):
    fields, reason = WRONG[change]
    document = document_of(folder)
    for key, value in fields.items():
        if key in ("architecture", "preprocessing") and isinstance(value, dict):
            fields = {**fields, key: {**document[key], **value}}
    (folder / "model.json").write_bytes(sealed({**document, **fields}))
    with pytest.raises(ModelFileError, match=reason):
        load(folder)


KEYS = {
    "kind", "architecture", "predictor", "features", "preprocessing", "length", "classes", "temperature",
    "mirror", "sha256",
}  # fmt: skip


def test_a_description_that_lacks_a_key(any_folder):
    whole = document_of(any_folder)
    assert KEYS < whole.keys()
    for key in KEYS:
        lacking = {name: value for name, value in whole.items() if name != key}
        (any_folder / "model.json").write_bytes(sealed(lacking))
        require_refused(any_folder, rf"kind None is not known|missing keys .*{key!r}")


@pytest.mark.parametrize(
    "name",
    [
        "../secret", "/etc/passwd", "sub/file", "sub\\file", "..", ".", "", ".hidden", "a\x00b",
        "model.json", "C:x",
    ],
)  # fmt: skip
def test_names_outside_the_folder(name, folder, monkeypatch):
    (folder.parent / "secret").write_text("secret")
    document = document_of(folder)
    document["sha256"][name] = hashlib.sha256(b"secret").hexdigest()
    (folder / "model.json").write_bytes(sealed(document))
    opened = []
    real_open = os.open
    monkeypatch.setattr(
        os, "open", lambda path, *rest, **more: opened.append(path) or real_open(path, *rest, **more)
    )
    require_refused(folder, "is not a plain file name in the model folder")
    assert [path for path in opened if str(path).endswith("model.json")]
    assert not [path for path in opened if "secret" in str(path) or "passwd" in str(path)]


@pytest.mark.parametrize("digest", ["0" * 63, "G" * 64, 5, None])
def test_checksums_that_are_none(digest, folder):
    document = document_of(folder)
    document["sha256"]["README.md"] = digest
    (folder / "model.json").write_bytes(sealed(document))
    require_refused(folder, r"the SHA-256 of 'README\.md' is malformed")


def test_duplicate_keys(folder):
    text = (folder / "model.json").read_text()
    (folder / "model.json").write_text(text.replace('"mirror"', '"kind": "image-classifier",\n  "mirror"'))
    require_refused(folder, "the key 'kind' is there twice")


def test_an_oversized_description(folder):
    with (folder / "model.json").open("r+b") as file:
        file.truncate(9 << 20)
    require_refused(folder, "larger than 8 MB")


def test_an_edited_description(folder):
    text = (folder / "model.json").read_text()
    (folder / "model.json").write_text(text.replace("digit 0", "digit X"))
    with pytest.raises(ModelFileError, match=r"model\.json: its checksum does not match: it was changed"):
        load(folder)
