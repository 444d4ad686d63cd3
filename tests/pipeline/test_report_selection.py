"""Which test examples a report shows, and which mistakes are shown before there is one."""

from types import SimpleNamespace

import numpy as np
import pytest

from labelled import with_labels_at
from pellucid.data import Dataset
from pellucid.data.raw_texts import Texts
from pellucid.pipeline.judging import testing
from pellucid.pipeline.judging.by_target import (
    JUDGING,
    answered_rows,
    cell_rows,
    uncertain_rows,
    worst_rows,
)
from pellucid.pipeline.judging.report_facts import show_first_mistakes, unfamiliar
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION, MULTILABEL

LABELS = np.array([0, 0, 1, 1, 2, 2])
SAID = np.array(
    [[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.0, 0.51, 0.49], [0.95, 0.05, 0.0], [0.3, 0.3, 0.4], [0.0, 0.0, 1.0]]
)


def test_the_surest_mistake_comes_first_and_right_answers_never():
    assert worst_rows(LABELS, SAID, SAID.argmax(axis=1)) == [3, 1]


def test_what_a_threshold_decides_is_a_mistake_or_none_as_in_the_matrix():
    """A class is answered though the other one is more probable: the same rows, the probability its own."""
    labels = np.array([0, 0, 1, 1])
    said = np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.75, 0.25]])
    predicted = CLASSIFICATION.labels(said, ("no", "yes"), {"yes": 0.28})
    assert predicted.tolist() == [0, 1, 1, 0]
    assert worst_rows(labels, said, predicted) == [3, 1]
    assert cell_rows(labels, said, predicted)[:2] == [1, 3]
    assert uncertain_rows(said, ("no", "yes"), {"yes": 0.28}) == [2, 3, 1, 0]
    data = SimpleNamespace(
        digests=None, inputs=np.zeros((4, 8, 8, 1), np.uint8), labels=labels, names=list("abcd"),
        classes=("no", "yes"), label_text=lambda place: "",
    )  # fmt: skip
    (shown,) = answered_rows(data, np.array([3, 1, 2, 0]), said[[3, 1, 2, 0]], predicted[[3, 1, 2, 0]], [1])
    assert (shown.label, shown.predicted, shown.source) == ("no", "yes", "b")
    assert (shown.probability, shown.probability_of_label) == (0.4, 0.6)
    assert (shown.example.input, shown.example.suggestion) == ("b", "yes")


@pytest.mark.parametrize("name", ["no", "yes"])
def test_the_answers_nearest_to_a_threshold_of_either_class_are_the_least_certain(name):
    said = np.array([[0.9, 0.1], [0.55, 0.45], [0.32, 0.68], [0.1, 0.9]])
    order = np.argsort(np.abs(said[:, ["no", "yes"].index(name)] - 0.3))
    assert uncertain_rows(said, ("no", "yes"), {name: 0.3}) == order.tolist()


def test_a_label_in_doubt_is_suggested_the_other_way_round():
    states = np.array([[1, 0, 1], [0, -1, 1]], np.int8)
    names = ("ant", "bee", "cat")
    data = SimpleNamespace(
        labels=states,
        classes=names,
        label_text=lambda place: ";".join(
            name for name, state in zip(names, states[place], strict=True) if state == 1
        ),
    )
    judging = JUDGING[MULTILABEL]
    assert judging.suggested(data, 0, 1) == "ant;bee;cat"
    assert judging.suggested(data, 0, 2) == "ant"
    assert judging.suggested(data, 1, 2) == ""
    assert judging.doubted(data, 0, 1) == ("bee: absent", "bee: present")
    assert judging.doubted(data, 0, 2) == ("cat: present", "cat: absent")


def test_the_nearest_two_classes_come_first():
    assert uncertain_rows(SAID, "abc", {})[:2] == [2, 4]
    assert sorted(uncertain_rows(SAID, "abc", {})) == list(range(6))


def test_cells_with_mistakes_come_before_right_ones_and_the_surest_before_the_others():
    rows = cell_rows(LABELS, SAID, SAID.argmax(axis=1))
    assert rows[:2] == [1, 3]
    assert sorted(rows) == list(range(6))
    assert rows.index(5) < rows.index(4)


