"""Folders of models of every target: kinds have the names that files have, held-out answers are checked."""

import numpy as np
import pytest

from pellucid.bundle import HeldOut
from pellucid.bundle.by_target import IN_FOLDERS
from pellucid.bundle.format import KINDS
from pellucid.targets import GENERATION, TARGETS, Labels, Target

NAMES = {"class": ("a", "b"), "labels": ("a", "b"), "number": (), "ordered": ("a", "b", "c")}
LABELS = {
    "class": np.array([1, 0, 1]),
    "labels": np.array([[1, 0], [-1, 1], [0, 0]], np.int8),
    "number": np.array([2.5, -1.0, 0.0]),
    "ordered": np.array([2, 0, 1]),
}
SAID = {
    "class": np.array([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]]),
    "labels": np.array([[0.25, 0.75], [0.5, 1.0], [0.0, 0.0]]),
    "number": np.array([2.0, -1.5, 0.25]),
    "ordered": np.array([[0.25, 0.25, 0.5], [0.5, 0.25, 0.25], [1.0, 0.0, 0.0]]),
}


@pytest.fixture(params=sorted(TARGETS))
def target(request: pytest.FixtureRequest) -> Target:
    return TARGETS[request.param]


def held_out(target: Target) -> HeldOut:
    names = NAMES[target.noun]
    return HeldOut.of(Labels(LABELS[target.noun], names, target), SAID[target.noun], None)


def test_names_of_kinds_are_those_that_files_have() -> None:
    ways = [("", "image feature text"), ("classical-", "image feature text"), ("average-", "image text")]
    expected = {
        f"{way}{kind}-{end}"
        for way, kinds in ways
        for kind in kinds.split()
        for end in ("classifier", "regressor", "multilabel-classifier", "ordinal-classifier")
    }
    assert KINDS.keys() == expected | {"image-generator"}
    assert all(KINDS[name].name == name for name in KINDS)


def test_every_target_has_its_row() -> None:
    assert IN_FOLDERS.keys() == {*TARGETS.values(), GENERATION}


def test_held_out_answers_come_back(target: Target) -> None:
    kept = held_out(target)
    read = HeldOut.from_parts(kept.to_json(), NAMES[target.noun], target, kept.arrays())
    assert read.to_json() == kept.to_json()
    assert read.target is target
    assert np.array_equal(read.labels, LABELS[target.noun])
    assert np.array_equal(read.said, SAID[target.noun])


def test_held_out_answers_of_one_target_are_refused_for_another(target: Target) -> None:
    kept = held_out(target)
    for other in TARGETS.values():
        if other is not target:
            with pytest.raises(ValueError, match="held_out: "):
                HeldOut.from_parts(kept.to_json(), NAMES[other.noun], other, kept.arrays())


@pytest.mark.parametrize(
    ("noun", "name", "value"),
    [
        ("class", "labels", 2),
        ("class", "said", 0.9),
        ("ordered", "labels", 3),
        ("ordered", "said", 0.9),
        ("labels", "labels", 2),
        ("labels", "said", 1.5),
    ],
)
def test_what_no_model_says_is_refused(noun: str, name: str, value: float) -> None:
    kept = held_out(TARGETS[noun])
    arrays = kept.arrays()
    arrays[name] = arrays[name].copy()
    arrays[name].flat[0] = value
    with pytest.raises(ValueError, match="held_out: "):
        HeldOut.from_parts(kept.to_json(), NAMES[noun], TARGETS[noun], arrays)


def test_trust_is_that_of_the_answer_given() -> None:
    trusted, wrong = held_out(TARGETS["class"]).judged(None)
    assert trusted.tolist() == [0.75, 0.5, 1.0]
    assert wrong.tolist() == [False, False, True]
    trusted, wrong = held_out(TARGETS["labels"]).judged(None)  # both labels right: 0.75 * 0.75, 0.5 * 1, 1
    assert trusted.tolist() == [0.5625, 0.5, 1.0]
    assert wrong.tolist() == [True, False, False]
