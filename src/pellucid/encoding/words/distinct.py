"""Splitting word by word, every different word once, however often it stands in the texts."""

import itertools
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int32, Int64

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from pellucid.encoding.tokens.plain import PlainTokenizer


def one_thread() -> None:
    """Keep the library of tokenizers to one thread, before it is loaded.

    Its threads would be as many as there are cores, whatever --threads says, and warn after a fork.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def split_by_words(
    tokenizer: "Tokenizer | PlainTokenizer", word: re.Pattern[str], texts: Sequence[str]
) -> tuple[Int32[np.ndarray, " ids"], Int64[np.ndarray, " starts"]]:
    """Ids of texts by a tokenizer that splits a `word` alike wherever it stands, and each text's start."""
    different: dict[str, int] = {}
    words = [[different.setdefault(each, len(different)) for each in word.findall(text)] for text in texts]
    found = tokenizer.encode_batch_fast([*different], add_special_tokens=False)
    ids, starts = _flattened([each.ids for each in found])
    order, begins = _flattened(words)
    counts = np.diff(starts)[order]
    ends = np.zeros(len(order) + 1, np.int64)
    np.cumsum(counts, out=ends[1:])
    places = np.arange(ends[-1]) + np.repeat(starts[order] - ends[:-1], counts)
    return ids[places], ends[begins]


def _flattened(parts: list[list[int]]) -> tuple[Int32[np.ndarray, " numbers"], Int64[np.ndarray, " starts"]]:
    """Lists in one array, and where each starts in it."""
    starts = np.zeros(len(parts) + 1, np.int64)
    np.cumsum([len(part) for part in parts], out=starts[1:])
    return np.fromiter(itertools.chain.from_iterable(parts), np.int32, int(starts[-1])), starts
