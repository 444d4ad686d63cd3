"""Mean and maximum of word vectors as layers of the reference, of texts without their unknown words."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from pellucid.encoding.tokens.ragged import UNKNOWN
from pellucid.networks.layers.mean_and_max import MeanAndMax
from pellucid.networks.layers.shared import Divide
from pellucid.networks.layers.texts import MaskedPool
from pellucid.networks.layers.transformer import UnitLength


class KnownWords(nn.Module):
    """Output of `MeanAndMax` for texts that hold known words alone, or one unknown word.

    The weighted mean is brought to length 1, so that it may be that of vectors times their weights.

    Args:
        layer: whose vectors and weights are taken.
    """

    def __init__(self, layer: MeanAndMax) -> None:
        super().__init__()
        vectors = layer.weight.detach().clone()
        vectors[: UNKNOWN + 1] = 0
        weighed = vectors * layer.weights.unsqueeze(1)
        words, size = vectors.shape
        self.vectors = nn.Embedding(words, size, _weight=vectors)
        self.weighed = nn.Embedding(words, size, _weight=weighed)
        self.mean, self.largest = MaskedPool("average"), MaskedPool("max")
        self.mean_unit, self.largest_unit = UnitLength(), UnitLength()
        self.halves = Divide(2**0.5)

    def forward(self, tokens: Int64[Tensor, "batch length"]) -> Float[Tensor, "batch twice_size"]:
        """One vector for each text."""
        present = tokens > 0
        mean = self.mean_unit(self.mean(self.weighed(tokens), present))
        largest = self.largest_unit(self.largest(self.vectors(tokens), present))
        halves: Tensor = self.halves(torch.cat([mean, largest], 1))
        return halves
