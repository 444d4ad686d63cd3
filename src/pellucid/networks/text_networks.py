"""Networks of texts: four that are trained from scratch, and those whose weights were learnt elsewhere."""

from collections import OrderedDict

from torch import nn

from pellucid.encoding.encoder import UNKNOWN
from pellucid.errors import UsageError
from pellucid.language.sentence import Sentence
from pellucid.networks.backbone import HeadSizes, make_head
from pellucid.networks.config import (
    MANY_CLASSES,
    Attention,
    Branches,
    Filters,
    Grams,
    InputFacts,
    NetworkConfig,
    Recurrent,
    designed,
)
from pellucid.networks.layers import add_dense, make_activation, make_dropout
from pellucid.networks.network import Network
from pellucid.networks.text_encoders import BranchedNgrams, TokenTransformer, Transformer, TransformerLayer
from pellucid.networks.text_layers import BothWays, EmbeddingBag, MeanAndMax, ParallelConvolutions
from pellucid.settings import Settings

_BAG_WIDTHS = {"quick": 128, "standard": 128, "best": 256}
_BAG_WIDTHS_OF_FEW = {**_BAG_WIDTHS, "quick": 64, "standard": 64}


def design_bag(settings: Settings, facts: InputFacts) -> NetworkConfig:
    """Choose width, by preset and number of classes, and depth.

    Raises: `UsageError` at depth 0.
    """
    depth = 1 if settings.depth is None else settings.depth
    if depth < 1:
        raise UsageError("--depth: bag has at least 1 hidden layer; give 1 or more")
    widths = _BAG_WIDTHS if facts.outputs >= MANY_CLASSES else _BAG_WIDTHS_OF_FEW
    return designed(
        "bag",
        settings,
        facts,
        (settings.width or widths[settings.preset],) * depth,
        "relu",
        dropout=0.5,
        own=Grams(groups=facts.groups or (UNKNOWN + 1, facts.vocabulary)),
    )


def assemble_bag(config: NetworkConfig) -> Network:
    """Assemble a hidden layer for each of `widths`.

    Raises: `ValueError` without hidden layers or without `groups`.
    """
    if not config.widths or len(config.groups) < 2:
        raise ValueError("bag: at least 1 of widths and 2 of groups expected")
    first, *further = config.widths
    layers = OrderedDict[str, nn.Module](
        sum=EmbeddingBag(config.groups, first),
        activation1=make_activation(config.activation),
        dropout1=make_dropout(config.dropout),
    )
    units = add_dense(layers, config, first, further, 2)
    return Network(config, nn.Sequential(layers), nn.Linear(units, config.outputs))


# `text-cnn`: filters of several widths, the largest value of each. Source: Kim 2014, arXiv:1408.5882.

_TEXT_CNN_FILTERS = {"quick": 128, "standard": 128, "best": 256}


def design_text_cnn(settings: Settings, facts: InputFacts) -> NetworkConfig:
    """Choose sizes: `width` is the filters of each kernel, `depth` the dense layers before the head."""
    width = settings.width or _TEXT_CNN_FILTERS[settings.preset]
    return designed(
        "text-cnn",
        settings,
        facts,
        (width,) * (1 + (settings.depth or 0)),
        "relu",
        dropout=0.5,
        embedding=facts.embedding or 128,
        own=Filters(kernels=(2, 3, 4, 5)),
    )


def assemble_text_cnn(config: NetworkConfig) -> Network:
    """Assemble `widths[0]` filters of each kernel and the hidden layers of the other widths.

    Raises: `ValueError` without widths or numbers for a token, or if a kernel is missing or comes twice.
    """
    if not config.widths or not config.embedding:
        raise ValueError("text-cnn: at least 1 of widths and an embedding of 1 expected")
    kernels = config.layers(Filters).kernels
    if not kernels or len(set(kernels)) < len(kernels):
        raise ValueError(
            Sentence("text-cnn: kernels {kernels}, where at least one, each once, is expected", list(kernels))
        )
    filters, *further = config.widths
    layers = OrderedDict[str, nn.Module](
        filters=ParallelConvolutions(
            config.vocabulary, config.embedding, kernels, filters, make_activation(config.activation)
        ),
        dropout1=make_dropout(config.dropout),
    )
    units = add_dense(layers, config, filters * len(kernels), further, 2)
    return Network(config, nn.Sequential(layers), nn.Linear(units, config.outputs))


# `rnn`: recurrent layers in both directions, each layer on both of the one below.

