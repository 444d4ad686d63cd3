"""Random start of the weights, fitted to the activation and drawn from a passed generator."""

import math

import torch
from torch import Tensor, nn

from pellucid.encoding.tokens.ragged import PADDING
from pellucid.networks.layers.mean_and_max import MeanAndMax
from pellucid.networks.layers.shared import LEAKY_SLOPE, ResidualBlock
from pellucid.networks.layers.texts import WeighedSum
from pellucid.networks.layers.transformer import Places

# Standard deviation of the numbers that a token starts with.
EMBEDDING_SCALE = 0.1

# Standard deviation of a sum of n-grams before training. Larger, the random part drowns what little data says
# of each: docs/benchmarks.md, "Small starts and parts of words in `bag`".
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
    number is near its mean. Where a residual
    block's first convolution does not narrow, its first filters start as the identity: the signal
    passes unharmed.

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
        if isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.Linear)):
            _draw(layer.weight, activation, generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
            else:
                layer.weight.detach().mul_(_SHARE_BEFORE_NORM**0.5)
        elif isinstance(layer, nn.ConvTranspose2d):
            _start_transposed(layer, activation, generator)
        elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm)):
            layer.reset_parameters()
        elif isinstance(layer, nn.RNNBase):
            _start_recurrent(layer, generator)
        elif isinstance(layer, (nn.Embedding, Places, MeanAndMax, WeighedSum)):
            _start_vectors(layer, generator)
    for layer in layers.modules():
        if isinstance(layer, ResidualBlock) and layer.conv1.in_channels <= layer.conv1.out_channels:
            with torch.no_grad():
                nn.init.dirac_(layer.conv1.weight[: layer.conv1.in_channels])


def _draw(weight: Tensor, activation: str, generator: torch.Generator) -> None:
    if activation in ("relu", "gelu"):
        nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=generator)
    elif activation == "leaky-relu":
        nn.init.kaiming_normal_(weight, a=LEAKY_SLOPE, nonlinearity="leaky_relu", generator=generator)
    elif activation == "softmax":
        bound = weight.shape[1] ** -0.5
        nn.init.uniform_(weight, -bound, bound, generator=generator)
    else:
        gain = _SIGMOID_GAIN if activation == "sigmoid" else 1.0
        nn.init.xavier_uniform_(weight, gain=gain, generator=generator)


def _start_transposed(layer: nn.ConvTranspose2d, activation: str, generator: torch.Generator) -> None:
    """Draw the kernels of a transposed convolution, whose outputs each meet a part of a kernel only."""
    meets = layer.in_channels * math.prod(layer.kernel_size) / math.prod(layer.stride)
    gain = {"softmax": 1 / 3, "tanh": 1.0, "sigmoid": _SIGMOID_GAIN**2}.get(activation, 2.0)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    else:
        gain *= _SHARE_BEFORE_NORM
    nn.init.normal_(layer.weight, std=math.sqrt(gain / meets), generator=generator)


@torch.no_grad()
def _start_vectors(
    layer: nn.Embedding | Places | MeanAndMax | WeighedSum, generator: torch.Generator
) -> None:
    if isinstance(layer, WeighedSum):
        nn.init.normal_(layer.weight, std=_SUM_SCALE * layer.weight.shape[1] ** -0.5, generator=generator)
        nn.init.zeros_(layer.bias)
        nn.init.ones_(layer.rarity)
        layer.rarity[: layer.groups[0]] = 0
    else:
        nn.init.normal_(layer.weight, std=EMBEDDING_SCALE, generator=generator)
    if isinstance(layer, MeanAndMax):
        nn.init.ones_(layer.weights)
    if not isinstance(layer, Places):
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
