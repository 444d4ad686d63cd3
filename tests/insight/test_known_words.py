import torch

from pellucid.insight.unfolded_layers import KnownWords
from pellucid.networks.text_layers import MeanAndMax


def test_without_unknown_words_mean_and_maximum_are_those_of_the_network() -> None:
    torch.manual_seed(0)
    layer = MeanAndMax(12, 5)
    torch.nn.init.normal_(layer.weight)
    layer.weights.uniform_(0.1, 1.0)
    tokens, known = torch.tensor([[3, 1, 7, 3, 1, 0], [1, 1, 0, 0, 0, 0]]), KnownWords(layer)
    torch.testing.assert_close(known(torch.tensor([[3, 7, 3]])), layer(tokens[:1]))
    torch.testing.assert_close(known(torch.tensor([[1]])), layer(tokens[1:]))
