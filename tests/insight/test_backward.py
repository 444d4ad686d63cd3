"""Gradients by hand, by autograd and by differences are the same."""

import math

import numpy as np
import pytest
import torch

from insight.small_networks import NAMES, OF_LABELS, model, opened
from pellucid.insight.gradients import WeightChecker, go_back
from pellucid.insight.opened_networks import open_network
from pellucid.networks import InputFacts, build, design
from pellucid.settings import Settings

STATES = (1, 0, -1, 1)


def backward_of(name, target=3):
    made = model(name)
    if name in OF_LABELS:
        target = STATES
    return go_back(made.network, opened(name), target if made.classes else None)


@pytest.mark.parametrize("name", NAMES)
def test_by_hand_and_by_autograd_agree_at_every_layer(name):
    found = backward_of(name)
    compared = [at for at in found.by_autograd if at in found.gradients]
    assert len(compared) > 3
    for at in compared:
        assert found.disagreement(at) < 1e-8, at
    layers = [line for line in opened(name).lines if line.kind not in ("present", "turned-places")]
    assert all(found.gradient(line.name).shape == opened(name).value(line.name).shape for line in layers)


def test_a_plain_background_is_no_disagreement():
    """Where many places of a window are equally large, rounding decides which one gets the gradient."""
    network = build(design("cnn", Settings(model="cnn", width=16), InputFacts((1, 16, 16), 10, 1000)))
    plain = np.zeros((1, 1, 16, 16), np.float32)
    plain[..., 5:9, 4:7] = 200
    network.initialise_from_data(torch.from_numpy(plain))
    found = go_back(network, open_network(network, plain), 3)
    compared = [at for at in found.by_autograd if at in found.gradients]
    assert len(compared) > 20
    assert max(found.disagreement(at) for at in compared) < 1e-8


@pytest.mark.parametrize("name", ["cnn", "text-cnn"])
def test_the_loss_is_that_of_the_class(name):
    found, logits = backward_of(name), opened(name).value(opened(name).output).astype(np.float64)
    assert found.loss == pytest.approx(math.log(np.exp(logits).sum()) - logits[3], rel=1e-5)
    away = np.exp(logits) / np.exp(logits).sum() - np.eye(10)[3]
    np.testing.assert_allclose(found.gradient(opened(name).output), away, atol=1e-5)
    assert found.norm(opened(name).output) == pytest.approx(np.linalg.norm(away), rel=1e-4)
    if name == "text-cnn":  # ids have no gradient
        assert found.gradient("inputs") is found.norm("inputs") is found.disagreement("inputs") is None


@pytest.mark.parametrize("name", OF_LABELS)
def test_the_loss_is_that_of_the_labels_that_are_known(name):
    """The mean of three labels, each against its presence or absence; the unknown one has no gradient."""
    found, logits = backward_of(name), opened(name).value(opened(name).output).astype(np.float64)
    probabilities = 1 / (1 + np.exp(-logits))
    right = [probabilities[0], 1 - probabilities[1], probabilities[3]]
    assert found.loss == pytest.approx(-np.log(right).mean(), rel=1e-5)
    away = (probabilities - [1, 0, 0, 1]) / 3 * [1, 1, 0, 1]
    np.testing.assert_allclose(found.gradient(opened(name).output), away, atol=1e-6)
    assert found.gradient(opened(name).output)[2] == 0


def test_a_number_is_its_own_loss():
    found = backward_of("cnn-of-numbers")
    assert found.target is None
    assert found.loss == pytest.approx(float(opened("cnn-of-numbers").value("head.rescale")[0]), rel=1e-5)
    assert found.gradient("head.rescale").tolist() == [1.0]


@pytest.mark.parametrize("name", NAMES)
def test_the_terms_of_any_weight_add_up(name):
    checker, draws = (
        WeightChecker(model(name).network, opened(name), backward_of(name)),
        np.random.default_rng(0),
    )
    assert len(checker.names) >= 2
    anywhere = [
        checker.check(weight, [int(draws.integers(size)) for size in opened(name).weights[weight].shape])
        for weight in checker.names
        for _ in range(2)
    ]
    for check in (*checker.largest(1), *anywhere):
        assert check.chained == pytest.approx(check.by_hand, rel=1e-9, abs=1e-15), check
        assert check.relative_error < 1e-6 or abs(check.by_autograd - check.by_difference) < 1e-9, check


def test_a_shared_weight_collects_from_every_place_and_an_unread_one_from_none():
    checker = WeightChecker(model("cnn").network, opened("cnn"), backward_of("cnn"))
    check = checker.check("body.block1.conv1.weight", (1, 2, 0, 1))
    assert len(check.above) == 49  # every place of the map
    assert check.layer == "body.block1.conv1"
    assert check.weight == pytest.approx(float(opened("cnn").weights["body.block1.conv1.weight"][1, 2, 0, 1]))
    assert "by hand" in repr(check)
    checker = WeightChecker(model("text-cnn").network, opened("text-cnn"), backward_of("text-cnn"))
    unread = int(np.setdiff1d(np.arange(2, 20), opened("text-cnn").value("inputs"))[0])
    check = checker.check("body.filters.embedding.weight", (unread, 0))
    assert (check.by_hand, check.by_autograd, check.by_difference, check.relative_error) == (0, 0, 0, 0)


def test_what_cannot_be_checked_is_told():
    checker = WeightChecker(model("mlp").network, opened("mlp"), backward_of("mlp"))
    with pytest.raises(ValueError, match=r"odd: no weight of this name; there are body\.linear1\.weight"):
        checker.check("odd", (0,))
    with pytest.raises(ValueError, match=r"head\.bias: number \(10,\) is not within \(10,\)"):
        checker.check("head.bias", (10,))
    with pytest.raises(ValueError, match=r"head\.bias: number \(1, 1\) is not within"):
        checker.check("head.bias", (1, 1))
