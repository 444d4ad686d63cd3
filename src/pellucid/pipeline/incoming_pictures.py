"""Pictures that come to a trained model, decoded block by block."""

from collections.abc import Iterator, Sequence

from pellucid.bundle import Model
from pellucid.data.inputs import Input, blocks_of, decoders, fit_inputs, list_inputs
from pellucid.data.listing import Listing
from pellucid.pipeline.incoming import Block, Incoming
from pellucid.settings import Settings


def listed_pictures(model: Model, places: Sequence[str], settings: Settings) -> Incoming:
    """List the pictures that INPUT names.

    Args:
        model: of pictures.
        places: files, folders or tables.
        settings: column and encoding of tables.

    Returns:
        The pictures, none decoded yet.

    Raises:
        DataError: a place does not exist or holds no picture.
    """
    listed = list_inputs(places, settings)
    names = [picture.name for picture in listed.pictures]
    return Incoming(names, _blocks(model, listed.pictures), listed.warnings)


def pictures_of_rows(model: Model, listing: Listing, rows: Sequence[int]) -> Incoming:
    """Take rows of labelled pictures.

    Args:
        model: of pictures.
        listing: what was read.
        rows: positions in it.

    Returns:
        The pictures, none decoded yet.
    """
    pixels = listing.load_pixels() if listing.load_pixels is not None else listing.pixels
    sources = listing.paths if pixels is None else pixels
    assert sources is not None
    inputs = [Input(listing.sources[row], sources[row]) for row in rows]
    return Incoming([each.name for each in inputs], _blocks(model, inputs))


def _blocks(model: Model, inputs: Sequence[Input]) -> Iterator[Block]:
    """Decode and fit pictures as the model was trained."""
    assert model.preprocessing is not None  # load gives models of pictures or of texts
    with decoders() as executor:
        for block in blocks_of(inputs, model.preprocessing):
            fitted = fit_inputs(block, model.preprocessing, executor)
            yield Block(fitted.pixels, fitted.errors, fitted.warnings)
