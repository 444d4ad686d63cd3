"""`sentence-encoder`: a transformer over the tokens of a text, their mean at length 1, and a head on it.

It is made for weights that were learnt elsewhere, whose sizes its config then has. Without such, by rule: 64
numbers for each token, two layers of four heads, 256 units in their dense layers, GELU. `depth` and `width`
set the hidden layers of the head, of which there are none by default; dropout 0.1 before each of its layers.

Source: Devlin et al. 2019, arXiv:1810.04805, for the layers; Reimers and Gurevych 2019, arXiv:1908.10084,
for the mean over the tokens as the feature of a text.
"""

from collections import OrderedDict

from torch import nn

from pellucid.networks.config import InputFacts, NetworkConfig
from pellucid.networks.layers.heads import HeadSizes, make_head
from pellucid.networks.layers.transformer import Transformer, TransformerLayer
from pellucid.networks.network import Network
from pellucid.networks.own_layers import Attention
from pellucid.settings import Settings

# Most tokens of a text: every one looks at every other, so that time and memory grow with its square.
LONGEST_TEXT = 8_192

_EMBEDDING, _LAYERS, _HEADS, _FEED_FORWARD = 64, 2, 4, 256
_DEFAULT_ACTIVATION = "gelu"


def design(settings: Settings, facts: InputFacts) -> NetworkConfig:
    """Choose sizes by the rule at the top of this file."""
    head = HeadSizes.of(settings)
    return NetworkConfig(
        name="sentence-encoder",
        input_shape=facts.input_shape,
        outputs=facts.outputs,
        activation=settings.activation or _DEFAULT_ACTIVATION,
        pooling="average",
        dropout=head.dropout,
        batch_norm=False,
        widths=head.widths,
        vocabulary=facts.vocabulary,
        embedding=_EMBEDDING,
        own=Attention(transformer_layers=_LAYERS, attention_heads=_HEADS, feed_forward=_FEED_FORWARD),
    )


def assemble(config: NetworkConfig) -> Network:
    """Assemble the encoder and a head with hidden layers `widths`.

    Raises: `ValueError` if a size is missing, the heads do not share the numbers of a token evenly, or texts
        are too long.
    """
    own = config.layers(Attention)
    sizes = (config.embedding, own.transformer_layers, own.attention_heads, own.feed_forward)
    if not all(sizes):
        raise ValueError(
            "sentence-encoder: at least 1 of embedding, transformer_layers, attention_heads and feed_forward "
            f"expected, {', '.join(map(str, sizes))} found"
        )
    if config.embedding % own.attention_heads:
        raise ValueError(
            f"sentence-encoder: {config.embedding} numbers do not split into {own.attention_heads} heads"
        )
    if config.input_shape[0] > LONGEST_TEXT:
        raise ValueError(
            f"sentence-encoder: texts of {config.input_shape[0]} tokens, where {LONGEST_TEXT} are admitted"
        )
    layers = [
        TransformerLayer(config.embedding, own.attention_heads, own.feed_forward, config.activation)
        for _ in range(own.transformer_layers)
    ]
    body = Transformer(config.vocabulary, config.input_shape[0], config.embedding, layers)
    return Network(config, nn.Sequential(OrderedDict(encoder=body)), make_head(config, config.embedding))
