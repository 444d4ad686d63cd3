"""Findings about labels: classes, several labels and numbers, as numbers and in words."""

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64

from pellucid.data.listing import TEST, TRAIN
from pellucid.data.wording import aligned, count_of, quoted, some, some_quoted, visible
from pellucid.language.catalogue import translated
from pellucid.language.sentence import Sentence

BALANCE_ABOVE = 5.0
_MOST_CLASSES = 20


class LookAlikes(NamedTuple):
    """Two classes whose names are easily taken for one."""

    first: str
    second: str
    difference: str  # the only one between them


def look_alikes(classes: Sequence[str]) -> tuple[LookAlikes, ...]:
    """Find classes whose names differ only in what is easily overlooked, each with the first it is like."""
    found = []
    seen: dict[str, str] = {}
    for name in classes:
        # Without invisible characters, case, spaces and ways of encoding.
        key = "".join(character for character in name if unicodedata.category(character) != "Cf")
        key = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", key).casefold())
        first = seen.setdefault(" ".join(key.split()), name)
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


class NameFindings(NamedTuple):
    """What classes and labels have in common: their names, and more or fewer examples."""

    alike: tuple[LookAlikes, ...]
    imbalance: float  # training examples of the largest class to those of the smallest
    balanced: bool  # whether class weights will make up for it


@dataclass(frozen=True)
class TargetFindings(ABC):
    """Findings about the labels of one target."""

    word: ClassVar[str] = "labels"  # what they are, for people
    advice: ClassVar[str] = ""  # what to do about equal examples of different labels
    # of each class in each split, in the order of the classes; of numbers, all examples of each split
    counts: Mapping[str, tuple[int, ...]]

    @property
    def examples(self) -> Mapping[str, int]:
        """Examples of each split."""
        return {part: sum(counts) for part, counts in self.counts.items()}

    @property
    def present(self) -> int:
        """Classes or labels that an example has."""
        return sum(map(any, zip(*self.counts.values(), strict=True)))

    @abstractmethod
    def opening(self, examples: str, place: str, form: str) -> str:
        """The first sentence about data with so many examples."""

    @abstractmethod
    def sentences(self, noun: str) -> list[str]:
        """The findings in words."""

    @abstractmethod
    def table(self) -> list[str]:
        """Examples of each split, by class or as far as labels have a spread: heading first, 80 columns."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Entries in the output of `inspect`."""

    def shown(self, label: str) -> str:
        """A label in a sentence."""
        return quoted(label)


@dataclass(frozen=True)
class ClassFindings(TargetFindings):
    """Names that look alike, and imbalance."""

    advice: ClassVar[str] = "Where several may apply, give --target labels."
    classes: Sequence[str]  # none where examples have no labels
    names: NameFindings

    def opening(self, examples: str, place: str, form: str) -> str:
        """The number of classes, if there are any."""
        if self.classes:
            return Sentence(
                "{examples} in {present} from {place} ({form}).",
                examples,
                count_of(self.present, "class"),
                place,
                form,
            )
        return Sentence("{examples} without labels from {place} ({form}).", examples, place, form)

    def to_json(self) -> dict[str, Any]:
        """No entries of its own but that there are no numbers."""
        return {"numbers": None}

    def table(self) -> list[str]:
        """Examples of each class in each split."""
        return class_table(self.classes, self.counts)

    def sentences(self, noun: str) -> list[str]:
        """The findings in words."""
        alike, imbalance, balanced = self.names
        sentences: list[str] = [
            Sentence(
                "Classes {first} and {second} differ only in {difference}; are they one class?",
                quoted(first),
                quoted(second),
                difference,
            )
            for first, second, difference in alike[:5]
        ]
        if len(alike) > 5:
            sentences.append(Sentence("So do {alike} of classes more.", count_of(len(alike) - 5, "pair")))
        if imbalance > BALANCE_ABOVE:
            counts = self.counts[TRAIN]
            largest, smallest = (self.classes[counts.index(most(counts))] for most in (max, min))
            remedy = (
                "class weights in training make up for it"
                if balanced
                else "compare the scores of each class; where rare ones matter more, try "
                "--class-weight balanced"
            )
            sentences.append(
                Sentence(
                    "The largest class, {largest}, has many times the training examples of the "
                    "smallest, {smallest}: {imbalance:.3g} times; {remedy}.",
                    quoted(largest),
                    quoted(smallest),
                    imbalance,
                    remedy,
                )
            )
        return sentences


def class_table(
    classes: Sequence[str], counts: Mapping[str, Sequence[int]], examples: Mapping[str, int] | None = None
) -> list[str]:
    """Examples of the largest classes, and of the others together, in each split, within 80 columns.

    `examples` are those of each split, where they are not the sum of the classes, being of several labels.
    """
    parts = list(counts)
    rows = [(visible(name), [counts[part][code] for part in parts]) for code, name in enumerate(classes)]
    rest: list[tuple[str, list[int]]] = []
    if len(rows) > _MOST_CLASSES:
        largest = sorted(range(len(rows)), key=lambda at: (-sum(rows[at][1]), at))
        kept, left = sorted(largest[: _MOST_CLASSES - 5]), largest[_MOST_CLASSES - 5 :]
        sums = [sum(column) for column in zip(*(rows[at][1] for at in left), strict=True)]
        rest = [(translated(Sentence("and {left:,} more", len(left))), sums)]
        rows = [rows[at] for at in kept]
    total = [sum(counts[part]) if examples is None else examples[part] for part in parts]
    every = [*rows, *rest, (translated("all" if examples is None else "examples"), total)]
    return aligned(
        "class" if examples is None else "label",
        parts,
        [(name, [f"{number:,}" for number in numbers]) for name, numbers in every],
    )


