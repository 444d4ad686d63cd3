"""Features by which giveaways are looked for: files, order, columns, and forms and places in texts."""

import os
import re
import struct
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64, UInt64

from pellucid.data.listing import Images, Listing
from pellucid.data.raw_texts import SCRIPTS, Texts, main_scripts, units_of
from pellucid.language.sentence import Sentence
from pellucid.safety.files import open_regular

# What a feature is to a model. Those outside never reach it, but what they mark may be visible. A form
# reaches it and is no content. What may be content is a giveaway only where the rest does not give as much.
OUTSIDE = "outside"
FORM = "form"
CONTENT = "content"

Names = Callable[[int], str]


@dataclass(frozen=True, eq=False)
class Marks:
    """A feature of named values, of which an example has one, several or none."""

    kind: str  # such as `first word`
    nature: str  # `OUTSIDE`, `FORM` or `CONTENT`
    rows: Int64[np.ndarray, " entries"]  # place of the example that has the value, ascending within a value
    codes: Int64[np.ndarray, " entries"]  # the value
    name: Names  # value for people
    ignore: Callable[[str], str] = lambda _: ""  # what `--ignore` takes to remove a value, if anything
    # whether a value that is the name of its own class says nothing: files are often named so
    may_name_class: bool = False
    # of words at a place: the hash of each, by which it is found anywhere else in the texts
    hashes: UInt64[np.ndarray, " values"] | None = None


@dataclass(frozen=True, eq=False)
class Numbers:
    """A feature of one number an example, NaN where there is none."""

    kind: str
    nature: str
    values: Float64[np.ndarray, " rows"]
    unit: str = ""
    # whether it only says in what order examples lie: data that is sorted by class is as usual as harmless
    is_order: bool = False


Feature = Marks | Numbers


def marks_of(kind: str, nature: str, values: Sequence[str | None], *, may_name_class: bool = False) -> Marks:
    """A feature of one value an example, `None` where it has none."""
    known: dict[str, int] = {}
    places = [(row, known.setdefault(value, len(known))) for row, value in enumerate(values) if value]
    rows, codes = np.array(places, np.int64).reshape(-1, 2).T
    return Marks(kind, nature, rows, codes, list(known).__getitem__, may_name_class=may_name_class)


def marks_of_sets(
    kind: str,
    nature: str,
    sets: Iterable[Iterable[str]],
    ignore: Callable[[str], str] = lambda _: "",
    *,
    may_name_class: bool = False,
) -> Marks:
    """A feature of any number of values an example."""
    known: dict[str, int] = {}
    rows, codes = list[int](), list[int]()
    for row, values in enumerate(sets):
        for value in values:
            rows.append(row)
            codes.append(known.setdefault(value, len(known)))
    names = list(known)
    order = np.array(rows, np.int64), np.array(codes, np.int64)
    return Marks(kind, nature, *order, names.__getitem__, ignore, may_name_class)


# Files: their names, folders, formats, sizes and times, and what the first bytes of images say.

_WORD = re.compile(r"[^\W\d_]+")
_NUMBER = re.compile(r"\d+")
_DAY = 86400.0


def file_features(listing: Listing, rows: Int64[np.ndarray, " rows"]) -> list[Feature]:
    """What files of examples say besides their content; nothing of data that is no files."""
    files = listing.paths
    paths = [str(listing.sources[row] if files is None else files[row]) for row in rows.tolist()]
    if files is None and listing.form not in ("class folders", "split folders"):
        return []
    names = [os.path.splitext(path.rpartition("/")[2]) for path in paths]
    labels = [listing.labels[row] for row in rows.tolist()]
    sizes, times = _stats(files, rows, paths)
    last = [_NUMBER.findall(stem)[-1:] for stem, _ in names]
    numbers = np.array([float(found[0][:15]) if found else np.nan for found in last])
    return [
        marks_of("sub-folder", OUTSIDE, list(map(_sub_folder, paths, labels)), may_name_class=True),
        marks_of("file format", OUTSIDE, [ending.lower() for _, ending in names]),
        marks_of_sets(
            "file name",
            OUTSIDE,
            (sorted({word.lower() for word in _WORD.findall(stem)}) for stem, _ in names),
            may_name_class=True,
        ),
        marks_of(
            "pattern of file names", OUTSIDE, [_pattern(stem) for stem, _ in names], may_name_class=True
        ),
        Numbers("number in the file name", OUTSIDE, numbers, is_order=True),
        # The size of a text's file is its length, which is looked at as such.
        *([] if listing.texts is not None else [Numbers("file size", CONTENT, sizes, "bytes")]),
        Numbers("file timestamp", OUTSIDE, times, "time", is_order=True),
    ]


