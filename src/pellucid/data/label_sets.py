"""Several labels of one example: in lists, separated cells, columns of 0 and 1, or several class folders.

The rule for a column of labels, where `--target` does not decide:

1. Lists, of JSON or Parquet, are several labels; so are texts that are arrays of JSON or Python.
2. So are texts of which some hold `;` or `|` between parts, where the parts recur: they are no more than the
   different cells, and every cell of several parts shares one of them with another cell. A comma is never
   taken for a separator unless `--label-separator` says so: names have commas.
3. So are several columns of 0 and 1, where no other column can hold the labels.
4. So are class folders, where files of one name and content are in several of them.

An empty cell is a question that only the user can answer: no label applies, or nobody has looked.
"""

import ast
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from pellucid.data.data_files import File, contents
from pellucid.data.wording import count_of, quoted, some_quoted
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.safety.budgets import MEMORY
from pellucid.safety.files import read_regular
from pellucid.targets import SEPARATOR, Labels, labels_of_lists, labels_of_states, state_of

# Separators that are detected.
SEPARATORS = (SEPARATOR, "|")

# Longest cell that is read as an array, and most labels of all examples together.
_LONGEST = 100_000
_MOST_LABELS = 20_000


def are_states(values: Sequence[object]) -> bool:
    """Detect a column that says for one label whether it applies, by its first values."""
    states = {state_of(value) for value in values}
    return None not in states and bool(states - {state_of(None)})


def sets_of_columns(
    columns: Mapping[str, Sequence[object]], place: str, source: Callable[[int], str]
) -> Labels:
    """Labels from columns of 0 and 1, each named as its label; an empty cell is unknown.

    Raises: `DataError` if a cell is neither, with its row, or a name could not be given back in answers.
    """
    names = tuple(sorted(columns))
    require_fit_names(names, place)
    states = np.empty((len(next(iter(columns.values()))), len(names)), np.int8)
    for code, name in enumerate(names):
        for row, value in enumerate(columns[name]):
            state = state_of(value)
            if state is None:
                raise DataError(
                    "{place}: column {name} has {str} at {row}; where "
                    "several columns hold labels each is 0 or 1, or empty",
                    place,
                    quoted(name),
                    quoted(str(value)),
                    source(row),
                )
            states[row, code] = state
    return labels_of_states(states, names)


def as_array(labels: Sequence[object]) -> str:
    """Several labels of one example as the text of a JSON array, in which lists of labels are kept."""
    return json.dumps(
        [each if isinstance(each, str) else _plain(each) for each in labels], ensure_ascii=False
    )


