"""Sources: examples of one thread, document, person or recording, where a column of the table says so.

One column is used, the first of `SOURCE_NAMES` (`tables/headers.py`) that parts the data into enough sets:
two together would chain every thread to all others of its authors. `source` comes last, since it names a
publisher as often as a document, and what names a place of publication (`site`, `domain`, `publisher`,
`dataset`) is left out: whole classes stand or fall with it.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Int64, UInt64

from pellucid.data.tables.headers import place_of_source

FEWEST_SETS = 10
LARGEST_SHARE = 0.2


def by_source(
    columns: Mapping[str, UInt64[np.ndarray, " n"]], positions: Int64[np.ndarray, " positions"]
) -> tuple[str | None, Int64[np.ndarray, "links 2"]]:
    """Link the examples with equal values in the first column that serves, and name it.

    A column serves where it has at least 10 different values, some value twice, and none in more than a fifth
    of the examples. `positions` ascend and are the usable examples.
    """
    for name in sorted(columns, key=place_of_source):
        codes = columns[name][positions]
        values, first, of, counts = np.unique(
            codes, return_index=True, return_inverse=True, return_counts=True
        )
        counts = np.where(values == 0, 1, counts)
        is_small = counts.max(initial=0) <= LARGEST_SHARE * len(positions)
        if len(values) >= FEWEST_SETS and is_small and counts.max(initial=0) > 1:
            links = np.stack([positions[first[of.reshape(-1)]], positions], axis=1)
            return name, links[(codes != 0) & (links[:, 0] != links[:, 1])]
    return None, np.zeros((0, 2), np.int64)
