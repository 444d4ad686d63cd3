"""FAULTS 19 and 20: damaged, hostile and foreign model files, each made for real."""

import builtins
import gzip
import hashlib
import json
import os
import pickle
import resource
import shutil
import struct
import sys
import tarfile
import zipfile

import numpy as np
import pytest
import torch

from pellucid.bundle import load, model_folder, save
from pellucid.errors import ModelFileError
from pellucid.networks import NetworkConfig
from small_models import digits, reseal, sealed, untrained_model

FILES = ("model.json", "weights.safetensors", "README.md")


def document_of(folder):
    return json.loads((folder / "model.json").read_text())


def header_of(folder) -> tuple[dict, bytes]:
    content = (folder / "weights.safetensors").read_bytes()
    end = 8 + struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8:end]), content[end:]


def write_weights(folder, header, data, *, length=None):
    """Write weights with a header of one's own, every checksum right."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = struct.pack("<Q", len(text) if length is None else length)
    (folder / "weights.safetensors").write_bytes(size + text + data)
    reseal(folder)


# Where a model is


def test_a_run_stands_for_its_recommended_model(model, tmp_path):
    (tmp_path / "run").mkdir()
    save(model, tmp_path / "run" / "model", {})
    assert model_folder(tmp_path / "run") == tmp_path / "run" / "model"
    pixels = digits()[0][:5]
    assert np.array_equal(load(str(tmp_path / "run")).predict_proba(pixels), model.predict_proba(pixels))


def test_hard_linked_models_load(folder, tmp_path):
    (tmp_path / "linked").mkdir()
    for name in FILES:
        os.link(folder / name, tmp_path / "linked" / name)
    assert load(tmp_path / "linked").classes == load(folder).classes


def test_files_that_the_description_does_not_name_are_left_alone(folder):
    (folder / "INTENDED_USE.md").write_text("To read digits.")
    assert load(folder).classes[0] == "digit 0"


def test_a_missing_folder(tmp_path):
    with pytest.raises(ModelFileError, match="nowhere: there is no such folder; give a run"):
        load(tmp_path / "nowhere")


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(
        ModelFileError, match=r"neither a model folder nor a finished run; model\.json is missing"
    ):
        load(tmp_path)


def test_a_plain_file(tmp_path):
    (tmp_path / "model.txt").write_text("weights: 1 2 3")
    with pytest.raises(ModelFileError, match=r"model\.txt: a file, not a model folder"):
        load(tmp_path / "model.txt")


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file(name, folder):
    (folder / name).unlink()
    with pytest.raises(ModelFileError, match=r"missing"):
        load(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(folder):
    (folder / "weights.safetensors").chmod(0)
    with pytest.raises(ModelFileError, match="cannot be read: permission denied"):
        load(folder)


# FAULTS 19: kinds that may run code


class Trap:
    """Unpickling it would leave a file behind."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def write_zip(path, trap):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", pickle.dumps(trap))


def write_npz(path):
    with path.open("wb") as file:
        np.savez(file, weights=np.ones(3))


def write_tar(path, trap, mode):
    (path.parent / "data.pkl").write_bytes(pickle.dumps(trap))
    with tarfile.open(path, mode) as archive:
        archive.add(path.parent / "data.pkl", "../escaped.pkl")
    (path.parent / "data.pkl").unlink()


