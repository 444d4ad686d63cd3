"""Layers of transformers and of word vectors against torch's own, and by hand."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from pellucid.networks import InputFacts, build, design
from pellucid.networks.config import NORM_EPSILON
from pellucid.networks.text_encoders import (
    Attend,
    PositionalEmbedding,
    TransformerLayer,
    UnitLength,
)
from pellucid.networks.text_layers import MeanAndMax
from pellucid.settings import Settings


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_a_layer_is_torchs_encoder_layer(activation: str) -> None:
    """The same numbers under torch's names give the same states, wherever there is no padding."""
    layer = TransformerLayer(12, 3, 20, activation).double().eval()
    theirs = nn.TransformerEncoderLayer(
        12, 3, 20, dropout=0.0, activation=activation, layer_norm_eps=NORM_EPSILON, batch_first=True
    ).double()
    names = {
        "query_key_value.weight": "self_attn.in_proj_weight",
        "query_key_value.bias": "self_attn.in_proj_bias",
        "output.weight": "self_attn.out_proj.weight",
        "output.bias": "self_attn.out_proj.bias",
    }
    for seed, (name, parameter) in enumerate(layer.named_parameters()):
        parameter.data = drawn(*parameter.shape, seed=seed) / 3
        theirs.get_parameter(names.get(name, name)).data = parameter.data.clone()
    states, present = drawn(4, 7, 12), torch.arange(7) < torch.tensor([7, 1, 4, 6]).unsqueeze(1)
    found = layer(states, present)
    expected = theirs(states, src_key_padding_mask=~present)  # training mode: no fast path
    torch.testing.assert_close(found[present], expected[present])


def test_attention_by_hand() -> None:
    # One head of one number; queries 1 and 0, keys ln 2 and 0: the first token mixes 2 : 1, the second 1 : 1.
    projected = torch.tensor([[[1.0, math.log(2), 3.0], [0.0, 0.0, 6.0], [9.0, 9.0, 9.0]]])
    present = torch.tensor([[True, True, False]])
    found = Attend(1)(projected, present)
    torch.testing.assert_close(found[0, :2, 0], torch.tensor([(2 * 3 + 6) / 3, (3 + 6) / 2]))


def test_attention_has_the_gradient_of_its_formula() -> None:
    present = torch.tensor([[True, True, True, False], [True, False, False, False]])
    projected = drawn(2, 4, 3 * 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda values: Attend(2)(values, present)[present], projected)


def test_places_reach_as_far_as_padding() -> None:
    places = PositionalEmbedding(3, 2)
    places.weight.data = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    found = places(torch.zeros(1, 5, 2))
    assert found[0].tolist() == [[1, 2], [3, 4], [5, 6], [5, 6], [5, 6]]


def test_vectors_of_length_1() -> None:
    found = UnitLength()(torch.tensor([[3.0, -4.0], [0.0, 0.0]]))
    torch.testing.assert_close(found, torch.tensor([[0.6, -0.8], [0.0, 0.0]]))


def test_mean_and_maximum_by_hand() -> None:
    layer = MeanAndMax(5, 2)
    layer.weight.data = torch.tensor([[9.0, 9], [9, 9], [1, 0], [0, 2], [-1, -1]])
    layer.weights.copy_(torch.tensor([7.0, 7, 1, 0.5, 2]))
    found = layer(torch.tensor([[2, 3, 3, 1, 0], [4, 0, 0, 0, 0], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0]]))
    # Mean: (1, 0) + 2 * 0.5 * (0, 2) = (1, 2); largest: (1, 2). Alone: (-1, -1) twice.
    first = torch.tensor([1.0, 2, 1, 2]) / 10**0.5
    torch.testing.assert_close(found[0], first)
    torch.testing.assert_close(found[1], torch.full((4,), -0.5))
    assert found[2:].abs().max() == 0


def test_the_head_has_the_layers_asked_for() -> None:
    facts = InputFacts((8,), 3, 100, vocabulary=10, embedding=4)
    plain = build(design("word-vectors", Settings(), facts)).head
    assert [type(layer).__name__ for layer in plain] == ["Divide", "Dropout", "Linear"]
    deep = build(design("word-vectors", Settings(depth=2, width=5, dropout=0.0), facts)).head
    linear = [layer for layer in deep if isinstance(layer, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in linear] == [(8, 5), (5, 5), (5, 3)]
    # Features of length 1 come to the first layer with a mean square of 1.
    features = functional.normalize(torch.ones(1, 8), dim=1)
    torch.testing.assert_close(deep.scale(features), torch.ones(1, 8))
