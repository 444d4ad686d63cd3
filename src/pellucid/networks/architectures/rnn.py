"""`rnn`: an LSTM or GRU over the text and one over the text backwards, largest and mean state, linear head.

Rule: 128 numbers for each token, one layer of 128 units in either direction, twice as many with the preset
`best`; dropout 0.5. `width` sets the units, `depth` the number of layers, each of which sees both directions
of the one below; `cell` is `lstm` unless `gru` is asked for. Pretrained vectors set the numbers of a token.
"""

from collections import OrderedDict

from torch import nn

from pellucid.errors import UsageError
from pellucid.networks.config import InputFacts, NetworkConfig
from pellucid.networks.layers.shared import make_dropout
from pellucid.networks.layers.texts import BothWays
from pellucid.networks.network import Network
from pellucid.networks.own_layers import Recurrent
from pellucid.settings import Settings

_EMBEDDING = 128
_WIDTHS = {"quick": 128, "standard": 128, "best": 256}
_DEFAULT_CELL, _DEFAULT_DROPOUT = "lstm", 0.5


def design(settings: Settings, facts: InputFacts) -> NetworkConfig:
    """Choose cell and sizes by the rule at the top of this file.

    Looks at `preset`, `cell`, `width`, `depth` and `dropout`.

    Raises: `UsageError` at depth 0, or if an activation is asked for, which a cell has of its own.
    """
    depth = 1 if settings.depth is None else settings.depth
    if depth < 1:
        raise UsageError("--depth: rnn has at least 1 recurrent layer; give 1 or more")
    if settings.activation is not None:
        raise UsageError("--activation: the cells of rnn have sigmoid and tanh by design; leave it out")
    return NetworkConfig(
        name="rnn",
        input_shape=facts.input_shape,
        outputs=facts.outputs,
        activation="tanh",
        dropout=_DEFAULT_DROPOUT if settings.dropout is None else settings.dropout,
        batch_norm=False,
        widths=(settings.width or _WIDTHS[settings.preset],) * depth,
        vocabulary=facts.vocabulary,
        embedding=facts.embedding or _EMBEDDING,
        own=Recurrent(cell=settings.cell or _DEFAULT_CELL),
    )


def cell_of(settings: Settings) -> str:
    """The cell of the network that settings ask for; empty where they ask for none."""
    default = _DEFAULT_CELL if settings.model == "rnn" else ""
    return settings.cell or default


def assemble(config: NetworkConfig) -> Network:
    """Assemble recurrent layers of `widths` units in either direction.

    Raises: `ValueError` if there are no widths, no numbers for a token or no cell.
    """
    if not config.widths or not config.embedding or not config.cell:
        raise ValueError("rnn: at least 1 of widths, an embedding of 1 and a cell expected")
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["layers"] = BothWays(config.vocabulary, config.embedding, config.cell, config.widths)
    layers["dropout"] = make_dropout(config.dropout)
    return Network(config, nn.Sequential(layers), nn.Linear(4 * config.widths[-1], config.outputs))
