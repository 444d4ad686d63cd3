"""Corrections applied to data: each finds its example again, and of each is said what became of it.

The rule for finding an example: by its name, where the content there is the one that was corrected; else by
its content, of several copies by the name of the file, then by `was`. A row without `content` goes by the
name alone. Rows are applied in their order: one may go on from what an earlier one made (`was` is the new
label), or replace it (`was` is the label in the data), and the last one counts.
"""

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

from pellucid.data.by_target import READERS, with_labels
from pellucid.data.corrections import (
    COLUMNS,
    DIGITS,
    LABEL,
    LEAVE_OUT,
    RIGHT,
    Correction,
    Corrections,
    listed_rows,
    malformed_rows,
)
from pellucid.data.listing import TEST, TRAIN, VALIDATION, Listing
from pellucid.data.wording import count_of, quoted, some
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence, join

# What became of a correction.
RELABELLED = "relabelled"
LEFT_OUT = "left out"
CONFIRMED = "confirmed"
ALREADY = "already true"
REPLACED = "replaced"
CONTRADICTORY = "contradictory"
UNMATCHED = "unmatched"
OUTCOMES = (RELABELLED, LEFT_OUT, CONFIRMED, ALREADY, REPLACED, CONTRADICTORY, UNMATCHED)
_AT_FAULT = (CONTRADICTORY, UNMATCHED)

_NAMED = 3


class Outcome(NamedTuple):
    """What became of one correction."""

    correction: Correction
    kind: str  # one of `OUTCOMES`
    position: int | None = None  # of the example; `None` where there is none
    words: str = ""  # for a message: what was found, and what is expected


@dataclass(frozen=True)
class Applied:
    """Corrections that were applied to data."""

    table: Corrections
    outcomes: Sequence[Outcome]  # in the order of the rows
    before: Mapping[int, str]  # label that a corrected example had, by its position
    left_out: frozenset[int]  # positions of the examples that are left out
    splits: Mapping[int, str]  # split of each example that a correction concerns

    def concerning(self, split: str) -> int:
        """Examples of a split whose label was changed, or that were left out of it."""
        changed = {*self.before, *self.left_out}
        return sum(part == split for position, part in self.splits.items() if position in changed)

    def relabelled(self) -> list[int]:
        """Positions of the examples whose label was changed, and that are not left out."""
        return [position for position in self.before if position not in self.left_out]

    def metrics(self) -> dict[str, Any]:
        """The entry `corrections` of `data` in `metrics.json`."""
        counts = {kind: sum(each.kind == kind for each in self.outcomes) for kind in OUTCOMES}
        return {
            "place": self.table.place,
            "rows": len(self.outcomes),
            **{kind.replace(" ", "_"): count for kind, count in counts.items()},
            "concerned": {part: self.concerning(part) for part in (TRAIN, VALIDATION, TEST)},
        }

    def sentences(self, noun: str) -> list[str]:
        """What was changed, and which rows changed nothing, in words."""
        counts = self.metrics()
        parts = [
            Sentence("{relabelled} changed", count_of(len(self.relabelled()), "label")),
            Sentence("{left_out} left out", count_of(len(self.left_out), noun)),
        ]
        if counts["confirmed"]:
            parts.append(Sentence("{counts} confirmed as right", count_of(counts["confirmed"], "label")))
        found: list[str] = [Sentence("Corrections of {place}: {parts}.", self.table.place, join(", ", parts))]
        concerned = counts["concerned"]
        if self.before or self.left_out:
            of_test = concerned[TEST]
            found.append(
                Sentence(
                    "{of_test} {word} the test "
                    "split, {concerned:,} validation and {concerned2:,} training. Every "
                    "{noun} is in the split that it has without corrections.",
                    count_of(of_test, "correction"),
                    "concerns" if of_test == 1 else "concern",
                    concerned[VALIDATION],
                    concerned[TRAIN],
                    noun,
                )
            )
        words = {
            ALREADY: ("was already true", "were already true", "{}"),
            REPLACED: ("is replaced by a later one", "are replaced by later ones", "{}"),
            CONTRADICTORY: ("contradicts the data", "contradict the data", "{}; not applied (--skip-bad)"),
            UNMATCHED: ("fits no example", "fit no example", "{}; passed over (--skip-bad)"),
        }
        for kind, (one, many, form) in words.items():
            rows = [each for each in self.outcomes if each.kind == kind]
            if rows:
                named = some(
                    [each.words or Sentence("row {row}", each.correction.row) for each in rows], _NAMED
                )
                subject = Sentence(
                    "{rows} {one}", count_of(len(rows), "correction"), one if len(rows) == 1 else many
                )
                found.append(f"{subject}: {form.format(named)}.")
        return found

    def reasons(self) -> dict[int, str]:
        """For the ledger: what became of each example that a correction is about."""
        name = os.path.basename(self.table.place)
        found: dict[int, list[str]] = {}
        for each in self.outcomes:
            if each.position is None:
                continue
            label = self.before.get(each.position)
            what = {
                RELABELLED: Sentence("label corrected from {quoted}", quoted(label or "")),
                LEFT_OUT: "left out by a correction",
                CONFIRMED: "label confirmed as right",
            }.get(each.kind, Sentence("correction {kind}", each.kind))
            found.setdefault(each.position, []).append(
                Sentence("{what} ({name}, row {row})", what, name, each.correction.row)
            )
        return {position: join("; ", reasons) for position, reasons in found.items()}

    def in_force(self) -> list[Correction]:
        """The corrections that made the labels what they are, for others to go on from."""
        kinds = (RELABELLED, LEFT_OUT, CONFIRMED, REPLACED)
        return [each.correction for each in self.outcomes if each.kind in kinds]

    def rows(self) -> Iterator[list[str]]:
        """The table as it was applied, its head first: each row with its outcome and the example it found."""
        yield [*COLUMNS, "outcome"]
        for each in self.outcomes:
            yield [*each.correction.cells(), each.kind]


