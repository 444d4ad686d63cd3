"""Decisions beyond the most probable class: abstention, answers of least cost, and prediction sets."""

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from pellucid.arithmetic.probabilities import decided, trust
from pellucid.arithmetic.rounding import figure, per_cent, percent
from pellucid.bundle.held_out import HeldOut
from pellucid.data.labels import read_number, require_threshold
from pellucid.data.wording import count_of, quoted, some
from pellucid.errors import UsageError
from pellucid.evaluation.intervals import Interval
from pellucid.evaluation.promises import (
    CONFIDENCE,
    METHOD,
    Coverage,
    Promise,
    TestTrustAndErrors,
    TrustAndErrors,
    checked_on,
    checked_promise,
    class_sets,
    coverage_of,
    least_error,
    least_examples,
    least_for_sets,
    least_promise,
)
from pellucid.files import open_regular
from pellucid.tasks import InputKind

# Costs of wrong answers: a table of classes by classes, and the answer of least expected cost.

_MOST_BYTES = 64 << 20


def read_costs(path: Path, classes: Sequence[str]) -> Float64[np.ndarray, "classes classes"]:
    """Read a CSV of costs: row the true class, column the answer, both by name and in any order.

    The first row names the columns and the first column the rows; the cell where they meet may hold anything.
    Costs come in the order of `classes`, as `costs[true, answer]`.

    Raises: `UsageError` if the file cannot be read, a class is missing, unknown or named twice, or a cell is
    no number; with its row and column.
    """
    rows = _rows(path)
    header = rows[0][1:]
    _require_classes(header, classes, path, "the header")
    names = [row[0] for row in rows[1:]]
    _require_classes(names, classes, path, "the first column")
    places = {name: place for place, name in enumerate(classes)}
    costs = np.zeros((len(classes), len(classes)))
    for row in rows[1:]:
        if len(row) != len(rows[0]):
            raise UsageError(
                f"--costs: {path}, row {quoted(row[0])}: {len(row)} cells where the header has "
                f"{len(rows[0])}; give one cost for each class"
            )
        for column, cell in zip(header, row[1:], strict=True):
            cost = read_number(cell)
            if cost is None:
                raise UsageError(
                    f"--costs: {path}, row {quoted(row[0])}, column {quoted(column)}: {quoted(cell)} is no "
                    "number; give a cost such as 0, 1 or 2.5"
                )
            costs[places[row[0]], places[column]] = cost
    return costs


def least_cost(
    probabilities: Float64[np.ndarray, "n classes"], costs: Float[np.ndarray, "classes classes"]
) -> Int64[np.ndarray, " n"]:
    """The class of least expected cost for each input; of equal ones the most probable."""
    expected = probabilities @ costs
    best = expected.min(axis=1, keepdims=True)
    slack = 1e-12 * max(1.0, float(np.abs(costs).max()))
    chosen: np.ndarray = np.where(expected <= best + slack, probabilities, -1.0).argmax(axis=1)
    return chosen


def _rows(path: Path) -> list[list[str]]:
    """The lines of the file, blank ones left out; at least the header and one more."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError(f"--costs: {path}: larger than {_MOST_BYTES >> 20} MB; give classes by classes")
        with io.TextIOWrapper(open_regular(path), encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file, strict=True) if row]
    except OSError as error:
        raise UsageError(
            f"--costs: {path}: {(error.strerror or str(error)).lower()}; give a readable CSV file"
        ) from error
    except (ValueError, csv.Error) as error:
        raise UsageError(f"--costs: {path}: no CSV in UTF-8: {error}; save it as such") from error
    if len(rows) < 2:
        raise UsageError(
            f"--costs: {path}: no table of classes by classes; give a header row and a row for each"
        )
    return rows


def _require_classes(names: Sequence[str], classes: Sequence[str], path: Path, where: str) -> None:
    """Refuse names that are not each class exactly once."""
    unknown = sorted(set(names) - set(classes))
    missing = sorted(set(classes) - set(names))
    twice = sorted({name for name in names if names.count(name) > 1})
    for found, words in ((unknown, "no class of the model"), (missing, "missing"), (twice, "named twice")):
        if found:
            raise UsageError(
                f"--costs: {path}, {where}: {some([quoted(name) for name in found])} {words}; name each of "
                f"the {len(classes)} classes once"
            )


FLAGS = {"max_error": "--max-error", "costs": "--costs", "sets": "--sets"}
# Names of wishes in messages of the commands, and in those of Python's methods.
ARGUMENTS = {"max_error": "max_error", "sets": "coverage"}

_SURE = f"{100 * CONFIDENCE:g} %"
_CAUTIOUS = ", and whatever looks unfamiliar is abstained."


@runtime_checkable
class Decidable(Protocol):
    """A model, or an exported one, as far as decisions about its answers go."""

    @property
    def input_kind(self) -> InputKind:
        """Kind of what it takes."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities; none where a number is predicted."""
        ...

    @property
    def threshold(self) -> Mapping[str, float]:
        """One of two classes and the probability from which on it is answered; or nothing."""
        ...

    @property
    def novelty_rate(self) -> float | None:
        """Share of inputs like the training data that count as foreign; `None` without novelty."""
        ...

    @property
    def held_out(self) -> HeldOut | None:
        """Answers about examples that it did not learn from; `None` where none were kept."""
        ...