def missing_classes(classes: Sequence[str], counts: Mapping[str, Sequence[int]]) -> list[str]:
    """Classes with few or no examples in a split, in words; `counts` are by split."""

    def named(names: Sequence[str]) -> str:
        return Sentence("{word} {names}", "class" if len(names) == 1 else "classes", some_quoted(names))

    sentences: list[str] = []
    single = [name for name, count in zip(classes, counts[TRAIN], strict=True) if count == 1]
    if single:
        sentences.append(
            Sentence("One training example is all there is of {single}; expect little of it.", named(single))
        )
    for part, numbers in counts.items():
        absent = [name for name, count in zip(classes, numbers, strict=True) if not count]
        if absent and sum(numbers):
            sentences.append(Sentence("The {part} split has no example of {absent}.", part, named(absent)))
    return sentences


# Test examples of a label below which its own scores say nothing.
_FEW_OF_LABEL = 10
_PAIRS_LISTED = 10


@dataclass(frozen=True)
class LabelFindings(TargetFindings):
    """How many labels examples have, which go together, and which have too few examples."""

    names: Sequence[str]  # of the labels
    sizes: Mapping[str, int]  # examples of each split
    per_example: float  # mean number of labels of an example
    most: int  # most labels of one example
    without: int  # examples that have no label
    unknown: int  # labels of examples that nobody has looked at
    distinct: int  # different sets of labels
    pairs: Sequence[tuple[str, str, int]]  # labels that most examples have together, and how many
    never_trained: Sequence[str]  # labels that no training example has
    little_tested: Sequence[tuple[str, int]]  # labels of few test examples, and how many

    @property
    def examples(self) -> Mapping[str, int]:
        """Examples of each split."""
        return self.sizes

    def opening(self, examples: str, place: str, form: str) -> str:
        """The number of labels."""
        return Sentence(
            "{examples} with any of {present} from {place} ({form}).",
            examples,
            count_of(self.present, "label"),
            place,
            form,
        )

    def table(self) -> list[str]:
        """Examples with each label in each split, and all examples."""
        return class_table(self.names, self.counts, self.sizes)

    def to_json(self) -> dict[str, Any]:
        """The entry `labels`."""
        labels = {
            "per_example": self.per_example,
            "most": self.most,
            "without": self.without,
            "unknown": self.unknown,
            "distinct_sets": self.distinct,
            "pairs": [{"first": one, "second": other, "examples": count} for one, other, count in self.pairs],
            "never_trained": list(self.never_trained),
            "little_tested": {name: count for name, count in self.little_tested},
        }
        return {"numbers": None, "labels": labels}

    def sentences(self, noun: str) -> list[str]:
        """The findings in words."""
        sentences: list[str] = [
            Sentence(
                "{capitalize}s have {per_example:.2g} labels on average, {most} at most; "
                "{without} {word} none of them.",
                noun.capitalize(),
                self.per_example,
                self.most,
                count_of(self.without, noun),
                "has" if self.without == 1 else "have",
            )
        ]
        if self.unknown:
            sentences.append(
                Sentence(
                    "Labels of {noun}s that nobody has looked at count neither in training nor in scores: "
                    "{unknown:,}.",
                    noun,
                    self.unknown,
                )
            )
        if self.pairs:
            shown = [f"{quoted(one)} and {quoted(other)} ({count:,})" for one, other, count in self.pairs[:3]]
            sentences.append(Sentence("Labels that go together most often: {shown}.", some(shown)))
        if self.never_trained:
            sentences.append(
                Sentence(
                    "No training {noun} has {never_trained}, which no model will ever answer.",
                    noun,
                    some_quoted(self.never_trained),
                )
            )
        if self.little_tested:
            shown = [
                Sentence("{name} ({count:,})", quoted(name), count) for name, count in self.little_tested
            ]
            sentences.append(
                Sentence(
                    "{shown} {word} fewer than "
                    "{FEW_OF_LABEL} test {noun}s, so that the test says next to nothing about "
                    "{word2}: {shown2}.",
                    count_of(len(shown), "label"),
                    "has" if len(shown) == 1 else "have",
                    _FEW_OF_LABEL,
                    noun,
                    "it" if len(shown) == 1 else "them",
                    some(shown, 5),
                )
            )
        return sentences


