"""Tables of image paths and labels become a listing."""

from pathlib import Path

from pellucid.data.listing import Listing
from pellucid.data.tables.columns import Columns
from pellucid.data.tables.paths import paths_of
from pellucid.data.tables.rows import RowReader
from pellucid.data.tables.stream import Table


def list_images(table: Table, columns: Columns, folder: Path, skip_bad: bool) -> Listing:
    """List the images that a table names.

    Args:
        table: to be read.
        columns: of it that are read.
        folder: where it lies.
        skip_bad: whether missing images are left for decoding to report.

    Returns:
        The listing; its warnings say which columns were chosen.

    Raises:
        DataError: a row has no label, no image, or a path that leaves the table's folder.
    """
    reader = RowReader(table, columns)
    values = [value for block in reader.inputs() for value in block]
    rows = reader.rows()
    return Listing(
        place=table.place,
        form="table",
        sources=rows.sources,
        labels=rows.labels,
        splits=rows.splits,
        groups=rows.groups,
        paths=paths_of(values, rows.sources, folder, column=columns.input, noun="image", may_miss=skip_bad),
        warnings=(*table.warnings, f"{table.place}: {columns.sentence()}"),
    )