_RNN_WIDTHS = {"quick": 128, "standard": 128, "best": 256}
_RNN_CELL = "lstm"


def design_rnn(settings: Settings, facts: InputFacts) -> NetworkConfig:
    """Choose cell and sizes: `width` is the units in either direction, `depth` the number of layers.

    Raises: `UsageError` at depth 0, or if an activation is asked for, which a cell has of its own.
    """
    depth = 1 if settings.depth is None else settings.depth
    if depth < 1:
        raise UsageError("--depth: rnn has at least 1 recurrent layer; give 1 or more")
    if settings.activation is not None:
        raise UsageError("--activation: the cells of rnn have sigmoid and tanh by design; leave it out")
    return designed(
        "rnn",
        settings,
        facts,
        (settings.width or _RNN_WIDTHS[settings.preset],) * depth,
        "tanh",
        dropout=0.5,
        embedding=facts.embedding or 128,
        own=Recurrent(cell=settings.cell or _RNN_CELL),
    )


def cell_of(settings: Settings) -> str:
    """The cell of the network that settings ask for; empty where they ask for none."""
    default = _RNN_CELL if settings.model == "rnn" else ""
    return settings.cell or default


def assemble_rnn(config: NetworkConfig) -> Network:
    """Assemble recurrent layers of `widths` units in either direction.

    Raises: `ValueError` if there are no widths, no numbers for a token or no cell.
    """
    if not config.widths or not config.embedding or not config.cell:
        raise ValueError("rnn: at least 1 of widths, an embedding of 1 and a cell expected")
    layers = OrderedDict[str, nn.Module](
        layers=BothWays(config.vocabulary, config.embedding, config.cell, config.widths),
        dropout=make_dropout(config.dropout),
    )
    return Network(config, nn.Sequential(layers), nn.Linear(4 * config.widths[-1], config.outputs))


# `transformer`: layers of attention, trained from scratch. Source: Vaswani et al. 2017, arXiv:1706.03762.

_TRANSFORMER_WIDTHS = {"quick": 128, "standard": 128, "best": 256}
_NUMBERS_OF_HEAD = 32
# Most tokens of a text: every one looks at every other, so that time and memory grow with its square.
LONGEST_TEXT = 8_192
_FEED_FORWARD = 2  # units between the two dense layers for each number of a token


