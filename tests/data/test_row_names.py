"""Names of rows that are made when asked for behave as the list of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pellucid.data.sources.labelled_tables import chained, row_names


@given(st.lists(st.lists(st.integers(1, 10**12), max_size=5), max_size=4), st.slices(20))
def test_names_as_a_list(parts: list[list[int]], where: slice) -> None:
    names = [row_names(f"{at}.csv", np.array(numbers, np.int64)) for at, numbers in enumerate(parts)]
    plain = [f"{at}.csv:{number}" for at, numbers in enumerate(parts) for number in numbers]
    chain = chained(names)
    assert list(chain) == plain
    assert chain == plain
    assert [chain[index] for index in range(-len(plain), len(plain))] == plain * 2
    assert chain[where] == plain[where]
    for part, numbers in zip(names, parts, strict=True):
        assert part[where] == list(part)[where]
        assert len(part) == len(numbers)


def test_what_is_not_equal() -> None:
    names = row_names("a.csv", np.array([1, 2]))
    assert names != ["a.csv:1"]
    assert names != ["a.csv:1", "a.csv:3"]
    assert names != 7
    assert chained([names, ["more"]]) == ["a.csv:1", "a.csv:2", "more"]
