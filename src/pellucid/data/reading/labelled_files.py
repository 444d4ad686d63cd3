"""Files whose labels are in their names, or line by line in a second file.

In names such as `cat.123.jpg` the label is found by a pattern that the user gives: `{label}` stands for the
class, as long a part of the name as fits, `*` for any characters and `?` for one; a pattern with a group
`(?P<label>...)` is a regular expression. One with a slash must fit the path in the folder, any other the name
alone; capitals and small letters count as the same.

Texts and labels line by line, and names of classes in a file of their own:

    train_text.txt   train_labels.txt   test_text.txt   test_labels.txt   mapping.txt
    train.csv        test.csv           categories.json

Line i of `train_labels.txt` is the label of line i of `train_text.txt`. Where labels are numbers,
`mapping.txt` (`0`, a tab, `negative`) or `categories.json` (an array, or an object from number to name or
the other way round) names the classes.
"""

import dataclasses
import functools
import itertools
import posixpath
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pellucid.data.data_files import IMAGE_KIND, TEXT_KIND, File, FileKind
from pellucid.data.labels import is_encodable
from pellucid.data.listing import SPLIT_OF_NAME, TRAIN, UNDECIDED, Listing
from pellucid.data.reading.input_values import read_texts
from pellucid.data.reading.shards import Shard, on_disk, read_shards, require_one_set, split_of_path
from pellucid.data.tables.json_tables import open_objects
from pellucid.data.tables.table import Table
from pellucid.data.tables.text_files import TextFile, count_lines, decode_text, require_known, text_file
from pellucid.data.trees import Folder, path_within, place_of
from pellucid.data.wording import count_of, quoted, some_quoted
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.safety.files import read_regular
from pellucid.safety.strict import parse_line
from pellucid.settings import Settings
from pellucid.settings.rows import parse_name_pattern

_COUNTED = re.compile(r"(?P<label>.*?[^\W\d_])(?P<sign>[._ -]*)\d[^/]*(?P<ending>\.\w+)", re.DOTALL)
_NAME = re.compile(r"(?P<start>|.*[_.-])(?P<what>texts?|labels?)\.txt", re.IGNORECASE | re.DOTALL)
# Files that name the classes of the tables in their folder, where they hold names at all.
CLASS_NAMES = ("categories.json", "classes.json", "class_names.json", "label_names.json")
_MOST_BYTES = 1 << 20


def read_named_files(folder: Folder, place: str, settings: Settings, *, are_texts: bool) -> Listing:
    """List the images or texts of a folder and its sub-folders, each with the label in its name.

    Sub-folders that are named as splits are splits, where one of them is for training.

    Raises: `DataError` if a name does not fit the pattern, or there is no file.
    """
    kind = TEXT_KIND if are_texts else IMAGE_KIND
    if are_texts:
        require_known(settings.encoding, place)
    paths, others = folder.files_of(kind)
    if not paths:
        raise DataError("{place}: no {what} in this folder; choose another DATA", place, kind.what)
    names = [path_within(path, folder) for path in paths]
    asked = str(settings.label_from_name)
    warnings = [Sentence("{place}: labels from names by the pattern {asked}", place, quoted(asked))]
    if others:
        warnings.append(
            Sentence(
                "{place}: {others} left out, {no_such}", place, count_of(len(others), "file"), kind.no_such
            )
        )
    listing = Listing(
        place=place,
        form="folder",
        sources=[place_of(path) for path in paths],
        labels=_labels_in_names(names, place, asked, kind),
        splits=_splits_of_folders(names, place, kind),
        paths=paths,
        warnings=tuple(warnings),
    )
    if not are_texts:
        return listing
    listing, encodings = read_texts(listing, settings.encoding)
    return listing.with_warnings(*encodings)


def _labels_in_names(names: list[str], place: str, asked: str, kind: FileKind) -> list[str]:
    pattern = parse_name_pattern(asked)
    matches = [pattern.fullmatch(name if "/" in asked else posixpath.basename(name)) for name in names]
    labels = ["" if match is None else match["label"] or "" for match in matches]
    wrong = [name for name, label in zip(names, labels, strict=True) if not label]
    if wrong:
        raise DataError(
            "{place}: {wrong} of {names:,} whose name does not fit "
            "--label-from-name {asked}: {wrong2}; change the pattern, or "
            "rename or move them",
            place,
            count_of(len(wrong), kind.noun),
            len(names),
            quoted(asked),
            some_quoted(wrong),
        )
    for label in labels:
        if not is_encodable(label) or label.isspace():
            raise DataError(
                "{place}: the label {label} in a name is no text; rename the file", place, quoted(label)
            )
    return labels


