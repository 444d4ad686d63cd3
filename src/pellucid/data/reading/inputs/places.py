"""INPUT, as people give it to label something new: each place opened, its inputs gone through one by one.

Places are files, folders (sub-folders included), globs, tables, archives, `.npz` files, IDX folders, samples
and `-`, which is standard input. What lies in them is listed while it is asked for, so that memory does not
grow with the number of inputs; arrays, samples and the names of a single folder are held as a whole. Nothing
stops at one bad input: what cannot be read carries its reason along.
"""

import dataclasses
import glob
import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from io import BufferedIOBase
from pathlib import Path
from typing import NamedTuple

from pellucid.data.archives.stored import Stored, contents
from pellucid.data.reading.forms import Form, form_of, require_local
from pellucid.data.reading.inputs.packed import count_packed, packed_inputs
from pellucid.data.reading.inputs.piped import piped_inputs
from pellucid.data.reading.inputs.single import Cell, Input, stamp_of
from pellucid.data.tables.choosing.asked import joined_names
from pellucid.data.tables.choosing.inputs import IMAGES, TEXT_FILES, choose_input, why_input
from pellucid.data.tables.choosing.joining import inputs_of
from pellucid.data.tables.columns import because
from pellucid.data.tables.encodings import require_known
from pellucid.data.tables.file_kinds import IMAGE_KIND, TEXT_KIND, FileKind, walk
from pellucid.data.tables.forms.table import Table
from pellucid.data.tables.packed import packed_column
from pellucid.data.tables.paths import PathFinder
from pellucid.data.tables.stream import is_table, open_table
from pellucid.data.wording import count_of, quoted
from pellucid.errors import DataError
from pellucid.settings import Settings
from pellucid.tasks import TEXTS, InputKind

STANDARD_INPUT = "-"

_GLOB_SIGNS = "*?["

# A message repeats no typed text that is longer.
_MOST_REPEATED = 60


class Opened(NamedTuple):
    """Inputs of one or more places, in the order given.

    Attributes:
        inputs: to be gone through once.
        how_many: tells how many there are, by going through names alone; `None` where only reading can tell.
        warnings: sentences for the user that refuse nothing; complete once all inputs have passed.
    """

    inputs: Iterator[Input]
    how_many: Callable[[], int | None]
    warnings: list[str]


class _Asked(NamedTuple):
    """Manner in which places are to be read.

    Attributes:
        kind: the files that are looked for.
        settings: column and encoding of tables.
    """

    kind: FileKind
    settings: Settings

    @property
    def is_of_texts(self) -> bool:
        """Texts are looked for, not images."""
        return self.kind is TEXT_KIND


def open_places(
    places: Sequence[str],
    settings: Settings,
    input_kind: InputKind,
    stdin: BufferedIOBase | None = None,
    typed: Sequence[str] = (),
) -> Opened:
    """Open every place that holds images or texts; none is read yet, but each is looked at.

    Of `settings` it takes column and encoding of tables. Places stand as given, files of a folder and matches
    of a glob by the code points of their paths, rows and files of an archive in their own order. Without
    `stdin` the place `-` is a file of that name. Texts that were `typed` come last.

    Raises: `DataError` if a place does not exist, holds nothing of the kind, or cannot be read.
    """
    asked = _Asked(TEXT_KIND if input_kind is TEXTS else IMAGE_KIND, settings)
    if asked.is_of_texts:
        for place in places:
            require_known(settings.encoding, place)
    if stdin is not None and places.count(STANDARD_INPUT) > 1:
        raise DataError("-: standard input can be read only once; name it once")
    found = [each for place in places for each in _existing(place, asked, stdin)]
    opened = [_open(place, asked, stdin) for place in found]
    if typed:
        texts = (
            Input(f"text:{number}", Cell(text), stamp=text) for number, text in enumerate(typed, start=1)
        )
        opened.append(Opened(texts, lambda: len(typed), []))
    if len(opened) == 1:
        return opened[0]
    return _joined(opened)