def apply_corrections(
    listing: Listing,
    digests: UInt8[np.ndarray, "n bytes"],
    splits: np.ndarray,
    table: Corrections,
    *,
    skip_bad: bool = False,
) -> tuple[Listing, Applied]:
    """The listing with its labels corrected, and what became of each correction.

    `digests` are of the contents, and `splits` the split of each example, before anything is corrected.
    Examples that are left out stay in the listing.

    Raises: `DataError` if a correction fits no example or contradicts the label that is there, unless
    `skip_bad`, or a label is no number where numbers are predicted; with its row, what was found and what is
    expected.
    """
    labels = _Labels(listing)
    malformed = [
        Sentence("row {row}: {complaint}", each.row, complaint)
        for each in table.rows
        if (complaint := labels.complaint(each)) is not None
    ]
    if malformed:
        raise malformed_rows(table.place, malformed)
    outcomes: dict[int, Outcome] = {}
    of_example: dict[int, list[int]] = {}
    for at, (correction, found) in enumerate(
        zip(table.rows, _matched(listing, digests, table, labels), strict=True)
    ):
        if isinstance(found, str):
            outcomes[at] = Outcome(
                correction, UNMATCHED, words=Sentence("row {row}: {found}", correction.row, found)
            )
        else:
            of_example.setdefault(found, []).append(at)
    left_out: set[int] = set()
    changed: dict[int, Any] = {}
    for position, places in of_example.items():
        label, is_left_out, made = _applied(labels, position, [table.rows[at] for at in places])
        outcomes |= zip(places, made, strict=True)
        if is_left_out:
            left_out.add(position)
        if label != labels.of(position):
            changed[position] = label
    ordered = [outcomes[at] for at in range(len(table.rows))]
    at_fault = [each.words for each in ordered if each.kind in _AT_FAULT]
    if at_fault and not skip_bad:
        remedy = "fix or remove them, or pass them over with --skip-bad"
        fit = "does" if len(at_fault) == 1 else "do"
        raise DataError(
            "{place}: {at_fault:,} of {rows} {fit} not fit {place2}; {remedy}{at_fault2}",
            table.place,
            len(at_fault),
            count_of(len(table.rows), "correction"),
            fit,
            listing.place,
            remedy,
            listed_rows(at_fault),
        )
    applied = Applied(
        table,
        ordered,
        {position: listing.labels[position] for position in changed},
        frozenset(left_out),
        {position: str(splits[position]) for position in of_example},
    )
    return labels.changed(changed), applied


