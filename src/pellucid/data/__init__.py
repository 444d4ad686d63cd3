"""Reading, decoding, checking and splitting of labelled images and texts.

    DATA → reading → cache (decode once) → duplicates, splitting → checking → Dataset

`prepare` is the whole way in one call. Names are loaded on first use: who only decodes an image to have it
answered does not wait for all that makes a data set.
"""

from typing import TYPE_CHECKING

from pellucid.first_use import on_first_use

if TYPE_CHECKING:
    from pellucid.data.checks.checking import Check
    from pellucid.data.checks.ledger import write_ledger
    from pellucid.data.dataset import Dataset
    from pellucid.data.images.cached.cache import decode_all
    from pellucid.data.images.preprocessing import Preprocessing
    from pellucid.data.listing import Images, Listing
    from pellucid.data.preparing import prepare
    from pellucid.data.reading.dispatch import read_data
    from pellucid.data.reading.inputs.texts import TextInputs, list_texts
    from pellucid.data.splits.folding import folds

__getattr__, __all__ = on_first_use(
    __name__,
    {
        "checks.checking": "Check",
        "checks.ledger": "write_ledger",
        "dataset": "Dataset",
        "images.cached.cache": "decode_all",
        "images.preprocessing": "Preprocessing",
        "listing": "Images Listing",
        "preparing": "prepare",
        "reading.dispatch": "read_data",
        "reading.inputs.texts": "TextInputs list_texts",
        "splits.folding": "folds",
    },
)
