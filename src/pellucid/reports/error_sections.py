"""Mistakes of the recommended model: confusion of classes, worst, uncertain, and likely label errors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.evaluation.intervals import wilson
from pellucid.reports.album import Album, Placed, bind
from pellucid.reports.axes import Ruler, ruler
from pellucid.reports.facts import Answered, LabelIssue, ReportFacts
from pellucid.reports.formatting import Excerpt, Score, excerpt, finite
from pellucid.reports.residuals import residuals

# Confusion of classes: the matrix, the most confused pairs, and each class alone.

MATRIX_LIMIT = 20
PAIRS_LIMIT = 30
# Shares of a true class at which the colour of a cell deepens: errors are rare, so the steps are
# fine near zero.
STEPS = (0.0, 0.01, 0.02, 0.05, 0.10, 0.20, 0.40, 0.60, 0.80)


@dataclass(frozen=True)
class Pair:
    """One kind of answer: images of one class that were given one name.

    Attributes:
        key: `ROW-COLUMN` in the confusion matrix; names the page's anchor.
        true: true class.
        predicted: class answered.
        count: images.
        share: of the true class's images.
        examples: images of it that the page can show.
    """

    key: str
    true: str
    predicted: str
    count: int
    share: float
    examples: Sequence[Answered] = ()

    @property
    def is_right(self) -> bool:
        """True where the prediction is the true class."""
        true, predicted = self.key.split("-")
        return true == predicted

    @property
    def step(self) -> int:
        """Colour of its cell: 0 for none to 9 for more than 80 % of the class."""
        return int(np.searchsorted(STEPS, self.share, side="left"))


@dataclass(frozen=True)
class MatrixRow:
    """A row of the confusion matrix.

    Attributes:
        name: true class.
        cells: what its images were called, in the order of the classes.
        total: its test images.
    """

    name: str
    cells: Sequence[Pair]
    total: int


@dataclass(frozen=True)
class ClassRow:
    """One class alone.

    Attributes:
        name: the class.
        tested: its test images.
        answered: images given its name.
        recall: share of its images classified correctly, with interval; `None` without test images.
        precision: share of the answers with its name that were right; `None` without answers.
        f1: harmonic mean of the two, with interval; `None` where neither exists.
        bar: the recall on a scale from 0 to 1.
    """

    name: str
    tested: int
    answered: int
    recall: Score | None
    precision: Score | None
    f1: Score | None
    bar: Ruler | None


def matrix(facts: ReportFacts) -> Sequence[MatrixRow]:
    """Lay out the confusion matrix.

    One row per class; none for more than 20 classes, where a matrix can no longer be read.
    """
    if len(facts.confusion) > MATRIX_LIMIT:
        return []
    examples = cell_examples(facts)
    indices = range(len(facts.confusion))
    totals = facts.confusion.sum(axis=1)
    return [
        MatrixRow(
            facts.classes[row], [_pair(facts, row, column, examples) for column in indices], int(totals[row])
        )
        for row in indices
    ]


def most_confused(facts: ReportFacts, limit: int = PAIRS_LIMIT) -> Sequence[Pair]:
    """List the commonest mistakes.

    Pairs of different classes by falling count, then in the order of the classes.
    """
    wrong = facts.confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:limit]
    rows, columns = np.unravel_index(order, wrong.shape)
    examples = cell_examples(facts)
    return [
        _pair(facts, int(row), int(column), examples)
        for row, column in zip(rows, columns, strict=True)
        if wrong[row, column]
    ]


def opened(facts: ReportFacts) -> Sequence[Pair]:
    """List the cells that the page can open.

    Pairs with examples, in the order of the classes: every cell of a matrix; without a matrix, those among
    the most confused.
    """
    shown = [cell for row in matrix(facts) for cell in row.cells] or most_confused(facts)
    return [pair for pair in shown if pair.examples]


def per_class(facts: ReportFacts) -> Sequence[ClassRow]:
    """Score each class alone.

    The classes, hardest first: by F1, then in the order of the classes.
    """
    right = np.diag(facts.confusion)
    tested, answered = facts.confusion.sum(axis=1), facts.confusion.sum(axis=0)
    # Groups make the score of a class as uncertain as the accuracy, as far as is known.
    effect = max(1.0, finite((facts.model.get("by_groups") or {}).get("design_effect")) or 1.0)
    rows = []
    for index, name in enumerate(facts.classes[: len(facts.confusion)]):
        recall = _proportion(int(right[index]), int(tested[index]), effect)
        precision = _proportion(int(right[index]), int(answered[index]), effect)
        f1 = _f1(int(right[index]), int(tested[index] + answered[index] - right[index]), effect)
        bar = None if recall is None else ruler(recall)
        rows.append(ClassRow(name, int(tested[index]), int(answered[index]), recall, precision, f1, bar))
    return sorted(rows, key=lambda row: -1.0 if row.f1 is None else row.f1.value)


def cell_examples(facts: ReportFacts) -> Mapping[str, Sequence[Answered]]:
    """Sort the examples and the worst mistakes into the cells of the confusion matrix.

    `ROW-COLUMN` in the confusion matrix to the cell's different examples, those first that were answered most
    surely; what belongs to no class of the matrix is left out.
    """
    places = {name: index for index, name in enumerate(facts.classes[: len(facts.confusion)])}
    cells: dict[str, dict[tuple[object, ...], Answered]] = {}
    for each in (*facts.cells, *facts.mistakes):
        if each.label in places and each.predicted in places:
            key = f"{places[each.label]}-{places[each.predicted]}"
            cells.setdefault(key, {}).setdefault(_identity(each), each)
    return {key: sorted(found.values(), key=_sureness) for key, found in cells.items()}


def _identity(each: Answered) -> tuple[object, ...]:
    """Equal for the same example, which may stand among the cells and among the mistakes."""
    if isinstance(each.shown, str):
        return (each.source, each.shown)
    return (each.source, each.shown.shape, each.shown.tobytes())


def _sureness(each: Answered) -> float:
    return -(each.probability or 0.0)


def _pair(facts: ReportFacts, row: int, column: int, examples: Mapping[str, Sequence[Answered]]) -> Pair:
    count, total = int(facts.confusion[row, column]), int(facts.confusion[row].sum())
    key = f"{row}-{column}"
    share = count / total if total else 0.0
    return Pair(key, facts.classes[row], facts.classes[column], count, share, examples.get(key, ()))


def _proportion(right: int, total: int, effect: float) -> Score | None:
    """A share with its 95 % interval, of fewer examples by a design effect; `None` of nothing."""
    if not total:
        return None
    return Score(*wilson(right / effect, total / effect)._replace(value=right / total))


def _f1(right: int, concerned: int, effect: float) -> Score | None:
    r"""F1 of a class with its 95 % interval; `None` of nothing.

    Of the $m$ examples that are of the class or were given its name, the number $t$ that is both
    is binomial, given $m$. With $J = t / m$,
    $F_1 = \frac{2t}{2t + (m - t)} = \frac{2J}{1 + J}$ rises with $J$, so the ends of Wilson's
    interval of $J$ become the ends of the interval of $F_1$.

    Source: Wilson 1927, as in `pellucid.evaluation.wilson`; the rest is derived here.

    Args:
        right: examples of the class that were given its name, $t$.
        concerned: examples that are of the class or were given its name, $m$.
        effect: design effect of groups, at least 1.

    Returns:
        The score, 0 to 1.
    """
    shared = _proportion(right, concerned, effect)
    if shared is None:
        return None
    return Score(*(2 * each / (1 + each) for each in (shared.value, shared.low, shared.high)))


WORST_SHOWN, WORST_TEXTS_SHOWN = 12, 6


@dataclass(frozen=True)
class ShownMistake:
    """An example with its image or text.

    Attributes:
        about: what is known of it.
        image: where it stands in the page's album; `None` for a text.
        text: the part of a text that is shown; `None` for an image.
    """

    about: Answered | LabelIssue
    image: Placed | None = None
    text: Excerpt | None = None

    @property
    def off(self) -> float | None:
        """Answer minus truth, for numbers; `None` where either is no number."""
        if not isinstance(self.about, Answered):
            return None
        try:
            return finite(float(self.about.predicted) - float(self.about.label))
        except ValueError:
            return None


@dataclass(frozen=True)
class Opened:
    """A cell of the confusion matrix with its examples.

    Attributes:
        pair: the cell.
        shown: its examples, the surest answers first.
    """

    pair: Pair
    shown: Sequence[ShownMistake]


def mistakes(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Show where the answers are wrong, with images or texts.

    Content of `page/errors.html`; `None` where nothing was tested and no labels were judged.
    """
    if facts.numbers is not None:
        return _numbers(facts)
    if not facts.tested and facts.label_issues is None:
        return None
    pairs = opened(facts)
    label_issues = () if facts.label_issues is None else facts.label_issues.shown
    album, (worst, uncertain, mislabelled, *cells) = _shown_mistake(
        facts.mistakes, facts.uncertain, label_issues, *(pair.examples for pair in pairs)
    )
    wrong = facts.confusion - np.diag(np.diag(facts.confusion))
    return {
        "is_regression": False,
        "matrix": matrix(facts),
        "steps": (*STEPS, 1.0),
        "pairs": most_confused(facts),
        "pair_count": int(np.count_nonzero(wrong)),
        "wrong": int(wrong.sum()),
        "tested": facts.tested,
        "per_class": per_class(facts) if facts.tested else (),
        "opened": [Opened(pair, shown) for pair, shown in zip(pairs, cells, strict=True)],
        "worst": worst,
        "uncertain": uncertain,
        "label_issues": facts.label_issues,
        "mislabelled": mislabelled,
        "first": WORST_TEXTS_SHOWN if facts.noun == "text" else WORST_SHOWN,
        "album": album,
    }


def _numbers(facts: ReportFacts) -> Mapping[str, Any] | None:
    if facts.numbers is None or len(facts.numbers) == 0:
        return None
    album, (worst,) = _shown_mistake(facts.mistakes)
    return {
        "is_regression": True,
        "residuals": residuals(facts.numbers, facts.noun),
        "tested": len(facts.numbers),
        "worst": worst,
        "first": WORST_TEXTS_SHOWN if facts.noun == "text" else WORST_SHOWN,
        "album": album,
    }


def _shown_mistake(
    *groups: Sequence[Answered] | Sequence[LabelIssue],
) -> tuple[Album, list[list[ShownMistake]]]:
    """Bind the images of all groups into one album, and cut texts to what the page can show.

    The album, and the groups with the places of their images or the parts of their texts.
    """
    album = bind([each.shown for group in groups for each in group if not isinstance(each.shown, str)])
    places = iter(album.places)

    def shown(each: Answered | LabelIssue) -> ShownMistake:
        if isinstance(each.shown, str):
            return ShownMistake(each, text=excerpt(each.shown))
        return ShownMistake(each, image=next(places))

    return album, [[shown(each) for each in group] for group in groups]
