"""What is said about classical models while they are trained."""

import numpy as np
import pytest

from every_model import MODELS
from pellucid.pipeline.learners.candidates import Candidate, HeldOut, on_validation
from pellucid.pipeline.learners.on_network import _affordable
from pellucid.pipeline.learners.planning.preparation import Material
from pellucid.settings import Settings


@pytest.mark.parametrize(
    ("labels", "said", "words"),
    [
        (
            np.array([0, 1]),
            [np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([[0.9, 0.1], [0.2, 0.8]])],
            ": accuracy 0.500 and 1.00 on validation",
        ),
        (
            np.array([1.0, 2.0]),
            [np.array([2.0, 3.0]), np.array([1.0, 2.0])],
            ": root mean squared error 1.00 and 0 on validation",
        ),
        (np.zeros(0), [np.zeros(0)], ""),
    ],
)
def test_each_model_of_a_line_has_its_own_score(labels, said, words):
    everywhere = np.arange(len(labels))
    classes = ("a", "b") if labels.dtype.kind == "i" else ()
    material = Material(np.zeros((len(labels), 1), np.float32), labels, everywhere, everywhere, classes)
    candidates = [Candidate("any", MODELS["majority"](), 2, 1.0, HeldOut(everywhere, each)) for each in said]
    assert on_validation(candidates, material, Settings()) == words


@pytest.mark.parametrize(("classes", "expected"), [(2, True), (100, True), (101, False), (300, False)])
def test_no_machine_for_each_of_very_many_pairs_of_classes(classes, expected):
    names, sentences = _affordable(classes)
    assert names[0] == "logistic-regression"
    assert ("svm" in names) is expected
    assert bool(sentences) is not expected
    if sentences:
        assert f"{classes * (classes - 1) // 2:,} pairs of classes" in sentences[0]
