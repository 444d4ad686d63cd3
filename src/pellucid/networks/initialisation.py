"""Random start of the weights, fitted to the activation and drawn from a passed generator."""

import torch
from torch import Tensor, nn

from pellucid.networks.layers import LEAKY_SLOPE, ResidualBlock

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

    Args:
        layers: a network or part of one, whose memory may be uninitialised.
        activation: what follows the layers: one of `config.ACTIVATIONS`, or `softmax` in the head.
        generator: source of all draws.

    Source: He et al. 2015, arXiv:1502.01852, eq. 14; Glorot and Bengio 2010, AISTATS, eq. 16;
        Zagoruyko and Komodakis 2017, arXiv:1706.00388, for the identity ("dirac") start;
        van Laarhoven 2017, arXiv:1706.05350, for the scale of weights before a norm.
    """
    for layer in layers.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            _draw(layer.weight, activation, generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
            else:
                layer.weight.detach().mul_(_SHARE_BEFORE_NORM**0.5)
        elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            layer.reset_parameters()
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