def _sub_folder(path: str, label: str) -> str:
    """Folders between that of the class and the file."""
    folder = path.rpartition("/")[0] + "/"
    _, marker, inner = folder.rpartition(f"/{label}/")
    return inner.strip("/") if marker else folder.strip("/")


def _pattern(stem: str) -> str:
    """Form of a name: runs of letters and of digits with their lengths, signs as they are."""
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", lambda found: f"{{{len(found[0])} digits}}", stem))


def _stats(
    files: Sequence[object] | None, rows: Int64[np.ndarray, " rows"], paths: Sequence[str]
) -> tuple[Float64[np.ndarray, " rows"], Float64[np.ndarray, " rows"]]:
    """Size in bytes and time of change of each file of the disk; NaN elsewhere."""
    sizes, times = np.full((2, len(rows)), np.nan)
    for place, row in enumerate(rows.tolist()):
        path = paths[place] if files is None else files[row]
        if not isinstance(path, (str, Path)):
            continue
        try:
            status = os.stat(path)
        except OSError:  # gone meanwhile: a size that nobody knows gives nothing away
            continue
        sizes[place], times[place] = status.st_size, status.st_mtime
    return sizes, times


class _Exif(NamedTuple):
    """Fields of EXIF that say nothing of what an image shows."""

    camera: str
    software: str
    orientation: str
    day: str
    quality: str  # digits of the quantisation tables of a JPEG


_READ = 1 << 16
_TAGS = {0x010F: "make", 0x0110: "model", 0x0112: "orientation", 0x0131: "software", 0x0132: "time"}
_FORMS = {2: 1, 3: 2}


def exif_features(listing: Listing, rows: Int64[np.ndarray, " rows"]) -> list[Feature]:
    """Camera, software, orientation and day by the first bytes of JPEG files on the disk."""
    if listing.paths is None:
        return []
    found = [_exif_of(listing.paths[row]) for row in rows.tolist()]
    titles = {
        "camera": "camera (EXIF)",
        "software": "software (EXIF)",
        "orientation": "orientation (EXIF)",
        "day": "date (EXIF)",
        "quality": "JPEG compression",
    }
    return [
        marks_of(title, OUTSIDE, [None if each is None else getattr(each, name) for each in found])
        for name, title in titles.items()
    ]


def _exif_of(file: object) -> _Exif | None:
    """Read the segments before the pixels of a JPEG by hand, within bounds; `None` where it is none."""
    if not isinstance(file, Path):
        return None
    try:
        with open_regular(file) as opened:
            content = opened.read(_READ)
    except OSError:
        return None
    if content[:2] != b"\xff\xd8":
        return None
    fields: dict[str, str] = {}
    tables, place = b"", 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        marker, size = content[place + 1], int.from_bytes(content[place + 2 : place + 4])
        body = content[place + 4 : place + 2 + size]
        if marker == 0xDA or size < 2:
            break
        if marker == 0xDB:
            tables += body
        elif marker == 0xE1 and body[:6] == b"Exif\0\0":
            fields = _fields_of(body[6:])
        place += 2 + size
    camera = " ".join(filter(None, (fields.get("make"), fields.get("model"))))
    quality = "" if len(tables) < 65 else Sentence("tables of {tables} in all", sum(tables[1:65]))
    day = fields.get("time", "")[:10]
    return _Exif(camera, fields.get("software", ""), fields.get("orientation", ""), day, quality)


