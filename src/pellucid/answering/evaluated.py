"""Scores of a trained model on labelled data, for people and for programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int64

from pellucid.answering.decisions import share_in_words
from pellucid.arithmetic.rounding import decimals, figure, per_cent, rounded
from pellucid.data.wording import wrapped
from pellucid.evaluation import Drift, Interval, Scores, Slices, Worth
from pellucid.settings import METRICS, Metric
from pellucid.tasks import target_of

_FORMAT = 1
_CONFUSIONS_SHOWN = 5
_NAME_WIDTH = 24
_SLICES_SHOWN = 20


class Abstention(NamedTuple):
    """Behaviour of a model that may abstain.

    Attributes:
        max_error: largest error among the answered, as promised.
        expected: share that was expected to be answered.
        answered: share that is.
        error: share of wrong labels among the answered; `None` where none is.
    """

    max_error: float
    expected: Interval
    answered: Interval
    error: Interval | None

    def to_json(self) -> dict[str, Any]:
        """The form of `abstention` in the document of `evaluate`."""
        return {
            "max_error": self.max_error,
            "expected": self.expected._asdict(),
            "answered": self.answered._asdict(),
            "error": None if self.error is None else self.error._asdict(),
        }

    def sentence(self, noun: str) -> str:
        """The outcome in one sentence."""
        answered = f"{share_in_words(self.answered)} of the {noun}s are answered"
        wrong = "" if self.error is None else f"; of these {share_in_words(self.error)} get a wrong label"
        return f"With --max-error {self.max_error:g} {answered}{wrong}."


@dataclass(frozen=True)
class Evaluation:
    """Scores of a model on labelled images or texts.

    Attributes:
        run: the run or model folder.
        noun: what one input is: `image` or `text`.
        place: the data.
        rows: which part of the data was scored: `test split` or `all rows`.
        skipped: inputs left out because they could not be read.
        classes: the model's classes; none where it predicts numbers.
        scores: with intervals.
        drift: how the inputs differ from the model's validation examples; `None` where the model cannot
            tell, or they are too few.
        slices: scores by the values of a column, worst first; `None` where none was asked for.
        worth: what the examples are worth by their groups; `None` where no two share one.
        abstention: what becomes of a promise; `None` where none was asked for.
        warnings: sentences for the user about the data.
    """

    run: str
    noun: str
    place: str
    rows: str
    skipped: int
    classes: tuple[str, ...]
    scores: Scores
    drift: Drift | None
    slices: Slices | None
    worth: Worth | None
    abstention: Abstention | None
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The evaluation as one document of plain JSON; `test` has the form it has in `metrics.json`."""
        document = {
            "format": _FORMAT,
            "task": f"{self.noun}-{target_of(len(self.classes)).name}",
            "run": self.run,
            "data": {
                "place": self.place,
                "rows": self.rows,
                "examples": self.scores.examples,
                "skipped": self.skipped,
            },
            "classes": list(self.classes),
            "test": self.scores.to_json(),
            "drift": None if self.drift is None else self.drift.to_json(),
        }
        if self.worth is not None:
            document["by_groups"] = self.worth.to_json()
        if self.slices is not None:
            document["slices"] = self.slices.to_json()
        if self.abstention is not None:
            document["abstention"] = self.abstention.to_json()
        if self.scores.confusion is not None:
            document["confusion"] = self.scores.confusion.tolist()
        return document

    def to_text(self) -> str:
        """The evaluation for a terminal of 80 columns, without the last line break."""
        lines = [
            f"Data    {_printable(self.place)}",
            f"Scored  {self.rows}: {self.scores.examples:,} {self.noun}s, {self.skipped:,} skipped",
            "",
        ]
        if self.scores.confusion is not None:
            lines += [*_table(self.scores), *self._confusions(self.scores.confusion)]
        else:
            lines += _number_table(self.scores)
        if self.worth is not None:
            said = self.worth.sentence(self.noun)
            lines += ["", *wrapped(said)]
        if self.slices is not None:
            lines += _slice_table(self.slices, self.noun)
        if self.abstention is not None:
            told = self.abstention.sentence(self.noun)
            lines += ["", *wrapped(told)]
        return "\n".join([*lines, *self._drift()])

    def _drift(self) -> list[str]:
        """Inputs that are unlike the training data, and the drift of the whole set from it."""
        if self.drift is None:
            return []
        share, low, high = (per_cent(end, self.drift.novelty.value) for end in self.drift.novelty)
        told = (
            f"Unlike the training data: {share} % [{low}, {high}] of the {self.noun}s, where "
            f"{100 * self.drift.expected:g} % is expected. {self.drift.sentence}"
        )
        return ["", *wrapped(_printable(told))]

    def _confusions(self, confusion: Int64[np.ndarray, "classes classes"]) -> list[str]:
        """The mistakes made most often."""
        mistakes = confusion.copy()
        np.fill_diagonal(mistakes, 0)
        worst = np.argsort(-mistakes, axis=None, kind="stable")[:_CONFUSIONS_SHOWN]
        pairs = [divmod(int(cell), len(self.classes)) for cell in worst]
        lines = [
            f"{_cut(self.classes[true]):<28}{_cut(self.classes[predicted]):<28}{times:>6,}"
            for true, predicted in pairs
            if (times := mistakes[true, predicted]) > 0
        ]
        return ["", f"{'Label':<28}{'Predicted':<28}{'Times':>6}", *lines] if lines else []


