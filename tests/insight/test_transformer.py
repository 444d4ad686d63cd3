"""What the sentence encoder is made of, opened: by hand, and on the real MiniLM."""

import functools
import os

import numpy as np
import pytest
import torch

from insight.small_networks import asked, model, opened
from pellucid.encoding import WordPieceEncoder
from pellucid.errors import UsageError
from pellucid.insight.attribution import ids_of
from pellucid.insight.explaining import explain_model
from pellucid.insight.gradients import WeightChecker, go_back
from pellucid.insight.layer_records import layer_records, receptive_field
from pellucid.insight.opened_networks import Opened, open_network
from pellucid.insight.unit_arithmetic import TOLERANCE
from pellucid.insight.units import OPENED, open_unit
from pellucid.networks import Network
from pellucid.pretrained import installed, read_sentence_folder
from pellucid.settings import Settings
from text_models import text_model, texts

LAYER = "body.encoder.layer1"
SENTENCE = "The board raised the dividend by 3 cents a share, after a loss in the same quarter a year ago."


def test_products_of_query_and_key_and_what_their_weights_mix():
    network = opened("sentence-encoder")
    length = asked("sentence-encoder").shape[1]
    found = open_unit(network, f"{LAYER}.attend.weights", (1, 2, 3))
    (product,) = found.weighings
    projected = network.value(f"{LAYER}.query_key_value").astype(np.float64)
    query, key = projected[2, 16:32], projected[:, 64 + 16 : 64 + 32]  # four heads of 16 numbers each
    np.testing.assert_array_equal(product.weights, query)
    np.testing.assert_array_equal(product.patch, key[3])
    scores = key @ query / 4
    assert found.steps[0].value == pytest.approx(scores[3], rel=1e-12)
    assert found.value == pytest.approx(np.exp(scores[3]) / np.exp(scores).sum(), rel=1e-12)
    assert f"over all {length} tokens" in found.as_text()
    assert found.agrees
    network = opened("sentence-encoder")
    weights = network.value(f"{LAYER}.attend.weights")
    np.testing.assert_allclose(weights.sum(axis=2), 1, rtol=1e-6)
    found = open_unit(network, f"{LAYER}.attend", (2, 37))
    (mixing,) = found.weighings
    np.testing.assert_array_equal(mixing.weights, weights[2, 2].astype(np.float64))  # number 5 of head 2
    np.testing.assert_array_equal(mixing.patch, network.value(f"{LAYER}.query_key_value")[:, 128 + 37])
    assert found.agrees


def test_fields_costs_and_formulas_by_hand():
    network = opened("sentence-encoder")
    last = asked("sentence-encoder").shape[1] - 1
    for layer in ("embedding", "places", "norm", "layer1.query_key_value"):
        assert receptive_field(network, f"body.encoder.{layer}", (2, 5)) == ((2, 2),)
    for layer in ("attend", "output", "norm1", "linear1", "norm2"):
        assert receptive_field(network, f"{LAYER}.{layer}", (2, 5)) == ((0, last),)
    assert receptive_field(network, f"{LAYER}.attend.weights", (0, 1, 2)) == ((0, last),)
    assert receptive_field(network, "body.encoder.unit", (5,)) == ((0, last),)
    records = {each.name: each for each in layer_records(opened("sentence-encoder"))}
    length = asked("sentence-encoder").shape[1]
    assert records[f"{LAYER}.query_key_value"].cost == (64 * 192 + 192, length * 64 * 192, None, None)
    assert records[f"{LAYER}.attend.weights"].cost.multiply_adds == length * length * 64
    assert records[f"{LAYER}.attend"].cost == (0, length * length * 64, None, None)
    assert records[f"{LAYER}.norm1"].cost.parameters == 128
    assert records[f"{LAYER}.linear1"].formula == r"y_{t o} = \sum_{i=0}^{63} W_{o i} x_{t i} + b_{o}"
    assert r"\sqrt{16}" in records[f"{LAYER}.attend.weights"].formula


def test_marks_before_and_behind_a_text_are_named():
    found = explain_model(model("sentence-encoder"), [texts()[300]])
    assert isinstance(model("sentence-encoder").encoder, WordPieceEncoder)
    assert (found.tokens[0], found.tokens[-1]) == ("[CLS]", "[SEP]")
    assert len(found.tokens) == found.opened.value("inputs").size
    assert all(found.tokens)


def test_a_prefix_and_the_blank_before_a_word_are_named():
    found = explain_model(text_model("text-cnn", tokens="unigram"), ["数字 three"])
    assert found.tokens == ("<s>", "▁read", "▁", "数字", "three", "</s>")


def test_of_a_large_network_some_tensors_are_checked():
    made, network = model("sentence-encoder"), opened("sentence-encoder")
    checker = WeightChecker(made.network, network, go_back(made.network, network, 3))
    names = checker.names
    assert [each.name for each in checker.largest(1, 5)] == [names[at * len(names) // 5] for at in range(5)]


@functools.cache
def minilm() -> tuple[Network, Opened]:
    """The real MiniLM on a sentence; without its package the test is skipped, in CI it fails."""
    try:
        backbone = read_sentence_folder(installed("all-minilm-l6-v2"))
    except UsageError as error:
        need = pytest.fail if os.environ.get("CI", "") not in ("", "0", "false") else pytest.skip
        need(f"{error}; make test-all installs it")
        raise
    network = backbone.network(backbone.config_for(2, Settings())).eval()
    return network, open_network(network, ids_of(backbone.encoder, SENTENCE)[None])


@pytest.mark.slow
def test_units_of_the_real_minilm_agree():
    network, found = minilm()
    with torch.no_grad():
        answer = network(torch.from_numpy(found.values["inputs"]))
    np.testing.assert_allclose(found.value(found.output), answer[0], rtol=1e-5, atol=1e-5)
    draws = np.random.default_rng(0)
    layers = [line.name for line in found.lines if line.kind in OPENED]
    assert len(layers) > 70
    for layer in layers:
        unit = [int(draws.integers(size)) for size in found.value(layer).shape]
        by_hand = open_unit(found, layer, unit)
        assert by_hand.difference <= TOLERANCE * by_hand.magnitude, by_hand


@pytest.mark.slow
def test_gradients_of_the_real_minilm_agree_in_three_ways():
    network, found = minilm()
    backward = go_back(network, found, 1)
    assert max(backward.disagreement(name) or 0.0 for name in backward.by_autograd) < 1e-8
    checker = WeightChecker(network, found, backward)
    names = ("embedding.weight", "places.weight", "norm.weight", "layer3.query_key_value.weight")
    names += ("layer4.output.weight", "layer5.linear1.bias", "layer6.norm2.bias")
    for name in names:
        sizes = np.abs(backward.gradients[f"body.encoder.{name}"])
        index = [int(each) for each in np.unravel_index(int(sizes.argmax()), sizes.shape)]
        check = checker.check(f"body.encoder.{name}", index)
        assert check.relative_error < 1e-6, check
        assert check.chained == pytest.approx(check.by_hand, rel=1e-9), check
