"""Choice of a network's encoder from training texts and settings, with the reasons in sentences."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from pellucid.data.raw_texts import Texts
from pellucid.encoding.encoder import FIRST, LONGEST, Encoder
from pellucid.encoding.ngrams import NgramEncoder, Shape, grams_of
from pellucid.encoding.subwords import learn_merges
from pellucid.encoding.survey import (
    FEW_TEXTS,
    LONG_WORD,
    SHORT_TEXT,
    Counter,
    Sample,
    Script,
    Survey,
    least_texts,
    most_frequent,
    sampled,
    script_of,
    spelt,
    survey,
)
from pellucid.encoding.token_encoders import BYTE, CHARACTERS, SUB_WORDS, WORDS, TokenEncoder
from pellucid.encoding.words import normalise
from pellucid.errors import UsageError
from pellucid.language.sentence import Sentence
from pellucid.settings import Settings

_MOST_WITHOUT_SPACES = 0.3
_MOST_IN_LONG_WORDS = 0.5
_MOST_UNKNOWN = {WORDS: 0.2, CHARACTERS: 0.02}
_MOST_ENTRIES = {WORDS: 32_768, CHARACTERS: 16_384, SUB_WORDS: 8_192}
_MOST_READ = {WORDS: 512, SUB_WORDS: 512, CHARACTERS: 512, BYTE: 2_048}
_LEAST_READ = 32
_NOT_CUT = 0.95
_TEXTS_MEASURED = 20_000
_BYTES_JOINED = 10_000_000
_MOST_NGRAMS_READ = 4_096
# Bytes of training texts: parts of words make a step of `bag` two to three times as long.
_MOST_FOR_PARTS = 2_000_000
_AS_ASKED = "as asked for (--length)"
_MOST_BY_RULE = "the most that is read by rule"


class _Bag(NamedTuple):
    """N-grams that a bag holds, the most of each group, and both in words."""

    noun: str
    shape: Shape
    most: tuple[int, ...]
    words: str


_BAG_OF_WORDS = _Bag(WORDS, Shape(2), (32_768, 16_384), "words and pairs of neighbouring words")
_BAG_WITH_PARTS = _Bag(
    WORDS,
    Shape(2, 2, 5),
    (32_768, *[16_384] * 5),
    "words, pairs of neighbouring words and parts of words of 2 to 5 characters",
)
_BAG_OF_CHARACTERS = _Bag(
    CHARACTERS, Shape(3), (8_192, 32_768, 32_768), "characters and runs of up to 3 characters"
)


class Fitting(NamedTuple):
    """Encoder, fitted on training texts alone, and the reasons for its choice in sentences."""

    encoder: Encoder
    reasons: tuple[str, ...]


def fit_tokens(texts: Texts, train: Int64[np.ndarray, " train"], settings: Settings) -> Fitting:
    """Choose and fit the encoder of networks that read tokens in order, with its reasons.

    The settings `tokens`, `length` and `vectors` override the rules; `train` has one position at least.

    Raises: `UsageError` if vectors of words are asked for together with other tokens.
    """
    sample = sampled(texts, train)
    tokens, reason, found = _chosen(sample, settings)
    # A vector gives the meaning of a word that occurs once.
    least = 1 if settings.vectors else least_texts(len(sample.positions))
    vocabulary: tuple[str, ...] = ()
    if tokens == BYTE:
        encoder = TokenEncoder(tokens, LONGEST)
    elif tokens == SUB_WORDS:
        some = (normalise(text) for block in sample.thinned(_BYTES_JOINED).blocks() for text in block)
        encoder = TokenEncoder(tokens, LONGEST, (), learn_merges(some, _MOST_ENTRIES[tokens]))
        size = encoder.vocabulary - FIRST
        vocabulary = (
            Sentence(
                "The vocabulary has {size:,} sub-words: the bytes, and what often occurs together.", size
            ),
        )
    else:
        most = _MOST_ENTRIES[tokens]
        kept = most_frequent((found or survey(tokens, sample, least, most)).counted, least, most)
        encoder = TokenEncoder(tokens, LONGEST, spelt(tokens, sample, kept))
        frequency = _by_frequency(len(kept) == most, least)
        vocabulary = (
            Sentence(
                "The vocabulary has {entries:,} {tokens}: {frequency}.",
                len(encoder.entries),
                tokens,
                frequency,
            ),
        )
    length, reading = _length(encoder, tokens, sample, settings.length)
    encoder = TokenEncoder(tokens, length, encoder.entries, encoder.merges)
    return Fitting(encoder, (reason, *vocabulary, reading, *_of_sample(sample)))


def fit_ngrams(texts: Texts, train: Int64[np.ndarray, " train"], settings: Settings) -> Fitting:
    """Choose and fit the encoder of `bag` on the texts at `train`; `settings.length` overrides the rule."""
    sample = sampled(texts, train)
    script, size = script_of(sample), sample.mean_size
    bag, why_these = _BAG_WITH_PARTS, _by_script(script)
    if script.without_spaces > _MOST_WITHOUT_SPACES:
        bag = _BAG_OF_CHARACTERS
    elif size > SHORT_TEXT or size * sample.train > _MOST_FOR_PARTS:
        bag = _BAG_OF_WORDS
    else:
        why_these += Sentence(", and the texts are few and short ({size:.0f} bytes on the mean)", size)
    counters = [Counter() for _ in bag.most]
    for block in sample.blocks():
        groups = grams_of(bag.shape, [normalise(text) for text in block])
        for counter, grams in zip(counters, groups, strict=True):
            counter.add(grams.names, grams.texts)
    least = least_texts(len(sample.positions))
    kept = [
        most_frequent(counter.finish(), least, most) for counter, most in zip(counters, bag.most, strict=True)
    ]
    sizes = tuple(map(len, kept))
    length, why = (settings.length, _AS_ASKED) if settings.length else (_MOST_NGRAMS_READ, _MOST_BY_RULE)
    encoder = NgramEncoder(bag.shape, length, sizes, np.concatenate(kept))
    some = sample.some(_TEXTS_MEASURED)
    cut = sum(encoder.cut(block) for block in some.blocks())
    whole = (len(some.positions) - cut) / len(some.positions)
    return Fitting(
        encoder,
        (
            Sentence("Texts are seen as a bag of {words}: {why_these}.", bag.words, why_these),
            Sentence(
                "The vocabulary has {sizes:,} of these: {by_frequency}.",
                sum(sizes),
                _by_frequency(sizes == bag.most, least),
            ),
            _reading(Sentence("n-grams of {noun}", bag.noun), length, why, whole),
            *_of_sample(sample),
        ),
    )


def _chosen(sample: Sample, settings: Settings) -> tuple[str, str, Survey | None]:
    """Kind of tokens (words, sub-words, characters or bytes), the reason, and the counts that it rests on."""
    if settings.vectors is not None and settings.tokens not in (None, WORDS):
        raise UsageError(
            "--vectors: holds vectors of words, but --tokens is {tokens}; leave one of them out",
            settings.tokens,
        )
    if settings.tokens is not None:
        return (
            settings.tokens,
            Sentence("Texts are split into {tokens}, as asked for (--tokens).", settings.tokens),
            None,
        )
    if settings.vectors is not None:
        return WORDS, "Texts are split into words, which is what the vectors are of (--vectors).", None
    script, is_small = script_of(sample), len(sample.positions) < FEW_TEXTS
    if script.in_long_words > _MOST_IN_LONG_WORDS:
        tokens = BYTE if is_small else SUB_WORDS
        why = Sentence(
            "{in_long_words} of their characters are in strings of more than",
            _percent(script.in_long_words),
        )
        return (
            tokens,
            Sentence(
                "Texts are split into {tokens}: {why} {LONG_WORD} without a space.", tokens, why, LONG_WORD
            ),
            None,
        )
    tokens = CHARACTERS if script.without_spaces > _MOST_WITHOUT_SPACES else WORDS
    if is_small:
        return tokens, Sentence("Texts are split into {tokens}: {script}.", tokens, _by_script(script)), None
    found = survey(tokens, sample, least_texts(len(sample.positions)), _MOST_ENTRIES[tokens])
    lacking = Sentence(
        "a vocabulary of {tokens} made from nine tenths of the training texts lacks "
        "{unknown} of the {tokens2} of the others",
        tokens,
        _percent(found.unknown),
        tokens,
    )
    if found.unknown > _MOST_UNKNOWN[tokens]:
        return SUB_WORDS, Sentence("Texts are split into sub-words: {lacking}.", lacking), None
    return (
        tokens,
        Sentence(
            "Texts are split into {tokens}: {script}, and {lacking}.", tokens, _by_script(script), lacking
        ),
        found,
    )


def _length(encoder: TokenEncoder, noun: str, sample: Sample, asked: int | None) -> tuple[int, str]:
    """Length that is read of a text, and the reason; the encoder's own is unbounded."""
    some = sample.some(_TEXTS_MEASURED)
    lengths = np.sort(np.concatenate([encoder.encode(block).lengths for block in some.blocks()]))
    enough = int(lengths[int(np.ceil(_NOT_CUT * len(lengths))) - 1])
    if asked is not None:
        length, why = asked, _AS_ASKED
    elif enough < _LEAST_READ:
        length, why = _LEAST_READ, "the least that is read by rule"
    elif enough > _MOST_READ[noun]:
        length, why = _MOST_READ[noun], _MOST_BY_RULE
    else:
        length, why = enough, Sentence("enough for {NOT_CUT} of the training texts", _percent(_NOT_CUT))
    return length, _reading(noun, length, why, float(np.mean(lengths <= length)))