Decides = TypeVar("Decides", bound=Decidable)


@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """Demands of a caller on the answers.

    Attributes:
        max_error: largest error among the answered; the others are marked as abstained.
        threshold: one of two classes and the probability from which on it is answered, in place of the
            model's own.
        costs: CSV of costs, by which the answer of least expected cost is chosen.
        sets: probability with which a set of classes, or an interval of numbers, holds the truth.
        probabilities: whether each class gets a column; not for numbers.
        model: of the run that answers; `None` for the recommended one.
        names: of the first three in messages.
    """

    max_error: float | None = None
    threshold: Mapping[str, float] | None = None
    costs: Path | None = None
    sets: float | None = None
    probabilities: bool = False
    model: str | None = None
    names: Mapping[str, str] = field(default_factory=lambda: FLAGS)


class Decided(NamedTuple):
    """Decisions about some inputs.

    Attributes:
        answers: class of each as a position, or its number.
        abstained: of each, whether it is not answered; `None` where no promise was asked for.
        sets: of each its classes, the most probable first, or the ends of its interval; `None` likewise.
    """

    answers: Int64[np.ndarray, " n"] | Float64[np.ndarray, " n"]
    abstained: Bool[np.ndarray, " n"] | None
    sets: list[list[str]] | list[list[float]] | None

    def cells(self) -> Iterator[tuple[Any, ...]]:
        """Cells of each input, one for each column of `Decisions.columns`."""
        asked = [each if isinstance(each, list) else each.tolist() for each in self[1:] if each is not None]
        return zip(*asked, strict=True) if asked else repeat(())