FOREIGN = {
    "pickle": lambda path, trap: path.write_bytes(pickle.dumps(trap)),
    "pickle of protocol 0": lambda path, trap: path.write_bytes(pickle.dumps(trap, protocol=0)),
    "pickle of protocol 1": lambda path, trap: path.write_bytes(pickle.dumps({"a": trap}, protocol=1)),
    "pickle of protocol 2": lambda path, trap: path.write_bytes(pickle.dumps(trap, protocol=2)),
    "torch": lambda path, trap: torch.save({"trap": trap}, path),
    "torch before 1.6": lambda path, trap: torch.save(
        {"trap": trap}, path, _use_new_zipfile_serialization=False
    ),
    "zip": write_zip,
    "npz": lambda path, trap: write_npz(path),
    "tar": lambda path, trap: write_tar(path, trap, "w"),
    "tar.gz": lambda path, trap: write_tar(path, trap, "w:gz"),
    "tar.bz2": lambda path, trap: write_tar(path, trap, "w:bz2"),
    "tar.xz": lambda path, trap: write_tar(path, trap, "w:xz"),
    "gzipped pickle": lambda path, trap: path.write_bytes(gzip.compress(pickle.dumps(trap))),
    "hdf5": lambda path, trap: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(504)),
}


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("place", ["the model itself", "in a folder", "as weights", "as description"])
def test_a_kind_that_may_run_code_is_refused_unopened(kind, place, folder, tmp_path):
    sprung = tmp_path / "sprung"
    (tmp_path / "other").mkdir()
    given, path = {
        "the model itself": (tmp_path / "other" / "model.pt",) * 2,
        "in a folder": (tmp_path / "other", tmp_path / "other" / "model.pt"),
        "as weights": (folder, folder / "weights.safetensors"),
        "as description": (folder, folder / "model.json"),
    }[place]
    FOREIGN[kind](path, Trap(sprung))
    if place == "as weights":
        reseal(folder)
    with pytest.raises(ModelFileError, match=r"such a file may run code; refused") as caught:
        load(given)
    assert caught.value.exit_code == 4
    assert not sprung.exists()
    assert not list(tmp_path.rglob("escaped.pkl"))


# FAULTS 20: damage


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_byte(name, folder):
    path = folder / name
    content = path.read_bytes()
    places = range(len(content)) if name == "model.json" else np.linspace(0, len(content) - 1, 60).astype(int)
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= (0x01, 0x20, 0xFF)[place % 3]
        path.write_bytes(damaged)
        with pytest.raises(ModelFileError, match=rf"{name}: |'README\.md'|README\.md"):
            load(folder)
    path.write_bytes(content)
    load(folder)


@pytest.mark.parametrize("name", FILES)
def test_truncation(name, folder):
    path = folder / name
    content = path.read_bytes()
    for length in (0, 1, 7, 8, 9, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(ModelFileError, match=rf"{name}: .*use an undamaged copy"):
            load(folder)


def test_truncation_with_right_checksums(folder):
    content = (folder / "weights.safetensors").read_bytes()
    for length in (0, 7, 8, 9, 100, len(content) - 1):
        (folder / "weights.safetensors").write_bytes(content[:length])
        reseal(folder)
        with pytest.raises(
            ModelFileError, match=r"weights\.safetensors: (truncated|not acceptable JSON|\d+ bytes)"
        ):
            load(folder)


def test_bytes_after_the_last_tensor(folder):
    header, data = header_of(folder)
    write_weights(folder, header, data + b"hidden")
    with pytest.raises(ModelFileError, match=r"\d+ bytes, but its header announces \d+"):
        load(folder)


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 10**9, 16 << 20])
def test_a_header_longer_than_the_file(length, folder):
    header, data = header_of(folder)
    write_weights(folder, header, data, length=length)
    with pytest.raises(ModelFileError, match="truncated or not a safetensors file"):
        load(folder)


NAME = "head.linear.weight"

