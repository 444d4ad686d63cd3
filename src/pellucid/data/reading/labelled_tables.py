"""Tables of labelled images or texts become a listing."""

import dataclasses
from pathlib import Path

from pellucid.data.archives.stored import Stored
from pellucid.data.listing import Listing
from pellucid.data.reading.rows import RowReader
from pellucid.data.reading.text_values import TextTaker
from pellucid.data.tables.choosing.inputs import IMAGES, TEXT_FILES
from pellucid.data.tables.columns import Columns, choose_columns
from pellucid.data.tables.forms.table import Table
from pellucid.data.tables.packed import FLAGS, packed_column, with_only_label
from pellucid.data.tables.paths import paths_of
from pellucid.settings import Settings


def list_table(table: Table, folder: Path, settings: Settings) -> Listing:
    """List the images or texts of a table; paths in it count from a folder.

    Raises: `DataError` if it cannot be used as it is.
    """
    name = packed_column(table, settings)
    if name is not None:
        return _list_packed(table, name, folder, settings)
    columns = choose_columns(table, folder, with_only_label(table, settings))
    if columns.holds == IMAGES:
        return list_images(table, columns, folder, settings.skip_bad)
    return list_texts_of(table, columns, folder, settings)


def _list_packed(table: Table, name: str, folder: Path, settings: Settings) -> Listing:
    """List the images that lie in the cells of a column; none is read."""
    asked = dataclasses.replace(with_only_label(table, settings), input_column=name, task="image")
    columns = choose_columns(table, folder, asked)
    # The images are read one by one later: here the labels stand in for them.
    reader = RowReader(table, dataclasses.replace(columns, input=columns.label))
    for _ in reader.inputs():
        pass
    rows = reader.listing()
    return dataclasses.replace(
        rows,
        paths=[Stored(table.images[name], position) for position in range(len(rows.sources))],
        warnings=(*table.warnings, f"{table.place}: {columns.sentence()}; {FLAGS}"),
    )


def list_images(table: Table, columns: Columns, folder: Path, skip_bad: bool) -> Listing:
    """List the images that a table names.

    Warnings say which columns were chosen. `skip_bad` leaves missing images for decoding to report.

    Raises: `DataError` if a row has no label, no image, or a path that leaves the table's folder.
    """
    reader = RowReader(table, columns)
    values = [value for block in reader.inputs() for value in block]
    rows = reader.listing()
    return dataclasses.replace(
        rows,
        paths=paths_of(values, rows.sources, folder, column=columns.input, noun="image", may_miss=skip_bad),
        warnings=(*table.warnings, f"{table.place}: {columns.sentence()}"),
    )


def list_texts_of(table: Table, columns: Columns, folder: Path, settings: Settings) -> Listing:
    """List the texts of a table.

    Of `settings` it takes the encoding of text files, and whether missing ones are left out. Warnings say
    which columns were chosen, problems which texts cannot be used.

    Raises: `DataError` if a row has no label or no path of a text, or one that leaves the table's folder.
    """
    reader, taker = RowReader(table, columns), TextTaker()
    paths: list[object] = []
    for values in reader.inputs():
        if columns.holds == TEXT_FILES:
            paths += values
        else:
            taker.take_values(values)
    rows = reader.listing()
    if columns.holds == TEXT_FILES:
        for path in paths_of(
            paths, rows.sources, folder, column=columns.input, noun="text", may_miss=settings.skip_bad
        ):
            taker.take_file(path, settings.encoding)
    encodings = taker.encoding_warnings(table.place) if settings.encoding is None else ()
    return dataclasses.replace(
        rows,
        texts=taker.finish(),
        joined_columns=columns.joined,
        problems=taker.problems(rows.sources),
        warnings=(
            *table.warnings,
            *encodings,
            f"{table.place}: {columns.sentence()}",
        ),
    )