class Decisions(Generic[Decides]):
    """Makes a model's answers decisions, by thresholds from its held-out answers, checked on the test.

    Attributes:
        model: answers with probabilities or numbers.
        wishes: what is asked of the answers.
        promise: threshold of trust; `None` where no error was promised.
        coverage: cutoff of sets; `None` where none were asked for.

    Args:
        model: answers with probabilities or numbers.
        wishes: what is asked of the answers.
        place: the model's folder, for messages.

    Raises:
        UsageError: a wish is out of range, makes no sense for numbers, cannot be promised from the held-out
            answers that there are, or is refuted by the test.
    """

    model: Decides
    wishes: PredictOptions
    promise: Promise | None
    coverage: Coverage | None

    def __init__(self, model: Decides, wishes: PredictOptions, place: str) -> None:
        self.model, self.wishes = model, wishes
        self._noun, self._names = model.input_kind.noun, wishes.names
        # Refuse shares outside 0 to 1.
        for name, value, like in (("max_error", wishes.max_error, 0.05), ("sets", wishes.sets, 0.95)):
            if value is not None and not 0 < value < 1:
                raise UsageError(
                    f"{wishes.names[name]}: {value:g} does not lie between 0 and 1; "
                    f"give a share such as {like}"
                )
        if not model.classes:
            _require_no_classes_asked(wishes, place)
        require_threshold(wishes.threshold, model.classes, place)
        if wishes.threshold is not None and wishes.costs is not None:
            raise UsageError("--threshold: --costs decides in another way; leave one of them out")
        self._threshold = model.threshold if wishes.threshold is None else wishes.threshold
        self._costs = None if wishes.costs is None else read_costs(wishes.costs, model.classes)
        self.promise = None if wishes.max_error is None else self._promise(wishes.max_error, place)
        self.coverage = None if wishes.sets is None else self._coverage(wishes.sets, place)

    @property
    def columns(self) -> dict[str, Any]:
        """Name of each column that is asked for to what it holds."""
        kinds = {"abstained": bool, "set": list[str] if self.model.classes else list[float]}
        asked = {"abstained": self.promise, "set": self.coverage}
        return {name: kind for name, kind in kinds.items() if asked[name] is not None}

    def decide(self, said: np.ndarray, novelty: Float64[np.ndarray, " n"] | None) -> Decided:
        """Decide about inputs from their probabilities (n, classes), or numbers (n,), and novelty."""
        answers = said if said.ndim == 1 else self._answers(said)
        abstained = None
        if self.promise is not None:
            abstained = ~(self._trust(said, answers, novelty) >= self.promise.threshold)
        return Decided(answers, abstained, None if self.coverage is None else self._sets(said, answers))

    def announcement(self) -> list[str]:
        """Promise, and the share that will be answered, in sentences to be said beforehand."""
        said = []
        if self.promise is not None:
            said.append(self._promised(self.promise))
        if self.coverage is not None:
            said.append(self._covered(self.coverage))
        if said:
            is_cautious = self.promise is not None and self.model.novelty_rate is not None
            said.append(
                f"Promises are about {self._noun}s of the source, groups and time that the model's data is "
                f"from; they do not hold under distribution shift{_CAUTIOUS if is_cautious else '.'}"
            )
        return said

    def _answers(self, said: Float64[np.ndarray, "n classes"]) -> Int64[np.ndarray, " n"]:
        if self._costs is not None:
            return least_cost(said, self._costs)
        return decided(said, self.model.classes, self._threshold)

    def _trust(
        self, said: np.ndarray, answers: Int64[np.ndarray, " n"], novelty: np.ndarray | None
    ) -> Float64[np.ndarray, " n"]:
        of_answer = np.take_along_axis(said, answers[:, None], axis=1)[:, 0]
        rate = self.model.novelty_rate
        return trust(of_answer, novelty, 1.0 if rate is None else rate)

    def _sets(self, said: np.ndarray, answers: np.ndarray) -> list[Any]:
        assert self.coverage is not None
        cutoff = self.coverage.cutoff
        if said.ndim == 1:
            return [[number - cutoff, number + cutoff] for number in said.tolist()]
        classes = self.model.classes
        return [[classes[code] for code in each] for each in class_sets(said, answers, cutoff)]

    def _promise(self, max_error: float, place: str) -> Promise:
        held_out, flag = _held_out(self.model, self._names["max_error"], place), self._names["max_error"]
        needed = least_examples(max_error)
        if len(held_out) < needed:
            # A share rounded up to two digits, so that what is advised suffices.
            share = least_error(len(held_out))
            places = 1 - math.floor(math.log10(share))
            possible = figure((math.ceil(share * 10.0**places) / 10.0**places), 2)
            raise UsageError(
                f"{flag}: {max_error:g} cannot be promised: it takes {needed:,} held-out {self._noun}s, were "
                f"every answer right, and {place} has {len(held_out):,}; ask for {possible} or more, or "
                "train with more data"
            )
        judged, of_test = self._judged(held_out)
        found = checked_promise(judged, of_test, max_error)
        if not found.is_refuted:
            return found
        assert found.on_test is not None
        assert found.on_test.error is not None
        other = least_promise(judged, of_test)
        milder = "" if other is None else f"ask for {other.max_error:g} or more, or "
        raise UsageError(
            f"{flag}: {max_error:g} cannot be promised: the test refutes it: with the threshold from "
            f"{len(held_out):,} held-out {self._noun}s, {share_in_words(found.on_test.error)} of the "
            f"answered among {found.tested:,} test {self._noun}s are wrong; {milder}train with more data "
            "like the test's"
        )

    def _judged(self, held_out: HeldOut) -> tuple[TrustAndErrors, TestTrustAndErrors | None]:
        """Trust in each held-out answer, and whether it is wrong; the same of the test, if there is one."""
        judged, of_test = (
            None if each is None else each.judged(self.model.novelty_rate, self._of_stored(each))
            for each in (held_out, held_out.test)
        )
        assert judged is not None
        return judged, of_test

    def _of_stored(self, held_out: HeldOut) -> Int64[np.ndarray, " n"]:
        """Answers decided from stored probabilities."""
        return self._answers(held_out.said.astype(np.float64))

    def _coverage(self, coverage: float, place: str) -> Coverage:
        held_out, flag = _held_out(self.model, self._names["sets"], place), self._names["sets"]
        needed = least_for_sets(coverage)
        if len(held_out) < needed:
            possible = math.floor(100 * len(held_out) / (len(held_out) + 1)) / 100
            raise UsageError(
                f"{flag}: {coverage:g} cannot be promised: it takes {needed:,} held-out {self._noun}s, and "
                f"{place} has {len(held_out):,}; ask for {possible:g} or less, or train with more data"
            )
        found, test = coverage_of(held_out.labels, held_out.said, coverage), held_out.test
        if test is None:
            return found
        answers = self._of_stored(test) if self.model.classes else test.said
        found = checked_on(found, test.labels, test.said, answers)
        if found.is_void:
            assert found.on_test is not None
            raise UsageError(
                f"{flag}: {coverage:g} cannot be promised: the test refutes it: only "
                f"{share_in_words(found.on_test)} of {found.tested:,} test {self._noun}s are covered, which "
                "are too few to widen it by; ask for less, or train with more data like the test's"
            )
        return found

    def _promised(self, found: Promise) -> str:
        """The promise of an error, and the share that will be answered."""
        noun, error = self._noun, f"{100 * found.max_error:g} %"
        method = f"{METHOD}, on {count_of(found.examples, f'held-out {noun}')}"
        if found.is_confirmed:
            method += f" and, by itself, on {count_of(found.tested, f'test {noun}')}"
        if found.answered:
            expected = share_in_words(found.expected)
            return (
                f"Promised with {_SURE} confidence: at most {error} of the answered {noun}s get a wrong "
                f"label ({method}). {self._checked(found)} Expected: {expected} are answered, the rest "
                "abstained."
            )
        assert self.model.held_out is not None  # or there were no promise
        other = least_promise(*self._judged(self.model.held_out))
        hint = ""
        if other is not None:
            share = percent(other.expected.value)
            hint = f"; {self._names['max_error']} {other.max_error:g} would answer about {share}"
        return (
            f"No {noun} will be answered: no threshold keeps the error at {error} with {_SURE} confidence "
            f"({method}){hint}."
        )

    def _checked(self, found: Promise) -> str:
        """What the test says to a promise that it does not refute."""
        if found.on_test is None:
            return "It was not checked: the model has no test answers."
        of_test = f"Checked on {count_of(found.tested, f'test {self._noun}')}"
        if found.on_test.error is None:
            return f"{of_test}: none of them is answered."
        few = "" if found.is_confirmed else ", which does not refute it and is too little to confirm it"
        return f"{of_test}: {share_in_words(found.on_test.error)} of the answered are wrong{few}."

    def _covered(self, found: Coverage) -> str:
        """The promise of the sets."""
        value, (low, high) = f"{100 * found.coverage:g}", (per_cent(end, end) for end in found.reach[1:])
        draw = f"on {count_of(found.examples, f'held-out {self._noun}')}; for one such draw {low} to {high} %"
        checked = "It was not checked: the model has no test answers."
        if found.on_test is not None:
            of_test = (
                f"{count_of(found.tested, f'test {self._noun}')}: they cover {share_in_words(found.on_test)}"
            )
            checked = f"Checked on {of_test}."
            if found.is_refuted:
                checked = f"Too narrow on {of_test}; widened to what these need."
        if not self.model.classes:
            return (
                f"Promised: intervals, {figure(found.cutoff)} to either side, contain the number of {value} "
                f"% of {self._noun}s (split conformal, absolute residual, {draw}). {checked}"
            )
        return (
            f"Promised: sets contain the true class of at least {value} % of {self._noun}s (split conformal, "
            f"score 1 - probability, {draw}). {checked}"
        )


def share_in_words(share: Interval) -> str:
    """A share in per cent with its interval."""
    value, low, high = (per_cent(end, share.value) for end in share)
    return f"{value} % [{low}, {high}]"


def _require_no_classes_asked(wishes: PredictOptions, place: str) -> None:
    """Refuse of a model of numbers what only classes have."""
    if wishes.probabilities:
        raise UsageError(f"--probabilities: {place} predicts numbers, which have none; leave it out")
    for name, value in (("max_error", wishes.max_error), ("costs", wishes.costs)):
        if value is not None:
            raise UsageError(
                f"{wishes.names[name]}: {place} predicts numbers, which are not just right or wrong; --sets "
                "0.95 gives intervals"
            )


def _held_out(model: Decidable, flag: str, place: str) -> HeldOut:
    """The model's held-out answers.

    Raises: `UsageError` if it has none.
    """
    if model.held_out is None:
        raise UsageError(
            f"{flag}: {place} was saved without held-out answers, from which the promise is made; train it "
            "again, on data with a validation split"
        )
    return model.held_out