def label_findings(
    names: Sequence[str],
    counts: Mapping[str, tuple[int, ...]],
    is_present: Mapping[str, Bool[np.ndarray, "_ labels"]],
    unknown: int,
) -> LabelFindings:
    """Count labels and pairs of them; by split and label, whether each example has it.

    `unknown` is how many labels of examples nobody has looked at.
    """
    every = np.concatenate(list(is_present.values()))
    together = np.triu(every.T.astype(np.float32) @ every.astype(np.float32), 1)
    order = np.argsort(-together, axis=None, kind="stable")[:_PAIRS_LISTED]
    pairs = [(*np.unravel_index(at, together.shape), int(together.flat[at])) for at in order.tolist()]
    few = [(name, count) for name, count in zip(names, counts[TEST], strict=True) if count < _FEW_OF_LABEL]
    per_example = every.sum(axis=1)
    return LabelFindings(
        counts=counts,
        names=names,
        sizes={part: len(rows) for part, rows in is_present.items()},
        per_example=float(per_example.mean()),
        most=int(per_example.max()),
        without=int((per_example == 0).sum()),
        unknown=unknown,
        distinct=len(np.unique(every, axis=0)),
        pairs=[(names[int(one)], names[int(other)], count) for one, other, count in pairs if count],
        never_trained=[name for name, count in zip(names, counts[TRAIN], strict=True) if not count],
        little_tested=sorted(few, key=lambda each: each[1]) if len(is_present[TEST]) else [],
    )


_FEW_OUTSIDE = 0.05


class Distribution(NamedTuple):
    """Quartiles, extremes and mean of numbers."""

    examples: int
    smallest: float
    lower_quartile: float  # a quarter are at most this
    median: float  # half are at most this
    upper_quartile: float  # three quarters are at most this
    largest: float
    mean: float


@dataclass(frozen=True)
class NumberFindings(TargetFindings):
    """Findings about numbers that are to be predicted."""

    word: ClassVar[str] = "numbers"
    all: Distribution  # over all splits together
    distinct: int  # how many different numbers there are
    splits: Mapping[str, Distribution | None]  # in each split; `None` where the split is empty
    outside: int  # test examples whose number is smaller or larger than every number of the train split
    noun: str = "image"

    def opening(self, examples: str, place: str, form: str) -> str:
        """That there is a number for each."""
        return Sentence(
            "{examples}, each with a number to predict, from {place} ({form}).", examples, place, form
        )

    def shown(self, label: str) -> str:
        """The number as it is."""
        return label

    def to_json(self) -> dict[str, Any]:
        """The entry `numbers`: `distinct`, `outside`, and the spread of all and of each split."""
        numbers = {
            "distinct": self.distinct,
            "outside": self.outside,
            **self.all._asdict(),
            "splits": {part: each and each._asdict() for part, each in self.splits.items()},
        }
        return {"numbers": numbers}

    def sentences(self, noun: str) -> list[str]:
        """Range, mean, median, how many differ, and what lies outside of train."""
        whole = self.all
        sentences: list[str] = [
            Sentence(
                "The numbers go from {smallest:.6g} to {largest:.6g} (mean {mean:.6g}, "
                "median {median:.6g}); {distinct:,} of them are distinct.",
                whole.smallest,
                whole.largest,
                whole.mean,
                whole.median,
                self.distinct,
            )
        ]
        test = self.splits[TEST]
        if test is not None and self.outside > _FEW_OUTSIDE * test.examples:
            train = self.splits[TRAIN]
            assert train is not None
            sentences.append(
                Sentence(
                    "Beyond what is trained on, {smallest:.6g} to {largest:.6g}, go the numbers of "
                    "{outside}; models seldom reach further than they were "
                    "shown.",
                    train.smallest,
                    train.largest,
                    count_of(self.outside, Sentence("test {noun}", noun)),
                )
            )
        return sentences

    def table(self) -> list[str]:
        """The spread in each split within 80 columns: a heading, a line for each figure, the counts."""
        splits = self.splits.values()
        rows = [
            (
                translated(name.replace("_", " ")),
                ["" if each is None else f"{getattr(each, name):.6g}" for each in splits],
            )
            for name in Distribution._fields[1:]
        ]
        counts = [f"{0 if each is None else each.examples:,}" for each in splits]
        return aligned("number", list(self.splits), [*rows, (translated(f"{self.noun}s"), counts)])


def number_findings(
    counts: Mapping[str, tuple[int, ...]], values: Mapping[str, Float64[np.ndarray, " _"]], noun: str
) -> NumberFindings:
    """Spread of the numbers to predict in each split."""
    used = np.concatenate(list(values.values()))
    low, high = values[TRAIN].min(), values[TRAIN].max()
    return NumberFindings(
        counts=counts,
        all=_distribution(used),
        distinct=len(np.unique(used)),
        splits={part: _distribution(each) if len(each) else None for part, each in values.items()},
        outside=int(((values[TEST] < low) | (values[TEST] > high)).sum()),
        noun=noun,
    )


def _distribution(values: Float64[np.ndarray, " examples"]) -> Distribution:
    smallest, lower, median, upper, largest = np.quantile(values, (0.0, 0.25, 0.5, 0.75, 1.0)).tolist()
    return Distribution(len(values), smallest, lower, median, upper, largest, float(values.mean()))
