"""Questions about models of every target: labels of data, sets, names of two models, and what is refused."""

from types import SimpleNamespace

import numpy as np
import pytest

from pellucid.answering.by_target import ASKED
from pellucid.data.sources.labelled import read_data
from pellucid.errors import DataError
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION, GENERATION, MULTILABEL, REGRESSION, TARGETS

LABELS = {
    "class": ["bee", "ant", "bee", "cat"],
    "labels": ["bee;ant", "", "ant", "cat;ant"],
    "number": ["2", "0.5", "-1", "2"],
}
SAID = {"labels": {"unlabelled": "none"}, "class": {}, "number": {}}
NAMES = ("ant", "bee", "cat", "dog")


@pytest.fixture
def listing_of(tmp_path):
    def read(noun: str, labels: list[str] | None = None):
        rows = enumerate(labels or LABELS[noun])
        lines = ["text,label", *(f"the text of number {row} is here,{label}" for row, label in rows)]
        (tmp_path / "data.csv").write_text("\n".join(lines))
        read_as = ASKED[TARGETS[noun]].read_as
        return read_data(str(tmp_path / "data.csv"), Settings(task="text", target=read_as, **SAID[noun]))

    return read


def test_every_target_has_its_row() -> None:
    assert ASKED.keys() == {*TARGETS.values(), GENERATION}


def test_labels_of_data_are_those_of_the_model(listing_of) -> None:
    assert ASKED[CLASSIFICATION].values(listing_of("class"), [0, 3], NAMES).tolist() == [1, 2]
    assert ASKED[REGRESSION].values(listing_of("number"), [1, 3], ()).tolist() == [0.5, 2.0]
    found = ASKED[MULTILABEL].values(listing_of("labels"), [0, 1, 3], NAMES)
    assert found.tolist() == [[1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 1, 0]]


@pytest.mark.parametrize(
    ("noun", "names", "words"),
    [
        ("class", ("ant", "bee"), "the model does not know class 'cat'; it knows 'ant', 'bee'"),
        ("labels", ("ant", "bee"), "the model does not know 1 label 'cat'; it knows 'ant', 'bee'"),
        ("number", (), "predicts numbers, but not every label is one: 'many' at"),
    ],
)
def test_labels_that_no_model_of_these_gives_are_refused(listing_of, noun, names, words) -> None:
    listing = listing_of(noun, ["2", "many", "3", "1"] if noun == "number" else None)
    with pytest.raises(DataError, match=words):
        ASKED[TARGETS[noun]].values(listing, range(4), names)


def test_names_of_data_and_of_some_of_its_rows(listing_of) -> None:
    for noun, present in (("class", {"ant", "bee"}), ("labels", {"ant", "bee"}), ("number", set())):
        own, listing = ASKED[TARGETS[noun]], listing_of(noun)
        assert own.named(listing, range(4)) == ({*NAMES[:3]} if noun != "number" else set())
        assert own.present(listing, [0, 1]) == present


def test_answers_of_a_model_among_the_names_of_two() -> None:
    places = np.array([0, 2])
    assert ASKED[CLASSIFICATION].among(np.array([1, 0]), places, 3).tolist() == [2, 0]
    assert ASKED[MULTILABEL].among(np.array([[0, 1]], np.int8), places, 3).tolist() == [[0, 0, 1]]
    assert ASKED[REGRESSION].among(np.array([2.5]), places[:0], 0).tolist() == [2.5]
    assert ASKED[CLASSIFICATION].texts(np.array([2, 0]), NAMES) == ["cat", "ant"]
    assert ASKED[MULTILABEL].texts(np.array([[1, 0, 1, 0]], np.int8), NAMES) == ["ant;cat"]
    assert ASKED[REGRESSION].texts(np.array([1 / 3]), ()) == ["0.333333"]


def test_sets_hold_classes_or_the_ends_of_an_interval() -> None:
    said = np.array([[0.2, 0.7, 0.1]])
    assert ASKED[CLASSIFICATION].sets(said, np.array([1]), 0.15, NAMES[:3]) == [["bee", "ant"]]
    assert ASKED[REGRESSION].sets(np.array([2.0]), np.array([2.0]), 0.5, ()) == [[1.5, 2.5]]


def test_truth_of_an_input() -> None:
    never = SimpleNamespace().__getattribute__  # states are asked for where there may be several alone
    words = ("In the data of this run its label is 'bee'.",)
    assert ASKED[CLASSIFICATION].truth(NAMES, "bee", never) == (1, words)
    assert ASKED[REGRESSION].truth((), None, never) == (None, ())
    assert ASKED[MULTILABEL].truth(NAMES, None, never) == (None, ())
    assert ASKED[MULTILABEL].truth(NAMES, "x", lambda: None) == (None, ())
    found = ASKED[MULTILABEL].truth(NAMES, "", lambda: (0, 0, 0, -1))
    assert found == ((0, 0, 0, -1), ("In the data of this run it has none of the labels.",))
