"""`word-vectors`: mean and largest values of pretrained vectors of words, and a head on them.

It is made for vectors that were learnt elsewhere; they stay as they are, and only the head is trained.
Without such, by rule: 50 numbers for each word. `depth` and `width` set the hidden layers of the head, of
which there are none by default; dropout 0.1 before each of its layers.

Source: Shen et al. 2018, arXiv:1805.09843.
"""

from collections import OrderedDict

from torch import nn

from pellucid.networks.config import InputFacts, NetworkConfig
from pellucid.networks.layers.heads import HeadSizes, make_head
from pellucid.networks.layers.mean_and_max import MeanAndMax
from pellucid.networks.network import Network
from pellucid.settings import Settings

_EMBEDDING = 50
_DEFAULT_ACTIVATION = "relu"


def design(settings: Settings, facts: InputFacts) -> NetworkConfig:
    """Choose sizes by the rule at the top of this file."""
    head = HeadSizes.of(settings)
    return NetworkConfig(
        name="word-vectors",
        input_shape=facts.input_shape,
        outputs=facts.outputs,
        activation=settings.activation or _DEFAULT_ACTIVATION,
        pooling="average",
        dropout=head.dropout,
        batch_norm=False,
        widths=head.widths,
        vocabulary=facts.vocabulary,
        embedding=facts.embedding or _EMBEDDING,
    )


def assemble(config: NetworkConfig) -> Network:
    """Assemble the mean and maximum of vectors and a head with hidden layers `widths`.

    Raises: `ValueError` if there are no numbers for a word.
    """
    if not config.embedding:
        raise ValueError("word-vectors: an embedding of at least 1 expected, 0 found")
    words = MeanAndMax(config.vocabulary, config.embedding)
    return Network(config, nn.Sequential(OrderedDict(words=words)), make_head(config, 2 * config.embedding))
