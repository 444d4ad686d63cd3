"""Backbones opened: EfficientNet-Lite0 unit by unit, and what is said where another stays closed."""

from functools import partial

import numpy as np
import pytest
import torch

from insight.backbones import drawn, given, linear_copy, lite, opened_lite, photograph
from pellucid.bundle import ClassicalModel
from pellucid.classical.predictors import Linear
from pellucid.insight.attribution import grad_cam, has_maps
from pellucid.insight.by_target import log_odds
from pellucid.insight.explaining import explain_model
from pellucid.insight.gradients import WeightChecker, go_back
from pellucid.insight.layer_records import layer_records, receptive_field
from pellucid.insight.opened_networks import layered, open_network, still
from pellucid.insight.reference_lines import CLOSED
from pellucid.insight.unit_arithmetic import TOLERANCE
from pellucid.insight.units import open_unit

DEPTHWISE = "body.backbone.layers.blocks.1.0.conv_dw"


@pytest.mark.parametrize(("channels", "seen", "side"), [(1, (64, 96), 24), (3, (32, 32), 40)])
def test_an_unfolded_backbone_computes_the_same_bits(channels, seen, side):
    network = lite(channels, seen, side).network
    image = torch.from_numpy(given(channels, side))
    with torch.no_grad():
        assert torch.equal(layered(network)(image), still(network)(image))


def test_units_of_every_layer_agree_with_the_network():
    network, draws = opened_lite(), np.random.default_rng(0)
    kinds = {line.kind for line in network.lines}
    assert kinds >= {"resize", "convolution", "fixed-norm", "relu6", "add", "global-average", "side-by-side"}
    for line in network.lines:
        unit = [int(draws.integers(size)) for size in network.value(line.name).shape]
        found = open_unit(network, line.name, unit)
        assert found.difference <= TOLERANCE * found.magnitude, found


def test_a_depthwise_unit_sees_one_map():
    network = opened_lite()
    found = open_unit(network, DEPTHWISE, (5, 3, 2))
    (weighing,) = found.weighings
    assert weighing.patch.shape == (1, 3, 3)
    source = network.value("body.backbone.layers.blocks.1.0.bn1.act")
    np.testing.assert_array_equal(weighing.patch[0], source[5, 6:9, 4:7])  # no zeros above and to the left
    record = next(each for each in layer_records(network) if each.name == DEPTHWISE)
    assert record.words == "depthwise convolution 3\u00d73"
    assert record.cost.parameters == 96 * 9
    assert record.cost.multiply_adds == record.values.size * 9
    assert "x_{o, 2 r + k, 2 c + l}" in record.formula


def test_what_a_unit_sees_is_where_its_gradient_is_not_zero():
    network, draws = opened_lite(), np.random.default_rng(0)
    copy = linear_copy(lite().network)
    seen = {}
    for name, layer in copy.named_modules():
        layer.register_forward_hook(lambda _, __, output, at=name: seen.update({at: output}))
    image = torch.from_numpy(given()).double().requires_grad_(True)
    copy(image)
    names = [line.name for line in network.lines if line.kind in ("resize", "convolution", "add")]
    for name in names[:: len(names) // 12]:
        unit = tuple(int(draws.integers(size)) for size in network.value(name).shape)
        (gradient,) = torch.autograd.grad(seen[name][(0, *unit)], image, retain_graph=True)
        rows, columns = (torch.nonzero(gradient[0].abs().sum((0, axis)))[:, 0] for axis in (2, 1))
        exact = ((int(rows[0]), int(rows[-1])), (int(columns[0]), int(columns[-1])))
        assert receptive_field(network, name, unit) == exact, name


def test_gradients_by_hand_and_by_autograd_agree_at_every_layer_and_weights_three_ways():
    backward = go_back(lite().network, opened_lite(), 1)
    for line in opened_lite().lines:
        assert backward.disagreement(line.name) < 1e-8, line.name
    assert backward.norm("inputs") > 0
    checker = WeightChecker(lite().network, opened_lite(), backward)
    assert len(checker.names) == 149
    for name in (f"{DEPTHWISE}.weight", "body.backbone.layers.blocks.4.1.conv_pwl.weight",
                 "body.backbone.layers.blocks.2.0.bn2.weight", "head.linear.weight"):  # fmt: skip
        sizes = np.abs(backward.gradients[name])
        check = checker.check(name, [int(at) for at in np.unravel_index(sizes.argmax(), sizes.shape)])
        assert check.chained == pytest.approx(check.by_hand, rel=1e-9)
        assert check.relative_error < 1e-5, check
    assert len(checker.largest(1, most=3)) == 3


def test_the_last_maps_of_a_backbone_are_drawn():
    model = lite()
    assert has_maps(model.network)
    maps = [grad_cam(model.network, given()[0], partial(log_odds, target=target)) for target in range(3)]
    assert all(each.shape == photograph().shape[1:3] and each.min() >= 0 for each in maps)
    assert max(each.max() for each in maps) > 0  # what speaks for one class speaks against the others


@pytest.fixture
def without_attribution(monkeypatch):
    """Leave out what is tested elsewhere and asks the network hundreds of times."""
    monkeypatch.setattr("pellucid.insight.explaining.attributions_of_image", lambda *_: None)


def test_a_classical_model_on_a_backbone_is_opened_with_it(without_attribution):
    model = lite()
    hidden = model.transform(photograph())
    draws = np.random.default_rng(0)
    predictor = Linear(
        False, 3, draws.normal(size=(hidden.shape[1], 3)) / 40, np.zeros(3), np.arange(3, dtype=np.int32)
    )
    found = explain_model(
        ClassicalModel(predictor, "network", model.classes, model.target, preprocessing=model.preprocessing,
                       network=model.network),
        photograph(),
    )  # fmt: skip
    assert found.contributions is not None
    assert found.layers[-1].name == "body.backbone.features"
    assert found.unit(DEPTHWISE, (0, 0, 0)).agrees
    np.testing.assert_allclose(found.layers[-1].values, hidden[0], rtol=1e-4, atol=1e-5)


def test_what_stays_closed_is_named_and_the_rest_is_opened(without_attribution):
    model = drawn("test_efficientnet")
    found = explain_model(model, photograph())
    assert found.backward is None
    (note,) = found.notes
    assert (
        "layers are closed: there is no formula for their kinds: SiLU (body.backbone.layers.bn1.act, " in note
    )
    assert "mul (body.backbone.layers.blocks.3.0.se.mul" in note
    open_ones = [each for each in found.layers if each.kind != CLOSED]
    assert len(open_ones) > 30
    for record in open_ones:
        assert found.unit(record.name, [0] * len(record.output_shape)).agrees
    with pytest.raises(
        ValueError, match=r"bn1\.act: is computed by a layer that is closed, and has no units"
    ):
        found.unit("body.backbone.layers.bn1.act", (0, 0, 0))


def test_a_backbone_that_cannot_be_followed_is_named_with_its_layers(without_attribution):
    found = explain_model(drawn("test_vit", (160, 160)), photograph())
    assert found.layers == ()
    (note,) = found.notes
    assert "the steps of its backbone cannot be followed" in note
    assert "Linear (layers.blocks.0.attn.qkv and " in note
    assert found.answer.sum() == pytest.approx(1)


def test_an_uneven_pool_is_closed_and_an_even_shortcut_open():
    network = open_network(drawn("test_resnet").network, given())
    closed = {line.name for line in network.lines if line.kind == CLOSED}
    assert "body.backbone.layers.maxpool" in closed  # its windows overlap
    assert any(line.kind == "add" for line in network.lines)
