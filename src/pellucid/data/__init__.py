"""Reading, decoding, checking and splitting of labelled images and texts.

    DATA → reading → cache (decode once) → duplicates, splitting → checking → Dataset

`prepare` is the whole way in one call.
"""

from pellucid.data.checks.checking import Check
from pellucid.data.checks.ledger import write_ledger
from pellucid.data.dataset import Dataset
from pellucid.data.images.cache import decode_all
from pellucid.data.images.decoding import decode_image
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.data.listing import Images, Listing, Problem
from pellucid.data.preparing import prepare
from pellucid.data.reading.arrays import listing_from_arrays
from pellucid.data.reading.dispatch import read_data
from pellucid.data.reading.text_inputs import TextInputs, list_texts
from pellucid.data.reading.text_lists import listing_from_texts
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
    "listing_from_arrays",
    "listing_from_texts",
    "prepare",
    "read_data",
    "write_ledger",
]
