"""Giveaways: one feature that alone gives a class away though it is no content, looked for before training.

A rule says: an example that has this value, or a number within this range, is of that class. Looked for are
rules that hold for at least 95 % of the training examples that they mark, and mark at least 30 % of a class,
beyond chance: the exact hypergeometric p-value, times the number of rules that were looked at, is at most
0.01. What may be content (lengths, colours, words anywhere) is a giveaway only where a simple model of the
rest of the content, which is asked about examples that it did not learn from, does not find half as many of
the class as surely.
"""

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from pellucid.data.dataset import Dataset
from pellucid.data.decoded import Content
from pellucid.data.giveaway_content import PRECISION, Rest, RestOfPixels, RestOfWords, Rule
from pellucid.data.giveaway_features import (
    CONTENT,
    FORM,
    OUTSIDE,
    Feature,
    Marks,
    Numbers,
    column_features,
    exif_features,
    file_features,
    image_file_features,
    row_order,
    text_features,
    words_of,
)
from pellucid.data.giveaway_pixels import looks_of, pixel_features
from pellucid.data.listing import Listing
from pellucid.data.raw_texts import Texts
from pellucid.data.wording import count_of, quoted, some
from pellucid.language.sentence import Sentence

# What these find of planted giveaways, and say of data without any: `benchmarks/giveaways.py`.
RECALL = 0.3  # share of a class that a rule must mark
ALPHA = 0.01  # probability of one rule as good by chance, among all that were tried
_FEWEST = 8  # examples of the class that a rule must mark

# Most examples that are searched, of training and of the test; of images as many as so many bytes hold.
_MOST_TRAIN = 12_000  # examples
_MOST_TEST = 4_000  # examples
_PIXEL_BYTES = 96 << 20  # of all images that are searched
_FEWEST_IMAGES = 2_000  # however many bytes one has
_HEADERS = 3_000  # files whose first bytes are read

# A word at a fixed place is a form where so many of the texts that have it have it there.
_THERE = 0.95
_FEWEST_WORDS = 5  # words of a text, below which every word is at a fixed place
# What may be content must be found by the rest of the content less than half as often.
_OF_CONTENT = 0.5
# A word anywhere is nearly always content: it must be in nearly all of a class and in nothing else.
_WORD_RECALL = 0.9  # share of the class
_WORD_PRECISION = 0.98  # share of the texts with the word
# A range of a length or colour must hold half of a class: parts of honest content are often as blue.
_NUMBER_RECALL = 0.5
# So much of the class that the rest of a text gives, a word anywhere adds little.
_OF_WORDS = 0.8
# Apart are values with a gap of so many standard deviations around, the utmost part of each side left out.
_TRIMMED = 0.02  # share of the values
_GAP = 0.5  # standard deviations
_RATIOS = ("characters", "bytes")  # of sizes the ratio counts: half as much again and more
_SAME_MARKS = 0.8  # two rules that mark so much in common are one giveaway
_SORTED = 2.0  # runs of one class for each class, below which data is sorted by class
_SHARED = 0.3  # of examples, in sub-folders that several classes have
_SHORTEST_NAME = 3  # of a class, to be looked for within the name of a file
_EXAMPLES = 3


