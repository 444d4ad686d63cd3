"""`text-cnn`: filters over 2 to 5 neighbouring tokens, the largest value of each, dropout, linear head.

Rule: 128 numbers for each token, 128 filters of each of the four widths, twice as many with the preset
`best`; dropout 0.5. `width` sets the filters of each width; `depth` puts so many dense layers of that many
units before the head. Pretrained vectors set the numbers of a token.

Source: Kim 2014, arXiv:1408.5882.
"""

from collections import OrderedDict

from torch import nn

from pellucid.networks.config import InputFacts, NetworkConfig
from pellucid.networks.layers.shared import make_activation, make_dropout
from pellucid.networks.layers.texts import ParallelConvolutions
from pellucid.networks.network import Network
from pellucid.networks.own_layers import Filters
from pellucid.settings import Settings

_KERNELS = (2, 3, 4, 5)
_EMBEDDING = 128
_FILTERS = {"quick": 128, "standard": 128, "best": 256}
_DEFAULT_ACTIVATION, _DEFAULT_DROPOUT = "relu", 0.5


def design(settings: Settings, facts: InputFacts) -> NetworkConfig:
    """Choose sizes by the rule at the top of this file."""
    width = settings.width or _FILTERS[settings.preset]
    return NetworkConfig(
        name="text-cnn",
        input_shape=facts.input_shape,
        outputs=facts.outputs,
        activation=settings.activation or _DEFAULT_ACTIVATION,
        dropout=_DEFAULT_DROPOUT if settings.dropout is None else settings.dropout,
        batch_norm=False,
        widths=(width,) * (1 + (settings.depth or 0)),
        vocabulary=facts.vocabulary,
        embedding=facts.embedding or _EMBEDDING,
        own=Filters(kernels=_KERNELS),
    )


def assemble(config: NetworkConfig) -> Network:
    """Assemble `widths[0]` filters of each kernel and the hidden layers of the other widths.

    Raises: `ValueError` without widths or numbers for a token, or if a kernel is missing or comes twice.
    """
    if not config.widths or not config.embedding:
        raise ValueError("text-cnn: at least 1 of widths and an embedding of 1 expected")
    kernels = config.layers(Filters).kernels
    if not kernels or len(set(kernels)) < len(kernels):
        raise ValueError(f"text-cnn: kernels {list(kernels)}, where at least one, each once, is expected")
    filters = config.widths[0]
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["filters"] = ParallelConvolutions(
        config.vocabulary, config.embedding, kernels, filters, make_activation(config.activation)
    )
    layers["dropout1"] = make_dropout(config.dropout)
    units = filters * len(kernels)
    for number, width in enumerate(config.widths[1:], start=2):
        layers[f"linear{number}"] = nn.Linear(units, width)
        layers[f"activation{number}"] = make_activation(config.activation)
        layers[f"dropout{number}"] = make_dropout(config.dropout)
        units = width
    return Network(config, nn.Sequential(layers), nn.Linear(units, config.outputs))
