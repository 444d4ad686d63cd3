"""From INPUT, as people give it to label new images, to images that fit a model.

Nothing here stops at one bad image: what cannot be read carries its reason along.
"""

import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from pellucid.data.images.preprocessing import Preprocessing
from pellucid.data.images.quiet import quiet_pillow
from pellucid.data.reading.forms import Form, form_of
from pellucid.data.tables.columns import choose_input
from pellucid.data.tables.file_kinds import IMAGE_KIND, files_of
from pellucid.data.tables.paths import PathFinder
from pellucid.data.tables.stream import open_table
from pellucid.data.wording import visible
from pellucid.errors import DataError
from pellucid.settings import Settings

_MOST_IN_BLOCK = 256
_MOST_BLOCK_BYTES = 1 << 25
_MOST_DECODERS = 4


class Input(NamedTuple):
    """One image to label.

    Attributes:
        name: the given path, joined with the relative path in a folder; `file:row` in a table.
        source: the file, or the pixels where images came as an array.
        error: why there is no image to read; empty where one may be.
    """

    name: str
    source: Path | np.ndarray
    error: str = ""


class Inputs(NamedTuple):
    """Every image to label, in the order given.

    Attributes:
        images: the images.
        warnings: sentences for the user that refuse nothing.
    """

    images: Sequence[Input]
    warnings: tuple[str, ...]


def list_inputs(places: Sequence[str], settings: Settings) -> Inputs:
    """List the images that INPUT names; none is decoded.

    Places are files, folders (sub-folders included), tables, `.npz` files, IDX folders or `sample:fashion`.
    Of `settings` it takes the column of the paths and the encoding of tables. Places stand as given, files of
    a folder by name, rows in their order.

    Raises: `DataError` if a place does not exist, a folder holds no image, or a table cannot be read.
    """
    for place in places:
        if form_of(place) is not Form.SAMPLE and not os.path.lexists(place):
            raise DataError(f"{place}: no such file or folder")
    images: list[Input] = []
    warnings: list[str] = []
    for place in places:
        found = _LISTERS[form_of(place)](place, settings)
        images += found.images
        warnings += found.warnings
    return Inputs(images, tuple(warnings))


def _from_arrays(place: str, settings: Settings) -> Inputs:
    """List the rows of IDX and npz files."""
    from pellucid.data.reading.dispatch import read_data  # all readers, which a file does without

    listing = read_data(place, settings)
    assert listing.load_pixels is not None
    rows = zip(listing.sources, listing.load_pixels(), strict=True)
    return Inputs([Input(source, pixels) for source, pixels in rows], listing.warnings)


def _from_folder(place: str, settings: Settings) -> Inputs:
    """List the images of a folder and its sub-folders.

    Raises: `DataError` if there is none.
    """
    del settings
    folder = Path(place)
    images, others = files_of(folder, IMAGE_KIND)
    if not images:
        raise DataError(f"{place}: no image in this folder; choose another INPUT")
    names = [os.path.join(place, image.relative_to(folder)) for image in images]
    warnings = (f"{place}: {len(others):,} files that are no images left out",) if others else ()
    return Inputs([Input(name, image) for name, image in zip(names, images, strict=True)], warnings)


def _from_table(place: str, settings: Settings) -> Inputs:
    """List the images that a table's rows name; labels are not needed."""
    path = Path(place)
    table = open_table(path, place, settings.encoding)
    _, column = choose_input(table, path.parent, dataclasses.replace(settings, task="image"))
    finder = PathFinder(path.parent)
    images = [
        _from_row(f"{place}:{number}", value, finder)
        for block in table.read([column])
        for number, value in zip(block.numbers, block.columns[column], strict=True)
    ]
    return Inputs(images, (*table.warnings, f"{place}: images from column {column!r}"))


def _from_row(name: str, value: object, finder: PathFinder) -> Input:
    """The image that a cell names."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        return Input(name, Path(), "no path of an image in this row")
    path, is_inside, exists = finder.find(value)
    if not is_inside:
        return Input(name, path, "the path leaves the table's folder; give an absolute path")
    return Input(name, path, "" if exists else f"no such file ({value})")


def _from_file(place: str, settings: Settings) -> Inputs:
    """List a single image."""
    del settings
    return Inputs([Input(place, Path(place))], ())


_LISTERS: dict[Form, Callable[[str, Settings], Inputs]] = {
    Form.SAMPLE: _from_arrays,
    Form.IDX: _from_arrays,
    Form.FOLDER: _from_folder,
    Form.NPZ: _from_arrays,
    Form.TABLE: _from_table,
    Form.FILE: _from_file,
}


def blocks_of(inputs: Sequence[Input], preprocessing: Preprocessing) -> Iterator[Sequence[Input]]:
    """Cut inputs into blocks that fit into memory, however many there are and however large they get.

    `preprocessing` tells how large a fitted image is; a block has at least one.
    """
    size = preprocessing.height * preprocessing.width * preprocessing.channels
    rows = min(_MOST_IN_BLOCK, max(1, _MOST_BLOCK_BYTES // size))
    for start in range(0, len(inputs), rows):
        yield inputs[start : start + rows]


def decoders() -> ThreadPoolExecutor:
    """Executor of threads that decode images side by side, to close when done."""
    return ThreadPoolExecutor(min(_MOST_DECODERS, os.cpu_count() or 1))


class Fitted(NamedTuple):
    """Images ready for a model, and what became of each.

    Attributes:
        pixels: the images that could be read.
        errors: a reason for each that was given; empty where the image could be read.
        warnings: sentences about images of which something was left out, such as frames.
    """

    pixels: UInt8[np.ndarray, "readable height width channels"]
    errors: list[str]
    warnings: list[str]


def fit_inputs(inputs: Sequence[Input], preprocessing: Preprocessing, executor: Executor) -> Fitted:
    """Decode and fit images, few enough for memory, as the model was trained.

    Pixels, errors and warnings.
    """

    def fit(image: Input) -> tuple[np.ndarray | str, str | None]:
        if image.error:
            return image.error, None
        try:
            if isinstance(image.source, Path):
                return preprocessing.image_and_warning(image.source)
            return preprocessing.arrays(image.source[None])[0], None
        except DataError as error:
            return str(error), None

    with quiet_pillow():
        results = list(executor.map(fit, inputs))
    readable = [result for result, _ in results if isinstance(result, np.ndarray)]
    shape = (preprocessing.height, preprocessing.width, preprocessing.channels)
    return Fitted(
        pixels=np.stack(readable) if readable else np.zeros((0, *shape), np.uint8),
        errors=[result if isinstance(result, str) else "" for result, _ in results],
        warnings=[
            f"{visible(image.name)}: {warning}"
            for image, (_, warning) in zip(inputs, results, strict=True)
            if warning
        ],
    )
