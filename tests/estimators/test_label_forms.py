"""Several labels in every form that `fit` and `score` take, and what is refused."""

import warnings

import numpy as np
import pandas
import pyarrow
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.preprocessing import MultiLabelBinarizer

from pellucid.errors import DataError, UsageError
from pellucid.estimators.by_target import FORMS
from pellucid.estimators.fit_labels import OwnLabels, read_indicators
from pellucid.input_kinds import IMAGES
from pellucid.settings import Settings
from pellucid.targets import MULTILABEL

STATES = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 1], [1, 0, 0]])
UNSURE = np.array([[1, np.nan, 1], [np.nan] * 3, [0, 1, 1], [1, 0, 0]])
FRAME = pandas.DataFrame(STATES, columns=["round", "red", "new"])
COLUMNS = {
    "array": STATES,
    "truth values": STATES.astype(bool),
    "fractions": STATES.astype(np.float32),
    "sparse array": scipy.sparse.csr_array(STATES),
    "sparse matrix": scipy.sparse.coo_matrix(STATES),
    "lists": STATES.tolist(),
    "tuples of truth values": tuple(map(tuple, STATES.astype(bool).tolist())),
    "list of arrays": list(STATES),
}
FRAMES = {
    "frame": FRAME,
    "frame of truth values": FRAME.astype(bool),
    "its own types": FRAME.convert_dtypes(),
    "arrow": pyarrow.Table.from_pandas(FRAME),
}
NAMED = [["round", "new"], [], ["red", "new"], ["round"]]
LISTS = {
    "lists": NAMED,
    "tuples": [tuple(each) for each in NAMED],
    "sets": [set(each) for each in NAMED],
    "arrays": [np.array(each) for each in NAMED],
    "column of a frame": pandas.Series(NAMED),
    "array of lists": pandas.Series(NAMED).to_numpy(),
}


def read_several(y: object, count: int, settings: Settings) -> OwnLabels:
    return FORMS[MULTILABEL].read(y, count, settings, IMAGES)


@pytest.mark.parametrize("form", COLUMNS)
def test_columns_of_an_array_are_counted(form):
    found = read_indicators(COLUMNS[form])
    assert (found.form, found.classes.tolist(), found.sets.names) == ("array", [0, 1, 2], ("0", "1", "2"))
    assert found.sets.values.dtype == np.int8
    np.testing.assert_array_equal(found.sets.values, STATES)


@pytest.mark.parametrize("form", FRAMES)
def test_columns_of_a_frame_have_names_and_stay_in_order(form):
    found = read_indicators(FRAMES[form])
    assert (found.form, found.classes.tolist()) == ("frame", ["round", "red", "new"])
    np.testing.assert_array_equal(found.sets.values, STATES)


@pytest.mark.parametrize("form", LISTS)
def test_lists_are_sorted_as_the_binarizer_of_scikit_learn_does(form):
    found, binarizer = read_indicators(LISTS[form]), MultiLabelBinarizer()
    np.testing.assert_array_equal(found.sets.values, binarizer.fit_transform(NAMED))
    assert (found.form, found.classes.tolist()) == ("lists", binarizer.classes_.tolist())


@given(arrays(np.int8, st.tuples(st.integers(2, 9), st.integers(2, 5)), elements=st.integers(0, 1)))
def test_numbers_in_lists_keep_their_order(states):
    labels = [3, 20, 100, 1000, 5000][: states.shape[1]]  # sorted as numbers, and not as texts
    lists = [{labels[code] for code in np.flatnonzero(row)} for row in states]
    found = read_indicators(lists)
    kept = states.any(axis=0)
    assert found.classes.tolist() == np.array(labels)[kept].tolist()
    np.testing.assert_array_equal(found.sets.values, states[:, kept])


@pytest.mark.parametrize("form", ["array", "frame", "its own types", "sparse"])
def test_what_is_no_number_is_unknown(form):
    frame = pandas.DataFrame(UNSURE)
    made = {"array": UNSURE, "frame": frame, "its own types": frame.convert_dtypes()}
    found = read_indicators(made.get(form, scipy.sparse.csr_array(UNSURE)))
    np.testing.assert_array_equal(found.sets.values, [[1, -1, 1], [-1, -1, -1], [0, 1, 1], [1, 0, 0]])
    own = read_several(made.get(form, scipy.sparse.csr_array(UNSURE)), 4, Settings())
    assert own.labels.is_known().tolist() == [True, False, True, True]
    absent = read_indicators(UNSURE, unlabelled="none")
    np.testing.assert_array_equal(absent.sets.values, np.nan_to_num(UNSURE))


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        ([[0, 2], [1, 2]], [0, 1, 2]),
        ([[0, 1], [1], [0]], [0, 1]),
        ([{0, 1}, {1, 0}], [0, 1]),
        ([["a", "b"], ["b", "c"]], ["a", "b", "c"]),
    ],
)
def test_lists_of_labels_are_distinguished_from_rows_of_an_array(y, classes):
    found = read_indicators(y)
    assert (found.form, found.classes.tolist()) == ("lists", classes)


def test_rows_of_an_array_are_distinguished_from_lists_of_labels():
    assert read_indicators([[0, 1], [1, 0]]).form == "array"
    with pytest.raises(DataError, match="y: 2 at position 0, column 2; several columns of labels have 0"):
        read_indicators([[0, 0, 2], [1, 0, 0]])  # no list of labels has one twice


