"""Pretrained backbone for texts in the form of this package: layers, weights, encoder and origin."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.encoding import Encoder
from pellucid.networks import Network, NetworkConfig, build
from pellucid.networks.layers.heads import HeadSizes
from pellucid.networks.origin import Origin
from pellucid.settings import Settings


@dataclass(frozen=True, eq=False)
class TextBackbone:
    """Layers below the head of a text network, learnt elsewhere.

    Attributes:
        config: of its layers; the head is that of one number until `config_for` sets another.
        tensors: of everything below the head, by the names that `Network` gives them.
        encoder: from texts to its ids.
        origin: who made it.
    """

    config: NetworkConfig
    tensors: Mapping[str, Tensor]
    encoder: Encoder
    origin: Origin

    def config_for(self, outputs: int, settings: Settings) -> NetworkConfig:
        """Config of the same layers below a head for `outputs` (1 for a number), sized by the settings."""
        head = HeadSizes.of(settings)
        return dataclasses.replace(self.config, outputs=outputs, widths=head.widths, dropout=head.dropout)

    def network(self, config: NetworkConfig, generator: torch.Generator | None = None) -> Network:
        """Build a network with these weights below a fresh head, on the CPU and in training mode.

        `config` is from `config_for`; the draws for the head are by default those of a new generator with
        seed 0.

        Raises: `ValueError` if the config is of another network.
        """
        own = self.config
        if dataclasses.replace(config, outputs=own.outputs, widths=own.widths, dropout=own.dropout) != own:
            raise ValueError(f"config: it is not one of {self.origin.name}; take one from config_for")
        network = build(config, generator)
        network.load_state_dict({**network.state_dict(), **self.tensors})
        network.origin = self.origin
        return network
