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
_AS_ASKED, _MOST_BY_RULE = "as asked for (--length)", "the most that is read by rule"


class _Bag(NamedTuple):
    """N-grams that a bag holds, and the most of each group."""

    noun: str
    shape: Shape
    most: tuple[int, ...]


_BAG_OF_WORDS = _Bag(WORDS, Shape(2), (32_768, 16_384))
_BAG_WITH_PARTS = _Bag(WORDS, Shape(2, 2, 5), (32_768, *[16_384] * 5))
_BAG_OF_CHARACTERS = _Bag(CHARACTERS, Shape(3), (8_192, 32_768, 32_768))


class Fitting(NamedTuple):
    """Encoder and the reasons for its choice.

    Attributes:
        encoder: fitted on training texts alone.
        reasons: sentences for people.
    """

    encoder: Encoder
    reasons: tuple[str, ...]


class _Choice(NamedTuple):
    """Kind of tokens, the reason for it, and the counts that it rests on."""

    tokens: str
    reason: str
    found: Survey | None = None


def fit_tokens(texts: Texts, train: Int64[np.ndarray, " train"], settings: Settings) -> Fitting:
    """Choose and fit the encoder of `text-cnn` and `rnn` on the training texts, and give its reasons.

    The settings `tokens`, `length` and `vectors` override the rules; `train` has one position at least.

    Raises: `UsageError` if vectors of words are asked for beside other tokens.
    """
    sample = sampled(texts, train)
    choice = _chosen(sample, settings)
    least = (
        1 if settings.vectors else least_texts(len(sample.positions))
    )  # a vector tells what a word seen once means
    encoder, vocabulary = _fitted(choice, sample, least)
    length, reading = _length(encoder, choice.tokens, sample, settings.length)
    return Fitting(
        TokenEncoder(choice.tokens, length, encoder.entries, encoder.merges),
        (choice.reason, *vocabulary, reading, *_of_sample(sample)),
    )


def fit_ngrams(texts: Texts, train: Int64[np.ndarray, " train"], settings: Settings) -> Fitting:
    """Choose and fit the encoder of `bag` on the texts at `train`; `settings.length` overrides the rule."""
    sample = sampled(texts, train)
    script = script_of(sample)
    bag, why_these = _bag(sample, script)
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
            f"Texts are seen as a bag of {_groups(bag)}: {why_these}.",
            f"The vocabulary holds {sum(sizes):,} of these: {_by_frequency(sizes == bag.most, least)}.",
            _reading(f"n-grams of {bag.noun}", length, why, whole),
            *_of_sample(sample),
        ),
    )


def _bag(sample: Sample, script: Script) -> tuple[_Bag, str]:
    """Choose the n-grams of `bag`, with the reason in words."""
    reason, size = _by_script(script), sample.mean_size
    if script.without_spaces > _MOST_WITHOUT_SPACES:
        return _BAG_OF_CHARACTERS, reason
    if size > SHORT_TEXT or size * sample.train > _MOST_FOR_PARTS:
        return _BAG_OF_WORDS, reason
    return _BAG_WITH_PARTS, f"{reason}, and the texts are few and short ({size:.0f} bytes on the mean)"


def _groups(bag: _Bag) -> str:
    """Contents of a bag, in words."""
    groups = [bag.noun]
    if bag.shape.words > 1:
        pairs = f"pairs of neighbouring {bag.noun}"
        groups.append(pairs if bag.shape.words == 2 else f"runs of up to {bag.shape.words} {bag.noun}")
    if bag.shape.longest:
        groups.append(f"parts of {bag.noun} of {bag.shape.shortest} to {bag.shape.longest} characters")
    return " and ".join((", ".join(groups[:-1]), groups[-1]) if groups[1:] else groups)


