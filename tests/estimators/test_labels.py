"""Labels keep the caller's type, numbers become float64; what is no label is refused."""

import numpy as np
import pytest

from pellucid.errors import DataError, UsageError
from pellucid.estimators.by_target import FORMS
from pellucid.estimators.fit_labels import OwnLabels, read_numbers, texts_of
from pellucid.input_kinds import IMAGES
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION


def read_labels(y: object, count: int) -> OwnLabels:
    return FORMS[CLASSIFICATION].read(y, count, Settings(), IMAGES)


def test_classes_are_sorted_as_the_caller_has_them_and_names_as_text() -> None:
    own = read_labels([10, 9, 2, 10], 4)
    assert own.classes.tolist() == [2, 9, 10]
    assert own.labels.names == ("10", "2", "9")
    assert own.labels.values.tolist() == [0, 2, 1, 0]


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (np.array([3.0, 1.0]), [1.0, 3.0]),
        (np.array([True, False]), [False, True]),
        (np.array(["b", "a"], dtype=object), ["a", "b"]),
        ([np.int32(4), np.int32(3)], [3, 4]),
    ],
)
def test_any_kind_of_label_is_kept(y: object, classes: list[object]) -> None:
    found = read_labels(y, 2).classes.tolist()
    assert found == classes
    assert [type(value) for value in found] == [type(value) for value in classes]


def test_texts_are_those_of_files() -> None:
    assert texts_of(np.array([3.0, 1.0])) == ["3", "1"]
    assert texts_of([True, False]) == ["true", "false"]


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([1, "1"], "labels of mixed kinds: the number 1 at position 0 and the text '1' at position 1"),
        (np.array([1.0, np.nan]), "y: Input y contains NaN"),
        (np.array([1.0, np.inf]), "y: Input y contains infinity"),
        (np.array(["a", None], dtype=object), "y: empty label at position 1"),
        (np.array([0.5, 1.25]), "continuous"),
        (np.zeros((2, 3)), "y: 3 columns, where one label for each example is expected; give one column"),
        ([1, 2, 3], "y: 3 labels for 2 examples; give one each"),
        (["only", "only"], "y: only one class, 'only'; a classifier needs at least two"),
    ],
)
def test_what_is_no_label_is_refused(y: object, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_labels(y, 2)


def test_labels_are_needed() -> None:
    with pytest.raises(UsageError, match="requires y to be passed, but the target y is None"):
        read_labels(None, 2)


@pytest.mark.parametrize(
    "y",
    [[1, 2.5], (1, 2.5), np.array([1, 2.5], np.float32), np.array([1, np.float64(2.5)], dtype=object)],
)
def test_any_kind_of_number_is_taken(y: object) -> None:
    numbers = read_numbers(y, 2)
    assert numbers.dtype == np.float64
    assert numbers.tolist() == [1.0, 2.5]


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([1.0, np.nan], r"y: Input y contains NaN\. The first is at position 1"),
        (np.array([1.0, np.inf]), "y: Input y contains infinity"),
        (["1.5", "high"], "y: '1.5' at position 0 is no number; give numbers, or learn classes with ImageC"),
        ([1.0, 1e31], "y: 1e[+]31 at position 1 is too large; numbers to predict are at most 1e[+]30"),
        (np.array([1.0, None], dtype=object), "y: None at position 1 is no number"),
        (np.zeros((2, 3)), "y: 3 columns, where one label for each example is expected; give one column"),
        ([3, 3], "y: every number to predict is 3, which leaves nothing to learn"),
        ([1e9, 1e9 + 1e-3], "y: the numbers to predict differ too little for their size"),
        ([1, 2, 3], "y: 3 labels for 2 examples; give one each"),
    ],
)
def test_what_is_no_number_is_refused(y: object, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_numbers(y, 2)


def test_one_number_teaches_nothing() -> None:
    with pytest.raises(DataError, match="y: 1 sample; a regressor needs at least two"):
        read_numbers([1.5], 1)


def test_numbers_are_needed() -> None:
    with pytest.raises(UsageError, match="a regressor requires y to be passed, but the target y is None"):
        read_numbers(None, 2)
