"""Networks: from settings and facts about the data to layers, their start and their description."""

from pellucid.networks.adversarial import Adversarial
from pellucid.networks.autoencoder import Autoencoder
from pellucid.networks.config import InputFacts, NetworkConfig
from pellucid.networks.costs import design
from pellucid.networks.describe import LayerRow, as_text, describe
from pellucid.networks.families import GENERATORS, NETWORKS, Family, build, parameter_shapes
from pellucid.networks.network import HeadAlone, Network, Origin

__all__ = [
    "GENERATORS",
    "NETWORKS",
    "Adversarial",
    "Autoencoder",
    "Family",
    "HeadAlone",
    "InputFacts",
    "LayerRow",
    "Network",
    "NetworkConfig",
    "Origin",
    "as_text",
    "build",
    "describe",
    "design",
    "parameter_shapes",
]
