"""A network of timm below our own head: what it sees, what it refuses, what stays frozen."""

import dataclasses
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional

from pellucid.errors import UsageError
from pellucid.networks import NetworkConfig, as_text, describe
from pellucid.networks.backbone import ScaleAndStandardise
from pellucid.networks.config import Architecture
from pellucid.networks.families import outline
from pellucid.pretrained import timm_backbone
from pellucid.settings import Settings
from photographs import pieces
from tiny_backbone import NAME, tiny_weights

CONFIG = NetworkConfig(
    name="backbone",
    input_shape=(3, 64, 64),
    outputs=5,
    dropout=0.2,
    own=Architecture(backbone=NAME, seen=(96, 96)),
)


def images(count=6, side=64, channels=3):
    """Pieces of a photograph, channels first."""
    return torch.from_numpy(pieces("china", count, side)).permute(0, 3, 1, 2)[:, :channels].float()


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return tiny_weights(tmp_path_factory.mktemp("weights"))


def network_of(weights, config=CONFIG, name=NAME):
    return timm_backbone(name, weights).network(config, torch.Generator().manual_seed(0))


def test_images_are_scaled_standardised_and_made_colour():
    prepare = ScaleAndStandardise((96, 48))
    prepare.mean.fill_(100.0)
    prepare.std.fill_(50.0)
    batch = images(2, 64)
    expected = functional.interpolate(batch, (96, 48), mode="bilinear", antialias=True)
    torch.testing.assert_close(prepare(batch), (expected - 100) / 50)
    grey = batch[:, :1]
    torch.testing.assert_close(prepare(grey), prepare(grey.repeat(1, 3, 1, 1)))
    same = ScaleAndStandardise((64, 64))
    assert torch.equal(same(batch), batch)


def test_rows_do_not_depend_on_their_batch(weights):
    network, batch = network_of(weights), images()
    with torch.inference_mode():
        together = network(batch)
        alone = torch.cat([network(row[None]) for row in batch])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)
    assert together.std() > 0


def test_batch_norm_keeps_its_statistics_while_training(weights):
    network = network_of(weights).train()
    before = {name: each.clone() for name, each in network.named_buffers()}
    assert network.training
    norms = [each for each in network.modules() if isinstance(each, nn.modules.batchnorm._BatchNorm)]
    assert norms
    assert not any(each.training for each in norms)
    network(images()).sum().backward()
    for name, each in network.named_buffers():
        assert torch.equal(each, before[name]), name


def test_features_hold_the_end_and_the_last_stages(weights):
    network, batch = network_of(weights), images(2)
    backbone = network.body.get_submodule("backbone")
    with torch.inference_mode():
        seen = network.body.get_submodule("prepare")(batch)
        end, maps = backbone.layers.forward_intermediates(seen, indices=3)
        features = network.features(batch)
        pooled = backbone.layers.forward_head(end, pre_logits=True)
    widths = [each.shape[1] for each in maps]
    assert features.shape == (2, sum(widths) + pooled.shape[1])
    torch.testing.assert_close(features[:, : widths[0]], maps[0].mean((2, 3)))
    torch.testing.assert_close(features[:, sum(widths) :], pooled)


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_convnext"])
def test_other_kinds_of_networks_serve_too(name, tmp_path):
    backbone = timm_backbone(name, tiny_weights(tmp_path, name))
    config = backbone.config_for(4, Settings(depth=1, width=8), (1, 40, 40))
    network = backbone.network(config, torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert network(images(3, 40, 1)).shape == (3, 4)
    assert config.widths == (8,)


@pytest.mark.parametrize(
    "name", ["hf-hub:timm/resnet18", "../weights", "resnet18/../..", "", "no_such_net", "Ä"]
)
def test_names_that_timm_does_not_list_are_refused(name):
    with pytest.raises(ValueError, match=r"is not the name of a network in timm|is no text of 1 to 100"):
        outline(dataclasses.replace(CONFIG, own=Architecture(backbone=name, seen=(96, 96))))


def test_impossible_configs_are_refused():
    for shape in ((7,), (2, 64, 64)):
        with pytest.raises(ValueError, match="is no image, grey or in colour"):
            outline(dataclasses.replace(CONFIG, input_shape=shape))
    for seen, message in (((96,), "no list of 2 whole"), ((5000, 10), "5000 is no whole number from 1 to")):
        with pytest.raises(ValueError, match=f"seen: {message}"):
            Architecture(backbone=NAME, seen=seen)


def test_without_timm_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(
        UsageError, match=r"needs timm, which is not installed; pip install 'pellucid\[pretrained"
    ):
        outline(CONFIG)


def test_layers_are_described_part_by_part():
    rows = describe(CONFIG)
    names = [row.name for row in rows]
    assert names[0] == "prepare"
    assert "backbone.blocks.0" in names
    assert names[-1] == "head.linear"
    assert sum(row.parameters for row in rows) == sum(each.numel() for each in outline(CONFIG).parameters())
    assert rows[-1].receptive_field == (64, 64)
    stem = next(row for row in rows if row.name == "backbone.conv_stem")
    assert stem.receptive_field == (3, 3)  # three of 96 seen pixels cover two and a third of 64
    assert max(len(line) for line in as_text(rows).splitlines()) <= 80