def design_transformer(settings: Settings, facts: InputFacts) -> NetworkConfig:
    """Choose sizes: `width` is the numbers of a token, 32 or more of them in each head; `depth` the layers.

    Raises: `UsageError` at depth 0, and for texts longer than `LONGEST_TEXT`.
    """
    depth = 2 if settings.depth is None else settings.depth
    if depth < 1:
        raise UsageError("--depth: transformer has at least 1 layer; give 1 or more")
    if facts.input_shape[0] > LONGEST_TEXT:
        raise UsageError(
            "--length: transformer reads at most {LONGEST_TEXT} tokens of a text; give fewer", LONGEST_TEXT
        )
    width = settings.width or _TRANSFORMER_WIDTHS[settings.preset]
    most = max(1, width // _NUMBERS_OF_HEAD)
    heads = next(each for each in range(most, 0, -1) if width % each == 0)
    return designed(
        "transformer",
        settings,
        facts,
        (),
        "gelu",
        dropout=0.5,
        embedding=width,
        own=Attention(transformer_layers=depth, attention_heads=heads, feed_forward=_FEED_FORWARD * width),
    )


def assemble_transformer(config: NetworkConfig) -> Network:
    """Assemble the layers of attention and a head without hidden layers.

    Raises: `ValueError` as `assemble_sentence_encoder`.
    """
    layers = OrderedDict[str, nn.Module](
        encoder=TokenTransformer(
            config.vocabulary, config.input_shape[0], config.embedding, _transformer_layers(config)
        ),
        dropout=make_dropout(config.dropout),
    )
    return Network(config, nn.Sequential(layers), nn.Linear(2 * config.embedding, config.outputs))


def _transformer_layers(config: NetworkConfig) -> list[TransformerLayer]:
    own = config.layers(Attention)
    sizes = (config.embedding, own.transformer_layers, own.attention_heads, own.feed_forward)
    if not all(sizes):
        raise ValueError(
            Sentence(
                "{name}: at least 1 of embedding, transformer_layers, attention_heads and feed_forward "
                "expected, {sizes} found",
                config.name,
                ", ".join(map(str, sizes)),
            )
        )
    if config.embedding % own.attention_heads:
        raise ValueError(
            Sentence(
                "{name}: {embedding} numbers do not split into {attention_heads} heads",
                config.name,
                config.embedding,
                own.attention_heads,
            )
        )
    if config.input_shape[0] > LONGEST_TEXT:
        raise ValueError(
            Sentence(
                "{name}: texts of {length} tokens, where {longest} are admitted",
                config.name,
                config.input_shape[0],
                LONGEST_TEXT,
            )
        )
    return [
        TransformerLayer(
            config.embedding, own.attention_heads, own.feed_forward, config.activation, own.norm_epsilon
        )
        for _ in range(own.transformer_layers)
    ]


# `word-vectors`: made for vectors that were learnt elsewhere, which stay as they are below a head that is
# trained. Source: Shen et al. 2018, arXiv:1805.09843.


def design_word_vectors(settings: Settings, facts: InputFacts) -> NetworkConfig:
    """Choose sizes: `width` and `depth` are those of the head, which has no hidden layer by default."""
    head = HeadSizes.of(settings)
    return designed(
        "word-vectors",
        settings,
        facts,
        head.widths,
        "relu",
        dropout=head.dropout,
        embedding=facts.embedding or 50,
        pooling="average",
    )


def assemble_word_vectors(config: NetworkConfig) -> Network:
    """Assemble the mean and maximum of vectors and a head with hidden layers `widths`.

    Raises: `ValueError` if there are no numbers for a word.
    """
    if not config.embedding:
        raise ValueError("word-vectors: an embedding of at least 1 expected, 0 found")
    words = MeanAndMax(config.vocabulary, config.embedding)
    return Network(config, nn.Sequential(OrderedDict(words=words)), make_head(config, 2 * config.embedding))


# `sentence-encoder`: made for weights that were learnt elsewhere, whose sizes its config then has. Source:
# Devlin et al. 2019, arXiv:1810.04805; Reimers and Gurevych 2019, arXiv:1908.10084, for the mean over the
# tokens.


def design_sentence_encoder(settings: Settings, facts: InputFacts) -> NetworkConfig:
    """Choose sizes: `width` and `depth` are those of the head, which has no hidden layer by default."""
    head = HeadSizes.of(settings)
    return designed(
        "sentence-encoder",
        settings,
        facts,
        head.widths,
        "gelu",
        dropout=head.dropout,
        embedding=64,
        pooling="average",
        own=Attention(transformer_layers=2, attention_heads=4, feed_forward=256),
    )


def assemble_sentence_encoder(config: NetworkConfig) -> Network:
    """Assemble the encoder and a head with hidden layers `widths`.

    Raises: `ValueError` if a size is missing, the heads do not share the numbers of a token evenly, or texts
        are too long.
    """
    own, layers = config.layers(Attention), _transformer_layers(config)
    body = Transformer(config.vocabulary, config.input_shape[0], config.embedding, layers, own.norm_epsilon)
    return Network(config, nn.Sequential(OrderedDict(encoder=body)), make_head(config, config.embedding))


# `ngram-encoder`: likewise made for weights that were learnt elsewhere.


def design_ngram_encoder(settings: Settings, facts: InputFacts) -> NetworkConfig:
    """Choose sizes: `width` and `depth` are those of the head, which has no hidden layer by default."""
    head = HeadSizes.of(settings)
    return designed(
        "ngram-encoder",
        settings,
        facts,
        head.widths,
        "relu",
        dropout=head.dropout,
        embedding=32,
        pooling="average",
        own=Branches(kernels=(2, 3), filters=16, hidden=24),
    )


def assemble_ngram_encoder(config: NetworkConfig) -> Network:
    """Assemble the encoder and a head with hidden layers `widths`.

    Raises: `ValueError` if there are no numbers for a token, or a kernel is missing or comes twice.
    """
    own = config.layers(Branches)
    if not config.embedding:
        raise ValueError("ngram-encoder: an embedding of at least 1 expected, 0 found")
    if not own.kernels or len(set(own.kernels)) < len(own.kernels):
        raise ValueError(
            Sentence(
                "ngram-encoder: kernels {kernels}, where at least one, each once, is expected",
                list(own.kernels),
            )
        )
    body = BranchedNgrams(
        config.vocabulary, config.embedding, own.kernels, own.filters, own.hidden, config.activation
    )
    return Network(config, nn.Sequential(OrderedDict(encoder=body)), make_head(config, config.embedding))
