"""Images that come to a trained model, decoded block by block."""

from collections.abc import Iterator, Sequence

from pellucid.answering.incoming.blocks import Block, Passed, Taker, passed_over
from pellucid.data.archives.stored import File, contents
from pellucid.data.listing import Listing
from pellucid.data.reading.inputs.images import blocks_of, decoders, fit_inputs
from pellucid.data.reading.inputs.single import Input
from pellucid.errors import DataError


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
    if pixels is not None:
        return blocks_of_images(model, (Input(listing.sources[row], pixels[row]) for row in rows), before)
    assert listing.paths is not None
    return blocks_of_images(model, _from_files(listing.sources, listing.paths, rows), before)


def _from_files(sources: Sequence[str], paths: Sequence[File], rows: Sequence[int]) -> Iterator[Input]:
    """Files of rows; of those in containers the bytes, read while they are asked for."""
    for row, found in zip(rows, contents(paths[row] for row in rows), strict=True):
        if isinstance(found, DataError):
            yield Input(sources[row], b"", str(found))
        else:
            yield Input(sources[row], found)