def _splits_of_folders(names: list[str], place: str, kind: FileKind) -> list[str]:
    """The split of each file, by the outermost folder above it; none where no folder is for training."""
    folders = [name.partition("/")[0].lower() if "/" in name else "" for name in names]
    splits = [SPLIT_OF_NAME.get(folder, UNDECIDED) for folder in folders]
    if TRAIN not in splits:
        return []
    outside = [name for name, split in zip(names, splits, strict=True) if split == UNDECIDED]
    if outside:
        raise DataError(
            "{place}: {outside} beside the split folders: "
            "{outside2}; move them into train, val or test, or elsewhere",
            place,
            count_of(len(outside), kind.noun),
            some_quoted(outside),
        )
    return splits


def suggested_pattern(names: list[str]) -> str:
    """A pattern that fits all names, where few labels come before numbers; empty where none does."""
    fitting = [match for name in names if (match := _COUNTED.fullmatch(name)) is not None]
    if not names or len(fitting) < len(names):
        return ""
    labels, endings = ({match[part].lower() for match in fitting} for part in ("label", "ending"))
    signs = {match["sign"] for match in fitting}
    if not 2 <= len(labels) <= len(names) // 2 or len(signs) > 1 or signs == {""}:
        return ""
    return f"{{label}}{signs.pop()}*{endings.pop() if len(endings) == 1 else ''}"


# Texts and labels line by line.


class Pair(NamedTuple):
    """Two files that belong together, line by line."""

    texts: File
    labels: File


class Pairs(NamedTuple):
    """Pairs of files in a folder."""

    found: dict[str, Pair]  # by the path of the texts in the folder
    unlabelled: list[str]  # paths of texts without labels
    names: File | None  # the file that names the classes, if there is one


def pairs_in(folder: Folder) -> Pairs:
    """Pairs of files in a folder and, where there are none, in the folders in it.

    Raises: `DataError` if some labels have no texts.
    """
    own = _pairs_of(folder, "")
    if own.found:
        return own
    below = [each for name, inner in folder.folders.items() if (each := _pairs_of(inner, f"{name}/")).found]
    return Pairs(
        {name: pair for each in below for name, pair in each.found.items()},
        [name for each in below for name in each.unlabelled],
        below[0].names if below else None,
    )


def _pairs_of(folder: Folder, above: str) -> Pairs:
    """Pairs among the files of one folder, `above` being its path."""
    files = folder.files
    kinds: dict[str, dict[str, str]] = {"text": {}, "label": {}}
    for name in files:
        match = _NAME.fullmatch(name)
        if match is not None:
            kinds[match["what"].lower().rstrip("s")][match["start"].lower()] = name
    texts, labels = kinds["text"], kinds["label"]
    found = {
        above + name: Pair(folder.file(name), folder.file(labels[key]))
        for key, name in texts.items()
        if key in labels
    }
    alone = [name for key, name in labels.items() if key not in texts]
    if found and alone:
        raise DataError(
            "{folder}: {alone} without the texts, which are expected in "
            "{alone2}; put them there, or move the labels elsewhere",
            folder,
            some_quoted(alone),
            quoted(re.sub("labels?", "text", alone[0])),
        )
    names = next((folder.file(name) for name in files if name.lower() == "mapping.txt"), None)
    return Pairs(found, [above + name for key, name in texts.items() if key not in labels], names)


def read_pairs(pairs: Pairs, place: str, settings: Settings) -> Listing:
    """List the texts of pairs of files, with splits by their names.

    Raises: `DataError` if they are of several data sets, or their lines do not fit.
    """
    require_one_set(list(pairs.found), place)
    with tempfile.TemporaryDirectory(prefix="pellucid-") as temporary:
        shards = []
        for number, (name, pair) in enumerate(pairs.found.items()):
            paths = [on_disk(file, Path(temporary), 2 * number + at) for at, file in enumerate(pair)]
            open_it = functools.partial(_open_pair, pair, paths, settings.encoding)
            shards.append(Shard(name, split_of_path(name), open_it, paths[0].parent))
        listing = read_shards(
            shards, place, dataclasses.replace(settings, input_column="text", label_column="label")
        )
    columns = "texts from column 'text'; labels from column 'label'"
    lines = "texts and labels line by line, each pair of files being a table"
    warnings = [
        each.replace(
            Sentence("{place}: {columns}", place, columns), Sentence("{place}: {lines}", place, lines)
        )
        for each in listing.warnings
    ]
    if pairs.unlabelled:
        warnings.append(
            Sentence("{place}: {unlabelled} left out, having no labels", place, some_quoted(pairs.unlabelled))
        )
    listing = dataclasses.replace(listing, form="texts and labels", warnings=tuple(warnings))
    return listing if pairs.names is None else with_class_names(listing, pairs.names, settings)


