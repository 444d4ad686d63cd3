"""Last blocks of networks on a backbone, trained by themselves."""

import dataclasses

import numpy as np
import pytest
import torch

from pellucid.data import Preprocessing
from pellucid.networks.config import PatchAttention
from pellucid.networks.upper_part import UpperPart, row_length
from pellucid.pipeline.learners.backbone_costs import tuning_recipe
from pellucid.pipeline.learners.backbone_learners import to_the_end, tuned
from pellucid.pipeline.learners.preparation import Prepared
from pellucid.pretrained import packaged_backbone, read_folder, timm_backbone
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION
from pellucid.training import Examples
from pretrained.test_vision import timm_folder
from tiny_backbone import tiny_weights

SIDE = 64


def network_of(backbone):
    config = backbone.config_for(3, Settings(), (3, SIDE, SIDE))
    if config.name == "vision-transformer":
        own = dataclasses.replace(config.layers(PatchAttention), seen=(SIDE, SIDE))
        config = dataclasses.replace(config, own=own)
    network = backbone.network(config, torch.Generator().manual_seed(0)).eval()
    return network.to(memory_format=torch.channels_last)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (24, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.fixture(scope="module", params=["tiny", "lite0", "transformer"])
def network(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    if request.param == "transformer":
        sizes = {"embed_dim": 24, "num_heads": 3, "depth": 5, "img_size": SIDE, "patch_size": 16}
        timm_folder(folder, "vit_tiny_patch16_224", **sizes)
        return network_of(read_folder(folder))
    if request.param == "lite0":
        return network_of(packaged_backbone("efficientnet-lite0"))
    return network_of(timm_backbone("test_efficientnet", tiny_weights(folder)))


@torch.inference_mode()
def test_on_its_rows_it_answers_as_the_whole_network_does(network, images):
    batch = torch.from_numpy(images[:4]).permute(0, 3, 1, 2).float()
    upper = UpperPart(network).eval()
    rows = upper.below(network, batch)
    assert rows.shape == (4, row_length(network.config))
    torch.testing.assert_close(upper(rows), network(batch), rtol=1e-4, atol=1e-4)


def test_its_training_changes_the_last_blocks_and_the_head_and_nothing_else(network, images):
    labels = np.arange(24) % 3
    examples = Examples(images, labels, np.arange(18), np.arange(18, 24), 3, CLASSIFICATION)
    prepared = Prepared(network.name, examples, Preprocessing(SIDE, SIDE, 3))
    recipe = tuning_recipe(Settings(epochs=2, mirror=True, threads=1), prepared, is_upper=True)
    assert recipe.augmentation.mirror
    assert recipe.total_steps == 2 * 2  # of 36 rows in batches of 18
    before = {name: each.clone() for name, each in network.state_dict().items()}
    share, history = tuned(network, prepared, recipe, to_the_end, is_upper=True)
    assert len(history) == 2
    assert share in (0.0, 1.0)  # no mean of the weights
    learns = {name for name, _ in UpperPart(network).named_parameters()}
    changed = {name for name, each in network.state_dict().items() if not torch.equal(each, before[name])}
    assert all(name.startswith(("head.", "body.")) for name in changed)
    if share:
        assert any(name.startswith("body.") for name in changed)
    assert len(changed) <= len(learns)
    assert not any("conv_stem" in name or "patches" in name for name in changed)


@pytest.mark.parametrize("name", ["test_resnet", "test_convnext"])
def test_networks_of_another_form_have_none(name, tmp_path):
    network = network_of(timm_backbone(name, tiny_weights(tmp_path, name)))
    assert not UpperPart.is_in(network)
    assert row_length(network.config) == 0