def _chosen(sample: Sample, settings: Settings) -> _Choice:
    """Choose words, sub-words, characters or bytes."""
    if settings.vectors is not None and settings.tokens not in (None, WORDS):
        raise UsageError(
            f"--vectors: holds vectors of words, but --tokens is {settings.tokens}; leave one of them out"
        )
    if settings.tokens is not None:
        return _Choice(settings.tokens, f"Texts are split into {settings.tokens}, as asked for (--tokens).")
    if settings.vectors is not None:
        return _Choice(WORDS, "Texts are split into words, which is what the vectors are of (--vectors).")
    script, is_small = script_of(sample), len(sample.positions) < FEW_TEXTS
    if script.in_long_words > _MOST_IN_LONG_WORDS:
        tokens = BYTE if is_small else SUB_WORDS
        why = (
            f"{_percent(script.in_long_words)} of their characters stand in strings of more than {LONG_WORD}"
        )
        return _Choice(tokens, f"Texts are split into {tokens}: {why} without a space.")
    tokens = CHARACTERS if script.without_spaces > _MOST_WITHOUT_SPACES else WORDS
    if is_small:
        return _Choice(tokens, f"Texts are split into {tokens}: {_by_script(script)}.")
    found = survey(tokens, sample, least_texts(len(sample.positions)), _MOST_ENTRIES[tokens])
    lacking = (
        f"a vocabulary of {tokens} made from nine tenths of the training texts lacks "
        f"{_percent(found.unknown)} of the {tokens} of the others"
    )
    if found.unknown > _MOST_UNKNOWN[tokens]:
        return _Choice(SUB_WORDS, f"Texts are split into sub-words: {lacking}.")
    return _Choice(tokens, f"Texts are split into {tokens}: {_by_script(script)}, and {lacking}.", found)


def _fitted(choice: _Choice, sample: Sample, least: int) -> tuple[TokenEncoder, tuple[str, ...]]:
    """Encoder of unbounded length, and the contents of its vocabulary in words."""
    tokens = choice.tokens
    if tokens == BYTE:
        return TokenEncoder(tokens, LONGEST), ()
    most = _MOST_ENTRIES[tokens]
    if tokens == SUB_WORDS:
        texts = (normalise(text) for block in sample.thinned(_BYTES_JOINED).blocks() for text in block)
        encoder = TokenEncoder(tokens, LONGEST, (), learn_merges(texts, most))
        count = encoder.vocabulary - FIRST
        return encoder, (
            f"The vocabulary holds {count:,} sub-words: the bytes, and what often stands together.",
        )
    found = choice.found or survey(tokens, sample, least, most)
    kept = most_frequent(found.counted, least, most)
    encoder = TokenEncoder(tokens, LONGEST, spelt(tokens, sample, kept))
    frequency = _by_frequency(len(kept) == most, least)
    return encoder, (f"The vocabulary holds {len(encoder.entries):,} {tokens}: {frequency}.",)


def _length(encoder: TokenEncoder, noun: str, sample: Sample, asked: int | None) -> tuple[int, str]:
    """Length that is read of a text, and the reason."""
    some = sample.some(_TEXTS_MEASURED)
    lengths = np.sort(np.concatenate([encoder.encode(block).lengths for block in some.blocks()]))
    if asked is not None:
        length, why = asked, _AS_ASKED
    else:
        enough = int(lengths[int(np.ceil(_NOT_CUT * len(lengths))) - 1])
        length, why = enough, f"enough for {_percent(_NOT_CUT)} of the training texts"
        if not _LEAST_READ <= enough <= _MOST_READ[noun]:
            length = _LEAST_READ if enough < _LEAST_READ else _MOST_READ[noun]
            why = "the least that is read by rule" if enough < _LEAST_READ else _MOST_BY_RULE
    return length, _reading(noun, length, why, float(np.mean(lengths <= length)))


def _reading(noun: str, length: int, why: str, whole: float) -> str:
    """Part of the texts that is read, in a sentence; `whole` is the share of those that are not cut."""
    if why != _AS_ASKED and whole == 1.0:
        return f"Texts are read whole, up to {length:,} {noun}."
    return (
        f"The first {length:,} {noun} of a text are read, {why}; "
        f"{_percent(whole)} of the training texts are read whole."
    )


def _by_script(script: Script) -> str:
    if script.without_spaces > _MOST_WITHOUT_SPACES:
        share, do = script.without_spaces, "put no spaces"
    else:
        share, do = 1 - script.without_spaces, "put spaces"
    return f"{_percent(share)} of their characters belong to scripts that {do} between words"


def _by_frequency(is_full: bool, least: int) -> str:
    if is_full:
        return "those that stand in most training texts"
    return (
        "all of the training texts" if least == 1 else f"those that stand in {least} training texts or more"
    )


def _of_sample(sample: Sample) -> tuple[str, ...]:
    if len(sample.positions) == sample.train:
        return ()
    return (f"All this was found on {len(sample.positions):,} of the {sample.train:,} training texts.",)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %".replace(".0 %", " %")
