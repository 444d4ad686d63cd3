"""Form of every network: standardise → body → head; and the origin of weights that others trained."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Int64, Shaped
from torch import Tensor, nn

from pellucid.language.sentence import Sentence
from pellucid.networks.config import NetworkConfig
from pellucid.networks.initialisation import EMBEDDING_SCALE, WhiteningStem, initialise_layers
from pellucid.networks.layers import Rescale, Standardise
from pellucid.networks.text_layers import EmbeddingBag
from pellucid.safety.strict import Saved, Text

_LONGEST = 300
_STEM_IMAGES = 4096


@dataclass(frozen=True)
class Origin(Saved):
    """Weights that others trained, as the model card names them."""

    name: Annotated[str, Text(_LONGEST)]  # such as `efficientnet-lite0`
    title: Annotated[str, Text(_LONGEST)]  # what they are and what they were trained on
    source: Annotated[str, Text(_LONGEST)]  # package or file they were taken from
    licence: Annotated[str, Text(_LONGEST)]  # SPDX name, or words where it is not known
    sha256: Annotated[str, Text(_LONGEST, pattern="[0-9a-f]{64}")]  # of the file they were taken from

    def facts(self) -> dict[str, str]:
        """Facts for the model card: names in words to texts, in the order to show."""
        return {
            "pretrained part": self.title,
            "its source": self.source,
            "its licence": self.licence,
            "its weights": f"SHA-256 {self.sha256}",
        }


class Network(nn.Module):
    """Network from raw values to logits, or, where `config.outputs` is 1, to a number in its own unit.

    It is built from a body and a head, which ends in logits or in one standardised prediction.
    """

    config: NetworkConfig
    # First layer, with the data's mean and standard deviation; ids of texts pass it as they are.
    standardise: Standardise | nn.Identity
    body: nn.Sequential  # named layers from standardised input to the last hidden layer
    # From the last hidden layer to logits. Where a number is predicted, its last layer, `rescale`, turns a
    # standardised prediction into one in the unit of the labels.
    head: nn.Module
    origin: Origin | None  # where the weights of the body come from that others trained

    def __init__(self, config: NetworkConfig, body: nn.Sequential, head: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.standardise = nn.Identity() if config.vocabulary else Standardise(config.input_shape)
        self.body = body
        self.origin = None
        if config.outputs == 1:
            layers = dict(head.named_children()) if isinstance(head, nn.Sequential) else {"linear": head}
            head = nn.Sequential(OrderedDict(**layers, rescale=Rescale()))
        self.head = head

    @property
    def name(self) -> str:
        """Name of the family, or of the weights that others trained."""
        return self.config.name if self.origin is None else self.origin.name

    @property
    def rescale(self) -> Rescale | None:
        """Last layer where a number is predicted; `None` where classes are."""
        return _rescale_of(self.head)

    def features(self, inputs: Shaped[Tensor, "batch ..."]) -> Float[Tensor, "batch features"]:
        """Last hidden layer, one row per example.

        Inputs are raw pixel values 0 to 255 (batch, channel, height, width), raw features, or ids of texts
        (batch, length), int64, filled up at the end with 0, which changes nothing.
        """
        hidden: Tensor = self.body(self.standardise(inputs))
        return hidden

    def forward(self, inputs: Shaped[Tensor, "batch ..."]) -> Float[Tensor, "batch outputs"]:
        """One row per example, inputs as for `features`: logits, or one number in the labels' own unit."""
        outputs: Tensor = self.head(self.features(inputs))
        return outputs

    def every_layer(self, inputs: Shaped[Tensor, "batch ..."]) -> None:
        """Run every layer, in the order of computation."""
        self(inputs)

    def initialise(self, generator: torch.Generator) -> None:
        """Start every weight, bias, norm and buffer afresh."""
        if isinstance(self.standardise, Standardise):
            nn.init.zeros_(self.standardise.mean)
            nn.init.ones_(self.standardise.std)
        initialise_layers(self.body, self.config.activation, generator)
        *hidden, last = [layer for layer in self.head.modules() if isinstance(layer, nn.Linear)]
        for layer in hidden:
            initialise_layers(layer, self.config.activation, generator)
        initialise_layers(last, "softmax", generator)
        if self.rescale is not None:
            nn.init.zeros_(self.rescale.mean)
            nn.init.ones_(self.rescale.std)

    @torch.no_grad()
    def initialise_from_data(
        self, inputs: Shaped[Tensor, "batch ..."], numbers: Float64[Tensor, " examples"] | None = None
    ) -> None:
        """Set what comes from training data: the standardisation and, in `cnn`, the whitening stem.

        Equal inputs give equal bytes. Works in float64 on the CPU: call it before the network
        moves to another device.

        Inputs are as for `features`, or images in 8 bits, of training examples only; ids of texts set nothing
        (see `weigh_ids`). A network that predicts a number rescales by mean and standard deviation of
        `numbers`, labels of training examples; without them it goes on predicting standardised ones.

        Raises: `ValueError` if numbers are given for a network of classes, or all are equal.
        """
        if numbers is not None:
            if self.rescale is None:
                raise ValueError("numbers: this network predicts classes; leave them out")
            self.rescale.fit(numbers)
        if isinstance(self.standardise, nn.Identity):
            return
        self.standardise.fit(inputs)
        for layer in self.body.children():
            if isinstance(layer, WhiteningStem):
                sample = inputs[:: max(1, -(-len(inputs) // _STEM_IMAGES))]
                sample = sample[:: layer.distance(tuple(sample.shape))]
                layer.fit(self.standardise(sample.float()))

    def weigh_ids(self, counts: Int64[Tensor, " vocabulary"], texts: int) -> None:
        """Give a network of n-grams the rarity of each; nothing happens in the others.

        `counts` are the training texts that hold an id, each text once; `texts` is the number of training
        texts.

        Raises: `ValueError` if there is not one count for each id, or one is not possible.
        """
        if len(counts) != self.config.vocabulary or not ((counts >= 0) & (counts <= texts)).all():
            raise ValueError(
                Sentence(
                    "counts: {vocabulary} numbers from 0 to {texts} expected, {counts} found",
                    self.config.vocabulary,
                    texts,
                    len(counts),
                )
            )
        for layer in self.body.children():
            if isinstance(layer, EmbeddingBag):
                layer.fit(counts, texts)

    @torch.no_grad()
    def load_vectors(
        self, rows: Int64[np.ndarray, " words"], matrix: Float32[np.ndarray, "words size"], tune: bool
    ) -> None:
        """Start words with pretrained vectors.

        All are brought to the scale at which the network's own vectors start, so that those of unknown
        words are neither drowned nor louder.

        `matrix` has the vector of each of the words with ids `rows`. `tune` lets training change the vectors;
        otherwise those of all ids stay as they are.

        Raises: `ValueError` if the network has no vectors of ids, of another length, or fewer of them.
        """
        tables = [layer for layer in self.body.modules() if isinstance(layer, nn.Embedding)]
        if not tables:
            raise ValueError(
                Sentence("vectors: {name} has no vectors of tokens; choose text-cnn or rnn", self.config.name)
            )
        table = tables[0].weight
        if matrix.shape[1] != table.shape[1]:
            raise ValueError(
                Sentence(
                    "vectors: of {shape} numbers, where {shape2} are expected",
                    matrix.shape[1],
                    table.shape[1],
                )
            )
        if len(rows) and not 0 < int(rows.min()) <= int(rows.max()) < len(table):
            raise ValueError(Sentence("vectors: a row is outside 1 to {table}", len(table) - 1))
        vectors = torch.from_numpy(matrix).to(table)
        scale = vectors.square().mean().sqrt()
        table[torch.from_numpy(rows)] = vectors * (EMBEDDING_SCALE / scale) if scale > 0 else vectors
        table.requires_grad_(tune)


class HeadAlone(nn.Module):
    """Head of a network, shared with it, to be trained on last hidden layers that were computed before."""

    config: NetworkConfig
    head: nn.Module

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.config = network.config
        self.head = network.head

    @property
    def rescale(self) -> Rescale | None:
        """Last layer where a number is predicted; `None` where classes are."""
        return _rescale_of(self.head)

    def forward(self, features: Float[Tensor, "batch features"]) -> Float[Tensor, "batch outputs"]:
        """Outputs for last hidden layers."""
        outputs: Tensor = self.head(features)
        return outputs

    @torch.no_grad()
    def fit(self, features: Float[Tensor, "examples features"], labels: Shaped[Tensor, " examples"]) -> None:
        """Set the scale of the features and, where numbers are predicted, that of the training labels."""
        for layer in self.head.children():
            if isinstance(layer, Standardise):
                layer.fit(features)
        if self.rescale is not None:
            self.rescale.fit(labels)


def _rescale_of(head: nn.Module) -> Rescale | None:
    """Last layer of a head that predicts a number."""
    last = list(head.children())[-1:]
    return last[0] if last and isinstance(last[0], Rescale) else None
