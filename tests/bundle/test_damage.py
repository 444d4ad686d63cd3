"""FAULTS 20: damaged and forged model files, of networks, of classical models and of both in one."""

import resource
import shutil
import struct
import sys

import pytest

from bundle.conftest import SINGLE_PRECISION
from forged_folders import (
    document_of,
    header_of,
    require_cuts_refused,
    require_flips_refused,
    require_refused,
    write_weights,
)
from pellucid.bundle import load
from pellucid.bundle.format import unpack
from pellucid.errors import ModelFileError
from pellucid.networks import InputFacts, NetworkConfig, design
from pellucid.settings import Settings
from small_models import reseal

FILES = ("model.json", "weights.safetensors", "README.md")


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_byte(name, any_folder):
    count = 120 if name == "model.json" else 40
    require_flips_refused(any_folder / name, count, rf"{name}: |'README\.md'|README\.md")


@pytest.mark.parametrize("name", FILES)
def test_truncation(name, any_folder):
    require_cuts_refused(any_folder / name)


def test_truncation_with_right_checksums(any_folder):
    content = (any_folder / "weights.safetensors").read_bytes()
    for length in (0, 7, 8, 9, 100, len(content) - 1):
        (any_folder / "weights.safetensors").write_bytes(content[:length])
        reseal(any_folder)
        require_refused(any_folder, r"weights\.safetensors: (truncated|not acceptable JSON|\d+ bytes)")


def test_bytes_after_the_last_tensor(any_folder):
    header, data = header_of(any_folder)
    write_weights(any_folder, header, data + b"hidden")
    require_refused(any_folder, r"\d+ bytes, but its header announces \d+")


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 10**9, 16 << 20])
def test_a_header_longer_than_the_file(length, folder):
    header, data = header_of(folder)
    write_weights(folder, header, data, length=length)
    require_refused(folder, "truncated or not a safetensors file")


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
    "offsets that are truth values": ({"data_offsets": [False, 960]}, "the architecture needs float32"),
    "offsets missing": ({"data_offsets": None}, "is malformed"),
    "something more": ({"path": "../elsewhere"}, "is malformed"),
}


@pytest.mark.parametrize("change", ["shape bomb", "offsets past the end"])
def test_a_header_that_lies(change, any_folder, tensor):
    require_lie_refused(change, any_folder, tensor)


@pytest.mark.parametrize("change", HEADER_CHANGES)
def test_any_header_that_lies(change, folder):
    require_lie_refused(change, folder, SINGLE_PRECISION["cnn"])


def require_lie_refused(change, folder, tensor):
    header, data = header_of(folder)
    fields, reason = HEADER_CHANGES[change]
    header[tensor] |= fields
    write_weights(folder, header, data)
    require_refused(folder, reason)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda header, tensor: header.pop(tensor), "does not fit the architecture: lacks '{tensor}'"),
        (
            lambda header, tensor: header.update(more=header[tensor]),
            "holds 'more', which does not belong to it",
        ),
        (lambda header, _: header.update(__metadata__={"a": "b"}), "holds '__metadata__'"),
    ],
)
def test_other_tensors_than_the_architecture_needs(change, reason, folder):
    header, data = header_of(folder)
    tensor = SINGLE_PRECISION["cnn"]
    change(header, tensor)
    write_weights(folder, header, data)
    require_refused(folder, reason.format(tensor=tensor))


@pytest.mark.parametrize("text", [b'{"a": {}, "a": {}}', b"[1, 2]", b"{", b"\xff\xff"])
def test_a_header_that_is_no_object(text, folder):
    write_weights(folder, text, b"")
    require_refused(folder, r"weights\.safetensors: (not acceptable JSON|its header is not)")


def test_weights_that_are_not_finite(any_folder, tensor):
    header, data = header_of(any_folder)
    start = header[tensor]["data_offsets"][0]
    write_weights(any_folder, header, data[:start] + struct.pack("<f", float("nan")) + data[start + 4 :])
    require_refused(any_folder, "holds weights that are not finite")


def test_a_bomb_allocates_nothing(folder):
    """An admissible architecture of 1.6 GB, over weights of a few kilobytes."""
    architecture = document_of(folder)["architecture"]
    mlp = design("mlp", Settings(), InputFacts(tuple(architecture["input_shape"]), 10, 100)).to_json()
    bomb = NetworkConfig.from_json({**mlp, "widths": [20_000, 19_000]})
    reseal(folder, architecture=bomb.to_json())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelFileError, match="does not fit the architecture"):
        load(folder)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 50_000 * (1 if sys.platform == "linux" else 1024)


@pytest.mark.parametrize("name", FILES)
def test_links_are_refused(name, any_folder, tmp_path):
    shutil.move(any_folder / name, tmp_path / "elsewhere")
    (any_folder / name).symlink_to(tmp_path / "elsewhere")
    require_refused(any_folder, rf"{name}: a link; a model folder holds its own files")


@pytest.mark.parametrize("name", ["weights.safetensors", "README.md"])
def test_another_files_checksum(name, any_folder):
    content = (any_folder / name).read_bytes()
    (any_folder / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    require_refused(any_folder, rf"{name}: its checksum does not match: it was changed")


def test_tensors_that_cannot_be_read_all_the_same():
    with pytest.raises(ValueError, match="its tensors cannot be read"):
        unpack(b"rubbish")
