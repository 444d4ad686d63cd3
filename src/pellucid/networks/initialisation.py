"""Initial weights: random, scaled to the activation, or whitening filters from the training images."""

import math

import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn
from torch.nn import functional

from pellucid.encoding.encoder import PADDING
from pellucid.networks.layers import LEAKY_SLOPE, ResidualBlock
from pellucid.networks.text_encoders import PositionalEmbedding
from pellucid.networks.text_layers import EmbeddingBag, MeanAndMax
from pellucid.networks.vision_transformers import LayerScale, PrefixTokens

# Standard deviation of the numbers that a token starts with.
EMBEDDING_SCALE = 0.1
# Standard deviation of a sum of n-grams before training. A larger random part drowns what little data says of
# each (docs/experiments/texts.md, "Small starts and parts of words in `bag`").
_SUM_SCALE = 0.1
_SIGMOID_GAIN = 4.0
_SHARE_BEFORE_NORM = 1 / 6


def initialise_layers(layers: nn.Module, activation: str, generator: torch.Generator) -> None:
    r"""Draw the weights of every layer inside, zero the biases, reset the norms.

    Before relu, leaky-relu and gelu: normal with variance $2 / ((1 + a^2) n_\mathrm{in})$, where
    $a$ is the slope below zero. Before tanh: uniform with variance
    $2 / (n_\mathrm{in} + n_\mathrm{out})$. Before sigmoid, whose slope at zero is 1/4 where the
    paper's derivation has 1, weights 4 times as large. Before softmax: uniform with variance
    $1 / (3 n_\mathrm{in})$, so that the first probabilities are nearly equal, and a first standardised
    number is near its mean. The first filters of a residual block's first convolution, and of single
    convolutions of 3x3, start as the identity, one for each incoming channel, or half of all where it
    narrows: the signal passes unharmed, without which a network may learn nothing for a hundred steps
    (docs/experiments/images.md).

    Where batch norm follows (a layer without bias), a sixth of the variance: the norm cancels the
    scale, but a step of the optimiser turns short weights further, and a short training gains.

    Transposed convolutions: normal with these variances, $n_\mathrm{in}$ the values that an output meets,
    which under a stride is a part of the kernel's.

    Vectors of tokens and of their places: normal with standard deviation 0.1, zero for padding. Vectors
    that are summed up with weights of length 1: normal with variance $0.01 / n_\mathrm{out}$. Recurrent
    layers: orthogonal from state to state, as before tanh from below; the LSTM's forget gates start open
    (bias 1).

    The memory of `layers` may be uninitialised. `activation` is what follows them: one of
    `config.ACTIVATIONS`, or `softmax` in the head.

    Source: He et al. 2015, arXiv:1502.01852, eq. 14; Glorot and Bengio 2010, AISTATS, eq. 16;
        Zagoruyko and Komodakis 2017, arXiv:1706.00388, for the identity ("dirac") start;
        van Laarhoven 2017, arXiv:1706.05350, for the scale of weights before a norm;
        Jozefowicz et al. 2015, ICML, for the forget gates.
    """
    for layer in layers.modules():
        if isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.Linear, nn.ConvTranspose2d)):
            _draw(layer, activation, generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
            elif not isinstance(layer, nn.ConvTranspose2d):
                layer.weight.detach().mul_(_SHARE_BEFORE_NORM**0.5)
        elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, LayerScale)):
            layer.reset_parameters()
        elif isinstance(layer, nn.RNNBase):
            _start_recurrent(layer, generator)
        elif isinstance(layer, (nn.Embedding, PositionalEmbedding, PrefixTokens, MeanAndMax, EmbeddingBag)):
            _start_vectors(layer, generator)
    for layer in _passing(layers):
        incoming, outgoing = layer.in_channels, layer.out_channels
        with torch.no_grad():
            nn.init.dirac_(layer.weight[: incoming if incoming <= outgoing else outgoing // 2])


def _passing(layers: nn.Module) -> list[nn.Conv2d]:
    """Convolutions that start as the identity: first ones of residual blocks, and single ones of 3x3."""
    of_blocks = [layer.conv1 for layer in layers.modules() if isinstance(layer, ResidualBlock)]
    single = [
        layer
        for layer in layers.children()
        if isinstance(layer, nn.Conv2d)
        and (layer.kernel_size, layer.stride, layer.padding) == ((3, 3), (1, 1), (1, 1))
    ]
    return [*of_blocks, *single]


def _draw(
    layer: nn.Conv1d | nn.Conv2d | nn.Linear | nn.ConvTranspose2d, activation: str, generator: torch.Generator
) -> None:
    weight = layer.weight
    if isinstance(layer, nn.ConvTranspose2d):  # an output meets a part of a kernel only
        meets = layer.in_channels * math.prod(layer.kernel_size) / math.prod(layer.stride)
        gain = {"softmax": 1 / 3, "tanh": 1.0, "sigmoid": _SIGMOID_GAIN**2}.get(activation, 2.0)
        gain *= 1.0 if layer.bias is not None else _SHARE_BEFORE_NORM
        nn.init.normal_(weight, std=math.sqrt(gain / meets), generator=generator)
    elif activation in ("relu", "gelu"):
        nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=generator)
    elif activation == "leaky-relu":
        nn.init.kaiming_normal_(weight, a=LEAKY_SLOPE, nonlinearity="leaky_relu", generator=generator)
    elif activation == "softmax":
        bound = weight.shape[1] ** -0.5
        nn.init.uniform_(weight, -bound, bound, generator=generator)
    else:
        gain = _SIGMOID_GAIN if activation == "sigmoid" else 1.0
        nn.init.xavier_uniform_(weight, gain=gain, generator=generator)


@torch.no_grad()
def _start_vectors(
    layer: nn.Embedding | PositionalEmbedding | PrefixTokens | MeanAndMax | EmbeddingBag,
    generator: torch.Generator,
) -> None:
    if isinstance(layer, EmbeddingBag):
        nn.init.normal_(layer.weight, std=_SUM_SCALE * layer.weight.shape[1] ** -0.5, generator=generator)
        nn.init.zeros_(layer.bias)
        nn.init.ones_(layer.rarity)
        layer.rarity[: layer.groups[0]] = 0
    else:
        nn.init.normal_(layer.weight, std=EMBEDDING_SCALE, generator=generator)
    if isinstance(layer, MeanAndMax):
        nn.init.ones_(layer.weights)
    if not isinstance(layer, (PositionalEmbedding, PrefixTokens)):
        layer.weight[PADDING] = 0


@torch.no_grad()
def _start_recurrent(layer: nn.RNNBase, generator: torch.Generator) -> None:
    for name, weights in layer.named_parameters():
        for gate, weight in enumerate(torch.split(weights, layer.hidden_size)):
            if name.startswith("weight_hh"):
                nn.init.orthogonal_(weight, generator=generator)
            elif name.startswith("weight_ih"):
                nn.init.xavier_uniform_(weight, generator=generator)
            else:
                is_forget = isinstance(layer, nn.LSTM) and name.startswith("bias_ih") and gate == 1
                nn.init.constant_(weight, float(is_forget))


_EPSILON = 5e-4  # keeps noise in directions of hardly any variance from being blown up
_MOST_VALUES = 2**25
_FEWEST_IMAGES = 64
_CHUNK_VALUES = 2**22
# Rounding decides which of two equal entries is the largest; it must not decide the sign as well.
_NEARLY_LARGEST = 0.999


class WhiteningStem(nn.Conv2d):
    r"""A frozen convolution with the leading eigenvectors of the data's patches and their negatives.

    With patch covariance $C = V \Lambda V^\top$, filter $i$ is $v_i / \sqrt{\lambda_i + \epsilon}$;
    responses of the first half of the filters have covariance near the identity. The negatives
    let the activation that follows keep both signs.

    Source: Page 2019, "How to train your ResNet 8: bag of tricks"; Jordan 2024, arXiv:2404.00498.
    """

    def __init__(self, channels: int, filters: int, kernel: int, stride: int) -> None:
        super().__init__(channels, filters, kernel, stride=stride, bias=False)
        self.weight.requires_grad_(False)

    def distance(self, shape: tuple[int, ...]) -> int:
        """Distance between images worth reading, of `shape` (images, channels, height, width); 1: all."""
        return _patches(shape, self.kernel_size[0], self.stride[0])[2]

    @torch.no_grad()
    def fit(self, images: Float[Tensor, "batch channel height width"]) -> None:
        """Set the filters from standardised images; equal images give equal bytes."""
        kernel = self.kernel_size[0]
        covariance = patch_covariance(images, kernel, self.stride[0])
        filters = whitening_filters(covariance, self.out_channels // 2)
        filters = filters.view(-1, images.shape[1], kernel, kernel)
        self.weight.copy_(torch.cat([filters, -filters]))


def patch_covariance(
    images: Float[Tensor, "batch channel height width"], kernel: int, stride: int
) -> Float64[Tensor, "size size"]:
    """Covariance over (channel, row, column) of square patches of `kernel` pixels a side, `stride` apart.

    Of more values than are worth reading, evenly spaced images serve.
    """
    size, patches, distance = _patches(tuple(images.shape), kernel, stride)
    images = images[::distance]
    total, products = torch.zeros(size).double(), torch.zeros(size, size).double()
    for chunk in torch.split(images, max(1, _CHUNK_VALUES // (size * patches))):
        rows = functional.unfold(chunk, kernel, stride=stride).transpose(1, 2).reshape(-1, size).double()
        total += rows.sum(0)
        products += rows.T @ rows
    mean = total / (len(images) * patches)
    return products / (len(images) * patches) - torch.outer(mean, mean)


def _patches(shape: tuple[int, ...], kernel: int, stride: int) -> tuple[int, int, int]:
    """Values of a patch, patches of an image, and the distance between images worth reading; 1: all."""
    count, channels, height, width = shape
    size = channels * kernel * kernel
    patches = ((height - kernel) // stride + 1) * ((width - kernel) // stride + 1)
    return size, patches, max(1, -(-count // max(_FEWEST_IMAGES, _MOST_VALUES // (size * patches))))


def whitening_filters(covariance: Float64[Tensor, "size size"], count: int) -> Float64[Tensor, "count size"]:
    """Leading eigenvectors in rows, largest first, each divided by the square root of its eigenvalue.

    An eigenvector's sign is free; here its first nearly largest entry is positive.
    """
    values, vectors = torch.linalg.eigh(covariance)
    values, vectors = values.flip(0)[:count].clamp(min=0), vectors.flip(1)[:, :count].T
    sizes = vectors.abs()
    leading = (sizes >= _NEARLY_LARGEST * sizes.amax(1, keepdim=True)).int().argmax(1, keepdim=True)
    vectors = vectors * vectors.gather(1, leading).sign()
    filters: Tensor = vectors / (values + _EPSILON).sqrt().unsqueeze(1)
    return filters
