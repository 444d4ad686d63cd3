"""Word vectors in local files, as text or as a `.npy` matrix: only the rows that are needed are kept."""

import itertools
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple, cast

import numpy as np
from jaxtyping import Float32, Int64

from pellucid.data.tables.columnar_files import open_columns
from pellucid.encoding.encoder import LONGEST_ENTRY
from pellucid.encoding.token_encoders import WORDS, split
from pellucid.encoding.words import normalise
from pellucid.errors import DataError
from pellucid.safety.budgets import MEMORY
from pellucid.safety.files import Unpacking, open_regular, read_regular
from pellucid.safety.strict import parse

# Most numbers of a vector.
MOST_NUMBERS = 4096

_ENDINGS = (".txt", ".json", ".parquet")
_LONGEST_LINE = 1 << 20


class Vectors(NamedTuple):
    """Vectors of some words."""

    matrix: Float32[np.ndarray, "found numbers"]  # one row for each word found
    words: Int64[np.ndarray, " found"]  # positions of these words among those asked for
    # which row of the file each is, from 1; files hold frequent words first
    ranks: Int64[np.ndarray, " found"]
    rows: int  # rows of the file


def read_vectors(path: str, words: Sequence[str]) -> Vectors:
    """Read the vectors of normalised words, such as the entries of a `TokenEncoder`; those found.

    A text file holds a word and its numbers in each line (GloVe), perhaps after a line with the number
    of words and of numbers (word2vec); `.gz` is unpacked. A `.npy` file holds one row for each word of
    the vocabulary next to it: the `.txt`, `.json` or `.parquet` file of that name, or the only one there.

    Raises: `DataError` if there is no such file, it is of another form, damaged, or holds none of the words;
    the message names the file and, in a text, the line.
    """
    file = _existing(path)
    wanted = _Wanted(words)
    found = _matrix_rows(file, wanted) if file.suffix == ".npy" else _text_rows(file, wanted)
    places = found.words
    if not len(places):
        raise DataError(
            "{path}: none of the {words} words of the training texts is in it; "
            "take vectors of the language of the texts",
            path,
            len(words),
        )
    order = np.argsort(places)
    return Vectors(found.matrix[order], places[order], found.ranks[order], found.rows)


def leading_words(path: str, most: int) -> list[str]:
    """Those of the first rows of a file of vectors that are one word by our own rule, normalised, in order.

    Such files hold frequent words first. No text can hold the others. The path is as for `read_vectors`.

    Raises: `DataError` if there is no such file, it is of another form or damaged.
    """
    file = _existing(path)
    spelt: list[str] = []
    if file.suffix == ".npy":
        spelt = _words(_vocabulary_file(file))[:most]
    else:
        for number, line in _lines(file):
            if number > 1 or not _form(file, number, line)[1]:
                spelt.append(_word(line))
            if len(spelt) == most:
                break
    words = [normalise(word) for word in spelt]
    _, spans = split(WORDS, words)
    counts = np.diff(spans.offsets).tolist()
    lengths = np.add.reduceat(np.append(spans.ends - spans.starts, 0), spans.offsets[:-1]).tolist()
    return [
        word
        for word, count, length in zip(words, counts, lengths, strict=True)
        if count == 1 and length == len(word) <= LONGEST_ENTRY
    ]


class _Wanted:
    """Different normalised words to look for, spelt as they are or else in capitals or another form."""

    def __init__(self, words: Sequence[str]) -> None:
        self._places = {word: place for place, word in enumerate(words)}
        self._is_exact: dict[int, bool] = {}

    def wants(self, word: str) -> bool:
        """False where `take` would give `None` for certain for a word as the file spells it."""
        return word in self._places or normalise(word) in self._places

    def take(self, word: str) -> int | None:
        """Position among the wanted words of a word of the file; `None` if not needed, or no longer.

        Of several forms of one word counts the one spelt as it is wanted, else the first.
        """
        place = self._places.get(word)
        is_exact = place is not None
        if place is None:
            place = self._places.get(normalise(word))
        if place is None or self._is_exact.get(place, False) or (place in self._is_exact and not is_exact):
            return None
        self._is_exact[place] = is_exact
        return place


