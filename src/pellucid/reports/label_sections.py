"""Several labels of one example: the scores of each, how many there are, and which go together."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pellucid.language.sentence import Sentence, join
from pellucid.reports.error_sections import per_class
from pellucid.reports.facts import LabelFacts, ReportFacts
from pellucid.reports.plots import Plot, counts_plot

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
