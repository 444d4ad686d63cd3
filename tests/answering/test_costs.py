"""Costs of wrong answers: the table read strictly, and the answer of least expected cost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.answering.costs import least_cost, read_costs
from pellucid.errors import UsageError

CLASSES = ("cat", "dog", "a, b")


def written(tmp_path, text):
    (tmp_path / "costs.csv").write_text(text, encoding="utf-8")
    return tmp_path / "costs.csv"


def test_rows_are_true_classes_and_columns_answers_in_any_order(tmp_path):
    path = written(tmp_path, 'true / answer,dog,"a, b",cat\n"a, b",1,0,2.5\ncat,10,-1,0\ndog,0, 3 ,4e1\n')
    assert read_costs(path, CLASSES).tolist() == [[0, 10, -1], [40, 0, 3], [2.5, 1, 0]]


def test_a_byte_order_mark_and_windows_line_ends(tmp_path):
    path = written(tmp_path, "\ufeff,cat,dog\r\ncat,0,1\r\n\r\ndog,2,0\r\n")
    assert read_costs(path, ("cat", "dog")).tolist() == [[0, 1], [2, 0]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (",cat,dog\ncat,0,x\ndog,1,0\n", r"row 'cat', column 'dog': 'x' is no number; give a cost"),
        (",cat,dog\ncat,0,\ndog,1,0\n", r"row 'cat', column 'dog': '' is no number"),
        (",cat,dog\ncat,0,nan\ndog,1,0\n", r"row 'cat', column 'dog': 'nan' is no number"),
        (",cat,dog\ncat,0,inf\ndog,1,0\n", r"row 'cat', column 'dog': 'inf' is no number"),
        (",cat,dog\ncat,0,1_0\ndog,1,0\n", r"row 'cat', column 'dog': '1_0' is no number"),
        (",cat,dog\ncat,0\ndog,1,0\n", r"row 'cat': 2 cells where the header has 3"),
        (",cat,dog\ncat,0,1,2\ndog,1,0\n", r"row 'cat': 4 cells where the header has 3"),
        (",cat,cow\ncat,0,1\ndog,1,0\n", r"the header: 'cow' no class of the model; name each of the 2"),
        (",cat\ncat,0\ndog,1\n", r"the header: 'dog' missing"),
        (",cat,dog,cat\ncat,0,1,0\ndog,1,0,0\n", r"the header: 'cat' named twice"),
        (",cat,dog\ncat,0,1\n", r"the first column: 'dog' missing"),
        (",cat,dog\ncat,0,1\ncat,1,0\ndog,0,1\n", r"the first column: 'cat' named twice"),
        (",cat,dog\ncat,0,1\n dog,1,0\n", r"the first column: ' dog' no class of the model"),
        ("", "no table of classes by classes"),
        (",cat,dog\n", "no table of classes by classes"),
        (',cat,dog\ncat,0,"1\n', "no CSV in UTF-8"),
    ],
)
def test_what_is_wrong_is_named(text, said, tmp_path):
    with pytest.raises(UsageError, match=said):
        read_costs(written(tmp_path, text), ("cat", "dog"))


def test_a_file_that_is_none_or_not_unicode(tmp_path):
    with pytest.raises(UsageError, match=r"none\.csv: no such file or directory; give a readable CSV"):
        read_costs(tmp_path / "none.csv", CLASSES)
    with pytest.raises(UsageError, match="is a directory"):
        read_costs(tmp_path, CLASSES)
    (tmp_path / "latin.csv").write_bytes(",cat,d\xf6g\n".encode("latin-1"))
    with pytest.raises(UsageError, match="no CSV in UTF-8"):
        read_costs(tmp_path / "latin.csv", CLASSES)


def test_a_rare_costly_mistake_is_avoided():
    costs = np.array([[0.0, 1.0], [20.0, 0.0]])
    said = np.array([[0.97, 0.03], [0.9, 0.1], [0.5, 0.5]])
    assert least_cost(said, costs).tolist() == [0, 1, 1]


@given(st.integers(2, 6), st.integers(0, 10**6))
def test_equal_costs_give_the_most_probable_class(classes, seed):
    said = np.random.default_rng(seed).dirichlet(np.ones(classes), size=20)
    assert (least_cost(said, 1 - np.eye(classes)) == said.argmax(axis=1)).all()
    assert (least_cost(said, np.zeros((classes, classes))) == said.argmax(axis=1)).all()


@given(st.integers(2, 6), st.integers(0, 10**6))
def test_no_answer_costs_less(classes, seed):
    draws = np.random.default_rng(seed)
    said, costs = draws.dirichlet(np.ones(classes), size=20), draws.normal(size=(classes, classes))
    expected = [
        [sum(row[true] * costs[true, answer] for true in range(classes)) for answer in range(classes)]
        for row in said
    ]
    chosen = least_cost(said, costs)
    assert np.take_along_axis(np.array(expected), chosen[:, None], 1)[:, 0] == pytest.approx(
        np.min(expected, axis=1)
    )