HEADER_CHANGES = {
    "shape bomb": ({"shape": [10**9, 10**9]}, r"is F32 \[1000000000, 1000000000\], the architecture needs"),
    "negative side": ({"shape": [-10, -8]}, "the architecture needs float32"),
    "side as a fraction": ({"shape": [10.0, 24.0]}, "the architecture needs float32"),
    "other type": ({"dtype": "F64"}, "is F64 .* the architecture needs float32"),
    "unknown type": ({"dtype": "os.system"}, "is os.system .* the architecture needs float32"),
    "type that is no text": ({"dtype": ["F32"]}, "is malformed"),
    "offsets past the end": ({"data_offsets": [0, 2**62]}, "does not stand at bytes"),
    "offsets backwards": ({"data_offsets": [80, 0]}, "does not stand at bytes"),
    "offsets over another tensor": ({"data_offsets": [0, 960]}, "does not stand at bytes"),
    "offsets that are no numbers": ({"data_offsets": ["0", "960"]}, "is malformed"),
    "offsets missing": ({"data_offsets": None}, "is malformed"),
    "something more": ({"path": "../elsewhere"}, "is malformed"),
}


@pytest.mark.parametrize("change", HEADER_CHANGES)
def test_a_header_that_lies(change, folder):
    header, data = header_of(folder)
    fields, reason = HEADER_CHANGES[change]
    header[NAME] |= fields
    write_weights(folder, header, data)
    with pytest.raises(ModelFileError, match=reason):
        load(folder)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda header: header.pop(NAME), f"does not fit the architecture: lacks '{NAME}'"),
        (lambda header: header.update(more=header[NAME]), "holds 'more', which does not belong to it"),
        (lambda header: header.update(__metadata__={"a": "b"}), "holds '__metadata__'"),
    ],
)
def test_other_tensors_than_the_architecture_needs(change, reason, folder):
    header, data = header_of(folder)
    change(header)
    write_weights(folder, header, data)
    with pytest.raises(ModelFileError, match=reason):
        load(folder)


@pytest.mark.parametrize("text", [b'{"a": {}, "a": {}}', b"[1, 2]", b"{", b"\xff\xff"])
def test_a_header_that_is_no_object(text, folder):
    write_weights(folder, text, b"")
    with pytest.raises(
        ModelFileError, match=r"weights\.safetensors: (not acceptable JSON|its header is not)"
    ):
        load(folder)


def test_weights_that_are_not_finite(folder):
    header, data = header_of(folder)
    start = header[NAME]["data_offsets"][0]
    write_weights(folder, header, data[:start] + struct.pack("<f", float("nan")) + data[start + 4 :])
    with pytest.raises(ModelFileError, match="holds weights that are not finite"):
        load(folder)


def test_a_bomb_allocates_nothing(folder):
    """An admissible architecture of 1.6 GB, over weights of a few kilobytes."""
    architecture = document_of(folder)["architecture"]
    bomb = NetworkConfig.from_json(
        {**architecture, "name": "mlp", "widths": [20_000, 19_000], "stem_filters": 0}
    )
    reseal(folder, architecture=bomb.to_json())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelFileError, match="does not fit the architecture"):
        load(folder)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 50_000 * (1 if sys.platform == "linux" else 1024)


# FAULTS 20: what model.json says

