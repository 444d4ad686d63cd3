"""Answers of every target, as they are watched for drift and as clients get them."""

import dataclasses

import numpy as np
import pytest

from pellucid.data.images.preprocessing import Preprocessing
from pellucid.input_kinds import IMAGES
from pellucid.runtime.metadata import Metadata
from pellucid.serving.by_target import SERVED
from pellucid.targets import CLASSIFICATION, MULTILABEL, REGRESSION, TARGETS, Target

CODES = {"a": 0, "b": 1}


def metadata(target: Target) -> Metadata:
    return Metadata("m", "0", IMAGES, ("a", "b"), target, 1.0, Preprocessing(8, 8, 1), (), None, ())


def test_every_target_has_its_row() -> None:
    assert SERVED.keys() == {*TARGETS.values()}


def test_what_is_watched_are_codes_or_numbers_and_no_sets_of_labels() -> None:
    assert SERVED[CLASSIFICATION].watched(["b", "a"], CODES) == [1, 0]
    assert SERVED[REGRESSION].watched([2.5], {}) == [2.5]
    assert SERVED[MULTILABEL].watched(["a;b"], CODES) == []
    rows = np.array([[0.6, 0.4], [0.2, 0.8]])
    about = dataclasses.replace(metadata(CLASSIFICATION), threshold={"a": 0.1})
    assert SERVED[CLASSIFICATION].reference(about, rows).tolist() == [0, 0]
    assert SERVED[MULTILABEL].reference(about, rows) is None


@pytest.mark.parametrize("target", [CLASSIFICATION, REGRESSION])
def test_answers_from_elsewhere_shift(target) -> None:
    about, then = metadata(target), np.repeat([0.0, 1.0], 100)
    same, other = (SERVED[target].shift(about, here, then) for here in (then, np.ones(200)))
    assert other.p_value < 1e-6 < same.p_value


def test_several_labels_are_a_list_too() -> None:
    assert SERVED[MULTILABEL].also("a;b") == {"labels": ["a", "b"]}
    assert SERVED[MULTILABEL].also("") == {"labels": []}
    assert SERVED[CLASSIFICATION].also("a;b") == SERVED[REGRESSION].also(2.5) == {}
