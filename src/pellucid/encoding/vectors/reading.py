"""Pretrained word vectors from a file: only the rows of the words that are needed are kept."""

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, cast

import numpy as np
from jaxtyping import Float32

from pellucid.encoding.vectors.arrays import MOST_NUMBERS, array_rows, array_words
from pellucid.encoding.vectors.wanted import Vectors, Wanted
from pellucid.errors import DataError
from pellucid.regular import Unpacking, open_regular

_LONGEST_LINE = 1 << 20


def read_vectors(path: str, words: Sequence[str]) -> Vectors:
    """Read the vectors of normalised words, such as the entries of a `TokenEncoder`; those found.

    A text file holds a word and its numbers in each line (GloVe), perhaps after a line with the number
    of words and of numbers (word2vec); `.gz` is unpacked. A `.npy` file holds one row for each word of
    the vocabulary beside it: the `.txt`, `.json` or `.parquet` file of that name, or the only one there.

    Raises: `DataError` if there is no such file, it is of another form, damaged, or holds none of the words;
    the message names the file and, in a text, the line.
    """
    file = _existing(path)
    wanted = Wanted(words)
    found = array_rows(file, wanted) if file.suffix == ".npy" else _text_rows(file, wanted)
    places = found.words
    if not len(places):
        raise DataError(
            f"{path}: none of the {len(words)} words of the training texts stands in it; "
            "take vectors of the language of the texts"
        )
    order = np.argsort(places)
    return Vectors(found.matrix[order], places[order], found.ranks[order], found.rows)


def leading_words(path: str, most: int) -> list[str]:
    """The first words of a file of vectors: the most frequent ones, as such files are sorted.

    At most so many, as the file spells them, in its order; the path is as for `read_vectors`.

    Raises: `DataError` if there is no such file, it is of another form or damaged.
    """
    file = _existing(path)
    if file.suffix == ".npy":
        return array_words(file)[:most]
    found: list[str] = []
    for number, line in _lines(file):
        if number > 1 or not _form(file, number, line)[1]:
            found.append(_word(line))
        if len(found) == most:
            break
    return found


def _existing(path: str) -> Path:
    """Path of an existing file.

    Raises:
        DataError: there is none.
    """
    if not Path(path).is_file():
        raise DataError(f"{path}: no such file; name a file with word vectors (--vectors)")
    return Path(path)


def _word(line: bytes) -> str:
    return line.split(None, 1)[0].decode("utf-8", "replace")


def _text_rows(path: Path, wanted: Wanted) -> Vectors:
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
        raise DataError(f"{path}: the file is empty; name a file with word vectors (--vectors)")
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
                        f"{path}:{number}: not a text; save vectors in word2vec's binary form as text"
                    )
                if line.split(None, 1):
                    yield number, line
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); use an undamaged copy") from error


def _form(path: Path, number: int, line: bytes) -> tuple[int, bool]:
    """Numbers of a word by the first line, and whether that line is a heading."""
    fields = line.split()
    if len(fields) == 2 and fields[0].isdigit() and fields[1].isdigit():
        size, is_heading = int(fields[1]), True
    else:
        size, is_heading = len(fields) - 1, False
        _numbers(path, number, line, size)
    if not 1 <= size <= MOST_NUMBERS:
        raise DataError(
            f"{path}:{number}: {size} numbers after a word, where 1 to {MOST_NUMBERS} are expected; "
            "name a file with a word and its numbers in each line"
        )
    return size, is_heading


def _numbers(path: Path, number: int, line: bytes, size: int) -> Float32[np.ndarray, " numbers"] | None:
    """Numbers of one line; `None` where the word holds spaces, as none of ours does."""
    fields = line.split()
    if len(fields) > size + 1 and not _is_number(fields[1]):
        return None
    if len(fields) != size + 1:
        raise DataError(
            f"{path}:{number}: {len(fields) - 1} numbers after the word, where the first lines announce "
            f"{size}; use an undamaged copy"
        )
    try:
        with np.errstate(over="ignore"):  # refused below
            numbers = np.array([float(field) for field in fields[1:]], np.float32)
    except ValueError as error:
        raise DataError(
            f"{path}:{number}: not a word and its numbers ({error}); use a GloVe or word2vec text file"
        ) from error
    if not np.isfinite(numbers).all():
        raise DataError(f"{path}:{number}: a number that is not finite; use an undamaged copy")
    return numbers


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
