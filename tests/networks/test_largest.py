"""Largest answers of convolutions and their gradient, against torch's own way there."""

import copy

import pytest
import torch
from torch import nn

from pellucid.networks.text_layers import RISING, ParallelConvolutions, largest_answers, token_mask

WIDTHS = (2, 3, 5)


def _layers(activation=None):
    torch.manual_seed(3)
    return ParallelConvolutions(30, 4, WIDTHS, 6, activation or nn.ReLU()).double()


def _tokens(*lengths):
    torch.manual_seed(4)
    rows = torch.zeros(len(lengths), max(lengths), dtype=torch.int64)
    for row, length in enumerate(lengths):
        rows[row, :length] = torch.randint(1, 30, (length,))
    return rows


def _learnt(layers, tokens, is_short):
    """Answers and gradients, by the short way or by torch's own."""
    layers = copy.deepcopy(layers).train(is_short)
    answers = layers(tokens)
    (answers * torch.linspace(-1, 2, answers.numel()).view_as(answers)).sum().backward()
    return answers.detach(), {name: each.grad for name, each in layers.named_parameters()}


@pytest.mark.parametrize("activation", RISING)
@pytest.mark.parametrize("lengths", [(9, 9, 9), (9, 2, 1), (1,), (3, 2)])
def test_answers_and_gradients_are_those_of_torch(activation, lengths):
    layers, tokens = _layers(activation()), _tokens(*lengths)
    (ours, our_gradients), (theirs, their_gradients) = (
        _learnt(layers, tokens, is_short) for is_short in (True, False)
    )
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(our_gradients, their_gradients)
    assert all(each.abs().max() > 0 for each in our_gradients.values())


def test_the_largest_is_looked_for_where_a_text_is():
    layers, tokens = _layers(), _tokens(6, 2)
    nn.init.constant_(layers.conv2.bias, 0.0)
    nn.init.constant_(layers.embedding.weight, -1.0)
    nn.init.constant_(layers.embedding.weight[0], 0.0)
    convolutions = [getattr(layers, f"conv{each}") for each in WIDTHS]
    for each in convolutions:
        nn.init.constant_(each.weight, 1.0)  # a window in the padding would give 0, the largest of all
    answers = largest_answers(layers.embedding(tokens), token_mask(tokens), convolutions)
    assert answers[1, :6].tolist() == pytest.approx([-4.0 + layers.conv2.bias[0].item()] * 6)


def test_frozen_vectors_get_no_gradient_and_take_none_from_the_filters():
    layers, tokens = _layers(), _tokens(7, 5)
    free = _learnt(layers, tokens, True)[1]
    layers.embedding.weight.requires_grad_(False)
    frozen = _learnt(layers, tokens, True)[1]
    assert frozen["embedding.weight"] is None
    assert all(torch.equal(frozen[name], free[name]) for name in free if name != "embedding.weight")


def test_an_activation_that_falls_somewhere_goes_the_long_way():
    layers, tokens = _layers(nn.GELU()), _tokens(9, 4)
    assert torch.equal(_learnt(layers, tokens, True)[0], _learnt(layers, tokens, False)[0])


def test_two_threads_find_the_same_gradients_every_time():
    layers, tokens = _layers().float(), _tokens(*[40] * 64)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        first, second = (_learnt(layers, tokens, True)[1] for _ in range(2))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(first[name], second[name]) for name in first)
