"""Counts of pieces of text by name, and ids by name."""

import collections

import numpy as np
import pytest
from hypothesis import given, strategies

from pellucid.encoding import survey
from pellucid.encoding.encoder import FIRST, UNKNOWN, Lookup
from pellucid.encoding.survey import Counter, most_frequent, share_unknown

_texts = strategies.lists(strategies.lists(strategies.integers(0, 20), max_size=12), max_size=12)


def counted_of(blocks: list[list[list[int]]]) -> survey.Counted:
    counter = Counter()
    for block in blocks:
        names = np.array([name for text in block for name in text], np.uint64)
        counter.add(names, np.repeat(np.arange(len(block)), [len(text) for text in block]))
    return counter.finish()


@pytest.mark.parametrize("pending", [1, 1000])
@given(blocks=strategies.lists(_texts, max_size=4))
def test_counts_are_those_of_a_dictionary(pending: int, blocks: list[list[list[int]]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(survey, "_PENDING", pending)
        counted = counted_of(blocks)
    texts = collections.Counter(name for block in blocks for text in block for name in set(text))
    pieces = collections.Counter(name for block in blocks for text in block for name in text)
    assert counted.names.tolist() == sorted(pieces)
    assert counted.texts.tolist() == [texts[name] for name in sorted(pieces)]
    assert counted.pieces.tolist() == [pieces[name] for name in sorted(pieces)]


def test_the_most_frequent_come_first_and_ties_by_name() -> None:
    counted = counted_of([[[7, 3], [3, 9], [9, 1], [5, 3]]])
    assert most_frequent(counted, 1, 10).tolist() == [3, 9, 1, 5, 7]
    assert most_frequent(counted, 2, 10).tolist() == [3, 9]
    assert most_frequent(counted, 1, 3).tolist() == [3, 9, 1]


def test_share_unknown_counts_every_occurrence() -> None:
    counted = counted_of([[[1, 1, 1, 2], [3]]])
    assert share_unknown(counted, np.array([1], np.uint64)) == pytest.approx(2 / 5)
    assert share_unknown(counted_of([]), np.array([1], np.uint64)) == 0


SPREAD = strategies.integers(0, 2**64 - 1)
CROWDED = strategies.integers(0, 40)  # names that all begin with the same bits, as nobody's hash makes them
NAMES = strategies.lists(SPREAD | CROWDED, unique=True, max_size=60)


@given(NAMES, NAMES)
def test_a_name_is_found_at_its_place_and_no_other(kept: list[int], asked: list[int]) -> None:
    wanted = np.array(kept[::2] + asked, np.uint64)
    ids = {name: FIRST + place for place, name in enumerate(kept)}
    found = Lookup(np.array(kept, np.uint64)).find(wanted)
    assert found.tolist() == [ids.get(int(name), UNKNOWN) for name in wanted]
