"""Exported files say of which target they are, so that no runtime takes one for another."""

import numpy as np
import pytest

from pellucid.runtime.by_target import IN_FILES, stated_by, target_of_file
from pellucid.targets import CLASSIFICATION, MULTILABEL, ORDERED, REGRESSION, TARGETS


def test_every_target_has_its_row() -> None:
    assert [*IN_FILES] == [*TARGETS.values()]


@pytest.mark.parametrize("noun", TARGETS)
def test_what_is_stated_is_read(noun: str) -> None:
    target = TARGETS[noun]
    assert target_of_file(stated_by(target), 3 if target.right else 0) is target


def test_files_of_the_first_format_do_not_name_their_target() -> None:
    assert stated_by(CLASSIFICATION) == stated_by(REGRESSION) == {"format": "1"}
    assert stated_by(MULTILABEL) == {"format": "2", "target": "labels"}
    assert stated_by(ORDERED) == {"format": "2", "target": "ordered"}
    with pytest.raises(ValueError, match="of another format"):
        target_of_file({"format": "2", "target": "labels"}, 0)
    with pytest.raises(ValueError, match="of another format"):
        target_of_file({"format": "2", "target": "class"}, 2)


def test_plain_answers() -> None:
    names = ("a", "b", "c")
    assert IN_FILES[CLASSIFICATION].plain(np.array([2, 0]), names) == ["c", "a"]
    assert IN_FILES[ORDERED].plain(np.array([2, 0]), names) == ["c", "a"]
    assert IN_FILES[REGRESSION].plain(np.array([0.5, -1.0]), ()) == [0.5, -1.0]
    assert IN_FILES[MULTILABEL].plain(np.array([[1, 0, 1], [0, 0, 0]]), names) == [["a", "c"], []]
