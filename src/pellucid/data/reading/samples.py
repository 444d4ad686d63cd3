"""The samples that come with Pellucid."""

import gzip
import json
from pathlib import Path

from pellucid.data.listing import Listing
from pellucid.data.reading.idx import read_idx_folder
from pellucid.data.texts.store import TextWriter
from pellucid.errors import DataError

# Names of the labels 0 to 9 of Fashion-MNIST.
FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

# IDX files of the bundled slice; its README says how they were made.
FASHION_FOLDER = Path(__file__).parent.parent / "fashion"

# Table of the bundled mails; the README beside it says how it was made.
SPAM_FILE = Path(__file__).parent.parent / "spam" / "spam.jsonl.gz"

PREFIX = "sample:"


def read_sample(place: str) -> Listing:
    """List a bundled sample.

    `sample:fashion`: 10,000 images of clothes to train on and 2,000 to test, 28 by 28 pixels, grey, ten
    classes of equal size, cut from Fashion-MNIST. `sample:spam`: 2,697 mails to train on and 675 to test,
    subject and body, 27 % of them spam, drawn from the SpamAssassin public corpus.

    Raises: `DataError` if there is no sample of that name.
    """
    if place == "sample:fashion":
        return read_idx_folder(FASHION_FOLDER, place, FASHION_CLASSES)
    if place == "sample:spam":
        return _read_spam(place)
    raise DataError(f"{place}: no such sample; there are sample:fashion and sample:spam")


def _read_spam(place: str) -> Listing:
    """List the mails. The table is ours, so that nothing about it has to be found out."""
    writer = TextWriter()
    labels, splits = [], []
    with gzip.open(SPAM_FILE, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            writer.append(row["text"])
            labels.append(row["label"])
            splits.append(row["split"])
    return Listing(
        place=place,
        form="table",
        sources=[f"{place}/{SPAM_FILE.name}:{row}" for row in range(1, len(labels) + 1)],
        labels=labels,
        splits=splits,
        groups=[""] * len(labels),
        texts=writer.finish(),
    )
