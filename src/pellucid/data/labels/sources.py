"""Values of a column of sources as numbers, so that a million of them cost no more than their places."""

import hashlib
from collections.abc import Iterable

import numpy as np
from jaxtyping import UInt64

from pellucid.data.labels.texts import group_text


def source_codes(values: Iterable[object]) -> UInt64[np.ndarray, " values"]:
    """A number for each value, equal for equal ones, 0 where there is none."""
    codes: dict[str, int] = {"": 0}

    def code(value: object) -> int:
        """The number of a value: its digest, kept so that equal values are hashed once."""
        text = group_text(value).strip()
        if text not in codes:
            codes[text] = int.from_bytes(
                hashlib.blake2b(text.encode(errors="replace"), digest_size=8).digest()
            )
        return codes[text]

    return np.array(list(map(code, values)), np.uint64)
