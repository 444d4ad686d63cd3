"""`bag`: the n-grams of a text, weighed by how rare they are, then dense layers.

Rule: one hidden layer of 128 units, of 64 where there are fewer than eight classes or a number is predicted,
and of 256 with the preset `best`. `width` sets the units, `depth` the number of hidden layers. Each has
dropout 0.5 unless `dropout` says otherwise.
"""

from collections import OrderedDict

from torch import nn

from pellucid.encoding.tokens.ragged import UNKNOWN
from pellucid.errors import UsageError
from pellucid.networks.config import MANY_CLASSES, InputFacts, NetworkConfig
from pellucid.networks.layers.shared import make_activation, make_dropout
from pellucid.networks.layers.texts import WeighedSum
from pellucid.networks.network import Network
from pellucid.networks.own_layers import Grams
from pellucid.settings import Settings

_WIDTHS = {"quick": 128, "standard": 128, "best": 256}
_WIDTHS_OF_FEW = {**_WIDTHS, "quick": 64, "standard": 64}
_DEFAULT_ACTIVATION, _DEFAULT_DROPOUT = "relu", 0.5


def design(settings: Settings, facts: InputFacts) -> NetworkConfig:
    """Choose width and depth by the rule at the top of this file.

    Looks at `preset`, `width`, `depth`, `activation` and `dropout`, and at the number of classes.

    Raises: `UsageError` at depth 0.
    """
    depth = 1 if settings.depth is None else settings.depth
    if depth < 1:
        raise UsageError("--depth: bag has at least 1 hidden layer; give 1 or more")
    widths = _WIDTHS if facts.outputs >= MANY_CLASSES else _WIDTHS_OF_FEW
    return NetworkConfig(
        name="bag",
        input_shape=facts.input_shape,
        outputs=facts.outputs,
        activation=settings.activation or _DEFAULT_ACTIVATION,
        dropout=_DEFAULT_DROPOUT if settings.dropout is None else settings.dropout,
        batch_norm=False,
        widths=(settings.width or widths[settings.preset],) * depth,
        vocabulary=facts.vocabulary,
        own=Grams(groups=facts.groups or (UNKNOWN + 1, facts.vocabulary)),
    )


def assemble(config: NetworkConfig) -> Network:
    """Assemble a hidden layer for each of `widths`.

    Raises: `ValueError` without hidden layers or without `groups`.
    """
    if not config.widths or len(config.groups) < 2:
        raise ValueError("bag: at least 1 of widths and 2 of groups expected")
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    units = config.widths[0]
    layers["sum"] = WeighedSum(config.groups, units)
    for number, width in enumerate(config.widths, start=1):
        if number > 1:
            layers[f"linear{number}"] = nn.Linear(units, width)
        layers[f"activation{number}"] = make_activation(config.activation)
        layers[f"dropout{number}"] = make_dropout(config.dropout)
        units = width
    return Network(config, nn.Sequential(layers), nn.Linear(units, config.outputs))
