"""Layers that read texts: embedding, pooling over places, turning around, weighed sums."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from pellucid.networks.text_layers import EmbeddingBag
from pellucid.reference.embedding import embedding_backward, factors, rarity, shares
from pellucid.reference.pooling import text_average, text_max, text_max_backward, token_mask
from reference.agreement import assert_agrees
from reference.cases import GRU_GATES, LSTM_GATES, draw

TWO_TEXTS = np.array([[2, 1, 2], [1, 0, 0]])


def test_padding_has_no_gradient_as_in_torch():
    weight = torch.tensor(draw(3, 2), requires_grad=True)
    above = draw(2, 3, 2)
    functional.embedding(torch.from_numpy(TWO_TEXTS), weight, padding_idx=0).backward(torch.from_numpy(above))
    _, of_weight = embedding_backward(above, TWO_TEXTS, weight.detach().numpy())
    np.testing.assert_allclose(of_weight, weight.grad, rtol=1e-12)


def test_pooling_by_hand():
    values = np.array([[[1.0], [-4.0], [9.0]], [[-3.0], [5.0], [7.0]]])
    places = token_mask(np.array([[5, 4, 0], [0, 0, 0]]))
    assert places.tolist() == [[True, True, False], [True, False, False]]
    assert text_max(values, places).tolist() == [[1.0], [-3.0]]
    assert text_average(values, places).tolist() == [[-1.5], [-3.0]]
    of_values, _ = text_max_backward(np.array([[2.0], [3.0]]), values, places)
    assert of_values[..., 0].tolist() == [[2.0, 0.0, 0.0], [3.0, 0.0, 0.0]]


def test_factors_by_hand():
    # Two training texts; id 2 stands in one of them, id 3 in both, id 4, a group by itself, in none.
    groups = (2, 4, 5)
    rare = rarity(np.array([9, 9, 1, 2, 0]), 2, groups=groups)
    assert rare.tolist() == pytest.approx([0, 0, 1 + math.log(3 / 2), 1.0, 1 + math.log(3)])
    # The second group is half as large: sqrt(1/2) / 2 beside 1.
    assert shares(groups) == pytest.approx([math.sqrt(8 / 9), math.sqrt(1 / 9)])
    found = factors(np.array([[3, 4, 3, 1], [0, 0, 0, 0]]), rare, groups=groups)
    assert found[0].tolist() == pytest.approx([0, 0, 0, math.sqrt(8 / 9), math.sqrt(1 / 9)])
    assert found[1].tolist() == [0.0] * 5
    both = factors(np.array([[2, 3, 3, 0]]), rare, groups=groups)[0]
    assert both[2] / both[3] == pytest.approx((1 + math.log(3 / 2)) / (1 + math.log(2)))
    assert math.hypot(*both) == pytest.approx(math.sqrt(8 / 9))


@given(
    st.lists(st.lists(st.integers(1, 8), max_size=6), min_size=1, max_size=4),
    st.sampled_from([(2, 9), (2, 5, 9), (2, 3, 4, 9)]),
)
@settings(max_examples=40)
def test_a_weighed_sum_of_any_texts_is_the_layer_of_the_networks(texts, groups):
    tokens = np.array([text + [0] * (6 - len(text)) for text in texts])
    layer = EmbeddingBag(groups, 3).double()
    counts = np.array([(tokens == id).any(axis=1).sum() for id in range(9)])
    layer.fit(torch.from_numpy(counts), len(texts))
    rare = rarity(counts, len(texts), groups=groups)
    np.testing.assert_allclose(rare, layer.rarity, rtol=1e-12)

    def theirs(tokens, weight, bias, rarity):
        state = {"weight": weight, "bias": bias, "rarity": rarity}
        return torch.func.functional_call(layer, state, (tokens,))

    assert_agrees("weighed-sum", (tokens, draw(9, 3), draw(3), rare), theirs, fixed=(0, 3), groups=groups)


@pytest.mark.parametrize(
    ("kind", "gates", "layer"), [("lstm", LSTM_GATES, torch.nn.LSTM), ("gru", GRU_GATES, torch.nn.GRU)]
)
@given(batch=st.integers(1, 3), length=st.integers(1, 7), size=st.integers(1, 3), units=st.integers(1, 3))
@settings(max_examples=20)
def test_a_recurrent_layer_of_any_shape_is_torchs(kind, gates, layer, batch, length, size, units):
    module = layer(size, units, batch_first=True).double()
    names = [name for name, _ in module.named_parameters()]
    rows = gates * units

    def theirs(inputs, *weights):
        values = dict(zip(names, weights, strict=True))
        return torch.func.functional_call(module, values, (inputs,))[0]

    weights = (draw(rows, size), draw(rows, units), draw(rows), draw(rows, seed=1))
    assert_agrees(kind, (draw(batch, length, size), *weights), theirs)
