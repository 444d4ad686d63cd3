"""Findings about the data before anything is trained: counts, copies, names, imbalance, all in one check."""

import dataclasses
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int64

from pellucid.data.applied_corrections import Applied
from pellucid.data.by_target import READERS, counts_of
from pellucid.data.dataset import NO_CONSTRAINTS, Dataset, EarlierConstraints
from pellucid.data.decoded import Content
from pellucid.data.findings import SiblingFindings, TextFindings, sibling_findings, text_findings
from pellucid.data.giveaways import NOT_SEARCHED, Giveaways, find_giveaways
from pellucid.data.group_findings import GroupFindings, group_findings
from pellucid.data.label_findings import (
    LookAlikes,
    NameFindings,
    TargetFindings,
    look_alikes,
    missing_classes,
)
from pellucid.data.listing import TEST, TRAIN, VALIDATION, Listing
from pellucid.data.relations import (
    NEAR_DUPLICATES,
    Copies,
    Related,
    Searched,
    related,
    relation_sentences,
    searched,
)
from pellucid.data.splitting import time_sentence
from pellucid.data.wording import (
    count_of,
    public_name,
    public_text,
    quoted,
    some,
    some_quoted,
    visible,
    wrapped,
)
from pellucid.language.sentence import Sentence, join
from pellucid.settings import Settings

_CLASSES_SHOWN = 10
_FORMS = {
    "idx": "IDX files", "npz": "an npz file", "table": "a table", "tables": "several tables",
    "webdataset": "WebDataset shards",
}  # fmt: skip


class Labelled(NamedTuple):
    """One example of a conflict."""

    source: str  # a path, or `file:row`
    label: str  # its class, or its number as text


class Skipped(NamedTuple):
    """An example that is left out."""

    position: int  # place in the data, counted from 0
    source: str  # a path, or `file:row`
    label: str  # its class, or its number as text
    split: str  # the user's split, or empty
    reason: str  # what was found, such as `truncated image`