def _reading(noun: str, length: int, why: str, whole: float) -> str:
    """Part of the texts that is read, in a sentence; `whole` is the share of those that are not cut."""
    if why != _AS_ASKED and whole == 1.0:
        return Sentence("Texts are read whole, up to {length:,} {noun}.", length, noun)
    return Sentence(
        "The first {length:,} {noun} of a text are read, {why}; "
        "{whole} of the training texts are read whole.",
        length,
        noun,
        why,
        _percent(whole),
    )


def _by_script(script: Script) -> str:
    if script.without_spaces > _MOST_WITHOUT_SPACES:
        share, do = script.without_spaces, "put no spaces"
    else:
        share, do = 1 - script.without_spaces, "put spaces"
    return Sentence(
        "{share} of their characters belong to scripts that {do} between words", _percent(share), do
    )


def _by_frequency(is_full: bool, least: int) -> str:
    if is_full:
        return "those that occur in the most training texts"
    return (
        "all of the training texts"
        if least == 1
        else Sentence("those that occur in at least {least} training texts", least)
    )


def _of_sample(sample: Sample) -> tuple[str, ...]:
    if len(sample.positions) == sample.train:
        return ()
    return (
        Sentence(
            "All this was found on {positions:,} of the {train:,} training texts.",
            len(sample.positions),
            sample.train,
        ),
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %".replace(".0 %", " %")
