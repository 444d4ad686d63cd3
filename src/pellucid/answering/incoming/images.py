"""Images that come to a trained model, decoded block by block."""

from collections.abc import Iterator, Sequence

from pellucid.answering.incoming.blocks import Block, Passed, Taker, passed_over
from pellucid.data.listing import Listing
from pellucid.data.reading.inputs.images import blocks_of, decoders, fit_inputs
from pellucid.data.reading.inputs.single import Input


def blocks_of_images(model: Taker, inputs: Iterator[Input], before: Passed) -> Iterator[Block]:
    """Decode and fit images as the model was trained.

    Raises: `DataError` as `passed_over`.
    """
    assert model.preprocessing is not None  # load gives models of images or of texts
    passing = passed_over(inputs, before)
    with decoders() as executor:
        for block in blocks_of(inputs, model.preprocessing):
            fitted = fit_inputs(block, model.preprocessing, executor)
            names = [each.name for each in block]
            yield Block(names, fitted.pixels, fitted.errors, fitted.warnings, passing.add(block))


def images_of_rows(model: Taker, listing: Listing, rows: Sequence[int], before: Passed) -> Iterator[Block]:
    """Take rows of labelled images by their positions, none decoded yet."""
    pixels = listing.load_pixels() if listing.load_pixels is not None else listing.pixels
    sources = listing.paths if pixels is None else pixels
    assert sources is not None
    inputs = (Input(listing.sources[row], sources[row]) for row in rows)
    return blocks_of_images(model, inputs, before)
