"""Mistakes of the recommended model: confusion of classes, worst, uncertain, and likely label errors."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from pellucid.evaluation import Interval, wilson
from pellucid.language.catalogue import translated
from pellucid.language.sentence import Sentence, join
from pellucid.reports.album import Album, Placed, bind
from pellucid.reports.facts import Answered, LabelFacts, LabelIssue, Labelled, ReportFacts
from pellucid.reports.formatting import Excerpt, excerpt, finite, read_score
from pellucid.reports.plots import SINGLE_MARKS, Plot, Ruler, counts_plot, residual_plots, ruler
from pellucid.targets import SEPARATOR

MATRIX_LIMIT = 20
PAIRS_LIMIT = 30
# Shares of a true class at which the colour of a cell deepens; errors are rare, so steps are fine near zero.
STEPS = (0.0, 0.01, 0.02, 0.05, 0.10, 0.20, 0.40, 0.60, 0.80)
WORST_SHOWN = 12  # images or rows
WORST_TEXTS_SHOWN = 6  # texts
WORST_LABELS_SHOWN = 10  # labels


@dataclass(frozen=True)
class Cell:
    """A cell of the confusion matrix: examples of one class that one class was predicted for.

    `key`: `ROW-COLUMN` in the confusion matrix, names the page's anchor; `true`: true class; `predicted`:
    class answered; `count`: examples; `share`: of the true class's examples; `examples`: those that the page
    can show, the surest answers first.
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
        """Its colour: 0 for none to 9 for more than 80 % of the class."""
        return int(np.searchsorted(STEPS, self.share, side="left"))


def cells(facts: ReportFacts, places: Sequence[tuple[int, int]]) -> list[Cell]:
    """Cells of the confusion matrix, by row and column."""
    examples, totals = cell_examples(facts), facts.confusion.sum(axis=1)
    found = []
    for row, column in places:
        key, count = f"{row}-{column}", int(facts.confusion[row, column])
        share = count / int(totals[row]) if totals[row] else 0.0
        names = facts.classes[row], facts.classes[column]
        found.append(Cell(key, *names, count, share, examples.get(key, ())))
    return found


def matrix(facts: ReportFacts) -> Sequence[Sequence[Cell]]:
    """The confusion matrix, a row for each true class; none for more than 20 classes."""
    size = len(facts.confusion)
    if size > MATRIX_LIMIT:
        return []
    found = cells(facts, list(np.ndindex(size, size)))
    return [found[row * size : (row + 1) * size] for row in range(size)]


def most_confused(facts: ReportFacts, limit: int = PAIRS_LIMIT) -> Sequence[Cell]:
    """The most frequent mistakes by falling count, then in the order of the classes."""
    wrong = facts.confusion - np.diag(np.diag(facts.confusion))
    order = np.argsort(-wrong, axis=None, kind="stable")[:limit]
    rows, columns = np.unravel_index(order, wrong.shape)
    places = zip(rows.tolist(), columns.tolist(), strict=True)
    return cells(facts, [place for place in places if wrong[place]])


def opened(facts: ReportFacts) -> Sequence[Cell]:
    """Cells with examples, which the page can open: all of a matrix, without one the most confused."""
    shown = [cell for row in matrix(facts) for cell in row] or most_confused(facts)
    return [cell for cell in shown if cell.examples]


def cell_examples(facts: ReportFacts) -> Mapping[str, Sequence[Answered]]:
    """The examples and the worst mistakes by the key of their cell, each once, the surest answers first."""
    places = {name: index for index, name in enumerate(facts.classes[: len(facts.confusion)])}
    found: dict[str, dict[tuple[object, ...], Answered]] = {}
    for each in (*facts.cells, *facts.mistakes):
        if each.label in places and each.predicted in places:
            shown = each.shown
            content = (shown,) if isinstance(shown, str) else (shown.shape, shown.tobytes())
            cell = found.setdefault(f"{places[each.label]}-{places[each.predicted]}", {})
            cell.setdefault((each.source, *content), each)
    return {
        key: sorted(cell.values(), key=lambda each: -(each.probability or 0.0)) for key, cell in found.items()
    }


@dataclass(frozen=True)
class ClassRow:
    """One class alone.

    `name`: the class; `tested`: its test examples; `recall`: share of its examples classified correctly, with
    interval, `None` without test examples; `precision`: share of the answers with its name that were right,
    `None` without answers; `f1`: harmonic mean of the two, with interval, `None` where neither exists; `bar`:
    the recall on a scale from 0 to 1; of one of several labels also its `average_precision`, and `threshold`,
    the probability from which on it is answered.
    """

    name: str
    tested: int
    recall: Interval | None
    precision: Interval | None
    f1: Interval | None
    bar: Ruler | None
    average_precision: Interval | None = None
    threshold: float = 0.5


