"""Images that come to a trained model, decoded block by block."""

from collections.abc import Iterator, Sequence

from pellucid.answering.incoming import Block, Incoming, Taker
from pellucid.data.listing import Listing
from pellucid.data.reading.inputs import Input, blocks_of, decoders, fit_inputs, list_inputs
from pellucid.settings import Settings


def listed_images(model: Taker, places: Sequence[str], settings: Settings) -> Incoming:
    """List the images of files, folders or tables, none decoded yet.

    `settings` say column and encoding of tables.

    Raises: `DataError` if a place does not exist or holds no image.
    """
    listed = list_inputs(places, settings)
    names = [image.name for image in listed.images]
    return Incoming(names, _blocks(model, listed.images), listed.warnings)


def images_of_rows(model: Taker, listing: Listing, rows: Sequence[int]) -> Incoming:
    """Take rows of labelled images by their positions, none decoded yet."""
    pixels = listing.load_pixels() if listing.load_pixels is not None else listing.pixels
    sources = listing.paths if pixels is None else pixels
    assert sources is not None
    inputs = [Input(listing.sources[row], sources[row]) for row in rows]
    return Incoming([each.name for each in inputs], _blocks(model, inputs))


def _blocks(model: Taker, inputs: Sequence[Input]) -> Iterator[Block]:
    """Decode and fit images as the model was trained."""
    assert model.preprocessing is not None  # load gives models of images or of texts
    with decoders() as executor:
        for block in blocks_of(inputs, model.preprocessing):
            fitted = fit_inputs(block, model.preprocessing, executor)
            yield Block(fitted.pixels, fitted.errors, fitted.warnings)