WRONG = {
    "another format": ({"format": 2}, "format 2, this version reads format 1"),
    "format as truth": ({"format": True}, "not the description of a Pellucid model"),
    "another kind": ({"kind": "os.system"}, "kind 'os.system' is not known"),
    "an unknown key": ({"hook": "os.system"}, "the key 'hook' is not known"),
    "an unknown network": ({"architecture": {"name": "os.system"}}, r"'os\.system' is not one of"),
    "a huge network": ({"architecture": {"name": "mlp", "widths": [131_072] * 3}}, "is over the limit"),
    "absurd widths": ({"architecture": {"widths": [10**12]}}, "widths: 1000000000000 is outside"),
    "architecture as text": ({"architecture": "cnn"}, "an object expected"),
    "other pictures": ({"preprocessing": {"height": 9}}, r"but preprocessing makes \(1, 9, 8\)"),
    "absurd pictures": ({"preprocessing": {"height": 10**9}}, "height cannot be 1000000000"),
    "no classes": ({"classes": []}, "'classes' is not a list of two or more different names"),
    "one class": ({"classes": ["a"]}, "'classes' is not a list of two or more different names"),
    "equal classes": ({"classes": ["a"] * 10}, "'classes' is not a list of two or more different names"),
    "nested classes": ({"classes": [["a"], ["b"]]}, "'classes' is not a list of two or more different names"),
    "too few classes": ({"classes": ["a", "b"]}, "10 outputs for 2 class names"),
    "mirror as number": ({"mirror": 1}, "'mirror' is neither true nor false"),
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


@pytest.mark.parametrize("key", ["kind", "architecture", "preprocessing", "classes", "mirror", "sha256"])
def test_a_description_that_lacks_a_key(key, folder):
    document = document_of(folder)
    del document[key]
    (folder / "model.json").write_bytes(sealed(document))
    with pytest.raises(ModelFileError, match=rf"kind None is not known|{key!r} is missing"):
        load(folder)


OUTSIDE = [
    "../secret",
    "/etc/passwd",
    "sub/file",
    "sub\\file",
    "..",
    ".",
    "",
    ".hidden",
    "a\x00b",
    "model.json",
    "C:x",
]


@pytest.mark.parametrize("name", OUTSIDE)
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
    with pytest.raises(ModelFileError, match="is not a plain file name in the model folder"):
        load(folder)
    assert not [path for path in opened if "secret" in str(path) or "passwd" in str(path)]


@pytest.mark.parametrize("digest", ["0" * 63, "G" * 64, 5, None])
def test_checksums_that_are_none(digest, folder):
    document = document_of(folder)
    document["sha256"]["README.md"] = digest
    (folder / "model.json").write_bytes(sealed(document))
    with pytest.raises(ModelFileError, match=r"the SHA-256 of 'README\.md' is malformed"):
        load(folder)


@pytest.mark.parametrize("name", FILES)
def test_links_are_refused(name, folder, tmp_path):
    shutil.move(folder / name, tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ModelFileError, match=rf"{name}: a link; a model folder holds its own files"):
        load(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_pipe_is_never_waited_for(name, folder):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(ModelFileError, match=rf"{name}: not a regular file"):
        load(folder)


def test_duplicate_keys(folder):
    text = (folder / "model.json").read_text()
    (folder / "model.json").write_text(text.replace('"mirror"', '"kind": "image-classifier",\n  "mirror"'))
    with pytest.raises(ModelFileError, match="the key 'kind' stands twice"):
        load(folder)


def test_an_oversized_description(folder):
    with (folder / "model.json").open("r+b") as file:
        file.truncate(9 << 20)
    with pytest.raises(ModelFileError, match="larger than 8 MB"):
        load(folder)


def test_an_edited_description(folder):
    text = (folder / "model.json").read_text()
    (folder / "model.json").write_text(text.replace("digit 0", "digit X"))
    with pytest.raises(ModelFileError, match=r"model\.json: its checksum does not match: it was changed"):
        load(folder)


@pytest.mark.parametrize("name", ["weights.safetensors", "README.md"])
def test_another_files_checksum(name, folder):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ModelFileError, match=rf"{name}: its checksum does not match: it was changed"):
        load(folder)


def test_no_name_from_a_file_is_imported(tmp_path, monkeypatch):
    model = untrained_model()
    model.classes = ("antigravity", "os.system", *model.classes[2:])
    save(model, tmp_path / "model", {"this": "antigravity"})
    asked = []
    real_import = builtins.__import__
    monkeypatch.setattr(
        builtins,
        "__import__",
        lambda name, *rest, **more: asked.append(name) or real_import(name, *rest, **more),
    )
    load(tmp_path / "model")
    reseal(
        tmp_path / "model",
        architecture={**document_of(tmp_path / "model")["architecture"], "name": "antigravity"},
    )
    with pytest.raises(ModelFileError, match="'antigravity' is not one of"):
        load(tmp_path / "model")
    assert "antigravity" not in asked
    assert "antigravity" not in sys.modules