def per_class(facts: ReportFacts) -> Sequence[ClassRow]:
    r"""Score each class alone, hardest first: by F1, then in the order of the classes.

    Of the $m$ examples that are of a class or were given its name, the number $t$ that is both is binomial,
    given $m$. With $J = t / m$, $F_1 = \frac{2t}{2t + (m - t)} = \frac{2J}{1 + J}$ rises with $J$, so the
    ends of Wilson's interval of $J$ become the ends of the interval of $F_1$.

    Of several labels the scores are those of `metrics.json`, and labels without test examples come last.

    Source: Wilson 1927, as in `pellucid.evaluation.wilson`; the rest is derived here.
    """
    if facts.labels is not None:
        of_labels = [_label_row(entry) for entry in facts.label_entries]
        return sorted(of_labels, key=lambda row: 2.0 if row.f1 is None else row.f1.value)
    right = np.diag(facts.confusion)
    tested, answered = facts.confusion.sum(axis=1), facts.confusion.sum(axis=0)
    # Groups make the score of a class as uncertain as the accuracy, as far as is known.
    effect = max(1.0, finite((facts.model.get("by_groups") or {}).get("design_effect")) or 1.0)

    def share(hits: int, total: int) -> Interval | None:
        if not total:
            return None
        return wilson(hits / effect, total / effect)._replace(value=hits / total)

    rows = []
    counts = zip(right.tolist(), tested.tolist(), answered.tolist(), strict=True)
    for name, (hits, of_class, of_name) in zip(facts.classes, counts, strict=False):
        recall, both = share(hits, of_class), share(hits, of_class + of_name - hits)
        f1 = None if both is None else Interval(*(2 * each / (1 + each) for each in both))
        bar = None if recall is None else ruler(recall)
        rows.append(ClassRow(name, of_class, recall, share(hits, of_name), f1, bar))
    return sorted(rows, key=lambda row: -1.0 if row.f1 is None else row.f1.value)


def _label_row(entry: Mapping[str, Any]) -> ClassRow:
    recall, precision, f1, average = (
        read_score(entry[name]) for name in ("recall", "precision", "f1", "average_precision")
    )
    bar, name, support = None if recall is None else ruler(recall), str(entry["label"]), int(entry["support"])
    return ClassRow(name, support, recall, precision, f1, bar, average, float(entry["threshold"]))


@dataclass(frozen=True)
class ShownExample:
    """An example with its image in the page's album, or the beginning of its text."""

    about: Answered | LabelIssue | Labelled
    image: Placed | None = None
    text: Excerpt | None = None
    number: int | None = None  # among the different examples that can be corrected; `None` of others

    @property
    def names(self) -> Sequence[str]:
        """Its labels, of an example that may have several."""
        return _names(self.about.label)

    @property
    def marked(self) -> Sequence[tuple[str, str]]:
        """Its labels and those answered, each `right`, `missed`, `added`, or `unknown` to be right."""
        if not isinstance(self.about, Answered):
            return []
        answered, unknown = _names(self.about.predicted), self.about.unknown
        of_kind = {
            "right": [name for name in self.names if name in answered],
            "missed": [name for name in self.names if name not in answered],
            "added": [name for name in answered if name not in (*self.names, *unknown)],
            "unknown": [name for name in answered if name in unknown],
        }
        return [(kind, name) for kind, names in of_kind.items() for name in names]

    @property
    def off(self) -> float | None:
        """Answer minus truth, for numbers; `None` where either is no number."""
        if not isinstance(self.about, Answered):
            return None
        try:
            return finite(float(self.about.predicted) - float(self.about.label))
        except ValueError:
            return None


def _names(labels: str) -> Sequence[str]:
    return labels.split(SEPARATOR) if labels else []


def shown_examples(
    *groups: Sequence[Answered] | Sequence[LabelIssue] | Sequence[Labelled],
) -> tuple[Album, list[list[ShownExample]]]:
    """Bind the images of all groups of examples into one album, and cut texts to what a page can show."""
    album = bind([each.shown for group in groups for each in group if not isinstance(each.shown, str)])
    places = iter(album.places)
    numbers: dict[tuple[str, str], int] = {}

    def example(each: Answered | LabelIssue | Labelled) -> ShownExample:
        number = None
        if each.example is not None:
            number = numbers.setdefault((each.example.input, each.example.content), len(numbers))
        if isinstance(each.shown, str):
            return ShownExample(each, text=excerpt(each.shown), number=number)
        return ShownExample(each, image=next(places), number=number)

    return album, [[example(each) for each in group] for group in groups]


