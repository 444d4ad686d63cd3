"""List of BERT's pieces out of a file, and in the order of our ids."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from pellucid.encoding.tokens.tokenizing import read_entries
from pellucid.encoding.tokens.word_pieces import FILLER, STRANGER


class Pieces(NamedTuple):
    """Entries of a `WordPieceEncoder`, and the rows of their vectors.

    Attributes:
        entries: pieces in the order of our ids, without `[PAD]` and `[UNK]`.
        rows: which row of the table of vectors each of our ids has, theirs among them.
    """

    entries: tuple[str, ...]
    rows: list[int]


def pieces_of_vocabulary(content: bytes) -> list[str]:
    """Pieces of a `vocab.txt`, one in each line, in the order of their rows.

    Raises: `ValueError` if it is not UTF-8.
    """
    try:
        lines = content.decode().split("\n")
    except UnicodeDecodeError as error:
        raise ValueError("vocab.txt: not UTF-8") from error
    return [line.removesuffix("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]


def pieces_of_tokenizer(document: Any) -> list[str]:
    """Pieces of a parsed `tokenizer.json`, in the order of their rows.

    Raises: `ValueError` if it holds no list of word pieces.
    """
    match document:
        case {"model": {"type": "WordPiece", "vocab": dict(rows)}}:
            pass
        case _:
            raise ValueError("tokenizer.json: holds no word pieces; only those are supported")
    pieces: dict[int, str] = {row: piece for piece, row in rows.items() if type(row) is int}
    if sorted(pieces) != list(range(len(rows))):
        raise ValueError(f"tokenizer.json: the rows of its pieces are not 0 to {len(rows) - 1}, each once")
    return [pieces[row] for row in range(len(rows))]


def ordered(pieces: Sequence[str], most: int) -> Pieces:
    """Put pieces, in the order of their rows, into the order of our ids; the pieces and their rows.

    The table of vectors has `most` rows, perhaps more than there are pieces.

    Raises: `ValueError` if there are too many, one stands twice or is none, or a mark is missing.
    """
    if len(pieces) > most:
        raise ValueError(f"{len(pieces)} pieces for {most} vectors")
    places = {piece: row for row, piece in enumerate(pieces)}
    if len(places) < len(pieces):
        raise ValueError("the list of pieces holds one of them twice")
    if FILLER not in places or STRANGER not in places:
        raise ValueError(f"the list of pieces lacks {FILLER} or {STRANGER}")
    first = [places.pop(FILLER), places.pop(STRANGER)]
    return Pieces(read_entries([*places]), [*first, *places.values()])