@dataclass(frozen=True)
class Check:
    """Findings about data; copies and sources in the order of the data."""

    place: str  # DATA as the user gave it
    form: str  # kind of DATA, such as `class folders`
    classes: tuple[str, ...]  # names of the classes, sorted by code point; none where numbers are predicted
    # examples of each class in each split, in the order of `classes`; where numbers are predicted, of all
    # examples in each split
    counts: dict[str, tuple[int, ...]]
    labels: TargetFindings  # what there is to say of labels, by what they are
    texts: TextFindings | None  # lengths and scripts of texts; `None` where inputs are images
    # height, width and number of images, commonest first; nothing for texts
    sizes: tuple[tuple[int, int, int], ...]
    # kind of image as stored and number, commonest first; nothing for texts
    modes: tuple[tuple[str, int], ...]
    # height, width and channels at which all are trained; nothing for texts
    training_size: tuple[int, int, int] | tuple[()]
    stretched: bool  # whether the aspect of images is not kept at that size
    skipped: tuple[Skipped, ...]  # examples that cannot be used
    rare: dict[str, int]  # classes left out for having too few examples, and how many each has
    left_out: tuple[Skipped, ...]  # their examples
    removed: tuple[Skipped, ...]  # examples that corrections leave out
    copies: tuple[tuple[str, ...], ...]  # sources of each set of exact copies
    conflicts: tuple[tuple[Labelled, ...], ...]  # those sets of exact copies whose labels differ
    near_copies: tuple[tuple[str, str], ...]  # sources of pairs that are nearly the same
    related: tuple[Related, ...]  # examples related to others, one row for each kind that was found
    searched: tuple[Searched, ...]  # kinds of relation that fit the inputs, and what was searched of each
    own_splits: bool  # whether the splits are the user's
    near_complete: bool  # false where the search for near copies stopped at its limit
    duplicates: int  # examples that repeat the content of one before them, in any split
    near_duplicates: int  # examples that are nearly the same as one before them
    leaked: tuple[str, ...]  # sources of test examples with an exact copy in train or validation
    look_alikes: tuple[LookAlikes, ...]  # classes that are easily taken for one
    imbalance: float  # training examples of the largest class to those of the smallest
    balanced: bool  # whether class weights will make up for it
    warnings: tuple[str, ...]  # sentences about anything else
    # for each example the position of the first one with exactly the same content
    first: Int64[np.ndarray, " n"] = field(repr=False, compare=False)
    siblings: SiblingFindings  # examples that belong together, by rule
    # how many of them each split has, those of a column among them; `None` without any
    groups: GroupFindings | None = None
    corrections: Applied | None = None  # what became of each correction; `None` without any
    giveaways: Giveaways = NOT_SEARCHED  # features that alone give a class away

    @property
    def noun(self) -> str:
        """One example, for people: `image` or `text`."""
        return "image" if self.texts is None else "text"

    @property
    def examples(self) -> dict[str, int]:
        """Examples of each split."""
        return dict(self.labels.examples)

    def metrics(self) -> dict[str, Any]:
        """The counts that `metrics.json` has under `data`."""
        return {
            **self.examples,
            "skipped": len(self.skipped) + len(self.left_out) + len(self.removed),
            **({"rare_classes": self.rare} if self.rare else {}),
            "duplicates": self.duplicates,
            "near_duplicates": self.near_duplicates,
            "leaked": len(self.leaked),
            **self.siblings.metrics(),
            **({} if self.groups is None else {"groups": self.groups.to_json()}),
            **({} if self.corrections is None else {"corrections": self.corrections.metrics()}),
        }

    def to_json(self) -> dict[str, Any]:
        """All findings as JSON values: the counts of `metrics.json` and the findings behind them."""
        if self.texts is not None:
            inputs: dict[str, Any] = {"texts": self.texts.to_json()}
        else:
            sides, channels = ("height", "width", "images"), ("height", "width", "channels")
            inputs = {
                "sizes": [dict(zip(sides, size, strict=True)) for size in self.sizes],
                "modes": dict(self.modes),
                "training_size": dict(zip(channels, self.training_size, strict=True)),
            }
        return {
            **self.metrics(),
            "place": self.place,
            "form": self.form,
            "classes": list(self.classes),
            "counts": {
                name: {part: counts[code] for part, counts in self.counts.items()}
                for code, name in enumerate(self.classes)
            },
            **self.labels.to_json(),
            **inputs,
            "skipped_examples": [each._asdict() for each in (*self.skipped, *self.left_out, *self.removed)],
            "copies": [list(sources) for sources in self.copies],
            "conflicts": [[each._asdict() for each in conflict] for conflict in self.conflicts],
            "near_copies": [list(pair) for pair in self.near_copies],
            "related": [each._asdict() for each in self.related],
            "searched": [each._asdict() for each in self.searched],
            "own_splits": self.own_splits,
            "near_copies_complete": self.near_complete,
            "leaked_examples": list(self.leaked),
            "sibling_sets": [
                {"rule": rule, "examples": list(sources)} for rule, sources in self.siblings.sets
            ],
            "test_sibling_examples": list(self.siblings.in_test),
            "look_alikes": [each._asdict() for each in self.look_alikes],
            "imbalance": self.imbalance,
            "balanced_class_weights": self.balanced,
            "giveaways": self.giveaways.to_json(),
            "warnings": list(self.warnings),
        }

    def shown_beside(self, place: str) -> "Check":
        """The same with the paths in it as documents show them that are handed on; `place` is DATA."""

        def shown(value: Any) -> Any:
            if isinstance(value, str):
                return public_text(public_name(value, place))
            if isinstance(value, tuple) and hasattr(value, "_fields"):
                return type(value)(*map(shown, value))
            if isinstance(value, (tuple, list)):
                return type(value)(map(shown, value))
            if isinstance(value, Mapping):
                return {key: shown(each) for key, each in value.items()}
            if dataclasses.is_dataclass(value) and not isinstance(value, type):
                fields = {each.name: shown(getattr(value, each.name)) for each in dataclasses.fields(value)}
                return dataclasses.replace(value, **fields)
            return value

        found = shown(self)
        assert isinstance(found, Check)
        return found

    def sentences(self) -> list[str]:
        """Findings in words, safe to print, one line each: first what the data is, then what to know."""
        sentences = [
            *_input_sentences(self),
            *_copy_sentences(self),
            *relation_sentences(self.noun, self.related, self.searched),
            *self.siblings.sentences(self.noun, own_splits=self.own_splits),
            *(() if self.groups is None else self.groups.sentences(self.noun)),
            *(() if self.corrections is None else self.corrections.sentences(self.noun)),
            *self.labels.sentences(self.noun),
            *self.giveaways.sentences(self.noun),
        ]
        return [visible(sentence) for sentence in (*sentences, *self.warnings)]

    def table(self) -> list[str]:
        """Examples of each class in each split, or the spread of the numbers: heading first, 80 columns."""
        return self.labels.table()

    def lines(self) -> list[str]:
        """The sentences, wrapped to 80 columns, around the table."""
        first, *rest = map(wrapped, self.sentences())
        return [*first, "", *self.table(), "", *(line for lines in rest for line in lines)]