def corrections(facts: ReportFacts, shown: Sequence[Sequence[ShownExample]]) -> Mapping[str, Any] | None:
    """What the script of corrections is given; `None` where the page collects none."""
    given = facts.corrections
    if given is None:
        return None
    found: dict[int, dict[str, str]] = {}
    for each in (each for group in shown for each in group):
        example = each.about.example
        if each.number is not None and example is not None:
            known = found.setdefault(each.number, example._asdict())
            known["suggestion"] = known["suggestion"] or example.suggestion
    return {
        "examples": [found[number] for number in sorted(found)],
        "classes": list(facts.classes),
        "kind": facts.target.noun,
        "noun": translated(facts.noun),
        **given._asdict(),
    }


def number_mistakes(facts: ReportFacts) -> Mapping[str, Any] | None:
    """How far numbers are off: content of `page/errors.html`; `None` where nothing was tested."""
    if facts.numbers is None or not len(facts.numbers):
        return None
    album, shown_ones = shown_examples(facts.mistakes, facts.copies, facts.unfamiliar)
    worst, copies, unfamiliar = shown_ones
    return {
        "template": "errors_numbers.html",
        "album": album,
        "residuals": residuals(facts.numbers, facts.noun),
        "worst": worst,
        "first": _first(facts),
        "copies": _pairs(copies),
        "unfamiliar": unfamiliar,
        "too_short": facts.unfamiliar_short,
        "corrections": corrections(facts, shown_ones),
    }


