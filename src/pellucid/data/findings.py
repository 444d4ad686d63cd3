"""Findings about classes, texts, numbers and siblings, as numbers and in words."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from pellucid.data.dataset import Dataset
from pellucid.data.listing import TEST, TRAIN, Listing
from pellucid.data.raw_texts import SCRIPTS, SCRIPTS_WITHOUT_SPACES, main_scripts
from pellucid.data.sibling_sets import NEAR_COPIES, TURNED, WORDS, RuleCounts, Siblings
from pellucid.data.wording import aligned, count_of, quoted, some, some_quoted, visible
from pellucid.language import translated
from pellucid.targets import PRESENT, REGRESSION, UNKNOWN

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


def class_sentences(
    classes: Sequence[str],
    train_counts: Sequence[int],
    alike: Sequence[LookAlikes],
    imbalance: float,
    balanced: bool,
) -> list[str]:
    """Names that look alike, and imbalance, in words; `balanced` is whether class weights make up for it."""
    sentences = [
        f"Classes {quoted(first)} and {quoted(second)} differ only in {difference}; are they one class?"
        for first, second, difference in alike[:5]
    ]
    if len(alike) > 5:
        sentences.append(f"So do {count_of(len(alike) - 5, 'pair')} of classes more.")
    if imbalance > BALANCE_ABOVE:
        largest, smallest = (classes[train_counts.index(most(train_counts))] for most in (max, min))
        remedy = (
            "class weights in training make up for it"
            if balanced
            else "compare the scores of each class; where rare ones matter more, try --class-weight balanced"
        )
        sentences.append(
            f"The largest class, {quoted(largest)}, has many times the training examples of the smallest, "
            f"{quoted(smallest)}: {imbalance:.3g} times; {remedy}."
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
        rest = [(translated(f"and {len(left):,} more"), sums)]
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
        return f"{'class' if len(names) == 1 else 'classes'} {some_quoted(names)}"

    sentences = []
    single = [name for name, count in zip(classes, counts[TRAIN], strict=True) if count == 1]
    if single:
        sentences.append(f"One training example is all there is of {named(single)}; expect little of it.")
    for part, numbers in counts.items():
        absent = [name for name, count in zip(classes, numbers, strict=True) if not count]
        if absent and sum(numbers):
            sentences.append(f"The {part} split has no example of {named(absent)}.")
    return sentences


# Test examples of a label below which its own scores say nothing.
_FEW_OF_LABEL = 10
_PAIRS_LISTED = 10


@dataclass(frozen=True)
class LabelFindings:
    """How many labels examples have, which go together, and which have too few examples."""

    examples: Mapping[str, int]  # of each split
    per_example: float  # mean number of labels of an example
    most: int  # most labels of one example
    without: int  # examples that have no label
    unknown: int  # labels of examples that nobody has looked at
    distinct: int  # different sets of labels
    pairs: Sequence[tuple[str, str, int]]  # labels that most examples have together, and how many
    never_trained: Sequence[str]  # labels that no training example has
    little_tested: Sequence[tuple[str, int]]  # labels of few test examples, and how many

    def to_json(self) -> dict[str, Any]:
        """The form of `labels` in the output of `inspect`."""
        return {
            "per_example": self.per_example,
            "most": self.most,
            "without": self.without,
            "unknown": self.unknown,
            "distinct_sets": self.distinct,
            "pairs": [{"first": one, "second": other, "examples": count} for one, other, count in self.pairs],
            "never_trained": list(self.never_trained),
            "little_tested": {name: count for name, count in self.little_tested},
        }

    def sentences(self, noun: str) -> list[str]:
        """The findings in words."""
        sentences = [
            f"{noun.capitalize()}s have {self.per_example:.2g} labels on average, {self.most} at most; "
            f"{count_of(self.without, noun)} {'has' if self.without == 1 else 'have'} none of them."
        ]
        if self.unknown:
            sentences.append(
                f"Labels of {noun}s that nobody has looked at count neither in training nor in scores: "
                f"{self.unknown:,}."
            )
        if self.pairs:
            shown = [f"{quoted(one)} and {quoted(other)} ({count:,})" for one, other, count in self.pairs[:3]]
            sentences.append(f"Labels that go together most often: {some(shown)}.")
        if self.never_trained:
            sentences.append(
                f"No training {noun} has {some_quoted(self.never_trained)}, which no model will ever answer."
            )
        if self.little_tested:
            shown = [f"{quoted(name)} ({count:,})" for name, count in self.little_tested]
            sentences.append(
                f"{count_of(len(shown), 'label')} {'has' if len(shown) == 1 else 'have'} fewer than "
                f"{_FEW_OF_LABEL} test {noun}s, so that the test says next to nothing about "
                f"{'it' if len(shown) == 1 else 'them'}: {some(shown, 5)}."
            )
        return sentences


def label_findings(dataset: Dataset) -> LabelFindings | None:
    """Count labels and pairs of them; `None` where an example has one class or a number."""
    if dataset.target.is_exclusive:
        return None
    used = np.sort(np.concatenate(list(dataset.split_positions.values())))
    is_present = dataset.labels[used] == PRESENT
    together = np.triu(is_present.T.astype(np.float32) @ is_present.astype(np.float32), 1)
    order = np.argsort(-together, axis=None, kind="stable")[:_PAIRS_LISTED]
    names = dataset.classes
    pairs = [(*np.unravel_index(at, together.shape), int(together.flat[at])) for at in order.tolist()]
    tested = (dataset.labels[dataset.test] == PRESENT).sum(axis=0).tolist()
    trained = (dataset.labels[dataset.train] == PRESENT).any(axis=0)
    few = [(name, count) for name, count in zip(names, tested, strict=True) if count < _FEW_OF_LABEL]
    per_example = is_present.sum(axis=1)
    return LabelFindings(
        examples={part: len(positions) for part, positions in dataset.split_positions.items()},
        per_example=float(per_example.mean()),
        most=int(per_example.max()),
        without=int((per_example == 0).sum()),
        unknown=int((dataset.labels[used] == UNKNOWN).sum()),
        distinct=len(np.unique(is_present, axis=0)),
        pairs=[(names[int(one)], names[int(other)], count) for one, other, count in pairs if count],
        never_trained=[names[code] for code in np.flatnonzero(~trained).tolist()],
        little_tested=sorted(few, key=lambda each: each[1]) if len(dataset.test) else [],
    )


NO_LETTERS = "no letters"
_TOGETHER = 500


class Lengths(NamedTuple):
    """Lengths of texts."""

    shortest: int
    median: int  # half are at most so long
    percentile_95: int  # 95 in a hundred are at most so long
    longest: int


@dataclass(frozen=True)
class TextFindings:
    """Lengths and scripts of texts."""

    characters: Lengths
    words: Lengths  # lengths in words, which spaces part
    # script of most letters of a text and number of such texts, commonest first; texts without a letter are
    # under `no letters`. Only the first 1,000 characters of each count
    scripts: tuple[tuple[str, int], ...]
    longest: str  # source of the longest text

    def to_json(self) -> dict[str, Any]:
        """Lengths by name, scripts and the longest text, as JSON values."""
        return {
            "characters": self.characters._asdict(),
            "words": self.words._asdict(),
            "scripts": dict(self.scripts),
            "longest": self.longest,
        }

    def sentences(self) -> list[str]:
        """Lengths and scripts in words."""
        characters, words = self.characters, self.words
        without_spaces = sum(number for name, number in self.scripts if name in SCRIPTS_WITHOUT_SPACES)
        has_words = 2 * without_spaces <= sum(number for _, number in self.scripts)
        if characters.shortest == characters.longest:
            lengths = f"All are {characters.longest:,} characters long"
        else:
            lengths = (
                f"They are {characters.shortest:,} to {characters.longest:,} characters long, half of them "
                f"at most {characters.median:,}"
            )
        if has_words and words.shortest == words.longest:
            lengths += f"; each has {count_of(words.longest, 'word')}"
        elif has_words:
            lengths += (
                f"; they have {words.shortest:,} to {words.longest:,} words, half of them at most "
                f"{words.median:,}"
            )
        sentences = [f"{lengths}; the longest is {self.longest}."]
        if self.scripts[0][0] != NO_LETTERS:
            scripts = ", ".join(f"{number:,} {name}" for name, number in self.scripts)
            sentences.append(f"They are written in: {scripts}.")
        return sentences


def text_findings(listing: Listing, used: Int64[np.ndarray, " used"]) -> TextFindings:
    """Lengths and scripts of the texts at the positions `used`, at least one."""
    assert listing.texts is not None
    characters = np.zeros(len(used), np.int64)
    words = np.zeros(len(used), np.int64)
    scripts = np.zeros(len(SCRIPTS), np.int64)
    for start in range(0, len(used), _TOGETHER):
        texts = listing.texts[used[start : start + _TOGETHER]]
        characters[start : start + len(texts)] = [len(text) for text in texts]
        words[start : start + len(texts)] = [len(text.split()) for text in texts]
        scripts += np.bincount(main_scripts(texts), minlength=len(SCRIPTS))
    order = np.argsort(-scripts, kind="stable").tolist()
    return TextFindings(
        characters=_lengths(characters),
        words=_lengths(words),
        scripts=tuple((SCRIPTS[code] or NO_LETTERS, int(scripts[code])) for code in order if scripts[code]),
        longest=listing.sources[int(used[int(characters.argmax())])],
    )


def _lengths(lengths: Int64[np.ndarray, " texts"]) -> Lengths:
    in_order = np.sort(lengths)
    places = [0, (len(in_order) - 1) // 2, -(-95 * len(in_order) // 100) - 1, -1]
    return Lengths(*(int(in_order[place]) for place in places))


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
class NumberFindings:
    """Findings about numbers that are to be predicted."""

    all: Distribution  # over all splits together
    distinct: int  # how many different numbers there are
    splits: Mapping[str, Distribution | None]  # in each split; `None` where the split is empty
    outside: int  # test examples whose number is smaller or larger than every number of the train split
    noun: str = "image"

    def to_json(self) -> dict[str, Any]:
        """The findings as JSON values: `distinct`, `outside`, and the spread of all and of each split."""
        return {
            "distinct": self.distinct,
            "outside": self.outside,
            **self.all._asdict(),
            "splits": {part: each and each._asdict() for part, each in self.splits.items()},
        }

    def sentences(self) -> list[str]:
        """Range, mean, median, how many differ, and what lies outside of train."""
        whole = self.all
        sentences = [
            f"The numbers go from {whole.smallest:.6g} to {whole.largest:.6g} (mean {whole.mean:.6g}, "
            f"median {whole.median:.6g}); {self.distinct:,} of them are distinct."
        ]
        test = self.splits[TEST]
        if test is not None and self.outside > _FEW_OUTSIDE * test.examples:
            train = self.splits[TRAIN]
            assert train is not None
            sentences.append(
                f"Beyond what is trained on, {train.smallest:.6g} to {train.largest:.6g}, go the numbers of "
                f"{count_of(self.outside, f'test {self.noun}')}; models seldom reach further than they were "
                "shown."
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


def number_findings(dataset: Dataset) -> NumberFindings | None:
    """Spread of the numbers to predict in each split; `None` where classes are predicted."""
    if dataset.target is not REGRESSION:
        return None
    values = {part: dataset.labels[positions] for part, positions in dataset.split_positions.items()}
    used = np.concatenate(list(values.values()))
    low, high = values[TRAIN].min(), values[TRAIN].max()
    return NumberFindings(
        all=_distribution(used),
        distinct=len(np.unique(used)),
        splits={part: _distribution(each) if len(each) else None for part, each in values.items()},
        outside=int(((values[TEST] < low) | (values[TEST] > high)).sum()),
        noun=dataset.noun,
    )


def _distribution(values: Float64[np.ndarray, " examples"]) -> Distribution:
    smallest, lower, median, upper, largest = np.quantile(values, (0.0, 0.25, 0.5, 0.75, 1.0)).tolist()
    return Distribution(len(values), smallest, lower, median, upper, largest, float(values.mean()))


_SETS_LISTED = 100


@dataclass(frozen=True)
class SiblingFindings:
    """Siblings by rule."""

    examples: int  # examples that any rule links to another
    found: Mapping[str, RuleCounts]  # of each rule that was asked, in the order of the rules
    sets: Sequence[tuple[str, Sequence[str]]]  # sources of the first sets by all rules together
    # sources of test examples with a sibling in train or validation, exact copies aside
    in_test: Sequence[str]
    # for each example that belongs with an earlier one, the rule and the earlier one
    reasons: Mapping[int, tuple[str, int]] = field(repr=False, compare=False)

    def metrics(self) -> dict[str, Any]:
        """The form in `metrics.json` under `data`: sets and examples by rule, test examples across splits."""
        return {
            "siblings": self.examples,
            "siblings_by_rule": {rule: found._asdict() for rule, found in self.found.items()},
            "test_siblings": len(self.in_test),
        }

    def sentences(self, noun: str, *, own_splits: bool) -> list[str]:
        """A sentence for each rule but near copies, one on what is done, and one on the test."""
        sentences = []
        for rule, found in self.found.items():
            if found.sets and rule != NEAR_COPIES and rule not in TURNED:
                example = next(sources for name, sources in self.sets if name == rule)
                sentences.append(
                    f"{noun.capitalize()}s {WORDS[rule]}: {found.examples:,} in "
                    f"{count_of(found.sets, 'set')} ({rule.replace('_', ' ')}), for instance {some(example)}."
                )
        if self.examples and not own_splits:
            sentences.append(f"Related {noun}s are kept in one split; --no-groups turns this off.")
        if self.in_test:
            sentences.append(
                f"Test {noun}s related to one in train or validation, in the given splits: "
                f"{len(self.in_test):,}, for instance {some(self.in_test)}; the score is also given without "
                "them and without exact copies."
            )
        return sentences


def sibling_findings(siblings: Siblings, dataset: Dataset) -> SiblingFindings:
    """Count siblings by rule, and name the first sets of each."""
    sources = dataset.sources
    in_test = np.setdiff1d(dataset.with_sibling, dataset.leaked).tolist()
    return SiblingFindings(
        examples=siblings.examples,
        found=siblings.found,
        sets=[
            (rule, [sources[at] for at in members]) for rule, members in siblings.sets_by_rule(_SETS_LISTED)
        ],
        in_test=[sources[index] for index in in_test],
        reasons=siblings.reasons(),
    )
