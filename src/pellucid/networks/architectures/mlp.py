"""`mlp`: dense layers from the flattened input to the logits, or to one number.

With depth 0 there is no hidden layer and the network is softmax regression; with two classes its
probability depends on the difference of the two logits alone, which is one unit: the perceptron.
Where a number is predicted, depth 0 is linear regression.
"""

from collections import OrderedDict

from torch import nn

from pellucid.networks.config import InputFacts, NetworkConfig
from pellucid.networks.layers.shared import make_activation, make_dropout, make_unit_norm
from pellucid.networks.network import Network
from pellucid.settings import Settings

_DEFAULT_DEPTH = 2
_DEFAULT_ACTIVATION = "relu"
_NARROWEST, _WIDEST = 32, 512


def design(settings: Settings, facts: InputFacts) -> NetworkConfig:
    """Choose depth and width.

    Two hidden layers of equal width: the power of two at or above twice the number of inputs,
    but not above that for the number of examples, between 32 and 512.
    """
    inputs = 1
    for length in facts.input_shape:
        inputs *= length
    depth = _DEFAULT_DEPTH if settings.depth is None else settings.depth
    width = min(_power_of_two(2 * inputs), _power_of_two(facts.examples))
    width = settings.width or min(_WIDEST, max(_NARROWEST, width))
    return NetworkConfig(
        name="mlp",
        input_shape=facts.input_shape,
        outputs=facts.outputs,
        activation=settings.activation or _DEFAULT_ACTIVATION,
        pooling=settings.pooling,
        dropout=settings.dropout or 0.0,
        batch_norm=settings.batch_norm,
        widths=(width,) * depth,
    )


def assemble(config: NetworkConfig) -> Network:
    """Assemble a hidden layer for each of `widths`."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    units = 1
    for length in config.input_shape:
        units *= length
    layers["flatten"] = nn.Flatten()
    for number, width in enumerate(config.widths, start=1):
        layers[f"linear{number}"] = nn.Linear(units, width, bias=not config.batch_norm)
        layers[f"norm{number}"] = make_unit_norm(width, config.batch_norm)
        layers[f"activation{number}"] = make_activation(config.activation)
        layers[f"dropout{number}"] = make_dropout(config.dropout)
        units = width
    return Network(config, nn.Sequential(layers), nn.Linear(units, config.outputs))


def _power_of_two(number: int) -> int:
    """Smallest power of two at or above a number."""
    return 1 << max(0, number - 1).bit_length()