@dataclass(frozen=True)
class Giveaway:
    """One feature that gives a class away."""

    kind: str  # such as `first word`
    value: str  # its value or range, for people
    nature: str  # whether it is outside of what models get, a form of it, or may be content
    label: str  # the class
    precision: float  # of the training examples that have it, the share of the class
    recall: float  # of the training examples of the class, the share that has it
    marked: int  # training examples that have it
    searched: int  # training examples that were looked at
    examples: tuple[str, ...]  # sources of some that have it
    ignore: str  # what `--ignore` takes to remove it; empty where it removes nothing
    also: tuple[str, ...]  # further features that mark the same examples
    test_with: Int64[np.ndarray, " with_it"] = field(repr=False, compare=False)  # test examples that have it
    test_without: Int64[np.ndarray, " without_it"] = field(repr=False, compare=False)

    def words(self, noun: str) -> str:
        """What was found, in one sentence."""
        also = Sentence(" (so do: {also})", some(self.also)) if self.also else ""
        return Sentence(
            "Giveaway of class {label}: {kind} {value}, in {recall:.0%} of its "
            "training {noun}s; {precision:.0%} of the training {noun2}s that have it are of this class"
            "{also}, for instance {examples}. {remedy}",
            quoted(self.label),
            self.kind,
            self.value,
            self.recall,
            noun,
            self.precision,
            noun,
            also,
            some(self.examples),
            self.remedy(),
        )

    def remedy(self) -> str:
        """What can be done about it."""
        if self.ignore:
            return Sentence("--ignore {ignore} takes it out before training.", self.ignore)
        if self.nature == OUTSIDE:
            return "Models do not get it, but what it comes with may be visible to them."
        return "If it is not what the classes are about, collect this class like the others."

    def to_json(self) -> dict[str, Any]:
        """As in `metrics.json`, the score without it still missing."""
        return {
            "feature": Sentence("{kind} {value}", self.kind, self.value).strip(),
            "class": self.label,
            "precision": self.precision,
            "recall": self.recall,
            "kind": self.kind,
            "value": self.value,
            "nature": self.nature,
            "marked": self.marked,
            "searched": self.searched,
            "examples": list(self.examples),
            "also": list(self.also),
            "ignore": self.ignore,
        }


class Giveaways(NamedTuple):
    """What a search for giveaways found, and what it looked at."""

    found: tuple[Giveaway, ...]
    kinds: tuple[str, ...]  # features that were looked at; none where nothing was searched
    searched: int  # training examples that were looked at
    rules: int  # rules that were tried

    def sentences(self, noun: str) -> list[str]:
        """What was found, or that nothing was among so many features."""
        if not self.kinds:
            return []
        among = Sentence(
            "{kinds} of {searched}",
            count_of(len(self.kinds), "feature"),
            count_of(self.searched, Sentence("training {noun}", noun)),
        )
        if not self.found:
            return [Sentence("Giveaways: none among {among}; other features were not looked at.", among)]
        return [each.words(noun) for each in self.found]

    def to_json(self) -> dict[str, Any]:
        """What was looked at and found."""
        return {
            "kinds": list(self.kinds),
            "searched": self.searched,
            "rules": self.rules,
            "found": [each.to_json() for each in self.found],
        }


NOT_SEARCHED = Giveaways((), (), 0, 0)


def find_giveaways(listing: Listing, content: Content, dataset: Dataset) -> Giveaways:
    """Look for giveaways of classes among the training examples.

    Nothing is searched where numbers are predicted or an example may have several labels, or where inputs
    have no classes.
    """
    if not dataset.exclusive_classes or len(dataset.train) < _FEWEST:
        return NOT_SEARCHED
    rows = _chosen(dataset)
    is_train = np.isin(rows, dataset.train)
    labels = dataset.labels[rows]
    features, rest = _features(listing, content, dataset, rows, labels, is_train)
    return search(features, rest, dataset, rows)


