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
    from pellucid.data.images.decoding import decode_image
    from pellucid.data.images.preprocessing import Preprocessing
    from pellucid.data.listing import Images, Listing, Problem
    from pellucid.data.preparing import prepare
    from pellucid.data.reading.dispatch import read_data
    from pellucid.data.reading.inputs.texts import TextInputs, list_texts
    from pellucid.data.splits.folding import folds

__all__ = [
    "Check",
    "Dataset",
    "Images",
    "Listing",
    "Preprocessing",
    "Problem",
    "TextInputs",
    "decode_all",
    "decode_image",
    "folds",
    "list_texts",
    "prepare",
    "read_data",
    "write_ledger",
]

__getattr__ = on_first_use(
    __name__,
    {
        "Check": "pellucid.data.checks.checking",
        "Dataset": "pellucid.data.dataset",
        "Images": "pellucid.data.listing",
        "Listing": "pellucid.data.listing",
        "Preprocessing": "pellucid.data.images.preprocessing",
        "Problem": "pellucid.data.listing",
        "TextInputs": "pellucid.data.reading.inputs.texts",
        "decode_all": "pellucid.data.images.cached.cache",
        "decode_image": "pellucid.data.images.decoding",
        "folds": "pellucid.data.splits.folding",
        "list_texts": "pellucid.data.reading.inputs.texts",
        "prepare": "pellucid.data.preparing",
        "read_data": "pellucid.data.reading.dispatch",
        "write_ledger": "pellucid.data.checks.ledger",
    },
)
