import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.encoding.encoder import Tokens
from pellucid.training import batches
from pellucid.training.batches import text_frequencies


@given(st.lists(st.lists(st.integers(1, 8), max_size=12), min_size=1, max_size=20), st.data())
def test_a_text_counts_once_however_often_it_holds_an_id(texts, data):
    offsets = np.cumsum([0, *[len(text) for text in texts]])
    tokens = Tokens(np.array([i for text in texts for i in text], np.int32), offsets, vocabulary=9, length=12)
    chosen = data.draw(st.lists(st.sampled_from(range(len(texts))), unique=True))
    expected = [sum(i in texts[position] for position in chosen) for i in range(9)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "_IDS", 15)
        assert text_frequencies(tokens, np.array(chosen, np.int64)).tolist() == expected
