# odd characters are what is tested
import numpy as np
from hypothesis import given, strategies

from pellucid.arithmetic.draws import chained, mixed, names, prefixes

_ALL = 2**64 - 1


def mixed_by_hand(value: int) -> int:
    """SplitMix64's finaliser in whole numbers of any size."""
    value ^= value >> 30
    value = value * 0xBF58476D1CE4E5B9 & _ALL
    value ^= value >> 27
    value = value * 0x94D049BB133111EB & _ALL
    return value ^ value >> 31


def name_by_hand(piece: str) -> int:
    """The formula at the top of the module, term by term."""
    terms = ((ord(each) + 1) * 0x9E3779B97F4A7C15**j for j, each in enumerate(piece))
    return mixed_by_hand(sum(terms) & _ALL)


def named(text: str, start: int, end: int) -> int:
    points = np.array([ord(each) for each in text], np.uint32)
    return int(names(prefixes(points), np.array([start]), np.array([end]))[0])


@given(strategies.text(min_size=1, max_size=30), strategies.data())
def test_names_are_the_formula(text: str, data: strategies.DataObject) -> None:
    start = data.draw(strategies.integers(0, len(text) - 1))
    end = data.draw(strategies.integers(start, len(text)))
    assert named(text, start, end) == name_by_hand(text[start:end])


@given(strategies.lists(strategies.text(min_size=1, max_size=5), unique=True, max_size=200))
def test_different_pieces_have_different_names(pieces: list[str]) -> None:
    assert len({named(piece, 0, len(piece)) for piece in pieces}) == len(pieces)


def test_a_chain_depends_on_the_order() -> None:
    first, second = np.array([1, 2], np.uint64), np.array([2, 1], np.uint64)
    assert chained(first, second)[0] != chained(second, first)[0]
    assert int(chained(first, second)[0]) == mixed_by_hand((0xD6E8FEB86659FD93 + 2) & _ALL)


def test_mixing_leaves_its_argument_alone() -> None:
    values = np.array([1, 2, 3], np.uint64)
    assert mixed(values).tolist() == [mixed_by_hand(each) for each in (1, 2, 3)]
    assert values.tolist() == [1, 2, 3]