class _Labels:
    """Labels of a listing as values that can be compared."""

    def __init__(self, listing: Listing) -> None:
        self._listing, self._reader = listing, READERS[listing.target]
        self._names = frozenset(listing.coded.names)

    def of(self, position: int) -> Any:
        """Label of an example."""
        return self.read(self._listing.labels[position])

    def read(self, text: str) -> Any:
        """Label of a text; `None` where it is none."""
        return self._reader.value(text, self._names)

    def shown(self, label: Any) -> str:
        """A label in a message."""
        return self._reader.shown(label)

    def complaint(self, each: Correction) -> str | None:
        """Reason why a correction can be applied to no example; `None` where it can."""
        for name, text in (("label", each.label if each.action == LABEL else ""), ("was", each.was)):
            if text.strip() and self.read(text) is None:
                return Sentence("{name} {text}; a finite number is expected", name, quoted(text))
        if each.action == LABEL and self.read(each.label) is None:
            return Sentence("no label; give one, or the action {LEAVE_OUT}", LEAVE_OUT)
        return None

    def changed(self, labels: Mapping[int, Any]) -> Listing:
        """The listing with some labels changed, by position."""
        if not labels:
            return self._listing
        return with_labels(self._listing, self._reader.changed(self._listing.coded, labels))


def _applied(labels: _Labels, position: int, rows: Sequence[Correction]) -> tuple[Any, bool, list[Outcome]]:
    """Label of an example after its corrections, whether it is left out, and what became of each.

    The last one that fits counts: one whose `was` is the label in the data, or what an earlier one made.
    """
    there = labels.of(position)
    label, is_left_out, known = there, False, {there}
    made: list[Outcome] = []
    for at, each in enumerate(rows):
        was = labels.read(each.was) if each.was else None
        wanted = labels.read(each.label) if each.action == LABEL else was if was in known else label
        if was is not None and was not in known and not (each.action == LABEL and wanted == label):
            later = next((one for one in rows[at + 1 :] if one.was and labels.read(one.was) == wanted), None)
            words = Sentence(
                "row {row}: {input} is labelled {label}; the correction expects {was}",
                each.row,
                quoted(each.input),
                labels.shown(label),
                labels.shown(was),
            )
            found = Outcome(each, CONTRADICTORY, position, words)
            if later is not None:  # a step on the way, of which the data has the end
                found = Outcome(
                    each, REPLACED, position, Sentence("row {row} by row {row2}", each.row, later.row)
                )
            made.append(found)
            continue
        kind = {LABEL: RELABELLED, LEAVE_OUT: LEFT_OUT, RIGHT: CONFIRMED}[each.action]
        if (wanted, each.action == LEAVE_OUT) != (label, is_left_out):
            words = Sentence(" by row {row}", each.row)
            made = [
                one._replace(kind=REPLACED, words=f"row {one.correction.row}{words}")
                if one.kind in (RELABELLED, LEFT_OUT, CONFIRMED)
                else one
                for one in made
            ]
        elif kind != CONFIRMED:
            kind = ALREADY
        label, is_left_out = wanted, each.action == LEAVE_OUT
        known.add(wanted)
        made.append(Outcome(each, kind, position))
    if label == there:  # what was taken back changes nothing
        made = [one._replace(kind=ALREADY) if one.kind == RELABELLED else one for one in made]
    return label, is_left_out, made