def _existing(place: str, asked: _Asked, stdin: BufferedIOBase | None) -> list[str]:
    """A place itself, or what a glob matches.

    Raises: `DataError` if there is no such place, or it is on a network.
    """
    require_local(place)
    is_piped = stdin is not None and place == STANDARD_INPUT
    if is_piped or form_of(place) is Form.SAMPLE or os.path.lexists(place):
        return [place]
    if asked.is_of_texts and _looks_typed(place):
        text = shlex.quote(place) if len(place) <= _MOST_REPEATED else "'...'"
        raise DataError(
            f"{place}: no such file or folder; for a text itself give --text {text}, or "
            f"echo {text} | pellucid predict RUN -"
        )
    if not any(sign in place for sign in _GLOB_SIGNS):
        raise DataError(f"{place}: no such file or folder")
    found = sorted(glob.glob(place, recursive=True), key=lambda name: Path(name).parts)
    if not found:
        raise DataError(f"{place}: nothing matches this pattern; choose another INPUT")
    return found


def _looks_typed(place: str) -> bool:
    """Words of a text rather than the name of a file, which seldom has a space and mostly an ending."""
    return " " in place.strip() or not (Path(place).suffix or os.sep in place)


def _open(place: str, asked: _Asked, stdin: BufferedIOBase | None) -> Opened:
    if stdin is not None and place == STANDARD_INPUT:
        warnings: list[str] = []
        return Opened(piped_inputs(stdin, asked.is_of_texts, asked.settings), lambda: None, warnings)
    return _OPENERS[form_of(place)](place, asked)


def _joined(opened: Sequence[Opened]) -> Opened:
    """Several places as one."""
    warnings: list[str] = []

    def inputs() -> Iterator[Input]:
        for each in opened:
            yield from each.inputs
            warnings.extend(each.warnings)

    def count() -> int | None:
        """All inputs together, where each place can tell."""
        total = 0
        for each in opened:
            number = each.how_many()
            if number is None:
                return None
            total += number
        return total

    return Opened(inputs(), count, warnings)


def _file(place: str, asked: _Asked) -> Opened:
    """A single image, or a file that holds one text."""
    del asked
    path = Path(place)
    return Opened(iter([Input(place, path, stamp=stamp_of(path))]), lambda: 1, [])


def _arrays(place: str, asked: _Asked) -> Opened:
    """The rows of IDX and npz files.

    Raises: `DataError` if texts are looked for, or they cannot be read.
    """
    if asked.is_of_texts:
        raise DataError(f"{place}: holds images; give texts to a model of texts")
    from pellucid.data.reading.dispatch import read_data  # all readers, which a file does without

    listing = read_data(place, asked.settings)
    if listing.load_pixels is None:
        raise DataError(f"{place}: holds texts; give images to a model of images")
    rows = zip(listing.sources, listing.load_pixels(), strict=True)
    inputs = (Input(name, pixels) for name, pixels in rows)
    return Opened(inputs, lambda: len(listing), list(listing.warnings))


def _sample(place: str, asked: _Asked) -> Opened:
    """The examples of a bundled sample; refused as `_arrays` does."""
    from pellucid.data.reading.dispatch import read_data  # all readers, which a file does without

    listing = read_data(place, asked.settings) if asked.is_of_texts else None
    if listing is None or listing.texts is None:
        return _arrays(place, asked)
    rows = zip(listing.sources, listing.texts, strict=True)
    return Opened((Input(name, Cell(text)) for name, text in rows), lambda: len(listing), [])


def _folder(place: str, asked: _Asked) -> Opened:
    """The files of a folder and its sub-folders; where there is none of the kind, the rows of its tables.

    Raises: `DataError` if there are neither.
    """
    folder, kind = Path(place), asked.kind
    if not any(is_one for _, is_one in walk(folder, kind)):
        tables = [path for path, _ in walk(folder, kind) if is_table(path)]
        if tables:
            return _joined([_table(str(path), asked) for path in tables])
        raise DataError(f"{place}: no {kind.what} in this folder; choose another INPUT")
    warnings: list[str] = []
    before = "" if str(folder) == "." else os.path.join(folder, "")

    def inputs() -> Iterator[Input]:
        """Files of the kind, and a warning of the others at the end."""
        others = 0
        for path, is_one in walk(folder, kind):
            if is_one:
                # By hand: `relative_to` would take as long as a small image does to be decoded.
                name = os.path.join(place, str(path).removeprefix(before))
                yield Input(name, path, stamp=stamp_of(path))
            others += not is_one
        if others:
            warnings.append(f"{place}: {count_of(others, 'file')} left out, {kind.no_such}")

    return Opened(inputs(), lambda: sum(is_one for _, is_one in walk(folder, kind)), warnings)