def _existing(path: str) -> Path:
    if not Path(path).is_file():
        raise DataError("{path}: no such file; name a file with word vectors (--vectors)", path)
    return Path(path)


def _matrix_rows(path: Path, wanted: _Wanted) -> Vectors:
    """Rows of a `.npy` matrix, which is mapped into memory, and of its vocabulary."""
    try:
        matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            "{path}: not a readable .npy file ({error}); use an undamaged copy", path, error
        ) from error
    if not isinstance(matrix, np.ndarray):
        raise DataError("{path}: an archive of arrays; save the matrix alone, as .npy", path)
    if matrix.ndim != 2 or matrix.dtype.kind != "f" or not 1 <= matrix.shape[1] <= MOST_NUMBERS:
        raise DataError(
            "{path}: {dtype} {shape}, where a row of 1 to {MOST_NUMBERS} fractions "
            "for each word is expected; save the matrix alone",
            path,
            matrix.dtype,
            matrix.shape,
            MOST_NUMBERS,
        )
    vocabulary = _vocabulary_file(path)
    words = _words(vocabulary)
    if len(words) != len(matrix):
        raise DataError(
            "{vocabulary}: {words} words for {matrix} rows of {name}; "
            "put the vocabulary of this matrix beside it",
            vocabulary,
            len(words),
            len(matrix),
            path.name,
        )
    rows = {place: row for row, word in enumerate(words) if (place := wanted.take(word)) is not None}
    with np.errstate(over="ignore"):  # float64 beyond float32 is refused below, with its row
        found = matrix[[*rows.values()]].astype(np.float32)
    broken = np.flatnonzero(~np.isfinite(found).all(axis=1))
    if len(broken):
        row = [*rows.values()][int(broken[0])]
        raise DataError(
            "{path}: row {row} ({words!r}) is not finite; use an undamaged copy", path, row, words[row]
        )
    ranks = np.array([*rows.values()], np.int64) + 1
    return Vectors(found, np.array([*rows], np.int64), ranks, len(matrix))


def _vocabulary_file(path: Path) -> Path:
    """File with the vocabulary of a matrix."""
    named = [path.with_suffix(ending) for ending in _ENDINGS if path.with_suffix(ending).is_file()]
    found = named or sorted(each for each in path.parent.iterdir() if each.suffix in _ENDINGS)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(each.name for each in found[:5])
        raise DataError(
            "{path}: several files may be its vocabulary ({names}); call it {stem}.txt",
            path,
            names,
            path.stem,
        )
    raise DataError(
        "{path}: no vocabulary beside it; put {stem}.txt there, one word in each line "
        "(or {stem2}.json, {stem3}.parquet)",
        path,
        path.stem,
        path.stem,
        path.stem,
    )


def _words(path: Path) -> list[str]:
    """Word of each row, of a Parquet file out of its first column of texts."""
    try:
        if path.suffix == ".parquet":
            with open_columns(path, str(path), "parquet") as file:
                for head in itertools.islice(file.blocks(None, 1_000), 1):
                    for name, values in head.columns.items():
                        if all(value is None or type(value) is str for value in values) and any(values):
                            blocks = file.blocks([name], 10_000)
                            return [word or "" for block in blocks for word in block.columns[name]]
            raise DataError("{path}: no column of texts in it; put the words into one", path)
        content = read_regular(path, MEMORY.value()).decode()
        if path.suffix == ".txt":
            return content.removesuffix("\n").split("\n")
        document = parse(content.encode())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            "{path}: not a readable vocabulary ({error}); use an undamaged copy", path, error
        ) from error
    if isinstance(document, dict):
        rows = [row for row in document.values() if type(row) is int]
        if len(rows) < len(document) or sorted(rows) != list(range(len(document))):
            raise DataError(
                "{path}: the rows of its words are not 0 to {document}, each once; use an undamaged copy",
                path,
                len(document) - 1,
            )
        document = sorted(document, key=document.__getitem__)
    if not isinstance(document, list) or not all(isinstance(word, str) for word in document):
        raise DataError(
            "{path}: neither a list of words nor an object from words to rows; write one of them", path
        )
    return document


