"""Word vectors as a `.npy` matrix with its vocabulary in a file beside it."""

from pathlib import Path

import numpy as np

from pellucid.budgets import MEMORY
from pellucid.encoding.vectors.wanted import Vectors, Wanted
from pellucid.errors import DataError
from pellucid.isolation import current
from pellucid.regular import read_regular
from pellucid.strict import parse

# Most numbers of a vector.
MOST_NUMBERS = 4096

_ENDINGS = (".txt", ".json", ".parquet")


def array_rows(path: Path, wanted: Wanted) -> Vectors:
    """Read the rows of a matrix that stand for wanted words; where each belongs and where it stood, too.

    Raises: `DataError` if matrix or vocabulary are missing, damaged, or do not belong together.
    """
    matrix = _matrix(path)
    beside = _beside(path)
    words = _words(beside)
    if len(words) != len(matrix):
        raise DataError(
            f"{beside}: {len(words)} words for {len(matrix)} rows of {path.name}; "
            "put the vocabulary of this matrix beside it"
        )
    rows: dict[int, int] = {}
    for row, word in enumerate(words):
        place = wanted.take(word)
        if place is not None:
            rows[place] = row
    with np.errstate(over="ignore"):  # float64 beyond float32 is refused below, with its row
        found = matrix[[*rows.values()]].astype(np.float32)
    broken = np.flatnonzero(~np.isfinite(found).all(axis=1))
    if len(broken):
        row = [*rows.values()][int(broken[0])]
        raise DataError(f"{path}: row {row} ({words[row]!r}) is not finite; use an undamaged copy")
    ranks = np.array([*rows.values()], np.int64) + 1
    return Vectors(found, np.array([*rows], np.int64), ranks, len(matrix))


def array_words(path: Path) -> list[str]:
    """Words of the rows of a matrix, as its vocabulary spells them.

    Raises: `DataError` if the vocabulary is missing or damaged.
    """
    return _words(_beside(path))


def _matrix(path: Path) -> np.ndarray:
    """The matrix, memory-mapped."""
    try:
        matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: not a readable .npy file ({error}); use an undamaged copy") from error
    if not isinstance(matrix, np.ndarray):
        raise DataError(f"{path}: an archive of arrays; save the matrix alone, as .npy")
    if matrix.ndim != 2 or matrix.dtype.kind != "f" or not 1 <= matrix.shape[1] <= MOST_NUMBERS:
        raise DataError(
            f"{path}: {matrix.dtype} {matrix.shape}, where a row of 1 to {MOST_NUMBERS} fractions "
            "for each word is expected; save the matrix alone"
        )
    return matrix


def _beside(path: Path) -> Path:
    """File with the vocabulary."""
    named = [path.with_suffix(ending) for ending in _ENDINGS if path.with_suffix(ending).is_file()]
    found = named or sorted(each for each in path.parent.iterdir() if each.suffix in _ENDINGS)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(each.name for each in found[:5])
        raise DataError(f"{path}: several files may be its vocabulary ({names}); call it {path.stem}.txt")
    raise DataError(
        f"{path}: no vocabulary beside it; put {path.stem}.txt there, one word in each line "
        f"(or {path.stem}.json, {path.stem}.parquet)"
    )


def _words(path: Path) -> list[str]:
    """Word of each row."""
    if path.suffix == ".parquet" and current() is not None:
        raise DataError(
            f"{path}: a vocabulary in Parquet is not read under --isolate; write its words into a .txt file, "
            "one a line"
        )
    try:
        if path.suffix == ".parquet":
            return _column(path)
        content = read_regular(path, MEMORY.value()).decode()
        if path.suffix == ".txt":
            return content.removesuffix("\n").split("\n")
        document = parse(content.encode())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: not a readable vocabulary ({error}); use an undamaged copy") from error
    if isinstance(document, dict):
        rows = [row for row in document.values() if type(row) is int]
        if len(rows) < len(document) or sorted(rows) != list(range(len(document))):
            raise DataError(
                f"{path}: the rows of its words are not 0 to {len(document) - 1}, each once; "
                "use an undamaged copy"
            )
        document = sorted(document, key=document.__getitem__)
    if not isinstance(document, list) or not all(isinstance(word, str) for word in document):
        raise DataError(
            f"{path}: neither a list of words nor an object from words to rows; write one of them"
        )
    return document


def _column(path: Path) -> list[str]:
    """First column of texts of a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    for name in table.column_names:
        kind = table.schema.field(name).type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return [word if word is not None else "" for word in table.column(name).to_pylist()]
    raise DataError(f"{path}: no column of texts in it; put the words into one")
