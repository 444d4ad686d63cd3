"""Findings about classes: names that look alike, imbalance, classes missing from a split."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pellucid.data.listing import TRAIN
from pellucid.data.wording import aligned, count_of, quoted, some, visible

BALANCE_ABOVE = 5.0
_MOST_CLASSES = 20


class LookAlikes(NamedTuple):
    """Two classes whose names are easily taken for one.

    Attributes:
        first: a class.
        second: another class.
        difference: what alone tells them apart.
    """

    first: str
    second: str
    difference: str


def look_alikes(classes: Sequence[str]) -> tuple[LookAlikes, ...]:
    """Find classes whose names differ only in what is easily overlooked, each with the first it is like."""
    found = []
    seen: dict[str, str] = {}
    for name in classes:
        first = seen.setdefault(_alike(name), name)
        if first == name:
            continue
        if " ".join(first.split()) == " ".join(name.split()):
            difference = "spaces"
        elif first.casefold() == name.casefold():
            difference = "upper and lower case"
        elif unicodedata.normalize("NFC", first) == unicodedata.normalize("NFC", name):
            difference = "the way their accents are encoded"
        else:
            difference = "spaces, case or the way their characters are encoded"
        found.append(LookAlikes(first, name, difference))
    return tuple(found)


def _alike(name: str) -> str:
    """A name without invisible characters, case, spaces and ways of encoding."""
    seen = "".join(character for character in name if unicodedata.category(character) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", seen).casefold()).split())


def class_sentences(
    classes: Sequence[str],
    train_counts: Sequence[int],
    alike: Sequence[LookAlikes],
    imbalance: float,
    balanced: bool,
) -> list[str]:
    """Names that look alike, and imbalance, in words.

    `imbalance` is training examples of the largest class to those of the smallest; `balanced` tells whether
    class weights make up for it.
    """
    said = [
        f"Classes {quoted(first)} and {quoted(second)} differ only in {difference}; are they one class?"
        for first, second, difference in alike[:5]
    ]
    if len(alike) > 5:
        said.append(f"So do {count_of(len(alike) - 5, 'pair')} of classes more.")
    if imbalance > BALANCE_ABOVE:
        by_count = list(zip(train_counts, classes, strict=True))
        largest = max(by_count, key=lambda each: each[0])[1]
        smallest = min(by_count, key=lambda each: each[0])[1]
        remedy = "class weights in training make up for it" if balanced else "no class weights make up for it"
        said.append(
            f"The largest class, {quoted(largest)}, has many times the training examples of the smallest, "
            f"{quoted(smallest)}: {imbalance:.3g} times; {remedy}."
        )
    return said


def class_table(classes: Sequence[str], counts: Mapping[str, Sequence[int]]) -> list[str]:
    """Examples of each class in each split, aligned within 80 columns.

    `counts` are by split. Lines: a heading, the largest classes, how many more there are, and the sum.
    """
    parts = list(counts)
    rows = [(visible(name), [counts[part][code] for part in parts]) for code, name in enumerate(classes)]
    rest: list[tuple[str, list[int]]] = []
    if len(rows) > _MOST_CLASSES:
        largest = sorted(range(len(rows)), key=lambda at: (-sum(rows[at][1]), at))
        kept, left = sorted(largest[: _MOST_CLASSES - 5]), largest[_MOST_CLASSES - 5 :]
        sums = [sum(column) for column in zip(*(rows[at][1] for at in left), strict=True)]
        rest = [(f"and {len(left):,} more", sums)]
        rows = [rows[at] for at in kept]
    every = [*rows, *rest, ("all", [sum(counts[part]) for part in parts])]
    return aligned("class", parts, [(name, [f"{number:,}" for number in numbers]) for name, numbers in every])


def missing_classes(classes: Sequence[str], counts: Mapping[str, Sequence[int]]) -> list[str]:
    """Classes with few or no examples in a split, in words; `counts` are by split."""
    said = []
    single = [name for name, count in zip(classes, counts[TRAIN], strict=True) if count == 1]
    if single:
        said.append(f"One training example is all there is of {_classes(single)}; expect little of it.")
    for part, numbers in counts.items():
        absent = [name for name, count in zip(classes, numbers, strict=True) if not count]
        if absent and sum(numbers):
            said.append(f"The {part} split has no example of {_classes(absent)}.")
    return said


def _classes(names: Sequence[str]) -> str:
    return f"{'class' if len(names) == 1 else 'classes'} {some([quoted(name) for name in names])}"
