"""Who is taken for whom, and what may be trusted, on matrices small enough to check by hand."""

import copy
import dataclasses

import numpy as np
import pytest

from pellucid.evaluation import wilson
from pellucid.reports import ReportFacts
from pellucid.reports import error_sections as tables
from pellucid.reports.model_sections import judge
from pellucid.settings import METRICS
from reports.report_page import part


@pytest.fixture
def facts(digit_facts: ReportFacts) -> ReportFacts:
    metrics = {**digit_facts.metrics, "classes": ["cat", "dog", "owl", "yak"]}
    matrix = np.array([[98, 2, 0, 0], [30, 70, 0, 0], [0, 0, 5, 0], [0, 0, 0, 0]])
    cats = [
        dataclasses.replace(digit_facts.mistakes[k], label="dog", predicted="cat", probability=0.9 - k / 10)
        for k in range(3)
    ]
    stray = dataclasses.replace(digit_facts.mistakes[0], label="not a class", predicted="cat")
    return dataclasses.replace(
        digit_facts, metrics=metrics, confusion=matrix, mistakes=[*cats, stray], cells=[], uncertain=[]
    )


def test_pairs_by_count_rows_by_true_class_and_classes_hardest_first(facts: ReportFacts) -> None:
    pairs = tables.most_confused(facts)
    assert [(pair.true, pair.predicted, pair.count, len(pair.examples)) for pair in pairs] == [
        ("dog", "cat", 30, 3),
        ("cat", "dog", 2, 0),
    ]
    assert pairs[0].share == 0.3
    rows = tables.matrix(facts)
    assert [sum(cell.count for cell in row) for row in rows] == [100, 100, 5, 0]
    assert [cell.count for cell in rows[1]] == [30, 70, 0, 0]
    assert [cell.is_right for cell in rows[1]] == [False, True, False, False]
    assert [cell.step for cell in rows[0]] == [9, 2, 0, 0]
    rows = tables.per_class(facts)
    assert [row.name for row in rows] == ["yak", "dog", "cat", "owl"]
    yak, dog, cat, _ = rows
    assert (yak.recall, yak.precision, yak.f1) == (None, None, None)
    assert cat.recall is not None
    assert (cat.recall.value, cat.recall.low, cat.recall.high) == tuple(wilson(98, 100))
    assert dog.precision is not None
    assert dog.precision.value == 70 / 72
    assert dog.f1 is not None
    assert dog.f1.value == pytest.approx(2 * (70 / 72) * 0.7 / (70 / 72 + 0.7))


@pytest.mark.parametrize(
    ("share", "step"), [(0, 0), (0.004, 1), (0.01, 1), (0.011, 2), (0.8, 8), (0.81, 9), (1, 9)]
)
def test_colour_steps(share: float, step: int) -> None:
    assert tables.Cell("0-1", "a", "b", 1, share).step == step


def test_the_interval_of_f1_covers(facts: ReportFacts) -> None:
    """Confusion matrices drawn from one truth: 95 % of the intervals hold the F1 of that truth."""
    shares = np.array([[0.42, 0.08], [0.12, 0.38]])
    truth = 2 * 0.42 / (2 * 0.42 + 0.08 + 0.12)
    two = dataclasses.replace(facts, metrics={**facts.metrics, "classes": ["a", "b"]}, mistakes=[], cells=[])
    held = 0
    for drawn in np.random.default_rng(0).multinomial(200, shares.ravel(), 2000):
        rows = tables.per_class(dataclasses.replace(two, confusion=drawn.reshape(2, 2)))
        f1 = next(row.f1 for row in rows if row.name == "a")
        assert f1 is not None
        held += f1.low <= truth <= f1.high
    assert 0.93 <= held / 2000 <= 0.97


