"""Class folders, and split folders that hold class folders, of `.txt` files."""

import dataclasses
from pathlib import Path

from pellucid.data.listing import Listing
from pellucid.data.reading.folders import read_folder
from pellucid.data.reading.text_values import TextTaker
from pellucid.data.tables.encodings import require_known
from pellucid.data.tables.file_kinds import TEXT_KIND, TEXT_SUFFIX
from pellucid.settings import Settings


def read_text_folder(folder: Path, place: str, settings: Settings) -> Listing:
    """List the texts of class folders, or of split folders of class folders.

    Args:
        folder: DATA.
        place: how the user named it.
        settings: the encoding.

    Returns:
        The listing; its problems say which files could not be read or are blank.
    """
    require_known(settings.encoding, place)
    listing = read_folder(folder, place, TEXT_KIND)
    taker = TextTaker()
    for path in listing.paths or ():
        taker.take_file(path, settings.encoding)
    warnings = taker.encoding_warnings(place) if settings.encoding is None else ()
    return dataclasses.replace(
        listing,
        paths=None,
        texts=taker.finish(),
        problems=taker.problems(listing.sources),
        warnings=(*listing.warnings, *warnings, f"{place}: read as texts, one in each {TEXT_SUFFIX} file"),
    )