def _input_sentences(check: Check) -> list[str]:
    """Sentences about the images or texts, and those left out."""
    total = sum(check.examples.values())
    form = _FORMS.get(check.form, check.form)
    examples, place = count_of(total, check.noun), check.place
    sentences = [check.labels.opening(examples, place, form)]
    sentences += _image_sentences(check) if check.texts is None else check.texts.sentences()
    if check.skipped:
        named = [Sentence("{source} ({reason})", each.source, each.reason) for each in check.skipped]
        sentences.append(
            Sentence(
                "Left out because they cannot be used: {named}, {named2}.",
                count_of(len(named), check.noun),
                some(named),
            )
        )
    if check.rare:
        rare = [Sentence("{name} ({number:,})", quoted(name), number) for name, number in check.rare.items()]
        sentences.append(
            Sentence(
                "Left out for having too few {noun}s (--min-examples): {rare} with {left_out}, {rare2}.",
                check.noun,
                count_of(len(rare), "class"),
                count_of(len(check.left_out), check.noun),
                some(rare, _CLASSES_SHOWN),
            )
        )
    return sentences


def _image_sentences(check: Check) -> list[str]:
    """Sentences about the sizes and modes of images, and their preprocessing."""
    assert check.training_size
    height, width_, channels = check.training_size
    target = Sentence(
        "{height} x {width} pixels in {word}", height, width_, "grey" if channels == 1 else "colour"
    )
    fitted = (
        Sentence("stretched to {target}", target)
        if check.stretched
        else Sentence("fitted into {target} with its aspect kept", target)
    )
    heights, widths, _ = zip(*check.sizes, strict=True)
    if len(check.sizes) > 1:
        sizes = Sentence(
            "They have {sizes:,} sizes, {heights} to {heights2} pixels high and "
            "{widths} to {widths2} wide; each is {fitted}.",
            len(check.sizes),
            min(heights),
            max(heights),
            min(widths),
            max(widths),
            fitted,
        )
    else:
        same = (heights[0], widths[0]) == (height, width_)
        pixels = Sentence("{heights} x {widths} pixels", heights[0], widths[0])
        sizes = (
            Sentence("All are {pixels}, and trained at {target}.", pixels, target)
            if same
            else Sentence("All are {pixels}; each is {fitted}.", pixels, fitted)
        )
    modes = join(", ", [Sentence("{count:,} {mode}", count, mode) for mode, count in check.modes])
    return [sizes, Sentence("They are stored as: {modes}.", modes)]


