"""Bundled samples."""

import gzip
import json
from pathlib import Path

from pellucid.data.listing import Listing
from pellucid.data.raw_texts import Texts
from pellucid.data.sources.arrays import read_idx_folder
from pellucid.data.trees import DiskFolder
from pellucid.errors import DataError

# Names of the labels 0 to 9 of Fashion-MNIST.
FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

# IDX files of the bundled slice; its README describes how they were made.
FASHION_FOLDER = Path(__file__).parent.parent / "fashion"

# Table of the bundled mails; the README in its folder describes how it was made.
SPAM_FILE = Path(__file__).parent.parent / "spam" / "spam.jsonl.gz"

PREFIX = "sample:"


def read_sample(place: str, needs_labels: bool = True) -> Listing:
    """List a bundled sample.

    `sample:fashion`: 10,000 images of clothes to train on and 2,000 to test, 28 by 28 pixels, grey, ten
    classes of equal size, cut from Fashion-MNIST. `sample:spam`: 2,697 mails to train on and 675 to test,
    subject and body, 27 % of them spam, drawn from the SpamAssassin public corpus.

    Raises: `DataError` if there is no such sample.
    """
    del needs_labels  # which are there
    if place == "sample:fashion":
        return read_idx_folder(DiskFolder(FASHION_FOLDER), place, FASHION_CLASSES)
    if place != "sample:spam":
        raise DataError("{place}: no such sample; there are sample:fashion and sample:spam", place)
    # The table is ours, so that nothing about it has to be found out.
    with gzip.open(SPAM_FILE, "rt", encoding="utf-8") as lines:
        rows = list(map(json.loads, lines))
    return Listing(
        place=place,
        form="table",
        sources=[f"{place}/{SPAM_FILE.name}:{row}" for row in range(1, len(rows) + 1)],
        labels=[row["label"] for row in rows],
        splits=[row["split"] for row in rows],
        texts=Texts.of([row["text"] for row in rows]),
    )
