"""Reading, decoding, checking and splitting of labelled images and texts.

    DATA → reading → cache (decode once) → duplicates, splitting → checking → Dataset

`prepare` is the whole way in one call. Names are loaded on first use: who only decodes an image to have it
answered does not wait for all that makes a data set.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_HOMES = {
    "Check": "checks.checking",
    "Dataset": "dataset",
    "Images": "listing",
    "Listing": "listing",
    "Preprocessing": "images.preprocessing",
    "Problem": "listing",
    "TextInputs": "reading.text_inputs",
    "decode_all": "images.cache",
    "decode_image": "images.decoding",
    "folds": "splits.folding",
    "list_texts": "reading.text_inputs",
    "listing_from_arrays": "reading.arrays",
    "listing_from_texts": "reading.text_lists",
    "prepare": "preparing",
    "read_data": "reading.dispatch",
    "write_ledger": "checks.ledger",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its room on first use, and keep it.

    Raises: `AttributeError` if the name is not public.
    """
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
