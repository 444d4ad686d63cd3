"""Attention and transformers of texts; encoders that others trained: a transformer, branches over n-grams."""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn import functional

from pellucid.encoding.encoder import PADDING
from pellucid.networks.config import NORM_EPSILON
from pellucid.networks.layers import make_activation
from pellucid.networks.text_layers import MaskedPool, TokenConv1d, token_mask

# Layers of a transformer: every token attends to every other, never to padding.


class PositionalEmbedding(nn.Module):
    """Learnt vector for each place of a text, or patch of an image, added to the token's own.

    Padding may reach beyond the last place, whose vector it then gets and nobody reads.
    """

    weight: nn.Parameter  # (most ids of a text, length of a vector)

    def __init__(self, length: int, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(length, size))

    def forward(self, vectors: Float[Tensor, "batch length size"]) -> Float[Tensor, "batch length size"]:
        """Vectors with those of their places added."""
        places = torch.arange(vectors.shape[1], device=vectors.device)
        return vectors + functional.embedding(places.clamp(max=len(self.weight) - 1), self.weight)


class Attend(nn.Module):
    r"""Self-attention: the values of all tokens, mixed by how well each token's query fits their keys.

    In each head $h$, of which each sees $d$ numbers of every token:

    $$y_i^h = \sum_j a_{ij}^h v_j^h, \quad a_{ij}^h = \mathrm{softmax}_j (q_i^h \cdot k_j^h / \sqrt d)$$

    Sums run over the ids of the text, not over padding; without a mask over all tokens.

    Source: Vaswani et al. 2017, arXiv:1706.03762, eq. 1.
    """

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads

    def forward(
        self,
        projected: Float[Tensor, "batch length thrice"],
        mask: Bool[Tensor, "batch length"] | None = None,
    ) -> Float[Tensor, "batch length size"]:
        """Mixed values; `projected` holds queries, keys and values side by side."""
        batch, length, thrice = projected.shape
        query, key, value = self._parts(projected)
        each = None if mask is None else mask[:, None, None]
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=each)
        return mixed.transpose(1, 2).reshape(batch, length, thrice // 3)

    def weights(
        self,
        projected: Float[Tensor, "batch length thrice"],
        mask: Bool[Tensor, "batch length"] | None = None,
    ) -> Float[Tensor, "batch heads length length"]:
        """Weights $a_{ij}^h$, which the fused operation of `forward` keeps to itself."""
        query, key, _ = self._parts(projected)
        scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None, None], -torch.inf)
        shares: Tensor = scores.softmax(-1)
        return shares

    def _parts(self, projected: Tensor) -> tuple[Tensor, ...]:
        """Queries, keys and values (batch, heads, length, numbers of a head)."""
        batch, length, thrice = projected.shape
        parts = projected.view(batch, length, 3, self.heads, thrice // 3 // self.heads)
        return parts.permute(2, 0, 3, 1, 4).unbind()


class TransformerLayer(nn.Module):
    r"""Attention and two dense layers, each with a shortcut around it and a norm behind.

    $$h = \mathrm{norm}(x + W_o \, \mathrm{attend}(W_{qkv} \, x)), \quad
      y = \mathrm{norm}(h + W_2 \, f(W_1 h))$$

    `size` is the length of the vector of a token, `heads` those of the attention, `feed_forward` the units
    between the two dense layers, `activation` is $f$; `epsilon` is what the norms add to the variance.

    Source: Devlin et al. 2019, arXiv:1810.04805; norms behind the shortcuts as there.
    """

    def __init__(
        self, size: int, heads: int, feed_forward: int, activation: str, epsilon: float = NORM_EPSILON
    ) -> None:
        super().__init__()
        self.query_key_value = nn.Linear(size, 3 * size)
        self.attend = Attend(heads)
        self.output = nn.Linear(size, size)
        self.norm1 = nn.LayerNorm(size, eps=epsilon)
        self.linear1 = nn.Linear(size, feed_forward)
        self.activation = make_activation(activation)
        self.linear2 = nn.Linear(feed_forward, size)
        self.norm2 = nn.LayerNorm(size, eps=epsilon)

    def forward(
        self, states: Float[Tensor, "batch length size"], mask: Bool[Tensor, "batch length"]
    ) -> Float[Tensor, "batch length size"]:
        """New states of the tokens."""
        mixed = self.output(self.attend(self.query_key_value(states), mask))
        hidden = self.norm1(states + mixed)
        result: Tensor = self.norm2(hidden + self.linear2(self.activation(self.linear1(hidden))))
        return result


class TokenTransformer(nn.Module):
    """Vectors of tokens and places, transformer layers, the largest and the mean state over the text.

    `vocabulary` is the number of ids, `length` the most ids of a text, `size` the length of the vector of a
    token; `layers` follow each other.

    Source: Vaswani et al. 2017, arXiv:1706.03762, the encoder, with learnt vectors of places.
    """

    def __init__(self, vocabulary: int, length: int, size: int, layers: list[TransformerLayer]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, size, padding_idx=PADDING)
        self.places = PositionalEmbedding(length, size)
        for number, layer in enumerate(layers, start=1):
            self.add_module(f"layer{number}", layer)
        self.layers = len(layers)
        self.largest = MaskedPool("max")
        self.mean = MaskedPool("average")

    def forward(self, tokens: Int64[Tensor, "batch length"]) -> Float[Tensor, "batch features"]:
        """Largest and mean state, side by side."""
        mask, states = token_mask(tokens), self.places(self.embedding(tokens))
        for number in range(1, self.layers + 1):
            states = getattr(self, f"layer{number}")(states, mask)
        return torch.cat([self.largest(states, mask), self.mean(states, mask)], 1)


class UnitLength(nn.Module):
    """Divide vectors by their lengths; one of zeros stays as it is."""

    def forward(self, vectors: Float[Tensor, "batch size"]) -> Float[Tensor, "batch size"]:
        """Vectors of length 1."""
        return functional.normalize(vectors, dim=1)


class Transformer(nn.Module):
    """Vectors of tokens and places, transformer layers, the mean over the text, at length 1.

    `vocabulary` is the number of ids, `length` the most ids of a text, `size` the length of the vector of a
    token; `layers` follow each other; `epsilon` is what the first norm adds to the variance.
    """

    def __init__(
        self,
        vocabulary: int,
        length: int,
        size: int,
        layers: list[TransformerLayer],
        epsilon: float = NORM_EPSILON,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, size, padding_idx=PADDING)
        self.places = PositionalEmbedding(length, size)
        self.norm = nn.LayerNorm(size, eps=epsilon)
        for number, layer in enumerate(layers, start=1):
            self.add_module(f"layer{number}", layer)
        self.layers = len(layers)
        self.mean = MaskedPool("average")
        self.unit = UnitLength()

    def forward(self, tokens: Int64[Tensor, "batch length"]) -> Float[Tensor, "batch size"]:
        """One vector for each text."""
        mask = token_mask(tokens)
        states = self.norm(self.places(self.embedding(tokens)))
        for number in range(1, self.layers + 1):
            states = getattr(self, f"layer{number}")(states, mask)
        vectors: Tensor = self.unit(self.mean(states, mask))
        return vectors


# Layers of an encoder of n-grams, whose cost grows with the length of a text alone.


class WithoutPadding(nn.Module):
    """Zeros at padding, so that what lies beside it does not depend on how long other texts are."""

    def forward(
        self, values: Float[Tensor, "batch length channel"], mask: Bool[Tensor, "batch length"]
    ) -> Float[Tensor, "batch length channel"]:
        """Values of the ids alone."""
        return values.masked_fill(~mask.unsqueeze(2), 0)


class Branch(nn.Module):
    r"""Two convolutions over neighbouring places, each behind an activation and with a shortcut around it.

    $$h = x + f(\mathrm{conv}_1(x)), \quad y = h + f(\mathrm{conv}_2(h))$$

    Padding, where values must be 0, is 0 before the second as well.
    """

    def __init__(self, kernel: int, filters: int, activation: str) -> None:
        super().__init__()
        self.conv1 = TokenConv1d(filters, filters, kernel)
        self.activation1 = make_activation(activation)
        self.present = WithoutPadding()
        self.conv2 = TokenConv1d(filters, filters, kernel)
        self.conv2.sees = 2 * kernel - 1
        self.activation2 = make_activation(activation)

    def forward(
        self, values: Float[Tensor, "batch length filters"], mask: Bool[Tensor, "batch length"]
    ) -> Float[Tensor, "batch length filters"]:
        """New values of the places."""
        hidden = self.present(values + self.activation1(self.conv1(values)), mask)
        result: Tensor = hidden + self.activation2(self.conv2(hidden))
        return result


class Shortcut(nn.Module):
    r"""Two dense layers and one around them: $y = g(V x + U f(W x))$, all without biases; $f$ is ReLU."""

    def __init__(self, incoming: int, hidden: int, outgoing: int, last: str) -> None:
        super().__init__()
        self.linear1 = nn.Linear(incoming, hidden, bias=False)
        self.inner = make_activation("relu")
        self.linear2 = nn.Linear(hidden, outgoing, bias=False)
        self.around = nn.Linear(incoming, outgoing, bias=False)
        self.activation = make_activation(last)

    def forward(self, values: Float[Tensor, "batch incoming"]) -> Float[Tensor, "batch outgoing"]:
        """New features."""
        result: Tensor = self.activation(self.linear2(self.inner(self.linear1(values))) + self.around(values))
        return result


class BranchedNgrams(nn.Module):
    """Vectors of ids and of n-grams of several widths, their sum over the text, dense layers, length 1.

    `vocabulary` is the number of ids, `size` the length of the vector of an id and of the result; `kernels`
    are ids of an n-gram, `filters` the numbers of each, `hidden` the units of the dense layers in the middle.

    Source: Yang et al. 2019, arXiv:1907.04307, section 3, the encoder of convolutions.
    """

    def __init__(
        self, vocabulary: int, size: int, kernels: tuple[int, ...], filters: int, hidden: int, activation: str
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, size, padding_idx=PADDING)
        self.project = nn.Linear(size, filters * len(kernels))
        self.norm1 = nn.LayerNorm(filters * len(kernels), eps=NORM_EPSILON)
        self.present = WithoutPadding()
        for kernel in kernels:
            self.add_module(f"branch{kernel}", Branch(kernel, filters, activation))
        self.kernels, self.filters = kernels, filters
        self.norm2 = nn.LayerNorm(size + filters * len(kernels), eps=NORM_EPSILON)
        self.pool = MaskedPool("root")
        self.linear = nn.Linear(size + filters * len(kernels), size, bias=False)
        self.dense1 = Shortcut(size, hidden, hidden, "relu")
        self.dense2 = Shortcut(hidden, size, size, "tanh")
        self.unit = UnitLength()

    def forward(self, tokens: Int64[Tensor, "batch length"]) -> Float[Tensor, "batch size"]:
        """One vector for each text."""
        mask, vectors = token_mask(tokens), self.embedding(tokens)
        parts = self.present(self.norm1(self.project(vectors)), mask).split(self.filters, 2)
        grams = [
            getattr(self, f"branch{kernel}")(part, mask)
            for kernel, part in zip(self.kernels, parts, strict=True)
        ]
        pooled = self.linear(self.pool(self.norm2(torch.cat([vectors, *grams], 2)), mask))
        found: Tensor = self.unit(self.dense2(self.dense1(pooled)))
        return found