def _fields_of(block: bytes) -> dict[str, str]:
    """The first directory of an EXIF block, whatever it claims: nothing outside of the block is read."""
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    found: dict[str, str] = {}
    if order is None or len(block) < 8:
        return found
    (start,) = struct.unpack_from(f"{order}I", block, 4)
    if start + 2 > len(block):
        return found
    (entries,) = struct.unpack_from(f"{order}H", block, start)
    for entry in range(min(entries, 64)):
        at = start + 2 + 12 * entry
        if at + 12 > len(block):
            break
        tag, form, count = struct.unpack_from(f"{order}HHI", block, at)
        size = _FORMS.get(form, 0) * count
        if tag not in _TAGS or not 0 < size <= 256:
            continue
        where = at + 8 if size <= 4 else struct.unpack_from(f"{order}I", block, at + 8)[0]
        raw = block[where : where + size]
        if form == 3 and len(raw) >= 2:
            found[_TAGS[tag]] = str(struct.unpack_from(f"{order}H", raw)[0])
        elif form == 2:
            found[_TAGS[tag]] = raw.split(b"\0")[0].decode("latin-1").strip()
    return found


# Order of the rows, and every other column of a table.


def row_order(listing: Listing, rows: Int64[np.ndarray, " rows"]) -> list[Feature]:
    """Place of an example in a table or an array."""
    if listing.form in ("class folders", "split folders", "folder"):
        return []
    return [Numbers("row order", OUTSIDE, rows.astype(np.float64) + 1, is_order=True)]


_MOSTLY = 0.9
_FEWEST_NUMBERED = 50  # different values, below which they are no numbers of rows


def column_features(
    columns: Mapping[str, tuple[Int64[np.ndarray, " n"], Sequence[str]]], rows: Int64[np.ndarray, " rows"]
) -> list[Feature]:
    """Values, and ranges of numbers, of columns that hold neither inputs nor labels."""
    found = list[Feature]()
    for column, (codes, names) in columns.items():
        own = codes[rows]
        has_value = np.flatnonzero(own >= 0)
        kind = Sentence("column {column}", column)
        found.append(Marks(kind, OUTSIDE, has_value, own[has_value], names.__getitem__))
        numbers = np.array([_number(name) for name in names], np.float64)
        if len(has_value) and np.isfinite(numbers[own[has_value]]).mean() >= _MOSTLY:
            values = np.where(own >= 0, numbers[np.maximum(own, 0)], np.nan)
            found.append(Numbers(kind, OUTSIDE, values, is_order=_is_running(numbers)))
    return found


def _is_running(numbers: Float64[np.ndarray, " values"]) -> bool:
    """Whether different values of a column number its rows: whole ones, with few gaps."""
    known = numbers[np.isfinite(numbers)]
    if len(known) < 2 or (known != np.floor(known)).any():
        return False
    return bool(known.max() - known.min() < 2 * len(known) + 10 and len(known) > _FEWEST_NUMBERED)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return np.nan
    return value if np.isfinite(value) else np.nan


# Texts: words and lines at fixed places, forms of writing, lengths.

START = 800  # characters of a text's start that are read
END = 200  # characters of its end
_PLACES = {
    "first word": 0, "second word": 1, "third word": 2,
    "last word": -1, "second last word": -2, "third last word": -3,
}  # fmt: skip
_LINES_FIRST = 30  # of the start
_LINES_LAST = 10  # of its end
_SHORTEST_LINE = 3  # characters
# Words that hold sentences together, which no topic has to itself.
_LANGUAGES = {
    "English": ("the", "and", "of", "to", "in", "is", "that", "for", "with", "was"),
    "German": ("der", "die", "und", "das", "ist", "nicht", "mit", "den", "ein", "von"),
    "French": ("le", "les", "et", "des", "est", "une", "dans", "pour", "que", "pas"),
    "Spanish": ("el", "los", "y", "las", "es", "una", "por", "con", "para", "del"),
    "Italian": ("il", "che", "di", "non", "una", "per", "della", "sono", "gli", "con"),
    "Portuguese": ("o", "os", "e", "uma", "não", "com", "para", "do", "da", "em"),
    "Dutch": ("de", "het", "een", "en", "van", "niet", "zijn", "met", "voor", "dat"),
    "Swedish": ("och", "att", "det", "som", "en", "på", "är", "inte", "för", "av"),
    "Polish": ("i", "w", "nie", "na", "się", "że", "z", "do", "jest", "to"),
    "Turkish": ("ve", "bir", "bu", "için", "da", "ile", "de", "çok", "ne", "gibi"),
    "Russian": ("и", "в", "не", "на", "что", "по", "это", "как", "из"),
}  # fmt: skip
_FEWEST_OF_LANGUAGE = 2