def class_mistakes(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Where the answers are wrong, with images or texts: content of `page/errors.html`.

    `None` where nothing was tested and no labels were judged.
    """
    if not facts.tested and facts.label_issues is None:
        return None
    to_open = opened(facts)
    shown, of_cells = _named_mistakes(facts, *(cell.examples for cell in to_open))
    wrong = facts.confusion - np.diag(np.diag(facts.confusion))
    examples = sum(facts.data_count(split) for split in ("train", "validation", "test"))
    judged = examples if facts.label_issues is None else facts.label_issues.examined
    return {
        **shown,
        "unjudged": max(0, examples - judged),
        "template": "errors_one.html",
        "matrix": matrix(facts),
        "steps": (*STEPS, 1.0),
        "pairs": most_confused(facts),
        "pair_count": int(np.count_nonzero(wrong)),
        "wrong": int(wrong.sum()),
        "per_class": per_class(facts) if facts.tested else (),
        "opened": list(zip(to_open, of_cells, strict=True)),
    }


def label_mistakes(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Labels that were missed and added: content of `page/errors.html`; `None` without labels."""
    found = facts.labels
    if found is None or (not facts.tested and facts.label_issues is None):
        return None
    has, answered = np.diag(found.together), np.diag(found.answered_together)
    order = np.argsort(-(found.missed + found.added), kind="stable")[:WORST_LABELS_SHOWN].tolist()
    rows = [
        (facts.classes[label], *(int(each[label]) for each in (found.missed, has, found.added, answered)))
        for label in order
        if found.missed[label] + found.added[label]
    ]
    return {
        **_named_mistakes(facts)[0],
        "unjudged": 0,  # judged are labels, not examples
        "template": "errors_several.html",
        "rows": rows,
        "has": int(has.sum()),
        "missed": int(found.missed.sum()),
        "answered": int(answered.sum()),
        "added": int(found.added.sum()),
        "right": facts.score("subset_accuracy"),
    }


def _named_mistakes(
    facts: ReportFacts, *more: Sequence[Answered]
) -> tuple[dict[str, Any], list[list[ShownExample]]]:
    """What is shown of mistakes of classes and of labels, and further examples that share the album."""
    label_issues = () if facts.label_issues is None else facts.label_issues.shown
    album, shown_ones = shown_examples(
        facts.mistakes, facts.uncertain, label_issues, facts.copies, facts.unfamiliar, *more
    )
    worst, uncertain, mislabelled, copies, unfamiliar, *others = shown_ones
    return {
        "tested": facts.tested,
        "worst": worst,
        "uncertain": uncertain,
        "label_issues": facts.label_issues,
        "mislabelled": mislabelled,
        "first": _first(facts),
        "album": album,
        "copies": _pairs(copies),
        "unfamiliar": unfamiliar,
        "too_short": facts.unfamiliar_short,
        "corrections": corrections(facts, shown_ones),
    }, others


def _first(facts: ReportFacts) -> int:
    """Mistakes that are shown at once."""
    return WORST_TEXTS_SHOWN if facts.noun == "text" else WORST_SHOWN


def _pairs(copies: Sequence[ShownExample]) -> list[tuple[ShownExample, ShownExample]]:
    return list(zip(copies[::2], copies[1::2], strict=True))


def residuals(rows: Float64[np.ndarray, "test 2"], noun: str) -> Mapping[str, Any] | None:
    """Measure and draw how far answers are off; `None` without a finite row.

    A row is the true number and the answer of a test example; `noun` is what one is called, such as `image`.
    The mean residual has a 95 % interval by the normal approximation.
    """
    known = rows[np.isfinite(rows).all(axis=1)]
    if len(known) == 0:
        return None
    true, predicted = known.T
    off = predicted - true
    mean = float(off.mean())
    spread = 1.96 * float(off.std(ddof=1)) / math.sqrt(len(off)) if len(off) > 1 else math.inf
    half, most, worst = (float(each) for each in np.quantile(np.abs(off), (0.5, 0.9, 1.0)))
    return {
        "examples": len(known),
        "left_out": len(rows) - len(known),
        "half_within": half,
        "most_within": most,
        "worst": worst,
        "mean": Interval(mean, mean - spread, mean + spread),
        "has_bias": mean - spread > 0 or mean + spread < 0,
        "is_thinned": len(known) > SINGLE_MARKS,
        "plots": residual_plots(true, predicted, noun),
    }


# Several labels of one example: the scores of each, how many there are, and which go together.

PAIRS_SHOWN = 12


class LabelPair(NamedTuple):
    """Two labels and how many test examples have both.

    `true`: examples that have both; `answered`: examples for which both are answered; `by_chance`: how many
    would have both if the labels were independent of each other.
    """

    first: str
    second: str
    true: int
    answered: int
    by_chance: float


def together(facts: ReportFacts, found: LabelFacts) -> Sequence[LabelPair]:
    """The pairs of labels that most test examples have, the commonest first."""
    upper = np.triu(found.together, 1)
    order = np.argsort(-upper, axis=None, kind="stable")[:PAIRS_SHOWN]
    counts, examples = np.diag(found.together), max(1, facts.tested)
    places = [divmod(at, len(upper)) for at in order.tolist()]
    return [
        LabelPair(
            facts.classes[row],
            facts.classes[column],
            int(upper[row, column]),
            int(found.answered_together[row, column]),
            float(counts[row] * counts[column] / examples),
        )
        for row, column in places
        if upper[row, column]
    ]


def per_example_plot(facts: ReportFacts, found: LabelFacts) -> Plot:
    """How many labels a test example has, and how many are answered, beside each other."""
    truth, answers = found.per_example.T.tolist()
    spoken = join(
        "; ",
        [
            Sentence("{n} labels: {a} and {b}", n, a, b)
            for n, (a, b) in enumerate(zip(truth, answers, strict=True))
        ],
    )
    label = Sentence(
        "Test {noun}s by their number of labels, in truth and answered. {spoken}", facts.noun, spoken
    )
    return counts_plot(
        {"in truth": truth, "answered": answers},
        Sentence("Labels of {noun}s", facts.noun),
        Sentence("test {noun}s", facts.noun),
        Sentence("labels of one {noun}", facts.noun),
        label,
    )


def mean_labels(found: LabelFacts) -> tuple[float, float]:
    """Mean number of labels of a test example, in truth and answered."""
    numbers, examples = np.arange(len(found.per_example)), max(1, int(found.per_example[:, 0].sum()))
    truth, answered = (numbers @ found.per_example / examples).tolist()
    return truth, answered


def labels_section(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Every label by itself and with others: content of `page/by-label.html`.

    `None` where an example has one class or a number, and without a test split.
    """
    found = facts.labels
    if found is None or not facts.tested:
        return None
    rows = per_class(facts)
    tested = [row for row in rows if row.tested]
    return {
        "rows": rows,
        "never_found": [row.name for row in tested if row.f1 is not None and row.f1.value == 0],
        "worst": [row for row in tested if row.f1 is not None][:3],
        "untested": [row.name for row in rows if not row.tested],
        "never_answered": [row.name for row in tested if row.precision is None],
        "has_thresholds": any(row.threshold != 0.5 for row in rows),
        "pairs": together(facts, found),
        "plot": per_example_plot(facts, found),
        "means": mean_labels(found),
    }