def _chosen(dataset: Dataset) -> Int64[np.ndarray, " rows"]:
    """Training and test examples that are looked at, evenly spread, ascending."""
    most_train, most_test = _MOST_TRAIN, _MOST_TEST
    if isinstance(dataset.inputs, np.ndarray):
        fit = max(_FEWEST_IMAGES, _PIXEL_BYTES // max(1, dataset.inputs[:1].nbytes))
        most_train, most_test = min(most_train, fit), min(most_test, fit // 2)
    some = (_spread(dataset.train, most_train), _spread(dataset.test, most_test))
    return np.sort(np.concatenate(some))


def _spread(positions: Int64[np.ndarray, " n"], most: int) -> Int64[np.ndarray, " few"]:
    if len(positions) <= most:
        return positions
    return positions[np.linspace(0, len(positions) - 1, most).astype(np.int64)]


def _features(
    listing: Listing,
    content: Content,
    dataset: Dataset,
    rows: Int64[np.ndarray, " rows"],
    labels: Int64[np.ndarray, " rows"],
    is_train: Bool[np.ndarray, " rows"],
) -> tuple[list[Feature], "Rest"]:
    """Every feature of the chosen examples, forms of content first, and the content for comparison."""
    found = list[Feature]()
    rest: Rest
    if isinstance(dataset.inputs, Texts):
        words = words_of(dataset.inputs[rows])
        found += text_features(words.texts, words)
        rest = RestOfWords(words, labels, is_train)
    else:
        assert content.images is not None  # or else there are texts
        assert dataset.preprocessing is not None
        looks = looks_of(dataset.inputs, content.images.original_sizes, dataset.preprocessing, rows)
        found += pixel_features(looks, labels, is_train)
        found += image_file_features(content.images, rows)
        found += _exif(listing, content, rows)
        rest = RestOfPixels(looks.thumbs, labels, is_train)
    found += file_features(listing, rows)
    found += row_order(listing, rows)
    found += column_features(listing.other_columns, rows)
    return found, rest


def _exif(listing: Listing, content: Content, rows: Int64[np.ndarray, " rows"]) -> list[Feature]:
    """Fields of EXIF of the first bytes of some files."""
    if len(rows) <= _HEADERS:
        return exif_features(listing, rows)
    places = np.linspace(0, len(rows) - 1, _HEADERS).astype(np.int64)
    found = exif_features(listing, rows[places])
    return [replace(each, rows=places[each.rows]) for each in found if isinstance(each, Marks)]


# The search.


def search(
    features: list[Feature], rest: Rest, dataset: Dataset, rows: Int64[np.ndarray, " rows"]
) -> Giveaways:
    """Look for rules on each feature, and keep those that are no chance, no content and no repetition."""
    is_train, is_test = np.isin(rows, dataset.train), np.isin(rows, dataset.test)
    labels, classes = dataset.labels[rows], len(dataset.classes)
    sizes = np.bincount(labels[is_train], minlength=classes)
    tried, rules = 0, list[Rule]()
    for feature in features:
        found, number = _rules_of(feature, labels, is_train, sizes, dataset.classes)
        tried += number
        rules += found
    kept = list[tuple[Rule, np.ndarray]]()
    logs = _log_factorials(int(is_train.sum()))
    surely = [
        rule
        for rule in rules
        if _log_tail(rule.hits, rule.marked, int(sizes[rule.label]), logs) + np.log(max(1, tried))
        <= np.log(ALPHA)
    ]
    also: dict[int, list[str]] = {}
    for rule in sorted(surely, key=_order):
        mask = _mask(rule, len(rows))
        repeated = next(
            (
                place
                for place, (other, own) in enumerate(kept)
                if other.label == rule.label and _overlap(own & is_train, mask & is_train) >= _SAME_MARKS
            ),
            None,
        )
        if repeated is not None:
            if rule.feature.kind != kept[repeated][0].feature.kind:
                also.setdefault(repeated, []).append(rule.feature.kind)
            continue
        if _is_content(rule, mask, rest, labels, is_train):
            continue
        kept.append((rule, mask))
    found_all = [
        _told(rule, mask, dataset, rows, is_train, is_test, tuple(dict.fromkeys(also.get(place, ()))))
        for place, (rule, mask) in enumerate(kept)
    ]
    found_all.sort(key=lambda each: (each.nature == OUTSIDE, -each.recall))
    kinds = tuple(dict.fromkeys(feature.kind for feature in features))
    return Giveaways(tuple(found_all), kinds, int(is_train.sum()), tried)


def _order(rule: Rule) -> tuple[bool, bool, int]:
    """Sorts forms first; then what may be content, that which marks most first; last what is outside."""
    is_content = rule.feature.nature == CONTENT
    return rule.feature.nature == OUTSIDE, is_content, -rule.hits if is_content else 0


def _overlap(one: Bool[np.ndarray, " rows"], other: Bool[np.ndarray, " rows"]) -> float:
    """Examples that two rules have in common, of those of the smaller one."""
    least = min(int(one.sum()), int(other.sum()))
    return float((one & other).sum()) / max(1, least)


def _rules_of(
    feature: Feature,
    labels: Int64[np.ndarray, " rows"],
    is_train: Bool[np.ndarray, " rows"],
    sizes: Int64[np.ndarray, " classes"],
    classes: tuple[str, ...],
) -> tuple[list[Rule], int]:
    """Rules on one feature that hold among the training examples, and how many were tried."""
    if isinstance(feature, Numbers):
        return _ranges(feature, labels, is_train, sizes)
    own = is_train[feature.rows]
    rows, codes = feature.rows[own], feature.codes[own]
    if not len(rows):
        return [], 0
    count = len(sizes)
    marked = np.bincount(codes)
    cells, hits = np.unique(codes * count + labels[rows], return_counts=True)
    values, of = cells // count, cells % count
    tried = int((marked >= _FEWEST).sum()) * count
    holds = (hits >= _FEWEST) & (hits >= PRECISION * marked[values]) & (hits >= RECALL * sizes[of])
    if _is_layout(feature, hits, marked[values], sizes, of):
        return [], tried
    found = []
    for value, label, number in zip(
        values[holds].tolist(), of[holds].tolist(), hits[holds].tolist(), strict=True
    ):
        if feature.may_name_class and _names_class(feature.name(value), classes[label]):
            continue
        found.append(Rule(feature, value, 0.0, 0.0, label, number, int(marked[value])))
    # Of each class the value that marks most.
    return sorted(found, key=lambda rule: -rule.hits), tried


def _is_layout(
    feature: Marks, hits: np.ndarray, marked: np.ndarray, sizes: np.ndarray, of: np.ndarray
) -> bool:
    """Whether a feature outside of the content only repeats the labels: own values for every class."""
    if feature.nature != OUTSIDE:
        return False
    if feature.kind == "sub-folder":  # where few folders are shared by classes, they are parts of a class
        is_shared = hits < PRECISION * marked
        return bool(hits[is_shared].sum() < _SHARED * hits.sum())
    if not feature.kind.startswith("column"):
        return False
    is_twin = (hits >= PRECISION * marked) & (hits >= 0.9 * sizes[of])
    return bool(len(np.unique(of[is_twin])) >= 0.9 * np.count_nonzero(sizes))


def _names_class(value: str, label: str) -> bool:
    """Whether a part of a file's name is the class's, or a part of it."""
    plain, own = (" ".join(filter(str.isalpha, each.lower())) for each in (value, label))
    plain, own = plain.replace(" ", ""), own.replace(" ", "")
    if min(len(plain), len(own)) < _SHORTEST_NAME:
        return bool(plain) and plain == own
    return plain in own or own in plain


def _ranges(
    feature: Numbers,
    labels: Int64[np.ndarray, " rows"],
    is_train: Bool[np.ndarray, " rows"],
    sizes: Int64[np.ndarray, " classes"],
) -> tuple[list[Rule], int]:
    """For each class the range of numbers that holds most of it with the precision asked for.

    An example of the class counts 1 and another one -19, so that a sum above zero is a precision above 95 %;
    the largest sum is that of running sums, the lowest before the highest. Equal numbers stay together.
    """
    places = np.flatnonzero(is_train & ~np.isnan(feature.values))
    if not len(places):
        return [], 0
    order = np.lexsort((labels[places], feature.values[places]))
    values, own = feature.values[places][order], labels[places][order]
    starts = np.concatenate([[0], np.flatnonzero(np.diff(values) != 0) + 1])
    if len(starts) < 2 or (feature.is_order and _is_sorted(own)):
        return [], len(starts) ** 2
    ends = np.concatenate([starts[1:], [len(values)]])
    cost = PRECISION / (1 - PRECISION)
    found = []
    counts = np.arange(len(starts) + 1)
    for label in np.flatnonzero(sizes >= _FEWEST).tolist():
        hits = np.concatenate([[0], np.add.reduceat((own == label).astype(np.int64), starts).cumsum()])
        everything = np.concatenate([[0], ends])
        sums = hits - cost * (everything - hits)
        lowest = np.minimum.accumulate(sums)
        best = int((sums - lowest).argmax())
        first = int(np.flatnonzero(sums[: best + 1] == lowest[best])[0])
        number, marked = int(hits[best] - hits[first]), int(everything[best] - everything[first])
        if (
            number >= max(_FEWEST, RECALL * sizes[label])
            and number >= PRECISION * marked
            and best - first < counts[-1]
        ):
            found.append(
                Rule(
                    feature,
                    -1,
                    float(values[starts[first]]),
                    float(values[starts[best - 1]]),
                    label,
                    number,
                    marked,
                )
            )
    return found, len(starts) * (len(starts) + 1) // 2 * len(sizes)


def _is_sorted(labels: Int64[np.ndarray, " rows"]) -> bool:
    """Whether labels come in blocks, a few for each class."""
    runs = 1 + int((np.diff(labels) != 0).sum())
    return runs <= _SORTED * len(np.unique(labels)) + 0.02 * len(labels)


def _mask(rule: Rule, rows: int) -> Bool[np.ndarray, " rows"]:
    """The examples that a rule marks."""
    if isinstance(rule.feature, Numbers):
        with np.errstate(invalid="ignore"):
            return (rule.feature.values >= rule.low) & (rule.feature.values <= rule.high)
    mask = np.zeros(rows, bool)
    mask[rule.feature.rows[rule.feature.codes == rule.code]] = True
    return mask


def _is_content(
    rule: Rule,
    mask: Bool[np.ndarray, " rows"],
    rest: Rest,
    labels: Int64[np.ndarray, " rows"],
    is_train: Bool[np.ndarray, " rows"],
) -> bool:
    """Whether what a rule marks is as good as content: the rest gives the class about as well."""
    feature = rule.feature
    if feature.nature == OUTSIDE:
        return False
    recall = rule.hits / max(1, int((labels[is_train] == rule.label).sum()))
    is_word = isinstance(feature, Marks) and (feature.hashes is not None or feature.kind == "word")
    if feature.nature == FORM and not (is_word and not _is_always_there(rule, mask, rest, is_train)):
        return False
    if is_word and (recall < _WORD_RECALL or rule.hits < _WORD_PRECISION * rule.marked):
        return True
    if isinstance(feature, Numbers):
        if _is_apart(feature, rule, is_train):
            return False
        if recall < _NUMBER_RECALL:
            return True
    return rest.recall(rule, mask) >= (_OF_WORDS if is_word else _OF_CONTENT) * recall


def _is_apart(feature: Numbers, rule: Rule, is_train: Bool[np.ndarray, " rows"]) -> bool:
    """Whether a range lies so far from all other values that no content makes such a gap."""
    values = feature.values[is_train & ~np.isnan(feature.values)]
    inside = (values >= rule.low) & (values <= rule.high)
    if feature.unit in _RATIOS:
        values = np.log(np.maximum(values, 1.0))
    others = values[~inside]
    if rule.hits < _WORD_PRECISION * rule.marked or not len(others):
        return False
    low, high = np.quantile(values[inside], (_TRIMMED, 1 - _TRIMMED))
    gaps = []
    for side, end in (
        (others[others < values[inside].min()], low),
        (others[others > values[inside].max()], high),
    ):
        if len(side) > _TRIMMED * len(values):
            nearest = np.quantile(side, 1 - _TRIMMED if end == low else _TRIMMED)
            gaps.append(abs(nearest - end))
    least = _GAP * (1.0 if feature.unit in _RATIOS else max(others.std(), values[inside].std()))
    return bool(gaps) and bool(min(gaps) >= least)


def _is_always_there(
    rule: Rule, mask: Bool[np.ndarray, " rows"], rest: Rest, is_train: Bool[np.ndarray, " rows"]
) -> bool:
    """Whether a word at a place is hardly ever elsewhere in texts of the class, which are no mere words."""
    assert isinstance(rest, RestOfWords)  # words are of texts
    assert isinstance(rule.feature, Marks)
    if rule.feature.hashes is None:
        return False  # a word anywhere
    words, in_class = rest.words, is_train & (rest.labels == rule.label)
    own = mask & in_class
    if np.median(words.starts[own]) < _FEWEST_WORDS:
        return False
    known = words.hashes == rule.feature.hashes[rule.code]
    anywhere = np.zeros(len(own), bool)
    anywhere[words.rows[known[words.codes]]] = True
    return bool(own.sum() >= _THERE * (in_class & (anywhere | mask)).sum())


def _told(
    rule: Rule,
    mask: Bool[np.ndarray, " rows"],
    dataset: Dataset,
    rows: Int64[np.ndarray, " rows"],
    is_train: Bool[np.ndarray, " rows"],
    is_test: Bool[np.ndarray, " rows"],
    also: tuple[str, ...],
) -> Giveaway:
    """A rule with its examples, for people."""
    feature = rule.feature
    if isinstance(feature, Marks):
        name = feature.name(rule.code)
        value = name if feature.kind.startswith(("flat", "mark")) else quoted(name)
        ignore = feature.ignore(name)
    else:
        value, ignore = _range(feature, rule), ""
    size = int((dataset.labels[rows[is_train]] == rule.label).sum())
    shown = rows[np.flatnonzero(mask & is_train & (dataset.labels[rows] == rule.label))[:_EXAMPLES]]
    return Giveaway(
        feature.kind, value, feature.nature, dataset.classes[rule.label],
        rule.hits / rule.marked, rule.hits / max(1, size), rule.marked, int(is_train.sum()),
        tuple(dataset.sources[row] for row in shown.tolist()), ignore, also,
        rows[mask & is_test], rows[~mask & is_test],
    )  # fmt: skip


def _range(feature: Numbers, rule: Rule) -> str:
    """A range of numbers, for people."""
    if feature.unit == "time":
        low, high = (np.datetime64(int(end), "s") for end in (rule.low, rule.high))
        return Sentence("from {low} to {high}", low, high)
    unit = f" {feature.unit}" if feature.unit else ""
    if rule.low == rule.high:
        return f"{rule.low:g}{unit}"
    return Sentence("from {low:,.6g} to {high:,.6g}{unit}", rule.low, rule.high, unit)


# Chance.


def _log_factorials(most: int) -> Float64[np.ndarray, " numbers"]:
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, most + 1)))])


def _log_tail(hits: int, marked: int, size: int, logs: Float64[np.ndarray, " numbers"]) -> float:
    r"""Logarithm of the chance that a rule which marks $m$ of $n$ examples hits $h$ or more of a class.

    $$P(X \ge h) = \sum_{k \ge h} \binom{K}{k} \binom{n - K}{m - k} \Big/ \binom{n}{m}$$
    """
    n = len(logs) - 1
    k = np.arange(hits, min(marked, size) + 1)
    k = k[marked - k <= n - size]
    if not len(k):
        return -np.inf
    terms = (
        logs[size] - logs[k] - logs[size - k]
        + logs[n - size] - logs[marked - k] - logs[n - size - marked + k]
        - logs[n] + logs[marked] + logs[n - marked]
    )  # fmt: skip
    top = float(terms.max())
    return top + float(np.log(np.exp(terms - top).sum()))
