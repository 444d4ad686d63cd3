r"""Word vectors out of a local file, as a part below a head.

Kept are the words of the training texts, at most 32,768, and the first 20,000 rows of the file, as such
files hold frequent words first: so the model folder stays small, and words that the training texts lack are
known too. Each word weighs

$$w = \frac{a}{a + p}, \qquad p = \frac{1}{r \, (\ln n + \gamma)}, \qquad a = 10^{-3},$$

with $p$ its frequency in the language, estimated from its row $r$ of $n$ by Zipf's law. How frequent a
word is in the training texts does not count: what stands in most texts of a class tells the class apart.

Source: Arora, Liang and Ma 2017, "A simple but tough-to-beat baseline for sentence embeddings", ICLR.
"""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, Int64

from pellucid.data.texts.store import Texts
from pellucid.encoding import TokenEncoder, fit_tokens
from pellucid.encoding.lookup import FIRST
from pellucid.encoding.tokens.tokenizing import LONGEST_ENTRY, WORDS, split
from pellucid.encoding.vectors.reading import leading_words, read_vectors
from pellucid.encoding.words.characters import normalise
from pellucid.networks import NetworkConfig
from pellucid.networks.origin import Origin
from pellucid.pretrained.backbone import TextBackbone
from pellucid.pretrained.known import origin_of
from pellucid.regular import sha256
from pellucid.settings import Settings

# Rows of the file whose words are known whether or not the training texts hold them.
MOST_FREQUENT = 20_000

_LENGTH = 4_096
_SMOOTHING = 1e-3


def read_word_vectors(
    path: Path, texts: Texts, train: Int64[np.ndarray, " train"], length: int | None = None
) -> TextBackbone:
    """Read the vectors of words by the rule at the top of this file: layers, weights, encoder and origin.

    The file is in a form that `read_vectors` takes; `train` has the positions of the training texts, at least
    one; of a text at most `length` words are read, by default 4,096.

    Raises: `DataError` if the file cannot be read, or holds none of the words.
    """
    settings = Settings(vectors=str(path), length=length or _LENGTH)
    fitted = fit_tokens(texts, train, settings).encoder
    assert isinstance(fitted, TokenEncoder)  # vectors are of words
    asked = [*dict.fromkeys([*fitted.entries, *_single(leading_words(str(path), MOST_FREQUENT))])]
    found = read_vectors(str(path), asked)
    encoder = TokenEncoder(WORDS, fitted.length, tuple(asked[place] for place in found.words.tolist()))
    weights = torch.zeros(encoder.vocabulary)
    weights[FIRST:] = torch.from_numpy(_weights(found.ranks, found.rows))
    vectors = torch.zeros(encoder.vocabulary, found.matrix.shape[1])
    vectors[FIRST:] = torch.from_numpy(found.matrix)
    config = NetworkConfig(
        name="word-vectors",
        input_shape=(encoder.length,),
        outputs=1,
        pooling="average",
        batch_norm=False,
        vocabulary=encoder.vocabulary,
        embedding=vectors.shape[1],
    )
    digest = sha256(path)
    stated = Origin(path.stem, f"{path.stem}, vectors of words", "a local file", "not stated", digest)
    tensors = {"body.words.weight": vectors, "body.words.weights": weights}
    return TextBackbone(config, tensors, encoder, origin_of(digest, stated))


def _single(spelt: list[str]) -> list[str]:
    """Spellings that are one word by our own rule, normalised; no text can hold the others."""
    words = [normalise(word) for word in spelt]
    _, spans = split(WORDS, words)
    counts = np.diff(spans.offsets)
    lengths = np.add.reduceat(np.append(spans.ends - spans.starts, 0), spans.offsets[:-1])
    return [
        word
        for word, count, length in zip(words, counts.tolist(), lengths.tolist(), strict=True)
        if count == 1 and length == len(word) <= LONGEST_ENTRY
    ]


def _weights(ranks: Int64[np.ndarray, " words"], rows: int) -> Float64[np.ndarray, " words"]:
    """Weight of words by their rows."""
    frequencies = 1 / (ranks * (np.log(rows) + np.euler_gamma))
    weights: Float64[np.ndarray, " words"] = _SMOOTHING / (_SMOOTHING + frequencies)
    return weights