@pytest.mark.parametrize("y", [["a", "b"], np.array([1, 2]), STATES[:, :1], [[1], [2]], FRAME[["red"]], []])
def test_one_label_each_is_left_to_others_unless_several_are_asked_for(y):
    assert read_indicators(y) is None
    asked = read_indicators(y, is_asked=True)
    assert asked.sets.values.shape[0] == len(y)


def test_texts_of_several_labels():
    cells = ["round+new", "", "red+new", "round"]
    found = read_indicators(cells, separator="+", unlabelled="none")
    assert (found.form, found.classes.tolist()) == ("texts", ["new", "red", "round"])
    np.testing.assert_array_equal(found.sets.values, MultiLabelBinarizer().fit_transform(NAMED))
    assert read_indicators(["a;b", "c"], is_asked=True).classes.tolist() == ["a", "b", "c"]
    for missing in (cells, [None, *NAMED[1:]], [np.nan, *NAMED[1:]]):
        with pytest.raises(
            DataError, match=r"y: 1 example with no label: position [01]; give --unlabelled none"
        ):
            read_indicators(missing, separator="+" if missing is cells else None)
    unknown = read_indicators([None, *NAMED[1:]], unlabelled="unknown")
    assert unknown.sets.values[:2].tolist() == [[-1, -1, -1], [0, 0, 0]]


def test_answers_are_in_the_order_of_names_as_text():
    """Column 10 comes before column 2 in a model, but not for the caller."""
    states = np.eye(11, dtype=int)
    own = read_several(states, 11, Settings())
    assert own.classes.tolist() == list(range(11))
    assert own.labels.names[:4] == ("0", "1", "10", "2")
    columns = [own.labels.names.index(str(number)) for number in range(11)]
    np.testing.assert_array_equal(own.labels.values[:, columns], states)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (2 * STATES, "y: 2 at position 0, column 0; several columns of labels have 0 and 1 in them"),
        (0.5 * STATES, r"y: 0\.5 at position 0, column 0"),
        (STATES - np.inf, "y: -inf at position 0, column 0"),
        (FRAME.replace(1, 3), "y: 3 at position 0, column 'round'"),
        (FRAME.astype(str), r"these have texts; give labels by name as a list of lists, such as \[\['red'"),
        (np.array([["a", 1], ["b", 0]], object), "these have texts"),
        (np.array([[{}, 1], [0, 0]], object), r"y: float\(\) argument .*; several columns of labels have 0"),
        (FRAME.rename(columns={"new": "a;b"}), "y: the label 'a;b' has ';' in it"),
        ([["a"], "b", []], "y: 'b' at position 1 is no list of labels, as others are; give a list there too"),
        (
            [["a", 1], []],
            "y: labels of mixed kinds: the text 'a' at position 0 and the number 1 at position 0",
        ),
        ([[], ["a;b"]], "y: the label 'a;b' at position 1 has ';' in it"),
        ([[], ["a", ""]], "y: empty label at position 1"),
        ([[1.5], []], r"y: the label '1\.5' at position 0 is neither a text nor a whole number"),
        ([[["a"], "b"], ["b"]], r"y: the label '\['a'\]' at position 0 is neither"),
    ],
)
def test_what_is_no_label_is_refused(y, words):
    with pytest.raises(DataError, match=words):
        read_indicators(y)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (np.ones((4, 3)), "y: no label is there for some examples and not for others, which leaves nothing"),
        (np.zeros((4, 3)), "which leaves nothing to learn; give examples of both"),
        ([[]] * 4, "which leaves nothing to learn"),
        (UNSURE[:, [1, 1]] * np.nan, "y: label '0' is known of no example; leave it out, or give examples"),
        (STATES[:3], "y: 3 labels for 4 examples; give one each"),
    ],
)
def test_what_teaches_nothing_is_refused(y, words):
    with pytest.raises(DataError, match=words):
        read_several(y, 4, Settings())


def test_labels_of_lists_are_renamed_and_left_out():
    renamed = read_several(NAMED, 4, Settings(rename={"red": "coloured", "new": "coloured"}))
    assert renamed.classes.tolist() == ["coloured", "round"]
    assert renamed.labels.values.tolist() == [[1, 1], [0, 0], [1, 0], [0, 1]]
    with pytest.warns(
        UserWarning, match=r"y: left out for .* \(min_examples\): 1 label with 1 example, 'red'"
    ):
        often = read_several(NAMED, 4, Settings(min_examples=2))
    assert often.labels.names == ("new", "round")
    assert often.labels.values.tolist() == [[1, 1], [0, 0], [1, 0], [0, 1]]
    with pytest.raises(DataError, match="y: min_examples leaves no label"):
        read_several(NAMED, 4, Settings(min_examples=3))


@pytest.mark.parametrize(
    ("y", "settings", "words"),
    [
        (STATES, {"rename": {"1": "one"}}, "rename: y is an indicator array, whose columns are answered as"),
        (FRAME, {"min_examples": 2}, "min_examples: y is an indicator array"),
        (NAMED, {"rename": {"rde": "red"}}, "--rename: y has no class 'rde' .is it 'red'"),
        (NAMED, {"label_separator": "+"}, "label_separator: belongs to texts of several labels"),
        (["a", "b", "a", "b"], {"unlabelled": "none"}, "unlabelled: belongs to examples with several labels"),
    ],
)
def test_settings_of_other_labels_are_refused(y, settings, words):
    with pytest.raises(UsageError, match=words):
        read_several(y, 4, Settings(**settings))


def test_nothing_is_said_of_labels_in_order():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_several(NAMED, 4, Settings()).as_lists
        assert not read_several(STATES, 4, Settings()).as_lists
