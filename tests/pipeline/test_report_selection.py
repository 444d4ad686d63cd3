"""Which test examples a report shows."""

import numpy as np

from pellucid.pipeline.judging.report_selection import cell_rows, uncertain_rows, worst_rows

LABELS = np.array([0, 0, 1, 1, 2, 2])
SAID = np.array(
    [
        [0.9, 0.1, 0.0],
        [0.2, 0.8, 0.0],
        [0.0, 0.51, 0.49],
        [0.95, 0.05, 0.0],
        [0.3, 0.3, 0.4],
        [0.0, 0.0, 1.0],
    ]
)


def test_the_surest_mistake_comes_first_and_right_answers_never():
    assert worst_rows(LABELS, SAID) == [3, 1]


def test_the_nearest_two_classes_come_first():
    assert uncertain_rows(SAID)[:2] == [2, 4]
    assert sorted(uncertain_rows(SAID)) == list(range(6))


def test_cells_with_mistakes_come_before_right_ones_and_the_surest_before_the_others():
    rows = cell_rows(LABELS, SAID)
    assert rows[:2] == [1, 3]
    assert sorted(rows) == list(range(6))
    assert rows.index(5) < rows.index(4)


def test_no_cell_gives_more_than_eight_and_all_together_300():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, size=5000)
    said = generator.dirichlet(np.ones(10), size=5000)
    rows = np.array(cell_rows(labels, said))
    assert len(rows) == len(set(rows)) == 300
    cells = labels[rows] * 10 + said[rows].argmax(axis=1)
    counts = np.bincount(cells, minlength=100)
    assert counts.max() <= 8
    assert (np.diag(counts.reshape(10, 10)) == 0).all()  # 90 cells of mistakes fill the 300 places


def test_nothing_tested_shows_nothing():
    labels, said = LABELS[:0], SAID[:0]
    assert worst_rows(labels, said) == cell_rows(labels, said) == uncertain_rows(said) == []