@dataclass(frozen=True, eq=False)
class Words:
    """Words of the beginnings of some texts."""

    rows: Int64[np.ndarray, " words"]  # each word of a text once
    codes: Int64[np.ndarray, " words"]
    hashes: UInt64[np.ndarray, " vocabulary"]  # of the codes, ascending
    texts: Sequence[str]
    starts: Int64[np.ndarray, " texts"]  # words of each text

    def name(self, code: int) -> str:
        """A word as the first text that has it writes it."""
        row = self.rows[np.flatnonzero(self.codes == code)[0]]
        return _spelled(self.texts[row], self.hashes[code])


def _spelled(text: str, wanted: np.uint64) -> str:
    """The word of a text that has a hash."""
    words = re.findall(r"\w+", text) + [sign for sign in text if not sign.isspace()]
    for word in dict.fromkeys(words):
        own = units_of([word], len(word))
        if len(own.hashes) == 1 and own.hashes[0] == wanted:
            return str(word)
    return "?"


def words_of(texts: Sequence[str]) -> Words:
    """Cut the beginnings of texts into words."""
    units = units_of(texts, START)
    hashes, codes = np.unique(units.hashes, return_inverse=True)
    rows = np.repeat(np.arange(len(texts)), units.counts)
    pairs = np.sort(codes.astype(np.int64) * len(texts) + rows)
    pairs = pairs[np.concatenate([[True], pairs[1:] != pairs[:-1]])] if len(pairs) else pairs
    return Words(pairs % len(texts), pairs // len(texts), hashes, texts, units.counts)


def text_features(texts: Sequence[str], words: Words) -> list[Feature]:
    """Every feature of texts, those at fixed places first."""
    lengths = np.array([len(text) for text in texts], np.float64)
    lines = [text.count("\n") for text in texts]
    found = list[Feature](_places(texts))
    ends = [_ends_of(text) for text in texts]
    found += [
        marks_of_ignored("first line", FORM, [first for first, _ in ends], "first-line"),
        marks_of_ignored("last line", FORM, [last for _, last in ends], "last-line"),
        marks_of_sets("line", FORM, map(_lines_of, texts), lambda line: Sentence("token:{line}", line)),
        marks_of_sets("invisible character", FORM, map(_invisible, texts)),
        marks_of("script", FORM, [SCRIPTS[code] or None for code in main_scripts(list(texts)).tolist()]),
        marks_of("language", FORM, _languages(words)),
        marks_of("use of capitals", FORM, list(map(_casing, texts))),
        marks_of(
            "exact length", FORM, [Sentence("{length:,} characters", int(length)) for length in lengths]
        ),
        Numbers("length", CONTENT, lengths, "characters"),
        Numbers("number of lines", CONTENT, np.array(lines, np.float64) + 1),
    ]
    found.append(
        Marks(
            "word", CONTENT, words.rows, words.codes, words.name, lambda word: Sentence("token:{word}", word)
        )
    )
    return found


def marks_of_ignored(kind: str, nature: str, values: Sequence[str | None], ignore: str) -> Marks:
    """A feature of one value an example, which `--ignore` removes by its place."""
    made = marks_of(kind, nature, values)
    return Marks(kind, nature, made.rows, made.codes, made.name, lambda _: ignore)


def _places(texts: Sequence[str]) -> Iterable[Marks]:
    """The words at the first and last places."""
    tails = [text[-END:] for text in texts]
    sides = {
        False: (texts, units_of([text[:END] for text in texts], END)),
        True: (tails, units_of(tails, END)),
    }
    for kind, place in _PLACES.items():
        own, units = sides[place < 0]
        counts = units.counts
        # A text shorter than two such places has no word that is at one end and not at the other.
        rows = np.flatnonzero(counts > 2 * abs(place))
        at = (units.offsets[1:] if place < 0 else units.offsets[:-1])[rows] + place
        hashes, codes = np.unique(units.hashes[at], return_inverse=True)
        yield Marks(
            kind, FORM, rows, codes.astype(np.int64), _speller(own, rows, codes, hashes),
            lambda word: Sentence("token:{word}", word), hashes=hashes,
        )  # fmt: skip


def _speller(
    texts: Sequence[str], rows: np.ndarray, codes: np.ndarray, hashes: UInt64[np.ndarray, " values"]
) -> Names:
    return lambda code: _spelled(texts[rows[np.flatnonzero(codes == code)[0]]], hashes[code])


def _ends_of(text: str) -> tuple[str | None, str | None]:
    """First and last line; nothing of a text of one line."""
    text = text.strip()
    if "\n" not in text:
        return None, None
    return text.partition("\n")[0].strip().lower(), text.rpartition("\n")[2].strip().lower()


def _lines_of(text: str) -> Iterable[str]:
    """Different lines among the first and last ones of a text of several lines."""
    lines = text[:4000].strip().split("\n")
    if len(lines) < 2:
        return ()
    some = lines if len(lines) <= _LINES_FIRST + _LINES_LAST else lines[:_LINES_FIRST] + lines[-_LINES_LAST:]
    return dict.fromkeys(line for each in some if len(line := each.strip().lower()) >= _SHORTEST_LINE)


_USUAL = frozenset("\n\t ")


def _invisible(text: str) -> list[str]:
    """Names of characters that only the way of writing decides: spaces of other widths, marks, controls."""
    if text.isascii() and text.isprintable():
        return []
    signs = set(text) - _USUAL
    rare = [sign for sign in signs if not sign.isprintable() or sign.isspace()]
    return sorted(unicodedata.name(sign, f"U+{ord(sign):04X}").lower() for sign in rare)


def _casing(text: str) -> str:
    start = text[:START]
    if not any(map(str.isalpha, start)):
        return "no letters"
    if start == start.lower():
        return "no capitals"
    return "capitals only" if start == start.upper() else "mixed"


def _languages(words: Words) -> list[str | None]:
    """Language of most function words of each text; `None` where fewer than two are found."""
    counts = np.zeros((len(_LANGUAGES), len(words.texts)), np.int64)
    for place, spelled in enumerate(_LANGUAGES.values()):
        hashes = units_of(spelled, 20).hashes
        at = np.searchsorted(words.hashes, hashes).clip(max=max(0, len(words.hashes) - 1))
        known = at[words.hashes[at] == hashes] if len(words.hashes) else at[:0]
        counts[place] = np.bincount(words.rows[np.isin(words.codes, known)], minlength=len(words.texts))
    best = counts.argmax(axis=0)
    names = list(_LANGUAGES)
    enough = counts.max(axis=0) >= _FEWEST_OF_LANGUAGE
    return [
        names[code] if is_known else None
        for code, is_known in zip(best.tolist(), enough.tolist(), strict=True)
    ]


# Images, by what decoding noted of each file.


def image_file_features(images: Images, rows: Int64[np.ndarray, " rows"]) -> list[Feature]:
    """Dimensions and colour mode of images as they are stored, and whether they lie or stand."""
    sizes = images.original_sizes[rows].astype(np.int64)
    heights, widths = sizes.T
    shapes = np.where(widths > heights, "wide", np.where(widths < heights, "tall", "square"))
    return [
        marks_of("dimensions", OUTSIDE, [f"{width} x {height}" for height, width in sizes.tolist()]),
        marks_of("shape", OUTSIDE, shapes.tolist()),
        marks_of("colour mode", OUTSIDE, [images.modes[row] for row in rows.tolist()]),
        Numbers("width", OUTSIDE, widths.astype(np.float64), "pixels"),
        Numbers("height", OUTSIDE, heights.astype(np.float64), "pixels"),
    ]


def is_texts(inputs: object) -> bool:
    """Detect texts."""
    return isinstance(inputs, Texts)
