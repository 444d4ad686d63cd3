"""Decisions beyond the most probable class: abstention, answers of least cost, and prediction sets."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Shaped

from pellucid.answering.by_target import ASKED
from pellucid.answering.costs import least_cost, read_costs
from pellucid.answering.incoming import AnsweringModel
from pellucid.arithmetic.probabilities import trust
from pellucid.arithmetic.rounding import figure, per_cent, percent
from pellucid.bundle.held_out import HeldOut
from pellucid.data.labels import require_threshold
from pellucid.data.wording import count_of
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
    coverage_of,
    least_error,
    least_examples,
    least_for_sets,
    least_promise,
)
from pellucid.language.sentence import Sentence
from pellucid.targets import Labels

FLAGS = {"max_error": "--max-error", "costs": "--costs", "sets": "--sets"}
# Names of options in messages of the commands, and in those of Python's methods.
ARGUMENTS = {"max_error": "max_error", "sets": "coverage"}

_SURE = f"{100 * CONFIDENCE:g} %"
_UNFAMILIAR = "The model also abstains on inputs that look unfamiliar."
_UNCHECKED = "It was not checked: the model has no test answers."


@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """Options of a prediction beyond the answer itself."""

    # largest error among the answered; the others are marked as abstained
    max_error: float | None = None
    # probability from which on one of two classes, or a label of several, is answered, instead of the model's
    threshold: Mapping[str, float] | None = None
    costs: Path | None = None  # CSV of costs, by which the answer of least expected cost is chosen
    # probability with which a set of classes, or an interval of numbers, contains the truth
    sets: float | None = None
    probabilities: bool = False  # whether each class gets a column; not for numbers
    model: str | None = None  # of the run that answers; `None` for the recommended one
    names: Mapping[str, str] = field(default_factory=lambda: FLAGS)  # of options in messages


class Decided(NamedTuple):
    """Decisions about some inputs."""

    # class of each as a position, states of its labels (n, labels), or its number
    answers: Shaped[np.ndarray, "n ..."]
    abstained: Bool[np.ndarray, " n"] | None  # of each, whether it is not answered; `None` without a promise
    # of each its classes, the most probable first, or the ends of its interval; `None` likewise
    sets: list[list[Any]] | None

    def cells(self) -> Iterator[tuple[Any, ...]]:
        """Cells of each input, one for each column of `Decisions.columns`."""
        asked = [each if isinstance(each, list) else each.tolist() for each in self[1:] if each is not None]
        return zip(*asked, strict=True) if asked else repeat(())


class Decisions:
    """Makes a model's answers decisions, by thresholds from its held-out answers and those of the test.

    Attributes:
        model: answers with probabilities or numbers.
        options: what is asked of the answers.
        promise: threshold of trust; `None` where no error was promised.
        coverage: cutoff of sets; `None` where none were asked for.

    Args:
        model: answers with probabilities or numbers.
        options: what is asked of the answers.
        place: the model's folder, for messages.

    Raises:
        UsageError: an option is out of range, makes no sense for numbers, cannot be promised from the
            held-out answers that there are, or is refuted by the test.
    """

    model: AnsweringModel
    options: PredictOptions
    promise: Promise | None
    coverage: Coverage | None

    def __init__(self, model: AnsweringModel, options: PredictOptions, place: str) -> None:
        self.model, self.options = model, options
        self._noun, self._place = model.input_kind.noun, place
        for name, value, like in (("max_error", options.max_error, 0.05), ("sets", options.sets, 0.95)):
            if value is not None and not 0 < value < 1:
                raise UsageError(
                    "{names}: {value:g} does not lie between 0 and 1; give a share such as {like}",
                    options.names[name],
                    value,
                    like,
                )
        self._own = ASKED[model.target]
        for name, refusal in self._own.refused.items():
            if getattr(options, name) not in (None, False):
                raise UsageError(refusal(options, name, place))
        require_threshold(options.threshold, model.classes, place, model.target)
        if options.threshold is not None and options.costs is not None:
            raise UsageError("--threshold: --costs decides in another way; leave one of them out")
        self._threshold = model.target.thresholds(model.threshold, options.threshold)
        self._costs = None if options.costs is None else read_costs(options.costs, model.classes)
        self.promise = None if options.max_error is None else self._promise(options.max_error)
        self.coverage = None if options.sets is None else self._coverage(options.sets)

    @property
    def columns(self) -> dict[str, Any]:
        """Name of each column that is asked for to what it holds."""
        kinds = {"abstained": bool, "set": self._own.set_type}
        asked = {"abstained": self.promise, "set": self.coverage}
        return {name: kind for name, kind in kinds.items() if asked[name] is not None}

    def decide(self, outputs: np.ndarray, novelty: Float64[np.ndarray, " n"] | None) -> Decided:
        """Decide about inputs from their probabilities (n, classes), or numbers (n,), and novelty."""
        answers = self._answers(outputs)
        abstained = sets = None
        if self.promise is not None:
            of_answer = self.model.target.probability(outputs, answers)
            rate = self.model.novelty_rate
            trusted = trust(of_answer, novelty, 1.0 if rate is None else rate)
            abstained = ~(trusted >= self.promise.threshold)
        if self.coverage is not None:
            sets = self._own.sets(outputs, answers, self.coverage.cutoff, self.model.classes)
        return Decided(answers, abstained, sets)

    def _answers(self, outputs: np.ndarray) -> Shaped[np.ndarray, "n ..."]:
        """Class of each, states of its labels, or its number, from outputs as computed or stored."""
        outputs = outputs.astype(np.float64, copy=False)
        if self._costs is not None:
            return least_cost(outputs, self._costs)
        return self.model.target.labels(outputs, self.model.classes, self._threshold)

    def _held_out(self, flag: str) -> HeldOut:
        """The model's held-out answers; `UsageError` if it has none."""
        if self.model.held_out is None:
            raise UsageError(
                "{flag}: {place} was saved without held-out answers, from which the promise is made; "
                "train it again, on data with a validation split",
                flag,
                self._place,
            )
        return self.model.held_out

    def _judged(self, held_out: HeldOut) -> tuple[TrustAndErrors, TestTrustAndErrors | None]:
        """Trust in each held-out answer, and whether it is wrong; the same of the test, if there is one."""
        judged, of_test = (
            None if each is None else each.judged(self.model.novelty_rate, self._answers(each.said))
            for each in (held_out, held_out.test)
        )
        assert judged is not None
        return judged, of_test

    def _promise(self, max_error: float) -> Promise:
        """The threshold that keeps an error; `UsageError` where it cannot be promised."""
        flag, noun = self.options.names["max_error"], self._noun
        held_out = self._held_out(flag)
        needed = least_examples(max_error)
        unseen, kind = len(held_out), "held-out"
        if held_out.test is not None:
            unseen, kind = unseen + len(held_out.test), "held-out and test"
        if unseen < needed:
            # A share rounded up to two digits, so that what is advised suffices.
            share = least_error(unseen)
            places = 1 - math.floor(math.log10(share))
            possible = figure((math.ceil(share * 10.0**places) / 10.0**places), 2)
            raise UsageError(
                "{flag}: {max_error:g} cannot be promised: it takes {needed:,} {kind} {noun}s, were "
                "every answer right, and {place} has {unseen:,}; ask for {possible} or more, "
                "or train with more data",
                flag,
                max_error,
                needed,
                kind,
                noun,
                self._place,
                unseen,
                possible,
            )
        judged, of_test = self._judged(held_out)
        promise = checked_promise(judged, of_test, max_error)
        if not promise.is_refuted:
            return promise
        assert promise.on_test is not None
        assert promise.on_test.error is not None
        other = least_promise(judged, of_test)
        milder = "" if other is None else Sentence("ask for {max_error:g} or more, or ", other.max_error)
        raise UsageError(
            "{flag}: {max_error:g} cannot be promised: the test refutes it: "
            "{error} of the answered among {tested:,} test {noun}s "
            "are wrong, more than among the {examples:,} held-out {noun2}s; {milder}train with more "
            "data like the test's",
            flag,
            max_error,
            share_in_words(promise.on_test.error),
            promise.tested,
            noun,
            promise.examples,
            noun,
            milder,
        )

    def _coverage(self, share: float) -> Coverage:
        """The cutoff of sets that contain the truth of a share; `UsageError` where it cannot be promised."""
        flag, noun = self.options.names["sets"], self._noun
        held_out = self._held_out(flag)
        needed = least_for_sets(share)
        if len(held_out) < needed:
            possible = math.floor(100 * len(held_out) / (len(held_out) + 1)) / 100
            raise UsageError(
                "{flag}: {share:g} cannot be promised: it takes {needed:,} held-out {noun}s, and "
                "{place} has {held_out:,}; ask for {possible:g} or less, or train with more data",
                flag,
                share,
                needed,
                noun,
                self._place,
                len(held_out),
                possible,
            )
        classes, target, test = self.model.classes, self.model.target, held_out.test
        coverage = coverage_of(Labels(held_out.labels, classes, target), held_out.said, share)
        if test is None:
            return coverage
        answers = self._answers(test.said)
        coverage = checked_on(coverage, Labels(test.labels, classes, target), test.said, answers)
        if coverage.is_void:
            assert coverage.on_test is not None
            raise UsageError(
                "{flag}: {share:g} cannot be promised: the test refutes it: only "
                "{on_test} of {tested:,} test {noun}s are covered, which "
                "are too few to widen it by; ask for less, or train with more data like the test's",
                flag,
                share,
                share_in_words(coverage.on_test),
                coverage.tested,
                noun,
            )
        return coverage

    def announcement(self) -> list[str]:
        """Promise, and the share that will be answered, in sentences to be printed beforehand."""
        sentences = []
        if self.promise is not None:
            sentences.append(self._promised(self.promise))
        if self.coverage is not None:
            sentences.append(self._covered(self.coverage))
        if sentences:
            about: str = Sentence(
                "This holds for {noun}s from the same source and period as the model's data, "
                "independent of each other, and not under distribution shift.",
                self._noun,
            )
            if self.promise is not None and self.model.novelty_rate is not None:
                about = Sentence("{about} {UNFAMILIAR}", about, _UNFAMILIAR)
            sentences.append(about)
        return sentences

    def _promised(self, promise: Promise) -> str:
        """The promise of an error, the share that will be answered, and what the test shows."""
        noun, error = self._noun, f"{100 * promise.max_error:g} %"
        of_held_out = count_of(promise.examples, Sentence("held-out {noun}", noun))
        of_test = count_of(promise.tested, Sentence("test {noun}", noun))
        bounding = {
            "held-out": of_held_out,
            "test": of_test,
            "both": Sentence("{examples:,} held-out and {of_test}", promise.examples, of_test),
        }[promise.basis]
        method = Sentence("threshold chosen and bounded on {bounding}; {METHOD}", bounding, METHOD)
        if not promise.answered:
            assert self.model.held_out is not None  # or there were no promise
            other = least_promise(*self._judged(self.model.held_out))
            hint = ""
            if other is not None:
                share = percent(other.expected.value)
                hint = Sentence(
                    "; {names} {max_error:g} would answer about {share}",
                    self.options.names["max_error"],
                    other.max_error,
                    share,
                )
            return Sentence(
                "No {noun} will be answered: no threshold keeps the error at {error} with {SURE} "
                "confidence ({method}){hint}.",
                noun,
                error,
                _SURE,
                method,
                hint,
            )
        if promise.on_test is None:
            checked = _UNCHECKED
        elif promise.on_test.error is None:
            checked = Sentence("None of the {of_test} is answered.", of_test)
        else:
            wrong = share_in_words(promise.on_test.error)
            # What chose a threshold is no independent check of it.
            checked = {
                "both": Sentence(
                    "On {of_test} {wrong} of the answered are wrong; these had a part in choosing it.",
                    of_test,
                    wrong,
                ),
                "test": Sentence(
                    "On {of_test} {wrong} of the answered are wrong; held-out ones have fewer errors, "
                    "so the test alone chose it.",
                    of_test,
                    wrong,
                ),
                "held-out": Sentence(
                    "On {of_test} {wrong} of the answered are wrong; held-out ones have more "
                    "errors, so these alone chose it.",
                    of_test,
                    wrong,
                ),
            }[promise.basis]
        promised = Sentence(
            "Promised with {SURE} confidence: at most {error} of the answered {noun}s get a wrong label "
            "({method}).",
            _SURE,
            error,
            noun,
            method,
        )
        expected = Sentence(
            "Expected: {expected} are answered, the rest abstained.", share_in_words(promise.expected)
        )
        return Sentence("{promised} {checked} {expected}", promised, checked, expected)

    def _covered(self, coverage: Coverage) -> str:
        """The promise of the sets, and what the test shows."""
        noun = self._noun
        value, (low, high) = (
            f"{100 * coverage.coverage:g}",
            (per_cent(end, end) for end in coverage.reach[1:]),
        )
        draw = Sentence(
            "on {examples}; for one such draw {low} to {high} %",
            count_of(coverage.examples, Sentence("held-out {noun}", noun)),
            low,
            high,
        )
        checked = _UNCHECKED
        if coverage.on_test is not None:
            of_test, covered = (
                count_of(coverage.tested, Sentence("test {noun}", noun)),
                share_in_words(coverage.on_test),
            )
            checked = Sentence("Checked on {of_test}: they cover {covered}.", of_test, covered)
            if coverage.is_refuted:
                checked = Sentence(
                    "Too narrow on {of_test}: they cover {covered}; widened to what these need.",
                    of_test,
                    covered,
                )
        promised = self._own.covered(value, noun, draw, coverage.cutoff)
        return Sentence("{promised} {checked}", promised, checked)


def share_in_words(share: Interval) -> str:
    """A share in per cent with its interval."""
    value, low, high = (per_cent(end, share.value) for end in share)
    return f"{value} % [{low}, {high}]"
