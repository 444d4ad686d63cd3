"""Layers of vision transformers: an image as patches, each a token that attends to every other."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.networks.config import PatchAttention
from pellucid.networks.layers import make_activation
from pellucid.networks.text_encoders import Attend, PositionalEmbedding


class ToTokens(nn.Module):
    """Maps as tokens, row by row: each place becomes a vector of all its channels."""

    def forward(
        self, maps: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch length channel"]:
        """One vector for each place."""
        return maps.flatten(2).transpose(1, 2)


class PrefixTokens(nn.Module):
    """Learnt tokens before those of the patches: the class token, then the registers.

    Source: Dosovitskiy et al. 2021, arXiv:2010.11929, for the class token; Darcet et al. 2024,
        arXiv:2309.16588, for registers, which nobody reads at the end.
    """

    weight: nn.Parameter  # (tokens, length of a vector)

    def __init__(self, tokens: int, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(tokens, size))

    def forward(
        self, patches: Float[Tensor, "batch patches size"]
    ) -> Float[Tensor, "batch prefix_and_patches size"]:
        """The tokens of every image with these before them."""
        return torch.cat([self.weight.expand(len(patches), -1, -1), patches], 1)


class LayerScale(nn.Module):
    r"""Learnt factor for each number of a token, $y = \lambda \odot x$.

    Source: Touvron et al. 2021, arXiv:2103.17239, section 2.
    """

    weight: nn.Parameter  # (length of a vector,)

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(size))

    def reset_parameters(self) -> None:
        """Start without scaling."""
        nn.init.ones_(self.weight)

    def forward(self, states: Float[Tensor, "batch length size"]) -> Float[Tensor, "batch length size"]:
        """Scaled states."""
        return states * self.weight


class PreNormLayer(nn.Module):
    r"""Attention and two dense layers, each with a norm before it and a shortcut around both.

    $$h = x + \lambda_1 \odot W_o \, \mathrm{attend}(W_{qkv} \, \mathrm{norm}(x)), \quad
      y = h + \lambda_2 \odot W_2 \, f(W_1 \, \mathrm{norm}(h))$$

    `size` is the length of the vector of a token, `activation` is $f$; without layer scale $\lambda$ is 1.

    Source: Dosovitskiy et al. 2021, arXiv:2010.11929, eq. 2 and 3.
    """

    def __init__(self, size: int, own: PatchAttention, activation: str) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(size, eps=own.norm_epsilon)
        self.query_key_value = nn.Linear(size, 3 * size)
        self.attend = Attend(own.attention_heads)
        self.output = nn.Linear(size, size)
        self.scale1 = LayerScale(size) if own.layer_scale else nn.Identity()
        self.norm2 = nn.LayerNorm(size, eps=own.norm_epsilon)
        self.linear1 = nn.Linear(size, own.feed_forward)
        self.activation = make_activation(activation)
        self.linear2 = nn.Linear(own.feed_forward, size)
        self.scale2 = LayerScale(size) if own.layer_scale else nn.Identity()

    def forward(self, states: Float[Tensor, "batch length size"]) -> Float[Tensor, "batch length size"]:
        """New states of the tokens."""
        mixed = self.output(self.attend(self.query_key_value(self.norm1(states))))
        hidden = states + self.scale1(mixed)
        fed = self.linear2(self.activation(self.linear1(self.norm2(hidden))))
        result: Tensor = hidden + self.scale2(fed)
        return result


class PoolTokens(nn.Module):
    """Features of an image: its class token, the mean over its patches, or both side by side.

    `prefix` are the tokens before the patches, `pooled` is one of `config.POOLED`.

    Source: Oquab et al. 2023, arXiv:2304.07193, for both side by side.
    """

    def __init__(self, prefix: int, pooled: str) -> None:
        super().__init__()
        self.prefix = prefix
        self.pooled = pooled

    def forward(self, states: Float[Tensor, "batch length size"]) -> Float[Tensor, "batch features"]:
        """One row for each image."""
        first = states[:, 0]
        if self.pooled == "class":
            return first
        mean = states[:, self.prefix :].mean(1)
        return mean if self.pooled == "mean" else torch.cat([first, mean], 1)


class VisionTransformer(nn.Module):
    """Patches and their places, the tokens before them, layers, a norm, and what is pooled of its tokens.

    `channels` are those of an image, `size` is the length of the vector of a token. The vectors of places are
    those of the patches at the one size at which images are seen; the class token's own place is added to its
    vector.

    Source: Dosovitskiy et al. 2021, arXiv:2010.11929.
    """

    def __init__(self, channels: int, size: int, own: PatchAttention, activation: str) -> None:
        super().__init__()
        rows, columns = own.grid
        self.patches = nn.Conv2d(channels, size, own.patch, stride=own.patch)
        self.tokens = ToTokens()
        self.places = PositionalEmbedding(rows * columns, size)
        self.prefix = PrefixTokens(1 + own.registers, size)
        for number in range(1, own.transformer_layers + 1):
            self.add_module(f"layer{number}", PreNormLayer(size, own, activation))
        self.layers = own.transformer_layers
        self.norm = nn.LayerNorm(size, eps=own.norm_epsilon)
        self.pool = PoolTokens(1 + own.registers, own.pooled)

    def forward(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch features"]:
        """One row of features for each image."""
        features: Tensor = self.pool(self.norm(self.states_after(images, self.layers)))
        return features

    def states_after(
        self, images: Float[Tensor, "batch channels height width"], layers: int
    ) -> Float[Tensor, "batch length size"]:
        """States of the tokens of each image after so many layers."""
        states: Tensor = self.prefix(self.places(self.tokens(self.patches(images))))
        for number in range(1, layers + 1):
            states = getattr(self, f"layer{number}")(states)
        return states