def test_examples_and_mistakes_are_sorted_into_cells_each_once(facts: ReportFacts) -> None:
    right = dataclasses.replace(facts.mistakes[0], source="right", predicted="dog", probability=0.7)
    surer = dataclasses.replace(facts.mistakes[0], source="surer", probability=0.99)
    found = tables.cell_examples(dataclasses.replace(facts, cells=[facts.mistakes[1], right, surer]))
    assert {key: [each.probability for each in examples] for key, examples in found.items()} == {
        "1-0": [0.99, 0.9, 0.8, 0.7],
        "1-1": [0.7],
    }
    twice = dataclasses.replace(facts, cells=[dataclasses.replace(each) for each in facts.mistakes])
    assert [(pair.key, len(pair.examples)) for pair in tables.opened(twice)] == [("1-0", 3)]
    names = [f"class {k}" for k in range(40)]
    matrix = np.diag(np.full(40, 9)) + np.eye(40, k=1, dtype=np.int64)
    cells = [
        dataclasses.replace(facts.mistakes[0], source=name, label=name, predicted=names[(k + 1) % 40])
        for k, name in enumerate(names)
    ]
    many = dataclasses.replace(
        facts, metrics={**facts.metrics, "classes": names}, confusion=matrix, mistakes=[], cells=cells
    )
    assert [pair.key for pair in tables.opened(many)] == [pair.key for pair in tables.most_confused(many)]
    assert len(tables.opened(many)) == 30


def test_trust_needs_the_whole_interval_and_many_names_are_counted(facts: ReportFacts) -> None:
    verdict = judge(facts)
    # dog is right 70 times of 72 when answered, but found only 70 times in 100; five owls prove nothing.
    assert verdict["doubtful"]["shown"] == ["dog", "cat"]
    assert verdict["trusted"]["shown"] == []
    assert verdict["undecided"]["shown"] == ["yak", "owl"]
    assert verdict["near"]["shown"] == []
    assert verdict["beats_chance"]
    surer = judge(dataclasses.replace(facts, confusion=np.diag([100, 100, 5, 0])))
    assert set(surer["trusted"]["shown"]) == {"cat", "dog"}
    assert surer["confused"] is None
    classes = [f"class {k}" for k in range(9)]
    many = dataclasses.replace(facts, metrics={**facts.metrics, "classes": classes}, mistakes=[])
    verdict = judge(dataclasses.replace(many, confusion=np.full((9, 9), 10)))
    assert len(verdict["doubtful"]["shown"]) == 6
    assert verdict["doubtful"]["more"] == 3


def test_a_precision_too_near_nine_in_ten_is_said_with_its_figure(facts: ReportFacts) -> None:
    """Of 1,000 answers with the name cat 904 are right: neither trusted nor doubtful, and well tested."""
    near = dataclasses.replace(
        facts, confusion=np.array([[904, 0, 0, 0], [96, 1904, 0, 0], [0, 0, 5, 0], [0] * 4]), mistakes=[]
    )
    verdict = judge(near)
    assert (verdict["near"]["shown"], verdict["undecided"]["shown"]) == (["cat"], ["yak", "owl"])
    text = part(near, "verdict").text
    assert "cat: its precision 0.904 [0.884, 0.921] is too near 90.0 % to decide." in text


def test_all_answers_together_are_trusted_where_each_class_has_too_few(facts: ReportFacts) -> None:
    names = [f"class {k}" for k in range(40)]
    matrix = np.diag(np.full(40, 29)) + np.eye(40, k=1, dtype=np.int64)
    metrics = copy.deepcopy({**facts.metrics, "classes": names})
    metrics["models"][facts.recommended]["test"]["accuracy"] = dict(
        zip(("value", "low", "high"), wilson(1160, 1199), strict=True)
    )
    many = dataclasses.replace(facts, metrics=metrics, confusion=matrix, mistakes=[], cells=[])
    text = part(many, "verdict").text
    assert "Its answers as a whole, where classes are mixed as in the test: 96.7 % are right." in text
    assert "that takes at least 35 test answers of that class." in text
    assert "Nothing yet" not in text


def test_the_largest_class_alone_is_that_of_the_labels(digit_facts):
    """Of 60 and 40 labels 80 are taken for the second class: always the first one is right for 60 %."""
    facts = dataclasses.replace(digit_facts, confusion=np.array([[18, 42], [2, 38]]))
    assert facts.chance == pytest.approx(0.6)
    assert facts.chance_by(METRICS["accuracy"]) == pytest.approx(0.6)
    assert facts.chance_by(METRICS["balanced_accuracy"]) == pytest.approx(0.5)
    f1 = 2 * 60 / (60 + 100)
    assert facts.chance_by(METRICS["macro_f1"]) == pytest.approx(f1 / 2)