def confusion_rows(
    classes: Sequence[str], confusion: Int64[np.ndarray, "classes classes"]
) -> list[list[str | int]]:
    """A table of counts: under the names of the classes that were predicted, a row for each true class."""
    counts = zip(classes, confusion.tolist(), strict=True)
    return [["true / answer", *classes], *([name, *row] for name, row in counts)]


def _table(scores: Scores) -> list[str]:
    """Each score of a classifier beside its interval."""
    lines = [f"{'Score':<28}{'Value':>8}   95 % interval"]
    for key, interval in scores.intervals.items():
        words = _head(METRICS[key])
        places = decimals(interval.value)
        value, low, high = (rounded(end, places) for end in interval)
        lines.append(f"{words:<28}{value:>8}   [{low}, {high}]")
    return lines


def _number_table(scores: Scores) -> list[str]:
    """Each score of predicted numbers beside its interval; errors are in the labels' own unit."""
    lines = [f"{'Score':<28}{'Value':>12}   95 % interval"]
    for key, interval in scores.intervals.items():
        words = _head(METRICS[key])
        value, low, high = (figure(number) for number in interval)
        lines.append(f"{words:<28}{value:>12}   [{low}, {high}]")
    return [*lines, "", "Errors are in the unit of the labels."]


def _slice_table(slices: Slices, noun: str) -> list[str]:
    """Each value's score with its simultaneous interval, worst first."""
    title = METRICS[slices.metric].title
    lines = ["", f"{_cut(slices.column):<28}{title:>20}  95 % together  {noun.capitalize()}s"]
    rows = [(_cut(each.value) or "(empty)", each) for each in slices.parts[:_SLICES_SHOWN]]
    if slices.pooled is not None:
        rows.append((f"{slices.pooled_values:,} smaller ones", slices.pooled))
    for name, each in rows:
        value, low, high = (figure(end) for end in each.score)
        worse = "  worse" if each.is_worse else ""
        lines.append(f"{name:<28}{value:>20}  {f'[{low}, {high}]':<15}{each.examples:>6,}{worse}")
    if len(slices.parts) > _SLICES_SHOWN:
        lines.append(f"and {len(slices.parts) - _SLICES_SHOWN:,} better values more; --json has all")
    if slices.left_out[1]:
        lines.append(f"Left out, too few even together: {slices.left_out[1]:,} {noun}s")
    return [*lines, "Worse: the whole interval is worse than the score of all (Bonferroni)."]


def _head(metric: Metric) -> str:
    """A metric's name with its unit."""
    return f"{metric.title} ({metric.hint})" if metric.hint else metric.title


def _printable(text: str) -> str:
    """A text whose control characters cannot reach the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _cut(name: str) -> str:
    shown = _printable(name)
    return shown if len(shown) <= _NAME_WIDTH else shown[: _NAME_WIDTH - 3] + "..."
