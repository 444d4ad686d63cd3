"""Findings about the data before anything is trained, as numbers and in words."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int64

from pellucid.data.checks.class_findings import LookAlikes, class_sentences, class_table
from pellucid.data.checks.number_findings import NumberFindings
from pellucid.data.checks.sibling_findings import GroupFindings, SiblingFindings
from pellucid.data.checks.text_findings import TextFindings
from pellucid.data.listing import TRAIN
from pellucid.data.wording import count_of, quoted, some, visible, wrapped

# Kinds of relation beside the rules of siblings.
EXACT_COPIES, NEAR_DUPLICATES, ANY = "exact copies", "near duplicates", "any of these"

_CLASSES_SHOWN = 10
_FORMS = {
    "idx": "IDX files", "npz": "an npz file", "table": "a table", "tables": "several tables",
    "webdataset": "WebDataset shards",
}  # fmt: skip


class Labelled(NamedTuple):
    """One example of a conflict.

    Attributes:
        source: a path, or `file:row`.
        label: its class, or its number as text.
    """

    source: str
    label: str


class Skipped(NamedTuple):
    """An example that is left out.

    Attributes:
        position: place in the data, counted from 0.
        source: a path, or `file:row`.
        label: its class, or its number as text.
        split: the user's split, or empty.
        reason: what was found, such as `truncated image`.
    """

    position: int
    source: str
    label: str
    split: str
    reason: str


class Related(NamedTuple):
    """Examples that are related to another in one way.

    Attributes:
        kind: `exact copies`, `near duplicates` or another rule of siblings, or `any of these`.
        examples: examples in its sets.
        sets: sets of two or more.
        in_test: test examples with a related one in train or validation.
    """

    kind: str
    examples: int
    sets: int
    in_test: int


@dataclass(frozen=True)
class Check:
    """Findings about data; copies and sources stand in the order of the data.

    Attributes:
        place: DATA as the user gave it.
        form: kind of DATA, such as `class folders`.
        classes: names of the classes, sorted by code point; none where numbers are predicted.
        counts: examples of each class in each split, in the order of `classes`; where numbers are
            predicted, of all examples in each split.
        numbers: the spread of the numbers to predict; `None` where classes are predicted.
        texts: lengths and scripts of texts; `None` where inputs are images.
        sizes: height, width and number of images, commonest first; nothing for texts.
        modes: kind of image as stored and number, commonest first; nothing for texts.
        training_size: height, width and channels at which all are trained; nothing for texts.
        stretched: whether the aspect of images is not kept at that size.
        skipped: examples that cannot be used.
        rare: classes left out for having too few examples, and how many each has.
        left_out: their examples.
        copies: sources of each set of exact copies.
        conflicts: those sets of exact copies whose labels differ.
        near_copies: sources of pairs that are nearly the same.
        related: examples related to others, one row for each kind that was found.
        own_splits: whether the splits are the user's.
        near_complete: false where the search for near copies stopped at its limit.
        duplicates: examples that repeat the content of one before them, in any split.
        near_duplicates: examples that are nearly the same as one before them.
        leaked: sources of test examples with an exact copy in train or validation.
        look_alikes: classes that are easily taken for one.
        imbalance: training examples of the largest class to those of the smallest.
        balanced: whether class weights will make up for it.
        warnings: sentences about anything else.
        first: for each example the position of the first one with exactly the same content.
        siblings: examples that belong together, by rule.
        groups: how many of them each split has, those of a column among them; `None` without any.
    """

    place: str
    form: str
    classes: tuple[str, ...]
    counts: dict[str, tuple[int, ...]]
    numbers: NumberFindings | None
    texts: TextFindings | None
    sizes: tuple[tuple[int, int, int], ...]
    modes: tuple[tuple[str, int], ...]
    training_size: tuple[int, int, int] | tuple[()]
    stretched: bool
    skipped: tuple[Skipped, ...]
    rare: dict[str, int]
    left_out: tuple[Skipped, ...]
    copies: tuple[tuple[str, ...], ...]
    conflicts: tuple[tuple[Labelled, ...], ...]
    near_copies: tuple[tuple[str, str], ...]
    related: tuple[Related, ...]
    own_splits: bool
    near_complete: bool
    duplicates: int
    near_duplicates: int
    leaked: tuple[str, ...]
    look_alikes: tuple[LookAlikes, ...]
    imbalance: float
    balanced: bool
    warnings: tuple[str, ...]
    first: Int64[np.ndarray, " n"] = field(repr=False, compare=False)
    siblings: SiblingFindings
    groups: GroupFindings | None = None

    @property
    def noun(self) -> str:
        """One example, for people: `image` or `text`."""
        return "image" if self.texts is None else "text"

    def metrics(self) -> dict[str, Any]:
        """The counts that `metrics.json` has under `data`."""
        return {
            **{part: sum(counts) for part, counts in self.counts.items()},
            "skipped": len(self.skipped) + len(self.left_out),
            **({"rare_classes": self.rare} if self.rare else {}),
            "duplicates": self.duplicates,
            "near_duplicates": self.near_duplicates,
            "leaked": len(self.leaked),
            **self.siblings.metrics(),
            **({} if self.groups is None else {"groups": self.groups.to_json()}),
        }

    def to_json(self) -> dict[str, Any]:
        """All findings as JSON values: the counts of `metrics.json` and the findings behind them."""
        return {
            **self.metrics(),
            "place": self.place,
            "form": self.form,
            "classes": list(self.classes),
            "counts": {
                name: {part: counts[code] for part, counts in self.counts.items()}
                for code, name in enumerate(self.classes)
            },
            "numbers": None if self.numbers is None else self.numbers.to_json(),
            **self._inputs_to_json(),
            "skipped_examples": [each._asdict() for each in (*self.skipped, *self.left_out)],
            "copies": [list(sources) for sources in self.copies],
            "conflicts": [[each._asdict() for each in conflict] for conflict in self.conflicts],
            "near_copies": [list(pair) for pair in self.near_copies],
            "related": [each._asdict() for each in self.related],
            "own_splits": self.own_splits,
            "near_copies_complete": self.near_complete,
            "leaked_examples": list(self.leaked),
            "sibling_sets": self.siblings.sets_to_json(),
            "test_sibling_examples": list(self.siblings.in_test),
            "look_alikes": [each._asdict() for each in self.look_alikes],
            "imbalance": self.imbalance,
            "balanced_class_weights": self.balanced,
            "warnings": list(self.warnings),
        }

    def _inputs_to_json(self) -> dict[str, Any]:
        """Findings about the inputs alone, as JSON values."""
        if self.texts is not None:
            return {"texts": self.texts.to_json()}
        return {
            "sizes": [dict(zip(("height", "width", "images"), size, strict=True)) for size in self.sizes],
            "modes": dict(self.modes),
            "training_size": dict(zip(("height", "width", "channels"), self.training_size, strict=True)),
        }

    def sentences(self) -> list[str]:
        """Findings in words, safe to print, one line each: first what the data is, then what to know."""
        said = [
            *_inputs_said(self),
            *_copies_said(self),
            *self.siblings.sentences(self.noun, own_splits=self.own_splits),
            *(() if self.groups is None else self.groups.sentences(self.noun)),
            *self._labels_said(),
        ]
        return [visible(sentence) for sentence in (*said, *self.warnings)]

    def table(self) -> list[str]:
        """Examples of each class in each split, or the spread of the numbers: heading first, 80 columns."""
        return class_table(self.classes, self.counts) if self.numbers is None else self.numbers.table()

    def _labels_said(self) -> list[str]:
        """Names that look alike, and imbalance; or how the numbers lie."""
        if self.numbers is not None:
            return self.numbers.sentences()
        counts = self.counts[TRAIN]
        return class_sentences(self.classes, counts, self.look_alikes, self.imbalance, self.balanced)

    def lines(self) -> list[str]:
        """The sentences, wrapped to 80 columns, around the table."""
        first, *rest = self.sentences()
        return [
            *wrapped(first),
            "",
            *self.table(),
            "",
            *(line for sentence in rest for line in wrapped(sentence)),
        ]


def _inputs_said(check: Check) -> list[str]:
    """Sentences about the images or texts, and those left out."""
    total = sum(sum(counts) for counts in check.counts.values())
    present = sum(map(any, zip(*check.counts.values(), strict=True)))
    classes = f" in {count_of(present, 'class')}" if check.classes else " without labels"
    of_what = classes if check.numbers is None else ", each with a number to predict,"
    form = _FORMS.get(check.form, check.form)
    said = [f"{count_of(total, check.noun)}{of_what} from {check.place} ({form})."]
    said += _images_said(check) if check.texts is None else check.texts.sentences()
    if check.skipped:
        named = [f"{each.source} ({each.reason})" for each in check.skipped]
        said.append(
            f"Left out because they cannot be used: {count_of(len(named), check.noun)}, {some(named)}."
        )
    if check.rare:
        rare = [f"{quoted(name)} ({number:,})" for name, number in check.rare.items()]
        said.append(
            f"Left out for having too few {check.noun}s (--min-examples): {count_of(len(rare), 'class')} "
            f"with {count_of(len(check.left_out), check.noun)}, {some(rare, _CLASSES_SHOWN)}."
        )
    return said


def _images_said(check: Check) -> list[str]:
    """Sentences about the sizes and modes of images, and their preprocessing."""
    assert check.training_size
    height, width_, channels = check.training_size
    target = f"{height} x {width_} pixels in {'grey' if channels == 1 else 'colour'}"
    fitted = f"stretched to {target}" if check.stretched else f"fitted into {target} with its aspect kept"
    said = []
    modes = ", ".join(f"{count:,} {mode}" for mode, count in check.modes)
    if len(check.sizes) == 1:
        size = f"{check.sizes[0][0]} x {check.sizes[0][1]}"
        same = check.sizes[0][:2] == (height, width_)
        said.append(
            f"All are {size} pixels" + (f", and trained at {target}." if same else f"; each is {fitted}.")
        )
    else:
        heights, widths, _ = zip(*check.sizes, strict=True)
        said.append(
            f"They have {len(check.sizes):,} sizes, {min(heights)} to {max(heights)} pixels high and "
            f"{min(widths)} to {max(widths)} wide; each is {fitted}."
        )
    said.append(f"They are stored as: {modes}.")
    return said


def _copies_said(check: Check) -> list[str]:
    """Exact copies, leaks, conflicts and near copies."""
    said = []
    nouns = f"{check.noun}s"
    if check.duplicates:
        largest = max(check.copies, key=len)
        alike = "" if check.texts is None else " but for case and space"
        said.append(
            f"Exact copies{alike} of other {nouns}: {check.duplicates:,}, in "
            f"{count_of(len(check.copies), 'set')}, for instance {some(largest)}."
        )
    if check.leaked:
        said.append(
            f"Test {nouns} that also stand in train or validation flatter the score, which is therefore "
            f"also given without them: {len(check.leaked):,}, for instance {some(check.leaked)}."
        )
    if check.conflicts:
        shown = quoted if check.numbers is None else str
        sets = [some([f"{source} ({shown(label)})" for source, label in one]) for one in check.conflicts[:3]]
        said.append(
            f"Equal {nouns} have different {'labels' if check.numbers is None else 'numbers'}, "
            f"of which one at most is right: "
            f"{count_of(len(check.conflicts), 'set')}, for instance {'; '.join(sets)}."
        )
    if check.near_duplicates:
        least = "" if check.near_complete else "at least "
        near = next(each for each in check.related if each.kind == NEAR_DUPLICATES)
        said.append(
            f"Near duplicates: {least}{count_of(near.examples, check.noun)} in {count_of(near.sets, 'set')}, "
            f"for instance {' and '.join(check.near_copies[0])}; {near.in_test:,} of the test "
            f"{'has' if near.in_test == 1 else 'have'} one in train or validation."
        )
    if not check.near_complete:
        said.append("The search for near copies stopped at its limit; there may be more.")
    return said