def _copy_sentences(check: Check) -> list[str]:
    """Exact copies, leaks, conflicts and near copies."""
    sentences: list[str] = []
    nouns = f"{check.noun}s"
    if check.duplicates:
        sets, largest = count_of(len(check.copies), "set"), some(max(check.copies, key=len))
        sentences.append(
            Sentence(
                "Exact copies of other {nouns}: {duplicates:,}, in {sets}, for instance {largest}.",
                nouns,
                check.duplicates,
                sets,
                largest,
            )
            if check.texts is None
            else Sentence(
                "Exact copies but for case and space of other texts: {duplicates:,}, in {sets}, for "
                "instance {largest}.",
                check.duplicates,
                sets,
                largest,
            )
        )
    if check.leaked:
        sentences.append(
            Sentence(
                "Test {nouns} that are also in train or validation make the score too good, so it is also "
                "given without them: {leaked:,}, for instance {leaked2}.",
                nouns,
                len(check.leaked),
                some(check.leaked),
            )
        )
    if check.conflicts:
        listed = [
            some([Sentence("{source} ({label})", source, check.labels.shown(label)) for source, label in one])
            for one in check.conflicts[:3]
        ]
        advice = check.labels.advice
        sentences.append(
            Sentence(
                "Equal {nouns} have different {word}, of which one at most is right: "
                "{conflicts}, for instance {listed}.",
                nouns,
                check.labels.word,
                count_of(len(check.conflicts), "set"),
                join("; ", listed),
            )
            + (advice and Sentence(" {advice}", advice))
        )
    if check.near_duplicates:
        least = "" if check.near_complete else "at least "
        near = next(each for each in check.related if each.kind == NEAR_DUPLICATES)
        sentences.append(
            Sentence(
                "Near duplicates: {least}{examples} in {sets}, "
                "for instance {near_copies}; {in_test:,} of the test "
                "{word} one in train or validation.",
                least,
                count_of(near.examples, check.noun),
                count_of(near.sets, "set"),
                join(" and ", check.near_copies[0]),
                near.in_test,
                "has" if near.in_test == 1 else "have",
            )
        )
    if not check.near_complete:
        sentences.append("The search for near copies stopped at its limit; there may be more.")
    return sentences


def examine(
    listing: Listing,
    content: Content,
    dataset: Dataset,
    copies: Copies,
    settings: Settings,
    known: EarlierConstraints = NO_CONSTRAINTS,
    rare: Mapping[str, int] = MappingProxyType({}),
    corrections: Applied | None = None,
) -> Check:
    """Check data that is read, decoded and split; nothing is refused here.

    Classes of `known` are not missed where the data has none of them. `rare` are classes that were left out,
    with the examples of each. `listing` has its labels corrected.
    """
    used = np.sort(np.concatenate(list(dataset.split_positions.values())))
    parts = {part: dataset.labels_at(positions) for part, positions in dataset.split_positions.items()}
    counts = counts_of(parts)
    training = [count for count in counts[TRAIN] if count] or [1]
    names = NameFindings(
        alike=look_alikes(dataset.classes),
        imbalance=max(training) / min(training),
        balanced=bool(dataset.exclusive_classes) and settings.class_weight not in (None, "none"),
    )
    sets = _copy_sets(copies.first, used)
    near = copies.near.pairs
    pairs = near[np.isin(near, used).all(axis=1)].tolist()
    images, preprocessing = content.images, content.preprocessing
    sizes: tuple[tuple[int, int, int], ...] = ()
    modes: tuple[tuple[str, int], ...] = ()
    if images is not None:
        own, number = np.unique(images.original_sizes[used].astype(np.int64), axis=0, return_counts=True)
        order = np.argsort(-number, kind="stable")  # the commonest first
        sizes = tuple(map(tuple, np.column_stack([own, number])[order].tolist()))
        modes = tuple(Counter(images.modes[index] for index in used.tolist()).most_common())
    return Check(
        place=listing.place,
        form=listing.form,
        classes=dataset.classes,
        counts=counts,
        labels=READERS[dataset.target].findings(parts, listing.noun, names),
        texts=None if listing.texts is None else text_findings(listing, used),
        sizes=sizes,
        modes=modes,
        training_size=() if preprocessing is None else (*preprocessing.size, preprocessing.channels),
        stretched=preprocessing is not None and preprocessing.stretch,
        skipped=tuple(
            Skipped(at.index, at.source, listing.labels[at.index], listing.splits[at.index], at.reason)
            for at in content.problems
        ),
        rare=dict(rare),
        left_out=tuple(
            each
            for each in (
                *_left_out(listing, content, rare, settings.min_examples or 0),
                *_not_looked_at(listing, content),
            )
            if corrections is None or each.position not in corrections.left_out
        ),
        removed=() if corrections is None else _removed(listing, corrections),
        copies=tuple(tuple(listing.sources[index] for index in each) for each in sets),
        conflicts=tuple(
            tuple(Labelled(listing.sources[index], listing.labels[index]) for index in each)
            for each in sets
            if len({listing.labels[index] for index in each}) > 1
        ),
        near_copies=tuple((listing.sources[one], listing.sources[other]) for one, other in pairs),
        related=related(dataset, copies),
        searched=searched(listing, content, copies, settings),
        own_splits=any(listing.splits),
        near_complete=copies.near.complete,
        duplicates=sum(len(each) - 1 for each in sets),
        near_duplicates=len({other for _, other in pairs}),
        leaked=tuple(listing.sources[index] for index in dataset.leaked.tolist()),
        look_alikes=names.alike,
        imbalance=names.imbalance,
        balanced=names.balanced,
        warnings=(
            *listing.warnings,
            *(() if images is None else images.warnings),
            *copies.siblings.warnings,
            *_warnings(listing, dataset, counts, known),
        ),
        first=copies.first,
        siblings=sibling_findings(copies.siblings, dataset),
        groups=group_findings(copies.siblings, dataset),
        corrections=corrections,
        giveaways=find_giveaways(listing, content, dataset),
    )


