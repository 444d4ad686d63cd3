"""The samples that come with Pellucid."""

from pathlib import Path

from pellucid.data.idx import read_idx_folder
from pellucid.data.listing import Listing
from pellucid.errors import DataError

FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
"""Names of the labels 0 to 9 of Fashion-MNIST."""

FASHION_FOLDER = Path(__file__).parent / "fashion"
"""IDX files of the bundled slice; its README says how they were made."""

PREFIX = "sample:"


def read_sample(place: str) -> Listing:
    """List a bundled sample.

    Args:
        place: `sample:fashion`: 10,000 pictures of clothes to train on and 2,000 to test, 28 by 28
            pixels, grey, ten classes of equal size, cut from Fashion-MNIST.

    Returns:
        The listing.

    Raises:
        DataError: there is no sample of that name.
    """
    if place != "sample:fashion":
        raise DataError(f"{place}: no such sample; there is sample:fashion")
    return read_idx_folder(FASHION_FOLDER, place, FASHION_CLASSES)
