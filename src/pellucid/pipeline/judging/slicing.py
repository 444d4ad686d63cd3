"""Scores of the recommended model by the values of a column."""

from collections.abc import Mapping
from typing import Any

from pellucid.data import Dataset
from pellucid.data.wording import quoted
from pellucid.evaluation import Slices, score_slices
from pellucid.pipeline.judging.testing import Tested, groups_of_test
from pellucid.reports.numbers import Score, interval, scored


def sliced(dataset: Dataset, column: str | None, tested: Tested) -> Slices | None:
    """Scores on the test examples of each value; `None` where no column was asked for, or nothing tested."""
    if column is None or dataset.slices is None or len(dataset.test) == 0:
        return None
    values = [dataset.slices[index] for index in dataset.test.tolist()]
    labels, groups = dataset.labels[dataset.test], groups_of_test(dataset)
    return score_slices(column, values, labels, tested.answers, groups)


def worst_slice(slices: Mapping[str, Any] | None, noun: str) -> str | None:
    """The worst value in one sentence for the terminal; `None` where there are no two to compare."""
    if slices is None or len(slices["values"]) < 2:
        return None
    worst = slices["values"][0]
    score = Score.read(worst["score"])
    if score is None:
        return None
    column, value = quoted(slices["column"]), quoted(worst["value"])
    others = [Score.read(each["score"]) for each in slices["values"]]
    if all(each is None or each.value == score.value for each in others):
        return f"no value of {column} is worse than another"
    beyond = "significantly worse than all" if worst["worse_than_all"] else "which could be chance"
    return (
        f"worst by {column}: {value}, {scored(score)} {interval(score)} of {worst['examples']:,} test "
        f"{noun}s, {beyond}"
    )
