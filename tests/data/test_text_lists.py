"""Texts, labels and groups that stand in memory."""

import numpy as np
import pytest

from pellucid.data import listing_from_texts
from pellucid.errors import DataError


def test_lists_and_arrays() -> None:
    texts = ["one", "two", "drei 文"]
    for given in (texts, tuple(texts), np.array(texts), np.array(texts, object)):
        listing = listing_from_texts(given, np.array([1, 2, 1]), ["x", "y", "x"], place="mine")
        assert listing.texts is not None
        assert list(listing.texts) == texts
        assert listing.noun == "text"
        assert listing.labels == ["1", "2", "1"]
        assert listing.groups == ["x", "y", "x"]
        assert listing.splits == ["", "", ""]
        assert listing.sources == ["mine:1", "mine:2", "mine:3"]
        assert listing.problems == ()


def test_what_is_no_text_is_a_problem_with_its_row() -> None:
    listing = listing_from_texts(
        ["fine", " ", None, float("nan"), np.float64("nan"), "\ud800", b"bytes"], list("abababa")
    )
    assert [(problem.index, problem.source) for problem in listing.problems] == [
        (index, f"texts:{index + 1}") for index in range(1, 6)
    ]
    assert listing.problems[4].reason.startswith("holds a lone surrogate")
    assert listing.texts is not None
    assert listing.texts[6] == "bytes"


def test_a_group_that_is_missing_is_no_group() -> None:
    groups = [None, float("nan"), 7, ""]
    assert listing_from_texts(list("abcd"), list("abab"), groups).groups == ["", "", "7", ""]


def test_what_is_refused() -> None:
    with pytest.raises(DataError, match="texts: one text in place of many; give a list of texts"):
        listing_from_texts("one", ["a"])
    with pytest.raises(DataError, match="texts: holds no texts; give some"):
        listing_from_texts([], [])
    with pytest.raises(DataError, match="texts: 2 texts but 1 labels; there must be one for each"):
        listing_from_texts(["a", "b"], ["a"])
    with pytest.raises(DataError, match="texts: 2 texts but 3 groups; there must be one for each"):
        listing_from_texts(["a", "b"], ["a", "b"], [1, 2, 3])
    with pytest.raises(DataError, match="texts: empty label at row 2; fill it in"):
        listing_from_texts(["a", "b"], ["a", None])