def test_no_cell_gives_more_than_eight_and_all_together_300():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, size=5000)
    said = generator.dirichlet(np.ones(10), size=5000)
    rows = np.array(cell_rows(labels, said, said.argmax(axis=1)))
    assert len(rows) == len(set(rows)) == 300
    cells = labels[rows] * 10 + said[rows].argmax(axis=1)
    counts = np.bincount(cells, minlength=100)
    assert counts.max() <= 8
    assert (np.diag(counts.reshape(10, 10)) == 0).all()  # 90 cells of mistakes fill the 300 places


def test_nothing_tested_shows_nothing():
    labels, said = LABELS[:0], SAID[:0]
    assert worst_rows(labels, said, labels) == cell_rows(labels, said, labels) == []
    assert uncertain_rows(said, "abc", {}) == []


def test_texts_too_short_to_judge_are_counted_and_not_shown_as_unfamiliar():
    texts = ["a plain text of the training data", "不是很好吃", "cryptographic zebras quarrel", "so what?"]
    names = [f"row {number}" for number in range(4)]
    dataset = Dataset(
        Texts.of(texts), np.zeros(4, np.int64), np.array([0]), np.array([], np.int64), ("a", "b"), None,
        test=np.array([1, 2, 3]), sources=names, names=names,
        target=CLASSIFICATION,
    )  # fmt: skip
    answers = np.tile([0.9, 0.1], (3, 1))
    tested = testing.Tested(answers, answers, np.array([0.9995, 0.98, 0.2]), 1.0)
    shown, short = unfamiliar(dataset, tested, 0.05)
    assert [each.shown for each in shown] == [texts[2]]
    assert short == 1
    assert unfamiliar(dataset, tested, None) == ([], 0)


@pytest.fixture
def under_way(tmp_path) -> SimpleNamespace:
    """A run of which six validation images are known, behind four to train on."""
    lines: list[str] = []
    images = np.random.default_rng(0).integers(0, 256, (10, 8, 8, 1), dtype=np.uint8)
    dataset = with_labels_at(
        SimpleNamespace(
            digests=None,
            inputs=images,
            labels=np.array([0, 1, 2, 0, *LABELS]),
            names=[f"images/{number}.png" for number in range(10)],
            classes=("boot", "coat", "<dress>"),
            validation=np.arange(4, 10),
            target=CLASSIFICATION,
            noun="image",
            label_text=lambda place: dataset.classes[dataset.labels[place]],
        )
    )
    return SimpleNamespace(
        dataset=dataset,
        settings=Settings(),
        folder=SimpleNamespace(path=tmp_path),
        journal=SimpleNamespace(content={"data": {"place": "images/"}}),
        stages=SimpleNamespace(line=lines.append),
        lines=lines,
    )


def _candidate(name: str, answers: np.ndarray, features: str | None = "hog") -> SimpleNamespace:
    return SimpleNamespace(name=name, features=features, held_out=SimpleNamespace(answers=answers))


def test_first_mistakes_are_those_of_the_best_model_that_learns(under_way, tmp_path):
    worse = _candidate("random-forest", SAID[:, ::-1])
    blind = _candidate("majority", np.eye(3)[LABELS], features=None)
    show_first_mistakes([blind, worse, _candidate("svm", SAID)], under_way)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "First mistakes, while training goes on." in page
    assert page.index("images/7.png") < page.index("images/5.png")  # the surest first
    assert "images/4.png" not in page  # classified correctly
    assert "<dress>" not in page
    (line,) = under_way.lines
    assert line == f"first mistakes, those of svm on validation: {tmp_path / 'report.html'}"


def test_without_a_mistake_or_a_validation_split_there_is_no_page(under_way, tmp_path):
    show_first_mistakes([_candidate("svm", np.eye(3)[LABELS])], under_way)
    under_way.dataset.validation = np.arange(0)
    show_first_mistakes([_candidate("svm", SAID[:0])], under_way)
    assert not under_way.lines
    assert not (tmp_path / "report.html").exists()
