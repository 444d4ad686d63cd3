"""The one form of every network: standardise → body → head."""

from collections import OrderedDict

import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from pellucid.networks.config import NetworkConfig
from pellucid.networks.initialisation import initialise_layers
from pellucid.networks.layers import Rescale, Standardise
from pellucid.networks.whitening import WhiteningStem

_STEM_IMAGES = 4096


class Network(nn.Module):
    """From raw values to logits, or, where `config.outputs` is 1, to a number in its own unit.

    Attributes:
        config: what the layers were built from.
        standardise: first layer, with the data's mean and standard deviation.
        body: named layers from standardised input to the last hidden layer.
        head: from the last hidden layer to logits. Where a number is predicted, its last layer,
            `rescale`, turns a standardised prediction into one in the unit of the labels.

    Args:
        config: what the layers are built from.
        body: see the attribute.
        head: from the last hidden layer to logits, or to one standardised prediction.
    """

    config: NetworkConfig
    standardise: Standardise
    body: nn.Sequential
    head: nn.Module

    def __init__(self, config: NetworkConfig, body: nn.Sequential, head: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.standardise = Standardise(config.input_shape)
        self.body = body
        self.head = head if config.outputs > 1 else _rescaled(head)

    @property
    def rescale(self) -> Rescale | None:
        """The last layer where a number is predicted; `None` where classes are."""
        last = list(self.head.children())[-1:]
        return last[0] if last and isinstance(last[0], Rescale) else None

    def features(self, inputs: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch features"]:
        """Compute the last hidden layer.

        Args:
            inputs: raw pixel values 0 to 255 (batch, channel, height, width), or raw features.

        Returns:
            One row per example.
        """
        hidden: Tensor = self.body(self.standardise(inputs))
        return hidden

    def forward(self, inputs: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch outputs"]:
        """Compute logits, or predicted numbers.

        Args:
            inputs: as for `features`.

        Returns:
            One row per example: one logit per class, or one number in the labels' own unit.
        """
        outputs: Tensor = self.head(self.features(inputs))
        return outputs

    def initialise(self, generator: torch.Generator) -> None:
        """Start every weight, bias, norm and buffer afresh.

        Args:
            generator: source of all draws.
        """
        nn.init.zeros_(self.standardise.mean)
        nn.init.ones_(self.standardise.std)
        initialise_layers(self.body, self.config.activation, generator)
        initialise_layers(self.head, "softmax", generator)
        if self.rescale is not None:
            nn.init.zeros_(self.rescale.mean)
            nn.init.ones_(self.rescale.std)

    @torch.no_grad()
    def initialise_from_data(
        self, inputs: Float[Tensor, "batch ..."], numbers: Float64[Tensor, " examples"] | None = None
    ) -> None:
        """Set what comes from training data: the standardisation and, in `cnn`, the whitening stem.

        Equal inputs give equal bytes. Works in float64 on the CPU: call it before the network
        moves to another device.

        Args:
            inputs: as for `features`; training examples only.
            numbers: labels of training examples, whose mean and standard deviation a network that
                predicts a number rescales by; without them it goes on predicting standardised ones.

        Raises:
            ValueError: numbers are given for a network of classes, or all are equal.
        """
        if numbers is not None:
            if self.rescale is None:
                raise ValueError("numbers: this network predicts classes; leave them out")
            self.rescale.fit(numbers)
        self.standardise.fit(inputs)
        for layer in self.body.children():
            if isinstance(layer, WhiteningStem):
                sample = inputs[:: max(1, -(-len(inputs) // _STEM_IMAGES))]
                layer.fit(self.standardise(sample))


def _rescaled(head: nn.Module) -> nn.Sequential:
    """A head whose one output is rescaled at the end."""
    layers = dict(head.named_children()) if isinstance(head, nn.Sequential) else {"linear": head}
    return nn.Sequential(OrderedDict(**layers, rescale=Rescale()))
