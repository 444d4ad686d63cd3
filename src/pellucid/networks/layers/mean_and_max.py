"""Layer of `word-vectors`: mean and maximum of the vectors of a text's known words, in any order."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from pellucid.encoding.tokens.ragged import UNKNOWN


class MeanAndMax(nn.Module):
    r"""Weighted mean of frozen word vectors beside the largest of each of their numbers.

    With $e_t$ the vectors of the words of a text, one that stands twice counted twice, and $w_t$ their
    weights:

    $$m = \sum_t w_t e_t, \quad x = \max_t e_t, \quad
      y = \frac{1}{\sqrt 2} \Bigl( \frac{m}{\lVert m \rVert}, \; \frac{x}{\lVert x \rVert} \Bigr)$$

    Unknown words and padding count for nothing; a text without any other gives zeros.

    Attributes:
        weight: vectors of the ids, (vocabulary, size); never trained.
        weights: $w$ of each id, (vocabulary,).

    Args:
        vocabulary: number of ids.
        size: length of a vector.

    Source: Shen et al. 2018, arXiv:1805.09843, for mean and maximum side by side.
    """

    weight: nn.Parameter
    weights: Tensor

    def __init__(self, vocabulary: int, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocabulary, size), requires_grad=False)
        self.register_buffer("weights", torch.ones(vocabulary))

    def forward(self, tokens: Int64[Tensor, "batch length"]) -> Float[Tensor, "batch twice_size"]:
        """One vector for each text."""
        known = tokens > UNKNOWN
        vectors = functional.embedding(tokens, self.weight)
        mean = ((self.weights[tokens] * known).unsqueeze(2) * vectors).sum(1)
        largest = vectors.masked_fill(~known.unsqueeze(2), -torch.inf).amax(1)
        largest = torch.where(known.any(1, keepdim=True), largest, 0.0)
        both: Tensor = torch.cat([functional.normalize(mean, dim=1), functional.normalize(largest, dim=1)], 1)
        return both / 2**0.5
