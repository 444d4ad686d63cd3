"""Layers of texts against scikit-learn, against torch's own, and by hand."""

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from pellucid.encoding.encoder import PADDING
from pellucid.networks import InputFacts, build, design
from pellucid.networks.initialisation import initialise_layers
from pellucid.networks.text_layers import (
    BothWays,
    EmbeddingBag,
    MaskedPool,
    TokenConv1d,
    reordered,
    reversed_order,
)
from pellucid.settings import Settings

TEXTS = ["the cat sat on the mat", "the dog", "a cat a cat a cat", "mat mat dog sat on on on a mat"]
TRAINED = 3
"""How many of the texts count as training texts; the last is new."""


def encoded(vectorizer):
    """Ids of the texts' n-grams in a rectangle, repeated as often as they stand there."""
    analyse = vectorizer.build_analyzer()
    rows = [
        [2 + vectorizer.vocabulary_[gram] if gram in vectorizer.vocabulary_ else 1 for gram in analyse(text)]
        for text in TEXTS
    ]
    longest = max(map(len, rows))
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows])


@pytest.mark.parametrize("ngrams", [(1, 1), (1, 2), (2, 2)])
def test_weighed_sum_is_the_tf_idf_of_scikit_learn(ngrams):
    vectorizer = TfidfVectorizer(ngram_range=ngrams, token_pattern=r"\S+", sublinear_tf=True)
    vectorizer.fit(TEXTS[:TRAINED])
    ids = encoded(vectorizer)
    vocabulary = 2 + len(vectorizer.vocabulary_)
    layer = EmbeddingBag((2, vocabulary), vocabulary)
    nn.init.eye_(layer.weight)
    nn.init.zeros_(layer.bias)
    counts = torch.tensor([int((ids[:TRAINED] == id).any(1).sum()) for id in range(vocabulary)])
    layer.fit(counts, TRAINED)
    expected = torch.from_numpy(vectorizer.transform(TEXTS).toarray()).float()
    torch.testing.assert_close(layer(ids)[:, 2:], expected)
    assert layer(ids)[:, :2].abs().max() == 0


def test_weighed_sum_brings_each_group_to_its_length_by_hand():
    layer = EmbeddingBag((2, 4, 5), 5)
    nn.init.eye_(layer.weight)
    nn.init.constant_(layer.bias, 10.0)
    layer.fit(torch.tensor([0, 0, 1, 3, 1]), 3)
    # Rarity of ids 2 and 4: 1 + ln(4 / 2); of id 3: 1 + ln(4 / 4) = 1. Id 3 is there twice: times 1 + ln 2.
    # So ids 2 and 3 weigh the same; id 4 is a group by itself, half as large, which counts sqrt(1/2) / 2.
    words = np.sqrt(1 / 2) / np.sqrt(1 + 1 / 8)
    expected = np.array([0, 0, words, words, np.sqrt(1 / 8) / np.sqrt(1 + 1 / 8)]) + 10
    torch.testing.assert_close(layer(torch.tensor([[3, 4, 2, 3]]))[0], torch.from_numpy(expected).float())
    assert torch.equal(layer(torch.tensor([[1, 1, 0]]))[0], torch.full((5,), 10.0))


@pytest.mark.parametrize(
    ("groups", "shares"),
    [
        ((2, 9), [1.0]),
        ((2, 3, 7), [0.5**0.5] * 2),
        ((2, 3, 50), [0.5**0.5] * 2),
        ((2, 6, 7), [4 / 17**0.5, 1 / 17**0.5]),
    ],
)
def test_later_groups_count_by_their_size(groups, shares):
    assert EmbeddingBag(groups, 3).shares == pytest.approx(shares)


def test_order_of_ids_is_nothing_to_a_weighed_sum():
    layer = build(design("bag", Settings(), InputFacts((9,), 2, 10, vocabulary=20))).body.sum
    ids = torch.tensor([[3, 9, 3, 4, 11, 3]])
    assert torch.equal(layer(ids), layer(ids[:, [5, 3, 0, 1, 4, 2]]))


def test_masked_pools_by_hand():
    values = torch.tensor([[[1.0], [-4.0], [9.0]], [[-3.0], [5.0], [7.0]]])
    present = torch.tensor([[True, True, False], [True, False, False]])
    assert MaskedPool("max")(values, present).tolist() == [[1.0], [-3.0]]
    assert MaskedPool("average")(values, present).tolist() == [[-1.5], [-3.0]]


@pytest.mark.parametrize("kernel", [1, 2, 5])
@pytest.mark.parametrize("length", [1, 7])
def test_neighbours_are_sums_over_a_window(kernel, length):
    layer = TokenConv1d(3, 2, kernel)
    vectors = torch.randn(2, length, 3)
    before = (kernel - 1) // 2
    for place in range(length):
        expected = layer.bias.expand(2, 2)
        for offset in range(kernel):
            if 0 <= place - before + offset < length:
                expected = expected + vectors[:, place - before + offset] @ layer.weight[:, :, offset].T
        torch.testing.assert_close(layer(vectors)[:, place], expected)


def test_texts_are_turned_around_without_their_padding():
    present = torch.tensor([[True, True, True, False], [True, False, False, False]])
    values = torch.tensor([[[1.0], [2.0], [3.0], [0.5]], [[4.0], [6.0], [7.0], [8.0]]])
    places = reversed_order(present)
    turned = reordered(values, places)
    assert turned[..., 0].tolist() == [[3.0, 2.0, 1.0, 0.5], [4.0, 6.0, 7.0, 8.0]]
    assert torch.equal(reordered(turned, places), values)


@pytest.mark.parametrize(("cell", "layer"), [("lstm", nn.LSTM), ("gru", nn.GRU)])
def test_both_ways_are_the_packed_bidirectional_layers_of_torch(cell, layer):
    network = build(
        design("rnn", Settings(cell=cell, width=5, depth=2), InputFacts((9,), 2, 10, vocabulary=20))
    )
    ours = network.body.layers
    assert isinstance(ours, BothWays)
    theirs = layer(128, 5, num_layers=2, batch_first=True, bidirectional=True)
    for number in range(2):
        for way, suffix in (("forwards", ""), ("backwards", "_reverse")):
            for name, weight in getattr(ours, f"{way}{number + 1}").named_parameters():
                getattr(theirs, name.replace("l0", f"l{number}{suffix}")).data.copy_(weight)
    ids = torch.tensor([[3, 4, 5, 6, 7], [8, 9, 3, 0, 0], [19, 0, 0, 0, 0]])
    lengths = torch.tensor([5, 3, 1])
    packed = pack_padded_sequence(ours.embedding(ids), lengths, batch_first=True)
    states, _ = pad_packed_sequence(theirs(packed)[0], batch_first=True)
    for row, length in enumerate(lengths.tolist()):
        inside = states[row, :length]
        expected = torch.cat([inside.amax(0), inside.mean(0)])
        torch.testing.assert_close(ours(ids)[row], expected)


def test_forget_gates_start_open():
    network = build(design("rnn", Settings(width=4), InputFacts((9,), 2, 10, vocabulary=20)))
    biases = network.body.layers.forwards1.bias_ih_l0 + network.body.layers.forwards1.bias_hh_l0
    assert biases.tolist() == [0.0] * 4 + [1.0] * 4 + [0.0] * 8


def test_a_weighed_sum_starts_small():
    layer = EmbeddingBag((2, 2000), 16)
    initialise_layers(layer, "relu", torch.Generator().manual_seed(0))
    assert layer.weight[2:].std().item() == pytest.approx(0.1 / 4, rel=0.02)
    assert not layer.weight[PADDING].any()
