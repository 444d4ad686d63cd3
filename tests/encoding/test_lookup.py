"""Ids of pieces of text by their names."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pellucid.encoding.encoder import FIRST, UNKNOWN, Lookup

SPREAD = st.integers(0, 2**64 - 1)
CROWDED = st.integers(0, 40)
"""Names that all begin with the same bits, as nobody's hash makes them."""


@given(
    st.lists(SPREAD | CROWDED, unique=True, max_size=60), st.lists(SPREAD | CROWDED, min_size=1, max_size=60)
)
def test_a_name_is_found_where_it_stands_and_no_other(kept, asked):
    names = np.array(kept, np.uint64)
    wanted = np.array(kept[::2] + asked, np.uint64)
    ids = {name: FIRST + place for place, name in enumerate(kept)}
    assert Lookup(names).find(wanted).tolist() == [ids.get(int(name), UNKNOWN) for name in wanted]