def _plain(value: object) -> str:
    """A label of a list that is no text: whole numbers lose their fraction."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def array_in(text: str) -> list[str] | None:
    """Labels of a cell that holds an array of JSON, or a list of Python as pandas writes it; else `None`."""
    text = text.strip()
    if not (text.startswith("[") and text.endswith("]")) or len(text) > _LONGEST:
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(found, list) and all(isinstance(each, (str, int, float)) for each in found):
            return [each if isinstance(each, str) else _plain(each) for each in found]
    return None


def separator_in(cells: Sequence[str]) -> str | None:
    """The separator of several labels in cells, by rule 2 at the top of this file; `None` without one."""
    different = {cell for cell in cells if cell}
    for separator in SEPARATORS:
        several = [parts_of(cell, separator) for cell in different if separator in cell]
        if not several:
            continue
        every = Counter(part for cell in different for part in set(parts_of(cell, separator)))
        if len(every) <= len(different) and all(any(every[part] > 1 for part in parts) for parts in several):
            return separator
    return None


def parts_of(cell: str, separator: str) -> list[str]:
    """Labels in a cell, without the space around them; nothing between two separators is none."""
    return [part for each in cell.split(separator) if (part := each.strip())]


def read_label_sets(
    cells: Sequence[str], separator: str | None, place: str, sources: Sequence[str], *, is_asked: bool
) -> Labels | None:
    """Several labels from cells of text, in which an empty one is unknown; `None` where they are single ones.

    With `is_asked` single labels will do too. `separator` is that of the user, if any; `sources` are where
    each cell was read, for messages.

    Raises: `DataError` if a label has a name that answers could not give back, or there are too many labels.
    """
    arrays = [array_in(cell) for cell in cells]
    given = [array for array, cell in zip(arrays, cells, strict=True) if cell]
    are_arrays = any(array is not None and len(array) != 1 for array in given) or None not in given
    if given and are_arrays:
        lists = [
            [cell.strip()] if array is None else array for array, cell in zip(arrays, cells, strict=True)
        ]
    else:
        separator = separator or separator_in(cells) or (_any_separator(cells) if is_asked else None)
        if separator is None and not is_asked:
            return None
        lists = [parts_of(cell, separator) if separator else [cell.strip()] for cell in cells]
    if lists and not any(map(any, lists)):
        raise DataError(
            "{place}: there is no label at all; labels in lists are texts or whole numbers", place
        )
    return sets_of_lists(lists, place, sources, [row for row, cell in enumerate(cells) if not cell.strip()])


def sets_of_lists(
    lists: Sequence[Sequence[str]], place: str, sources: Sequence[str], unknown: Sequence[int] = ()
) -> Labels:
    """Labels from a list of them for each example, all others of which are absent; an empty text is none.

    Of the examples at the positions `unknown` nothing is known.

    Raises: `DataError` if a label has a name that answers could not give back, or there are too many labels.
    """
    names = sorted({name for each in lists for name in each if name})
    require_fit_names(
        names,
        place,
        lambda name: Sentence(
            " at {sources}", sources[next((at for at, each in enumerate(lists) if name in each))]
        ),
    )
    require_few(len(names), len(lists), place)
    return labels_of_lists([[name for name in each if name] for each in lists], names, unknown)


def require_fit_names(names: Sequence[str], place: str, where: Callable[[str], str] = lambda _: "") -> None:
    """Refuse names of labels that answers, which join them by `;`, could not give back."""
    for name in names:
        if SEPARATOR in name or not name.strip() or not name.isprintable():
            raise DataError(
                "{place}: the label {name}{name2} has {SEPARATOR!r} in it, or hidden "
                "characters; answers with several labels separate them by it: rename the label",
                place,
                quoted(name),
                where(name),
                SEPARATOR,
            )


def _any_separator(cells: Sequence[str]) -> str | None:
    return next((sign for sign in SEPARATORS if any(sign in cell for cell in cells)), None)


def require_few(labels: int, examples: int, place: str) -> None:
    """Refuse more labels than can be learnt, or that all examples together could have in memory."""
    if labels > _MOST_LABELS or 8 * labels * examples > MEMORY.value():
        raise DataError(
            "{place}: {labels:,} different labels of {examples} are too many to learn "
            "(at most {MOST_LABELS:,}); leave rare ones out, or give single labels with --target class",
            place,
            labels,
            count_of(examples, "example"),
            _MOST_LABELS,
        )


def joined_sets(parts: Sequence[Labels], places: Sequence[str]) -> Labels:
    """Labels of several parts one after the other.

    Raises: `DataError` if one has other labels than the first.
    """
    for part, place in zip(parts[1:], places[1:], strict=True):
        if part.names != parts[0].names:
            others = sorted({*part.names} ^ {*parts[0].names})
            raise DataError(
                "{place}: its columns of labels are not those of {places}: {others}; give "
                "the same columns everywhere",
                place,
                places[0],
                some_quoted(others),
            )
    return labels_of_states(np.concatenate([part.values for part in parts]), parts[0].names)


# Files in several class folders.

# Sets of files of one name that are compared before all of them are.
_TRIED = 200

# Share of the different files that are in several folders, and their number, from which on that is taken for
# several labels: a few are mistakes, which checks report.
_LEAST_SHARE = 0.05
_LEAST_FILES = 3


def in_several_folders(
    names: Sequence[str],
    labels: Sequence[str],
    splits: Sequence[str],
    files: Sequence[File],
    *,
    is_asked: bool,
) -> tuple[Int64[np.ndarray, " kept"], list[str]] | None:
    """Files of one name and content in several class folders: positions of the first ones, labels as arrays.

    `names` are those of the files without their folders. `None` where too few are in several, unless
    `is_asked` for.
    """
    alike: dict[tuple[str, str], list[int]] = {}
    for position, (name, split) in enumerate(zip(names, splits, strict=True)):
        alike.setdefault((name, split), []).append(position)
    several = [each for each in alike.values() if len({labels[position] for position in each}) > 1]
    # Folders of numbered files have the same names everywhere: a few of them show whether contents differ.
    tried = several[:: max(1, len(several) // _TRIED)]
    if not is_asked and not _with_content_of_another(tried, labels, files):
        return None
    together = _with_content_of_another(several, labels, files)
    kept = np.array([at for at in range(len(names)) if at not in together], np.int64)
    leaders = {leader for leader, _ in together.values()}
    # One content under many names is no example with several labels, but a file that is damaged or empty.
    different = {digest for _, digest in together.values()}
    is_frequent = len(leaders) >= max(_LEAST_FILES, _LEAST_SHARE * len(kept))
    if not is_asked and not (is_frequent and 2 * len(different) > len(leaders)):
        return None
    found = {at: [labels[at]] for at in kept.tolist()}
    for position, (leader, _) in together.items():
        found[leader].append(labels[position])
    return kept, [as_array(sorted({*each})) for each in found.values()]


def _with_content_of_another(
    several: Sequence[Sequence[int]], labels: Sequence[str], files: Sequence[File]
) -> dict[int, tuple[int, bytes]]:
    """Positions of files that repeat one of another class in the same set: the first of them, and digests."""
    found: dict[int, tuple[int, bytes]] = {}
    for positions in several:
        first: dict[bytes, int] = {}
        for position, content in zip(positions, contents([files[at] for at in positions]), strict=True):
            if isinstance(content, Path):
                content = read_regular(content, MEMORY.value())
            if isinstance(content, bytes):  # what cannot be read is reported when it is decoded
                digest = hashlib.blake2b(content, digest_size=16).digest()
                leader = first.setdefault(digest, position)
                if leader != position and labels[leader] != labels[position]:
                    found[position] = (leader, digest)
    return found
