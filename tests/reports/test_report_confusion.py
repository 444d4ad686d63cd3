"""Who is taken for whom, and what may be trusted, on matrices small enough to check by hand."""

import dataclasses

import numpy as np
import pytest

from pellucid.evaluation import wilson
from pellucid.reports import ReportFacts
from pellucid.reports import confusion as tables
from pellucid.reports.verdict import judge


@pytest.fixture
def facts(digit_facts: ReportFacts) -> ReportFacts:
    metrics = {**digit_facts.metrics, "classes": ["cat", "dog", "owl", "yak"]}
    matrix = np.array([[98, 2, 0, 0], [30, 70, 0, 0], [0, 0, 5, 0], [0, 0, 0, 0]])
    cats = [
        dataclasses.replace(digit_facts.mistakes[k], label="dog", predicted="cat", probability=0.9 - k / 10)
        for k in range(3)
    ]
    stray = dataclasses.replace(digit_facts.mistakes[0], label="not a class", predicted="cat")
    return dataclasses.replace(digit_facts, metrics=metrics, confusion=matrix, mistakes=[*cats, stray])


def test_pairs_by_falling_count(facts: ReportFacts) -> None:
    pairs = tables.most_confused(facts)
    assert [(pair.true, pair.predicted, pair.count, pair.examples) for pair in pairs] == [
        ("dog", "cat", 30, 3),
        ("cat", "dog", 2, 0),
    ]
    assert pairs[0].share == 0.3


def test_matrix_rows_are_true_classes(facts: ReportFacts) -> None:
    rows = tables.matrix(facts)
    assert [row.total for row in rows] == [100, 100, 5, 0]
    assert [cell.count for cell in rows[1].cells] == [30, 70, 0, 0]
    assert [cell.is_right for cell in rows[1].cells] == [False, True, False, False]
    assert [cell.step for cell in rows[0].cells] == [9, 2, 0, 0]


@pytest.mark.parametrize(
    ("share", "step"), [(0, 0), (0.004, 1), (0.01, 1), (0.011, 2), (0.8, 8), (0.81, 9), (1, 9)]
)
def test_colour_steps(share: float, step: int) -> None:
    assert tables.Pair("0-1", "a", "b", 1, share, 0).step == step


def test_per_class_hardest_first(facts: ReportFacts) -> None:
    rows = tables.per_class(facts)
    assert [row.name for row in rows] == ["yak", "dog", "cat", "owl"]
    yak, dog, cat, _ = rows
    assert (yak.recall, yak.precision, yak.f1) == (None, None, None)
    assert cat.recall is not None
    assert (cat.recall.value, cat.recall.low, cat.recall.high) == tuple(wilson(98, 100))
    assert dog.precision is not None
    assert dog.precision.value == 70 / 72
    assert dog.f1 == pytest.approx(2 * (70 / 72) * 0.7 / (70 / 72 + 0.7))


def test_pictures_of_unknown_classes_belong_to_no_cell(facts: ReportFacts) -> None:
    assert tables.mistake_keys(facts) == ["1-0", "1-0", "1-0", ""]
    assert [pair.key for pair in tables.shown_pairs(facts)] == ["1-0"]


def test_trust_needs_the_whole_interval(facts: ReportFacts) -> None:
    verdict = judge(facts)
    # dog is right 70 times of 72 when answered, but found only 70 times in 100; five owls prove nothing.
    assert verdict.doubtful.shown == ["dog", "cat"]
    assert verdict.trusted.shown == []
    assert verdict.undecided.shown == ["yak", "owl"]
    assert verdict.beats_chance
    surer = judge(dataclasses.replace(facts, confusion=np.diag([100, 100, 5, 0])))
    assert set(surer.trusted.shown) == {"cat", "dog"}
    assert surer.confused is None


def test_many_names_are_counted(facts: ReportFacts) -> None:
    classes = [f"class {k}" for k in range(9)]
    many = dataclasses.replace(facts, metrics={**facts.metrics, "classes": classes}, mistakes=[])
    verdict = judge(dataclasses.replace(many, confusion=np.full((9, 9), 10)))
    assert len(verdict.doubtful.shown) == 6
    assert verdict.doubtful.more == 3