def _open_pair(pair: Pair, paths: list[Path], encoding: str | None) -> Table:
    """Begin to read two files as a table of the columns `text` and `label`."""
    texts, labels = (
        text_file(path, place_of(file), encoding) for path, file in zip(paths, pair, strict=True)
    )
    table = open_objects(_rows(texts, labels), texts.place)
    if not table.head.numbers:
        raise DataError("{place}: holds no texts; give one on each line", texts.place)
    return dataclasses.replace(table, warnings=(*texts.warnings, *labels.warnings))


def _rows(texts: TextFile, labels: TextFile) -> Iterator[tuple[int, dict[str, str]]]:
    """Texts with their labels, counted from 1; lines at the end that are blank in both count for nothing."""

    def lines_of(file: TextFile) -> Iterator[str]:
        with file.lines("\n", count_lines) as lines:
            for line in lines:
                yield line.rstrip("\r\n")

    lines, others = lines_of(texts), lines_of(labels)
    blank = 0
    for number, (text, label) in enumerate(itertools.zip_longest(lines, others), start=1):
        if not (text or "").strip() and not (label or "").strip():
            blank = blank or number
            continue
        if not blank and (text is None or label is None):
            counts = [number - (each is None) for each in (text, label)]
            counts[text is None] += sum(1 for _ in (others if text is None else lines))
            raise DataError(
                "{place}: {counts}, but {counts2} in "
                "{place2}; line i of one is the label of line i of the other, so give both as many",
                labels.place,
                count_of(counts[1], "line"),
                count_of(counts[0], "line"),
                texts.place,
            )
        if blank or text is None or label is None or not label.strip():
            at = blank or number
            raise DataError(
                "{place}: line {at:,} is empty; give the label of line {at2:,} of {place2}, or "
                "take the line out of both",
                labels.place,
                at,
                at,
                texts.place,
            )
        yield number, {"text": text, "label": label.strip()}


# Names of classes in a file of their own.


def is_class_names(file: File) -> bool:
    """True of a file that names the classes of the tables in its folder: by its own name and its content."""
    return posixpath.basename(place_of(file)).lower() in CLASS_NAMES and bool(_read_names(file))


def with_class_names(listing: Listing, file: File, settings: Settings) -> Listing:
    """Name the classes of a listing whose labels are the numbers that a file has names for.

    Where none of its labels is such a number the file is not about it.

    Raises: `DataError` if the file cannot be read.
    """
    labels = set(listing.labels)
    names = {} if settings.target == "number" else _read_names(file)
    if labels.isdisjoint(names):
        return listing
    unnamed = sorted(labels - names.keys())
    name = quoted(posixpath.basename(place_of(file)))
    if unnamed:
        return listing.with_warnings(
            Sentence(
                "{place}: {name} has names for {names} and none for label {unnamed}, so it is not used",
                listing.place,
                name,
                count_of(len(names), "number"),
                some_quoted(unnamed),
            )
        )
    named = dataclasses.replace(listing, labels=[names[label] for label in listing.labels])
    return named.with_warnings(Sentence("{place}: classes named by {name}", listing.place, name))


def _read_names(file: File) -> dict[str, str]:
    """Names of classes by number; none where the file holds anything else."""
    try:
        content = read_regular(file, _MOST_BYTES) if isinstance(file, Path) else file.content()
        text = decode_text(content[: _MOST_BYTES + 1], None).text
    except (OSError, DataError) as error:
        raise DataError(
            "{file}: cannot be read ({error}); fix or remove it", place_of(file), error
        ) from error
    if len(content) > _MOST_BYTES:
        return {}
    if place_of(file).lower().endswith(".json"):
        pairs = _pairs_in_json(text)
    else:  # lines such as `0`, a tab, `negative`; what follows a second tab is left
        parts = [line.split("\t") for line in text.splitlines() if line.strip()]
        pairs = [(each[0].strip(), each[1] if len(each) > 1 else None) for each in parts]
    names = {
        str(number): name.strip() for number, name in pairs if isinstance(name, str) and is_encodable(name)
    }
    are_numbers = all(re.fullmatch(r"0|[1-9]\d{0,8}", number) for number in names)
    are_different = len(set(names.values())) == len(names) == len(pairs)
    return names if are_numbers and are_different and all(names.values()) else {}


def _pairs_in_json(text: str) -> list[tuple[object, object]]:
    """Numbers and names of an array of names, or an object in either direction."""
    try:
        document = parse_line(text)
    except ValueError:
        return []
    if isinstance(document, list):
        return list(enumerate(document))
    if not isinstance(document, dict):
        return []
    if all(type(value) is int for value in document.values()):
        return [(number, name) for name, number in document.items()]
    return list(document.items())