def _text_rows(path: Path, wanted: _Wanted) -> Vectors:
    """Rows of a text file."""
    rows: dict[int, Float32[np.ndarray, " numbers"]] = {}
    ranks: dict[int, int] = {}
    size = count = 0
    for number, line in _lines(path):
        if not size:
            size, is_heading = _form(path, number, line)
            if is_heading:
                continue
        count += 1
        word = _word(line)
        if not wanted.wants(word):
            continue
        numbers = _numbers(path, number, line, size)
        place = None if numbers is None else wanted.take(word)
        if place is not None and numbers is not None:
            rows[place], ranks[place] = numbers, count
    if not size:
        raise DataError("{path}: the file is empty; name a file with word vectors (--vectors)", path)
    matrix = np.array([*rows.values()], np.float32).reshape(len(rows), size)
    return Vectors(matrix, np.array([*rows], np.int64), np.array([*ranks.values()], np.int64), count)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines that are not blank, with their numbers."""
    try:
        packed = open_regular(path)
        with cast(IO[bytes], Unpacking(packed) if path.suffix == ".gz" else packed) as file:
            number = 0
            while line := file.readline(_LONGEST_LINE):
                number += 1
                if b"\0" in line or len(line) == _LONGEST_LINE:
                    raise DataError(
                        "{path}:{number}: not a text; save vectors in word2vec's binary form as text",
                        path,
                        number,
                    )
                if line.split(None, 1):
                    yield number, line
    except (OSError, EOFError, zlib.error) as error:
        raise DataError("{path}: cannot be read ({error}); use an undamaged copy", path, error) from error


def _word(line: bytes) -> str:
    return line.split(None, 1)[0].decode("utf-8", "replace")


def _form(path: Path, number: int, line: bytes) -> tuple[int, bool]:
    """Numbers of a word by the first line, and whether that line is a heading."""
    fields = line.split()
    is_heading = len(fields) == 2 and fields[0].isdigit() and fields[1].isdigit()
    size = int(fields[1]) if is_heading else len(fields) - 1
    if not is_heading:
        _numbers(path, number, line, size)
    if not 1 <= size <= MOST_NUMBERS:
        raise DataError(
            "{path}:{number}: {size} numbers after a word, where 1 to {MOST_NUMBERS} are expected; "
            "name a file with a word and its numbers in each line",
            path,
            number,
            size,
            MOST_NUMBERS,
        )
    return size, is_heading


def _numbers(path: Path, number: int, line: bytes, size: int) -> Float32[np.ndarray, " numbers"] | None:
    """Numbers of one line; `None` where the word holds spaces, as none of ours does."""
    fields = line.split()
    if len(fields) > size + 1:
        try:
            float(fields[1])
        except ValueError:
            return None
    if len(fields) != size + 1:
        raise DataError(
            "{path}:{number}: {fields} numbers after the word, where the first lines announce "
            "{size}; use an undamaged copy",
            path,
            number,
            len(fields) - 1,
            size,
        )
    try:
        with np.errstate(over="ignore"):  # refused below
            numbers = np.array([float(field) for field in fields[1:]], np.float32)
    except ValueError as error:
        raise DataError(
            "{path}:{number}: not a word and its numbers ({error}); use a GloVe or word2vec text file",
            path,
            number,
            error,
        ) from error
    if not np.isfinite(numbers).all():
        raise DataError("{path}:{number}: a number that is not finite; use an undamaged copy", path, number)
    return numbers
