"""Texts that stand in memory."""

from collections.abc import Sequence

import numpy as np

from pellucid.data.labels.texts import group_text, label_texts
from pellucid.data.listing import UNDECIDED, Listing
from pellucid.data.reading.arrays import require_equal
from pellucid.data.reading.text_values import TextTaker
from pellucid.data.tables.row_names import RowNames
from pellucid.errors import DataError


def listing_from_texts(
    texts: Sequence[object] | np.ndarray,
    labels: Sequence[object] | np.ndarray,
    groups: Sequence[object] | np.ndarray | None = None,
    *,
    place: str = "texts",
) -> Listing:
    """List texts that stand in memory.

    What is no text, or blank, becomes a problem of the listing. Labels are n texts, numbers or truth values
    of one kind. Members of a group must not be parted by a split; every split is undecided.

    Raises: `DataError` if there are no texts, one text in place of many, columns of different length, or a
    label that is none.
    """
    if isinstance(texts, (str, bytes)):
        raise DataError(f"{place}: one text in place of many; give a list of texts")
    count = len(texts)
    if count == 0:
        raise DataError(f"{place}: holds no texts; give some")
    values = labels.tolist() if isinstance(labels, np.ndarray) else list(labels)
    require_equal(count, len(values), "labels", place, noun="text")
    group_texts = [""] * count if groups is None else list(map(group_text, groups))
    require_equal(count, len(group_texts), "groups", place, noun="text")
    taker = TextTaker()
    taker.take_values(texts)
    sources = RowNames(place, np.arange(1, count + 1))
    return Listing(
        place=place,
        form="list",
        sources=sources,
        labels=label_texts(values, place, lambda index: f"row {index + 1}"),
        splits=[UNDECIDED] * count,
        groups=group_texts,
        texts=taker.finish(),
        problems=taker.problems(sources),
    )
