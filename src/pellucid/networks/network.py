"""The one form of every network: standardise → body → head."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.networks.config import NetworkConfig
from pellucid.networks.initialisation import initialise_layers
from pellucid.networks.layers import Standardise
from pellucid.networks.whitening import WhiteningStem

_STEM_IMAGES = 4096


class Network(nn.Module):
    """A classifier from raw values to logits.

    Attributes:
        config: what the layers were built from.
        standardise: first layer, with the data's mean and standard deviation.
        body: named layers from standardised input to the last hidden layer.
        head: from the last hidden layer to logits.

    Args:
        config: what the layers are built from.
        body: see the attribute.
        head: see the attribute.
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
        self.head = head

    def features(self, inputs: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch features"]:
        """Compute the last hidden layer.

        Args:
            inputs: raw pixel values 0 to 255 (batch, channel, height, width), or raw features.

        Returns:
            One row per example.
        """
        hidden: Tensor = self.body(self.standardise(inputs))
        return hidden

    def forward(self, inputs: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch classes"]:
        """Compute logits.

        Args:
            inputs: as for `features`.

        Returns:
            One row per example, one logit per class.
        """
        logits: Tensor = self.head(self.features(inputs))
        return logits

    def initialise(self, generator: torch.Generator) -> None:
        """Start every weight, bias, norm and buffer afresh.

        Args:
            generator: source of all draws.
        """
        nn.init.zeros_(self.standardise.mean)
        nn.init.ones_(self.standardise.std)
        initialise_layers(self.body, self.config.activation, generator)
        initialise_layers(self.head, "softmax", generator)

    @torch.no_grad()
    def initialise_from_data(self, inputs: Float[Tensor, "batch ..."]) -> None:
        """Set what comes from training data: the standardisation and, in `cnn`, the whitening stem.

        Equal inputs give equal bytes. Works in float64 on the CPU: call it before the network
        moves to another device.

        Args:
            inputs: as for `features`; training examples only.
        """
        self.standardise.fit(inputs)
        for layer in self.body.children():
            if isinstance(layer, WhiteningStem):
                sample = inputs[:: max(1, -(-len(inputs) // _STEM_IMAGES))]
                layer.fit(self.standardise(sample))