def _archive(place: str, asked: _Asked) -> Opened:
    """The files in an archive, in its own order.

    Raises: `DataError` if it cannot be read, or holds none of the kind.
    """
    path, kind = Path(place), asked.kind
    warnings: list[str] = []
    try:
        first = next(packed_inputs(path, place, kind, []), None)
    except DataError as error:
        raise DataError(f"{place}: {error}") from error
    if first is None:
        raise DataError(f"{place}: no {kind.what} in this archive; choose another INPUT")
    return Opened(packed_inputs(path, place, kind, warnings), lambda: count_packed(path, kind), warnings)


def _table(place: str, asked: _Asked) -> Opened:
    """The images or texts that a table's rows hold or name; labels are not needed.

    Raises: `DataError` if the table cannot be read, or no column can be told.
    """
    path, settings = Path(place), asked.settings
    table = open_table(path, place, settings.encoding)
    packed = None if asked.is_of_texts else packed_column(table, settings)
    if packed is not None:
        return _packed(place, table, packed, settings)
    task = "text" if asked.is_of_texts else "image"
    holds, column = choose_input(table, path.parent, dataclasses.replace(settings, task=task))
    names = joined_names(table.names, column)
    why = because(why_input(table, holds, column, settings))
    said = f"{place}: {holds if asked.is_of_texts else 'images'} from column {quoted(column)}{why}"
    if len(names) > 1:
        said = f"{place}: texts joined from columns {' and '.join(map(quoted, names))}"

    def count() -> int:
        rows = open_table(path, place, settings.encoding).read(names)
        return sum(len(block.numbers) for block in rows)

    names_files = holds in (IMAGES, TEXT_FILES)
    inputs = _named_files(table, column, asked) if names_files else _cells(table, names)
    return Opened(inputs, count, [*table.warnings, said])


def _packed(place: str, table: Table, column: str, settings: Settings) -> Opened:
    """The images in the cells of a column, read one by one."""
    stamp, other = stamp_of(Path(place)), next((name for name in table.names if name != column), column)

    def rows() -> Iterator[int]:
        read = open_table(Path(place), place, settings.encoding).read([other])
        return (number for block in read for number in block.numbers)

    def inputs() -> Iterator[Input]:
        """Images beside their row, or the reason why one cannot be read."""
        container = table.images[column]
        for found, number in zip(contents(Stored(container, row - 1) for row in rows()), rows(), strict=True):
            name = f"{place}:{number}"
            if isinstance(found, DataError):
                yield Input(name, b"", str(found), stamp)
            else:
                yield Input(name, found, stamp=stamp)

    said = f"{place}: images from column {quoted(column)}"
    return Opened(inputs(), lambda: sum(1 for _ in rows()), [*table.warnings, said])


def _cells(table: Table, names: tuple[str, ...]) -> Iterator[Input]:
    """The values of a column, or of several that are joined."""
    stamp = stamp_of(Path(table.place))
    for block in table.read(names):
        for number, value in zip(block.numbers, inputs_of(block.columns, names), strict=True):
            yield Input(f"{table.place}:{number}", Cell(value), stamp=stamp)


def _named_files(table: Table, column: str, asked: _Asked) -> Iterator[Input]:
    """The files that a column names."""
    finder = PathFinder(Path(table.place).parent)
    for block in table.read([column]):
        for number, value in zip(block.numbers, block.columns[column], strict=True):
            yield _named_file(f"{table.place}:{number}", value, finder, asked.kind)


def _named_file(name: str, value: object, finder: PathFinder, kind: FileKind) -> Input:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        article = "an" if kind is IMAGE_KIND else "a"
        return Input(name, Path(), f"no path of {article} {kind.noun} in this row")
    path, is_inside, exists = finder.find(value)
    if not is_inside:
        return Input(name, path, "the path leaves the table's folder; give an absolute path")
    return Input(name, path, "" if exists else f"no such file ({value})", stamp_of(path))


_OPENERS: dict[Form, Callable[[str, _Asked], Opened]] = {
    Form.SAMPLE: _sample,
    Form.IDX: _arrays,
    Form.FOLDER: _folder,
    Form.ARCHIVE: _archive,
    Form.NPZ: _arrays,
    Form.TABLE: _table,
    Form.PATTERN: _file,
    Form.FILE: _file,
}
