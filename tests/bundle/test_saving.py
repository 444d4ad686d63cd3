import hashlib
import json
import struct

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from pellucid.bundle import ImageModel, load, save
from pellucid.bundle.format import pack
from pellucid.bundle.writing import model_card
from pellucid.errors import DivergedError, StorageError
from pellucid.settings import NEURAL_OF_IMAGES
from small_models import digits, untrained_model

PIXELS = digits()[0][:64]


def header_of(content: bytes) -> dict:
    length = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8 : 8 + length])


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("name", NEURAL_OF_IMAGES)
def test_a_saved_model_answers_the_same(name, mirror, tmp_path):
    model = untrained_model(name, mirror=mirror)
    save(model, tmp_path / "model", {})
    loaded = load(tmp_path / "model")
    assert (loaded.classes, loaded.preprocessing, loaded.mirror) == (
        model.classes, model.preprocessing, mirror,
    )  # fmt: skip
    assert loaded.network.config == model.network.config
    assert np.array_equal(loaded.predict_proba(PIXELS), model.predict_proba(PIXELS))
    assert np.array_equal(loaded.transform(PIXELS), model.transform(PIXELS))


def test_a_loaded_model_can_be_trained_and_saved_again(folder, model, tmp_path):
    loaded = load(folder)
    for (name, new), (_, old) in zip(
        loaded.network.named_parameters(), model.network.named_parameters(), strict=True
    ):
        assert new.requires_grad == old.requires_grad, name
    assert not any(tensor.is_meta for tensor in loaded.network.state_dict().values())
    save(loaded, tmp_path / "again", {"training examples": 1000})
    for name in ("weights.safetensors", "model.json", "README.md"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_equal_weights_are_equal_bytes_whatever_their_layout(folder, tmp_path):
    again = load(folder)
    kernels = [each for each in again.network.parameters() if each.ndim == 4]
    # The layout of training: in another, a processor without AVX-512 rounds answers otherwise.
    assert kernels
    assert all(each.is_contiguous(memory_format=torch.channels_last) for each in kernels)
    again.network.to(memory_format=torch.contiguous_format)
    save(again, tmp_path / "again", {})
    weights = "weights.safetensors"
    assert (tmp_path / "again" / weights).read_bytes() == (folder / weights).read_bytes()


def test_equal_tensors_in_another_order_are_equal_bytes():
    tensors = {"b": torch.arange(4.0), "a": torch.ones(3), "count": torch.tensor(5)}
    assert pack(tensors) == pack(dict(reversed(tensors.items())))


def test_weights_hold_tensors_and_nothing_else(folder, model):
    content = (folder / "weights.safetensors").read_bytes()
    assert header_of(content).keys() == model.network.state_dict().keys()
    arrays = load_file(folder / "weights.safetensors")
    for name, tensor in model.network.state_dict().items():
        assert np.array_equal(arrays[name], tensor.numpy())


def test_the_folder_holds_these_files_and_their_checksums(folder):
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md", "model.json", "weights.safetensors",
    ]  # fmt: skip
    document = json.loads((folder / "model.json").read_text())
    assert list(document) == [
        "format", "kind", "architecture", "predictor", "features", "preprocessing", "length", "classes",
        "temperature", "mirror", "sha256", "own_sha256",
    ]  # fmt: skip
    assert (document["format"], document["kind"]) == (2, "image-classifier")
    for name in ("README.md", "weights.safetensors"):
        assert document["sha256"][name] == hashlib.sha256((folder / name).read_bytes()).hexdigest()


def test_a_former_folder_is_replaced_whole(folder, model):
    (folder / "left over.txt").write_text("from a former model")
    save(model, folder, {})
    assert not (folder / "left over.txt").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_never_saved(value, folder, model):
    before = (folder / "weights.safetensors").read_bytes()
    with torch.no_grad():
        next(model.network.parameters()).view(-1)[0] = value
    with pytest.raises(DivergedError, match=r"weights 'body\..*' are not finite; nothing was saved"):
        save(model, folder, {})
    assert (folder / "weights.safetensors").read_bytes() == before


def test_a_missing_parent_is_a_storage_error(model, tmp_path):
    with pytest.raises(StorageError, match="create the folder first"):
        save(model, tmp_path / "no" / "model", {})


HOSTILE = "<script>alert(1)</script>|[x](javascript:y)`**\n# _h_ &amp; $a$"


def test_the_card_shows_names_as_plain_text(model, tmp_path):
    hostile = ImageModel(model.network, model.preprocessing, [HOSTILE, *model.classes[1:]], model.target)
    save(hostile, tmp_path / "model", {f"trained on {HOSTILE}": HOSTILE})
    card = (tmp_path / "model" / "README.md").read_text()
    assert "<script>" not in card
    assert "\n# _h_" not in card
    assert (
        r"&lt;script&gt;alert\(1\)&lt;/script&gt;\|\[x\]\(javascript\:y\)\`\*\* \# \_h\_ &amp;amp; \$a\$"
        in card
    )
    assert load(tmp_path / "model").classes[0] == HOSTILE


def test_the_card_states_the_facts(model, tmp_path):
    save(model, tmp_path / "model", {"parameters": 123_456, "test accuracy": 0.93612})
    card = (tmp_path / "model" / "README.md").read_text()
    assert "| network | cnn |" in card
    assert "| parameters | 123,456 |" in card
    assert card.count("| parameters |") == 1
    assert r"| test accuracy | 0\.936 |" in card
    assert "INTENDED_USE.md" in card
    assert "- digit 9" in card


def test_a_card_of_many_classes_stays_short(model):
    model.classes = tuple(f"class {number:04}" for number in range(1000))
    card = model_card(model, {})
    assert "- class 0049\n- and 950 more, listed in `model.json`" in card