def _matched(
    listing: Listing, digests: UInt8[np.ndarray, "n bytes"], table: Corrections, labels: _Labels
) -> list[int | str]:
    """Position of the example of each correction, by the rule at the top, or why there is none."""
    wanted = {each.input for each in table.rows if each.input}
    by_name = {name: at for at, name in enumerate(listing.names) if name in wanted}
    if wanted - by_name.keys():  # a path may be whole, or written in another way
        others = {os.path.abspath(name): name for name in wanted - by_name.keys()}
        for at, source in enumerate(listing.sources):
            name = others.get(os.path.abspath(source))
            if name is not None:
                by_name[name] = at
    numbers = np.ascontiguousarray(digests[:, : DIGITS // 2]).view(">u8")[:, 0]
    contents = {each.content: int(each.content[1:], 16) for each in table.rows if each.content}
    are_wanted = np.flatnonzero(np.isin(numbers, np.array(list(contents.values()), np.uint64)))
    copies: dict[int, list[int]] = {}
    for at in are_wanted.tolist():
        copies.setdefault(int(numbers[at]), []).append(at)
    return [
        _match(each, by_name.get(each.input), copies.get(contents.get(each.content, -1), ()), listing, labels)
        for each in table.rows
    ]


def _match(
    each: Correction, named: int | None, alike: Sequence[int], listing: Listing, labels: _Labels
) -> int | str:
    """Position of the example of a correction, of that name or with that content, or why there is none."""
    if not each.content or named in alike:
        return (
            Sentence("{input} is no example of {place}", quoted(each.input), listing.place)
            if named is None
            else named
        )
    if not alike:
        if named is None:
            return Sentence(
                "{quoted} is no example of {place}, by name or content",
                quoted(each.input or each.content),
                listing.place,
            )
        return Sentence(
            "{input} has another content than {content}, which was corrected and is not "
            "in {place}; where it is the same example, leave content empty",
            quoted(each.input),
            each.content,
            listing.place,
        )
    if len(alike) > 1:
        name = os.path.basename(each.input)
        alike = [at for at in alike if os.path.basename(listing.sources[at]) == name] or alike
    if len(alike) > 1 and each.was:
        alike = [at for at in alike if labels.of(at) == labels.read(each.was)] or alike
    if len(alike) == 1:
        return alike[0]
    named_copies = some([quoted(listing.sources[at]) for at in alike])
    return Sentence(
        "{input} is not there, and its content is in {alike} copies: {named_copies}",
        quoted(each.input),
        len(alike),
        named_copies,
    )


def require_new_classes(
    before: Listing,
    after: Listing,
    used: np.ndarray,
    needed: int,
    known: Sequence[str],
    place: str,
) -> None:
    """Refuse classes that corrections made and that have too few examples.

    `before` and `after` are the data without and with corrections, `used` the splits of the examples that are
    used, empty text for the others, and `known` the classes of an earlier model. A class needs `needed`
    examples; one of several labels needs one in training.

    Raises: `DataError` naming them, how many examples each has and which class may be meant.
    """
    old = [*before.coded.names, *known]
    counts, needed = READERS[after.target].of_new(after.coded, used, needed)
    short = {name: count for name, count in counts.items() if name not in {*old} and count < needed}
    if not short:
        return
    named = []
    for name, count in short.items():
        close = difflib.get_close_matches(name, old, 1)
        likely = Sentence(" (is it {close}?)", quoted(close[0])) if close else ""
        named.append(Sentence("{name}{likely} has {count}", quoted(name), likely, count_of(count, "example")))
    what = "an example to train" if needed == 1 else Sentence("{needed}, one for each split", needed)
    raise DataError(
        "{place}: {short}: {named}; a class that is not in the "
        "data needs {what}; correct the name, or give more examples",
        place,
        count_of(len(short), "new class"),
        some(named, 10),
        what,
    )
