"""Weights of images: out of their package or a file of the user's, and nothing else."""

import hashlib

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from pellucid.errors import ModelFileError, UsageError
from pellucid.pretrained import (
    OF_IMAGES,
    at_hand,
    image_backbones,
    installed,
    known_weights,
    packaged_backbone,
    timm_backbone,
)
from pellucid.pretrained.image_backbones import seen_size
from pellucid.settings import Settings
from tiny_backbone import NAME, tiny_weights

CATS = {281, 282, 283, 284, 285}  # of ImageNet's thousand classes
LITE0 = "efficientnet-lite0"


@pytest.fixture
def cat():
    """A real photograph of a cat, uint8 (300, 300, 3)."""
    from skimage.data import chelsea

    return chelsea()[:, 75:375]


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "pellucid" / "pretrained" / f"{LITE0}.safetensors"


def test_a_cat_is_seen_as_a_cat(cat, own_cache):
    backbone = packaged_backbone(LITE0)
    config = backbone.config_for(2, Settings(preset="best"), (3, 300, 300))
    assert config.seen == (224, 224)
    network = backbone.network(config, torch.Generator().manual_seed(0))
    classifier = torch.load(installed(LITE0), map_location="cpu", weights_only=True)
    with torch.inference_mode():
        features = network.features(torch.from_numpy(cat.copy()).permute(2, 0, 1)[None].float())
        end = features[:, -1280:]
        logits = end @ classifier["_fc.weight"].T + classifier["_fc.bias"]
    assert logits.argmax().item() in CATS
    assert logits.softmax(1)[0, list(CATS)].sum() > 0.5


def test_weights_are_converted_once_and_checked_in_the_cache(own_cache):
    first = packaged_backbone(LITE0)
    written = own_cache.stat().st_mtime_ns
    assert hashlib.sha256(own_cache.read_bytes()).hexdigest() == image_backbones._PACKAGED[LITE0].converted
    again = packaged_backbone(LITE0)
    assert own_cache.stat().st_mtime_ns == written
    assert all(torch.equal(first.tensors[name], each) for name, each in again.tensors.items())
    content = bytearray(own_cache.read_bytes())
    content[-1] ^= 1
    own_cache.write_bytes(bytes(content))
    fixed = packaged_backbone(LITE0)
    assert all(torch.equal(first.tensors[name], each) for name, each in fixed.tensors.items())
    assert hashlib.sha256(own_cache.read_bytes()).hexdigest() == image_backbones._PACKAGED[LITE0].converted


def test_a_cache_that_cannot_be_written_to_is_no_reason_to_stop(tmp_path, monkeypatch):
    (tmp_path / "pellucid").write_text("a file in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert len(packaged_backbone(LITE0).tensors) == 294


def test_what_is_installed_can_be_hidden(monkeypatch):
    monkeypatch.delenv("PELLUCID_BACKBONES")
    assert at_hand(OF_IMAGES) == [LITE0]
    monkeypatch.setenv("PELLUCID_BACKBONES", "none")
    assert at_hand(OF_IMAGES) == []
    monkeypatch.delenv("PELLUCID_BACKBONES")
    monkeypatch.setattr(known_weights, "_place", lambda part: None)
    assert at_hand(OF_IMAGES) == []


def test_a_classifier_among_the_weights_is_left_out(tmp_path):
    backbone = timm_backbone(NAME, tiny_weights(tmp_path, classes=7))
    assert not [name for name in backbone.tensors if name.startswith("classifier")]
    bare = timm.create_model(NAME, pretrained=False, num_classes=0).state_dict()
    assert backbone.tensors.keys() == bare.keys()
    assert backbone.origin.licence == "not stated"
    assert backbone.origin.name == NAME.replace("_", "-")


def test_half_precision_is_widened(tmp_path):
    path = tiny_weights(tmp_path)
    save_file(
        {name: each.half() if each.is_floating_point() else each for name, each in load_file(path).items()},
        path,
    )
    tensors = timm_backbone(NAME, path).tensors
    assert {each.dtype for each in tensors.values()} == {torch.float32, torch.int64}


def _without_first(path):
    tensors = load_file(path)
    del tensors[min(tensors)]
    save_file(tensors, path)


def _with_more(path):
    save_file({**load_file(path), "more": torch.zeros(1)}, path)


def _of_another_shape(path):
    tensors = load_file(path)
    name = min(tensors)
    save_file({**tensors, name: torch.zeros(3, 3)}, path)


def _with_nan(path):
    tensors = load_file(path)
    name = next(name for name, each in tensors.items() if each.is_floating_point())
    tensors[name].view(-1)[0] = np.nan
    save_file(tensors, path)


def _no_safetensors(path):
    path.write_bytes(b"\x80\x04K\x01.")


def network_from(path):
    backbone = timm_backbone(NAME, path)
    return backbone.network(backbone.config_for(2, Settings(), (3, 32, 32)), torch.Generator())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_without_first, "misses 1 tensors, such as"),
        (_with_more, "has, and the network has not, 1 tensors, such as more"),
        (_of_another_shape, "the weights do not fit test_efficientnet"),
        (_with_nan, "holds weights that are not finite"),
        (_no_safetensors, "not a safetensors file, which are the only ones that are read"),
        (lambda path: path.unlink(), "there is no such file; give a .safetensors file"),
    ],
)
def test_other_weights_are_refused(tmp_path, damage, message):
    path = tiny_weights(tmp_path)
    damage(path)
    with pytest.raises(ModelFileError, match=message):
        network_from(path)


def test_a_name_that_nobody_knows_is_refused(tmp_path):
    with pytest.raises(
        UsageError, match=r"neither the name of a package of weights \(efficientnet-lite0\) nor"
    ):
        timm_backbone("no_such_network", tiny_weights(tmp_path))


@pytest.mark.parametrize(
    ("size", "preset", "seen"),
    [
        ((32, 32), "standard", (160, 160)),
        ((128, 64), "quick", (128, 64)),
        ((160, 160), "standard", (160, 160)),
        ((60, 120), "best", (112, 224)),
        ((10, 400), "standard", (32, 160)),
    ],
)
def test_the_size_that_is_seen(size, preset, seen):
    assert seen_size(size, preset) == seen
