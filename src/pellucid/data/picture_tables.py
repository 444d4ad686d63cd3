"""Tables of image paths and labels become a listing.

Paths are relative to the table's folder and must stay inside it, links followed; absolute paths
are taken as they are.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pellucid.data.folders import PICTURE_SUFFIXES
from pellucid.data.labels import MOST_ROWS, is_encodable, label_texts
from pellucid.data.listing import TEST, TRAIN, UNDECIDED, VALIDATION, Listing
from pellucid.data.tables import Table, load_table
from pellucid.data.wording import quoted, some
from pellucid.errors import DataError
from pellucid.settings import Settings

_INPUT_NAMES = ("image", "path", "file", "filename", "file_name", "filepath", "image_path", "input", "img")
_LABEL_NAMES = ("label", "class", "category", "target", "y", "labels", "species")
_SPLIT_OF_VALUE = {
    "train": TRAIN, "val": VALIDATION, "validation": VALIDATION, "test": TEST, "": UNDECIDED,
}  # fmt: skip


def read_table(path: Path, place: str, settings: Settings) -> Listing:
    """List the pictures that a table names.

    Args:
        path: the table.
        place: how the user named it.
        settings: columns, encoding, and whether missing pictures are left out.

    Returns:
        The listing; its warnings say which columns were chosen.

    Raises:
        DataError: a column cannot be told, or a row has no label, no picture, or a path that
            leaves the table's folder.
    """
    table = load_table(path, place, settings.encoding)
    input_column = choose_input_column(table, path.parent, settings)
    label_column = _label_column(table, input_column, settings)
    split_column = _named_column(table, settings.split_column, "--split-column", "split")
    group_column = _named_column(table, settings.group_column, "--group-column", "group")
    chosen = {
        "pictures": input_column,
        "labels": label_column,
        "splits": split_column,
        "groups": group_column,
    }
    sentence = ", ".join(
        f"{use} from column {quoted(name)}" for use, name in chosen.items() if name is not None
    )
    return Listing(
        place=place,
        form="table",
        sources=[f"{place}:{number}" for number in table.numbers],
        labels=label_texts(table.columns[label_column], place, table.row),
        splits=_splits(table, split_column),
        groups=_groups(table, group_column),
        paths=_paths(table, input_column, path.parent, settings.skip_bad),
        warnings=(*table.warnings, f"{place}: {sentence}"),
    )


def _named_column(table: Table, asked: str | None, flag: str, usual: str) -> str | None:
    """The column asked for; otherwise one with the usual name; otherwise none.

    Raises DataError: there is no column of the name asked for.
    """
    if asked is None:
        return next((name for name in table.columns if name.lower() == usual), None)
    if asked not in table.columns:
        raise DataError(
            f"{table.place}: {flag} {quoted(asked)} is not there; columns are {_names(table.columns)}"
        )
    return asked


def _names(columns: Mapping[str, object]) -> str:
    return ", ".join(map(quoted, columns))


def choose_input_column(table: Table, folder: Path, settings: Settings) -> str:
    """The column of picture paths: asked for, or the first whose values look like paths of pictures.

    Raises DataError: none does.
    """
    asked = _named_column(table, settings.input_column, "--input-column", "")
    if asked is not None:
        return asked
    fitting = [name for name, values in table.columns.items() if _holds_pictures(values, folder)]
    by_name = sorted(fitting, key=lambda name: name.lower() not in _INPUT_NAMES)
    named = [name for name in table.columns if name.lower() in _INPUT_NAMES]
    if not by_name and not named:
        raise DataError(
            f"{table.place}: no column holds paths of pictures; columns are {_names(table.columns)}; "
            "name one with --input-column"
        )
    return (by_name or named)[0]


def _holds_pictures(values: Sequence[object], folder: Path) -> bool:
    """Whether most of the first values end like pictures or are files."""
    first = values[:20]
    fitting = sum(
        isinstance(value, str)
        and (os.path.splitext(value)[1].lower() in PICTURE_SUFFIXES or _is_file(folder, value))
        for value in first
    )
    return 2 * fitting > len(first)


def _is_file(folder: Path, value: str) -> bool:
    return bool(value) and os.path.isfile(folder / value)


def _label_column(table: Table, input_column: str, settings: Settings) -> str:
    """The column of labels: asked for, or of a usual name, or the only one left.

    Raises DataError: none can be told.
    """
    asked = _named_column(table, settings.label_column, "--label-column", "")
    if asked is not None:
        return asked
    taken = {input_column, settings.split_column, settings.group_column}
    left = [name for name in table.columns if name not in taken and name.lower() not in ("split", "group")]
    for usual in _LABEL_NAMES:
        named = [name for name in left if name.lower() == usual]
        if named:
            return named[0]
    if len(left) != 1:
        raise DataError(
            f"{table.place}: which column holds the labels? Columns are {_names(table.columns)}; "
            "name one with --label-column"
        )
    return left[0]


def _splits(table: Table, column: str | None) -> list[str]:
    """Splits by row; an empty value leaves the choice to us.

    Raises DataError: a value is no name of a split.
    """
    if column is None:
        return [UNDECIDED] * len(table.numbers)
    texts = ["" if value is None else str(value).strip().lower() for value in table.columns[column]]
    wrong = [index for index, text in enumerate(texts) if text not in _SPLIT_OF_VALUE]
    if wrong:
        raise DataError(
            f"{table.place}: column {quoted(column)} holds {quoted(texts[wrong[0]])} at "
            f"{some([table.row(index) for index in wrong], MOST_ROWS)}; "
            "a split is train, validation (or val) or test"
        )
    return [_SPLIT_OF_VALUE[text] for text in texts]


def _groups(table: Table, column: str | None) -> list[str]:
    if column is None:
        return [""] * len(table.numbers)
    return ["" if value is None or value != value else str(value) for value in table.columns[column]]


def _paths(table: Table, column: str, folder: Path, skip_bad: bool) -> list[Path]:
    """Files that the rows name.

    Raises DataError: a value is no path, leaves the table's folder, or names no file (unless those
    are to be skipped: then decoding reports them).
    """
    finder = PathFinder(folder)
    paths: list[Path] = []
    outside: list[str] = []
    missing: list[str] = []
    for index, value in enumerate(table.columns[column]):
        if not isinstance(value, str) or not value.strip() or "\0" in value or not is_encodable(value):
            raise DataError(
                f"{table.place}: {table.row(index)} has no path of a picture in column {quoted(column)}"
            )
        path, is_inside, exists = finder.find(value)
        paths.append(path)
        if not is_inside:
            outside.append(table.row(index))
        elif not exists:
            missing.append(f"{table.row(index)} ({quoted(value)})")
    if outside:
        raise DataError(
            f"{table.place}: the path leaves the table's folder at {some(outside, MOST_ROWS)}; "
            "move the pictures beside the table or give absolute paths"
        )
    if missing and not skip_bad:
        raise DataError(
            f"{table.place}: no such picture at {some(missing, MOST_ROWS)}; "
            "mend the paths or leave them out with --skip-bad"
        )
    return paths


class PathFinder:
    """Finds files below a folder; each parent folder is resolved once, each file looked at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._real_folder = os.path.realpath(folder)
        self._is_inside: dict[str, bool] = {}

    def find(self, value: str) -> tuple[Path, bool, bool]:
        """Where a value leads.

        Args:
            value: relative or absolute path.

        Returns:
            The path, whether it is admitted, and whether a file is there.
        """
        path = os.path.join(self._folder, value)
        is_inside = os.path.isabs(value) or self._stays_inside(path)
        return Path(path), is_inside, is_inside and os.path.isfile(path)

    def _stays_inside(self, path: str) -> bool:
        parent = os.path.dirname(path)
        if parent not in self._is_inside:
            self._is_inside[parent] = self._is_below(os.path.realpath(parent))
        is_plain_name = os.path.basename(path) not in ("", ".", "..")
        if self._is_inside[parent] and is_plain_name and not os.path.islink(path):
            return True
        return self._is_below(os.path.realpath(path))

    def _is_below(self, real: str) -> bool:
        return os.path.join(real, "").startswith(os.path.join(self._real_folder, ""))
