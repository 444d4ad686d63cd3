"""Reading, decoding, checking and splitting of labelled images and texts.

    DATA → sources → cache (decode once) → duplicates, splitting → checking → Dataset

`prepare` is the whole way in one call. Names are loaded on first use: who only decodes an image to have it
answered does not wait for all that makes a data set.
"""

from typing import TYPE_CHECKING

from pellucid.first_use import on_first_use

if TYPE_CHECKING:
    from pellucid.data.checking import Check
    from pellucid.data.dataset import Dataset
    from pellucid.data.images.cache import decode_all
    from pellucid.data.images.preprocessing import Preprocessing
    from pellucid.data.ledger import write_ledger
    from pellucid.data.listing import Images, Listing
    from pellucid.data.preparing import prepare
    from pellucid.data.sources.labelled import read_data
    from pellucid.data.splitting import folds

__getattr__, __all__ = on_first_use(
    __name__,
    {
        "checking": "Check",
        "dataset": "Dataset",
        "images.cache": "decode_all",
        "images.preprocessing": "Preprocessing",
        "ledger": "write_ledger",
        "listing": "Images Listing",
        "preparing": "prepare",
        "sources.labelled": "read_data",
        "splitting": "folds",
    },
)
