"""Drift of a whole set: against scipy's tests, and its words."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from novelty_made import detector, digits
from pellucid.arithmetic.probabilities import holm
from pellucid.evaluation import Gathering, area_under_roc
from pellucid.evaluation.shifts import LEAST_INPUTS
from pellucid.novelty import fit_detector, fit_measure

CLASSES = tuple("0123456")


def one_hot(labels: np.ndarray, classes: int = 7) -> np.ndarray:
    """Probabilities of a model that is sure."""
    return np.eye(classes)[labels]


def drift_of(rows, labels, *, blocks=1, judge=None):
    judge = judge or detector()
    gathering = Gathering(judge, CLASSES)
    for some, their in zip(np.array_split(rows, blocks), np.array_split(labels, blocks), strict=True):
        gathering.add(judge.novelty(some), one_hot(their))
    return gathering.drift("image")


def known() -> tuple[np.ndarray, np.ndarray]:
    """Digits 0 to 6 that the detector has not seen."""
    rows, labels = digits()
    places = np.flatnonzero(labels < 7)[900:1200]
    return rows[places], labels[places]


def test_both_tests_agree_with_scipy():
    judge, (rows, labels) = detector(), known()
    rows, labels = rows[labels != 3], labels[labels != 3]
    found = drift_of(rows, labels)
    asymptotic = stats.mannwhitneyu(
        judge.foreignness(rows), judge.reference, method="asymptotic", use_continuity=False
    )
    foreign_p = asymptotic.pvalue
    assert found.superiority == pytest.approx(asymptotic.statistic / len(rows) / len(judge.reference))
    counts = np.stack([np.bincount(labels, minlength=7), judge.answers])
    expected = holm([foreign_p, stats.chi2_contingency(counts, correction=False).pvalue])
    assert [found.foreignness.p_value, found.answers.p_value] == pytest.approx(expected, rel=1e-6)


def test_the_same_kind_of_inputs_does_not_drift():
    found = drift_of(*known())
    assert not found.answers.is_real
    assert found.foreignness.size == "slight"
    assert found.novelty.high < 2 * found.expected


def test_noise_drifts_a_lot():
    noise = np.random.default_rng(0).integers(0, 17, (100, 64)).astype(np.float32)
    found = drift_of(noise, np.zeros(100, np.int64))
    assert (found.foreignness.size, found.answers.size) == ("large", "large")
    assert found.foreignness.is_real
    assert found.novelty.value == 1
    assert found.answers.words.startswith("the answer '0' is given for 100 %, where it was ")
    assert "p < 0.001, a large difference" in found.sentence
    assert "\n" not in found.sentence


def test_blocks_add_up_to_the_whole():
    whole, parts = drift_of(*known()), drift_of(*known(), blocks=7)
    assert parts.superiority == pytest.approx(whole.superiority, rel=1e-12)
    assert (parts.novelty, parts.answers, parts.sentence) == (whole.novelty, whole.answers, whole.sentence)


def test_a_real_difference_may_be_slight():
    judge, (rows, labels) = detector(), known()
    many = np.tile(rows, (60, 1)), np.tile(labels, 60)
    gathering = Gathering(judge, CLASSES)
    novelty = np.clip(judge.novelty(many[0]) + 0.02, 0, 1)
    gathering.add(novelty, one_hot(many[1]))
    found = gathering.drift("image")
    assert found.foreignness.is_real
    assert found.foreignness.size == "slight"
    assert "with so many inputs even what hardly matters is no chance" in found.sentence


def test_no_drift_is_said_with_its_p_value():
    gathering = Gathering(detector(), CLASSES)
    gathering.add((np.arange(200) + 1) / 201, one_hot(np.repeat(np.arange(7), 30))[:200])
    found = gathering.drift("text")
    assert found.superiority == pytest.approx(0.5, abs=0.01)
    assert found.sentence.startswith("Drift: none beyond chance (in 50")


def test_rare_classes_are_taken_together_and_one_class_says_nothing():
    rows, labels = digits()
    measure = fit_measure(rows[:500], labels[:500], "values")
    judge = fit_detector(measure, rows[500:600], np.zeros(100, np.int64), 3)
    gathering = Gathering(judge, ("a", "b", "c"))
    gathering.add(judge.novelty(rows[600:640]), one_hot(np.zeros(40, np.int64), 3))
    assert gathering.drift("image").answers.p_value == 1


def test_numbers():
    rows, labels = digits()
    measure = fit_measure(rows[:500], np.zeros(500, np.int64), "values")
    judge = fit_detector(measure, rows[500:900], labels[500:900].astype(np.float64), 0)
    gathering = Gathering(judge, ())
    asked = labels[900:1300] + 3.0
    gathering.add(judge.novelty(rows[900:1300]), asked)
    found = gathering.drift("image")
    test = stats.mannwhitneyu(asked, labels[500:900])
    assert found.answers.effect == pytest.approx(2 * test.statistic / 400**2 - 1)
    assert found.answers.size == "large"
    assert found.answers.words.startswith("in 7")


def test_few_inputs_are_no_set():
    judge, (rows, labels) = detector(), known()
    few = LEAST_INPUTS - 1
    assert drift_of(rows[:few], labels[:few], judge=judge) is None
    assert drift_of(rows[: few + 1], labels[: few + 1], judge=judge) is not None


def test_area_under_roc_against_scikit_learn():
    chance = np.random.default_rng(0)
    foreign, known = chance.integers(0, 9, 40).astype(float), chance.integers(0, 7, 60).astype(float)
    labels = np.repeat([1, 0], [40, 60])
    expected = roc_auc_score(labels, np.concatenate([foreign, known]))
    assert area_under_roc(foreign, known) == pytest.approx(expected)