def _copy_sets(first: Int64[np.ndarray, " n"], used: Int64[np.ndarray, " used"]) -> list[list[int]]:
    """Positions of each set of two or more exact copies."""
    repeats = used[first[used] != used]
    sets: dict[int, list[int]] = {}
    for index, leader in zip(repeats.tolist(), first[repeats].tolist(), strict=True):
        sets.setdefault(leader, [leader]).append(index)
    return [sets[leader] for leader in sorted(sets)]


def _left_out(listing: Listing, content: Content, rare: Mapping[str, int], least: int) -> tuple[Skipped, ...]:
    """Examples of classes that are too small."""
    unusable = {each.index for each in content.problems}
    reasons = {
        label: Sentence(
            "class of {count}, fewer than --min-examples {least}", count_of(count, "example"), least
        )
        for label, count in rare.items()
    }
    return tuple(
        Skipped(index, listing.sources[index], label, listing.splits[index], reasons[label])
        for index, label in enumerate(listing.labels)
        if label in rare and index not in unusable
    )


def _removed(listing: Listing, corrections: Applied) -> tuple[Skipped, ...]:
    """Examples that corrections leave out."""
    reasons = corrections.reasons()
    return tuple(
        Skipped(at, listing.sources[at], listing.labels[at], listing.splits[at], reasons[at])
        for at in sorted(corrections.left_out)
    )


def _not_looked_at(listing: Listing, content: Content) -> tuple[Skipped, ...]:
    """Examples of which no label is known."""
    unusable = {each.index for each in content.problems}
    places = np.flatnonzero(~listing.coded.is_known()).tolist()
    return tuple(
        Skipped(at, listing.sources[at], "", listing.splits[at], "no label is known (--unlabelled unknown)")
        for at in places
        if at not in unusable
    )


def _warnings(
    listing: Listing, dataset: Dataset, counts: dict[str, tuple[int, ...]], known: EarlierConstraints
) -> list[str]:
    """Classes with few or no examples in a split, a test split that was cut, and groups in two splits."""
    new = [code for code, name in enumerate(dataset.exclusive_classes) if name not in known.classes]
    warnings = []
    if new:
        counts_of_new = {part: [numbers[code] for code in new] for part, numbers in counts.items()}
        warnings += missing_classes([dataset.classes[code] for code in new], counts_of_new)
    if VALIDATION in listing.splits and TEST not in listing.splits and len(dataset.test):
        warnings.append(
            Sentence(
                "Your splits name no test, so {test} of your training split were set aside for it.",
                count_of(len(dataset.test), listing.noun),
            )
        )
    if listing.times is not None:
        warnings.append(time_sentence(listing, dataset.split_positions))
    splits_of: dict[str, set[str]] = {}
    for part, positions in dataset.split_positions.items():
        for group in {listing.groups[index] for index in positions.tolist()}:
            splits_of.setdefault(group, set()).add(part)
    torn = [group for group, parts in splits_of.items() if group and len(parts) > 1]
    if torn:
        warnings.append(
            Sentence(
                "{torn} {word} in more than one of your splits, so scores may be too good: {torn2}.",
                count_of(len(torn), "group"),
                "is" if len(torn) == 1 else "are",
                some_quoted(torn),
            )
        )
    return warnings
