"""Head above features that were learnt elsewhere: dropout, dense layers where asked for, linear."""

from collections import OrderedDict
from typing import NamedTuple

from torch import nn

from pellucid.networks.config import NetworkConfig
from pellucid.networks.layers.shared import Divide, make_activation, make_dropout
from pellucid.settings import Settings

_DEFAULT_WIDTH, _DEFAULT_DROPOUT = 128, 0.1


class HeadSizes(NamedTuple):
    """Sizes of a head, by the settings.

    Attributes:
        widths: units of each hidden layer; none by default.
        dropout: before each layer.
    """

    widths: tuple[int, ...]
    dropout: float

    @classmethod
    def of(cls, settings: Settings) -> "HeadSizes":
        """Settings as sizes; by default no hidden layer, 128 units where there are some, and dropout 0.1."""
        return cls(
            (settings.width or _DEFAULT_WIDTH,) * (settings.depth or 0),
            _DEFAULT_DROPOUT if settings.dropout is None else settings.dropout,
        )


def make_head(config: NetworkConfig, units: int) -> nn.Sequential:
    r"""Build a head of hidden layers `config.widths` on `units` features of length 1.

    They are multiplied by $\sqrt{n}$ first, so that each of the $n$ numbers is about 1 and not tiny,
    which is what the start of the weights and the usual learning rates go by.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["scale"] = Divide(units**-0.5)
    layers["dropout"] = make_dropout(config.dropout)
    for number, width in enumerate(config.widths, start=1):
        layers[f"linear{number}"] = nn.Linear(units, width)
        layers[f"activation{number}"] = make_activation(config.activation)
        layers[f"dropout{number}"] = make_dropout(config.dropout)
        units = width
    layers["linear"] = nn.Linear(units, config.outputs)
    return nn.Sequential(layers)
