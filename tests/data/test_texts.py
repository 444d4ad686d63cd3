"""The flat store of texts gives back what went in, in memory and on disk."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.data.raw_texts import Texts, TextWriter

TEXTS = st.lists(st.text(max_size=9), max_size=9)


@given(TEXTS, TEXTS, st.slices(30), st.booleans())
def test_what_goes_in_comes_out(first: list[str], second: list[str], where: slice, on_disk: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if on_disk:
            patch.setattr("pellucid.data.raw_texts._MOST_IN_MEMORY", 10)
            patch.setattr("pellucid.data.raw_texts._FLUSHED", 4)
        writer = TextWriter()
        for text in first:
            writer.append(text)
        writer.extend(Texts.of(second))
        writer.append("the last, longer than what stays in memory")
        texts = writer.finish()
    plain = [*first, *second, "the last, longer than what stays in memory"]
    assert list(texts) == plain
    assert len(texts) == len(writer) == len(plain)
    assert [texts[index] for index in range(-len(plain), len(plain))] == plain * 2
    assert texts[where] == plain[where]
    assert texts[np.array([0, -1, 0])] == [plain[0], plain[-1], plain[0]]
    assert texts.bytes_of(len(plain) - 1) == plain[-1].encode()


def test_positions_that_are_not_there() -> None:
    texts = Texts.of(["a", "b"])
    with pytest.raises(IndexError, match="out of range"):
        texts[2]
    with pytest.raises(IndexError, match="out of bounds"):
        texts[np.array([0, 2])]
