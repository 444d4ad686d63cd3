"""Small models of texts: one text for each of scikit-learn's digits, so that labels are the same."""

import functools

import numpy as np
import torch

from pellucid.bundle import TextModel
from pellucid.data.raw_texts import Texts
from pellucid.encoding import Encoder, UnigramEncoder, WordPieceEncoder, fit_ngrams, fit_tokens
from pellucid.networks import InputFacts, build, design
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION, REGRESSION
from small_models import CLASSES, digits

_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_OTHERS = (
    "I", "read", "a", "number", "here", "it", "is", "größer", "数字", "🎲", "perhaps", "not", "written",
)  # fmt: skip


PIECES = ("[CLS]", "[SEP]", *_NAMES, *(word.lower() for word in _OTHERS[:7]), "gr", "##o", "##ß", "##er")
"""Word pieces of the texts; some of their words are unknown."""


@functools.cache
def texts() -> list[str]:
    """1,797 texts of 4 to 23 words that name their digit once or twice among words that tell nothing."""
    chance = np.random.default_rng(0)
    found = []
    for label in digits()[1].tolist():
        words = chance.choice(_OTHERS, chance.integers(3, 22)).tolist()
        for _ in range(chance.integers(1, 3)):
            words.insert(int(chance.integers(len(words) + 1)), _NAMES[label])
        found.append(" ".join(words))
    return found


@functools.cache
def encoder(name: str, tokens: str | None = None, length: int = 24) -> Encoder:
    """What a network reads, fitted on the first 300 texts; word pieces and Unigram pieces are not fitted."""
    if tokens == "unigram":
        pieces = (
            "<s>",
            "</s>",
            *(f"▁{word}" for word in (*_NAMES, *_OTHERS[:7])),
            "▁",
            "数",
            "数字",
            "e",
            "▁no",
        )
        scores = (0.0, 0.0, *(-2.0 - number / 3 for number in range(len(pieces) - 2)))
        made = UnigramEncoder(pieces, scores, length, ("<s>",), ("</s>",), -30.0, {"\n": " ", "ﬁ": "fi"})
        return made.prefixed("read: ")
    if name == "sentence-encoder":
        return WordPieceEncoder(PIECES, length)
    fit = fit_ngrams if name == "bag" else fit_tokens
    settings = Settings(tokens=tokens, length=length)
    return fit(Texts.of(texts()), np.arange(300), settings).encoder


def text_model(
    name: str = "text-cnn", classes: tuple[str, ...] = CLASSES, *, tokens: str | None = None, **given
) -> TextModel:
    """An untrained model of texts; of numbers that lie where the digits do without classes."""
    reads = encoder(name, tokens, given.pop("length", 24))
    facts = InputFacts((reads.length,), len(classes) or 1, 300, reads.vocabulary)
    settings = Settings(**{"width": 8, **given})
    network = build(design(name, settings, facts), torch.Generator().manual_seed(0))
    if not classes:
        network.rescale.fit(torch.from_numpy(digits()[1]).double())
    return TextModel(network, reads, classes, CLASSIFICATION if classes else REGRESSION)


def trained_text_model(name: str = "text-cnn") -> TextModel:
    """A model that reads most of the digits' names; trained on the first 1,000 texts."""
    model = text_model(name)
    tokens, labels = model.encoder.encode(texts()[:1000]), torch.from_numpy(digits()[1][:1000])
    optimiser = torch.optim.Adam(model.network.parameters(), lr=0.01)
    chance = np.random.default_rng(0)
    torch.manual_seed(0)  # dropout draws from it
    for _ in range(90):
        batch = chance.choice(1000, 100, replace=False)
        optimiser.zero_grad()
        outputs = model.network(torch.from_numpy(tokens.padded(batch)))
        torch.nn.functional.cross_entropy(outputs, labels[batch]).backward()
        optimiser.step()
    model.network.eval()
    return model
