"""Drift of what a server is asked: found where it is, seldom where it is not, however often one looks."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from pellucid.arithmetic.probabilities import LEVEL
from pellucid.bundle.held_out import HeldOut
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.input_kinds import IMAGES
from pellucid.runtime.metadata import Metadata
from pellucid.serving.monitoring import WINDOW, DriftWatch, Monitor, above
from pellucid.targets import CLASSIFICATION, REGRESSION, Labels

CLASSES = ("a", "b", "c")
SHARES = (0.5, 0.3, 0.2)


def metadata(held_out=None, classes=CLASSES):
    image = Preprocessing(8, 8, 1)
    return Metadata(
        "m",
        "0",
        IMAGES,
        classes,
        CLASSIFICATION if classes else REGRESSION,
        1.0,
        image,
        (),
        0.05,
        (),
        held_out,
    )


def held_out(count=1000, seed=0):
    """Answers of a model about its validation examples: rather sure, with these shares."""
    draws = np.random.default_rng(seed)
    codes = draws.choice(3, count, p=SHARES)
    said = np.full((count, 3), 0.1)
    said[np.arange(count), codes] = 0.8
    return HeldOut.of(Labels(codes, ("a", "b", "c"), CLASSIFICATION), said, np.sort(draws.random(count)))


def asked(draws, count, shares=SHARES, power=1.0):
    """Answers and novelty of a stream."""
    return draws.choice(CLASSES, count, p=shares).tolist(), (draws.random(count) ** power).tolist()


def test_the_chance_is_that_of_all_pairs():
    draws = np.random.default_rng(0)
    here, then = draws.integers(0, 9, 40).astype(float), draws.integers(0, 9, 30).astype(float)
    pairs = (here[:, None] > then).mean() + 0.5 * (here[:, None] == then).mean()
    assert above(here, then) == pytest.approx(pairs)


def test_a_stream_like_the_reference_is_no_drift_and_another_one_is():
    watch, draws = DriftWatch(metadata(held_out())), np.random.default_rng(1)
    watch.add(*asked(draws, WINDOW - 1))
    assert watch.last is None
    watch.add(*asked(draws, 1))
    assert watch.last is not None
    assert (watch.windows, watch.alarms, watch.last.alarms) == (1, 0, [])
    assert watch.last.alpha == pytest.approx(6 * LEVEL / np.pi**2)
    watch.add(*asked(draws, WINDOW, power=0.3))
    assert watch.last.alarms == ["novelty"]
    assert watch.last.shifts["novelty"].effect == pytest.approx(1 - 2 / (1 + 1 / 0.3), abs=0.1)
    watch.add(*asked(draws, WINDOW, (0.2, 0.3, 0.5)))
    assert watch.last.alarms == ["answers"]
    assert watch.last.alpha == pytest.approx(6 * LEVEL / (3 * np.pi) ** 2)
    found = watch.last.to_json()
    assert (found["window"], found["reference"], found["alarms"]) == (3, 1000, ["answers"])
    assert "the answer 'a' is given for" in found["shifts"]["answers"]["words"]


def test_tests_are_those_of_scipy():
    reference, draws = held_out(), np.random.default_rng(2)
    watch = DriftWatch(metadata(reference))
    labels, novelty = asked(draws, WINDOW, (0.4, 0.35, 0.25), 0.9)
    watch.add(labels, novelty)
    assert watch.last is not None
    ranks = stats.mannwhitneyu(novelty, reference.novelty, use_continuity=False, method="asymptotic").pvalue
    counts = [[labels.count(name) for name in CLASSES], np.bincount(reference.said.argmax(axis=1)).tolist()]
    classes = stats.chi2_contingency(counts, correction=False).pvalue
    small, large = sorted((ranks, classes))
    found = sorted(each.p_value for each in watch.last.shifts.values())
    assert found == pytest.approx([min(1, 2 * small), max(min(1, 2 * small), large)], rel=1e-2)


def test_looking_a_hundred_times_gives_few_false_alarms():
    """Of 200 servers, each with 25 windows of the very distribution of its reference."""
    false = 0
    for seed in range(200):
        draws = np.random.default_rng(seed)
        watch = DriftWatch(metadata(held_out(5000, 1000 + seed)))
        watch.add(*asked(draws, 25 * WINDOW))
        assert watch.windows == 25
        false += watch.alarms > 0
    assert false <= 18  # of 200 at 5 % more come with a chance of 1 %


def test_many_answers_at_once_are_as_many_windows():
    watch, again = (DriftWatch(metadata(held_out())) for _ in range(2))
    labels, novelty = asked(np.random.default_rng(5), 3 * WINDOW + 7, power=0.8)
    watch.add(labels, novelty)
    for start in range(0, len(labels), 50):
        again.add(labels[start : start + 50], novelty[start : start + 50])
    assert watch.windows == again.windows == 3
    assert watch.last == again.last


def test_without_held_out_answers_the_first_window_is_the_reference():
    watch, draws = DriftWatch(metadata()), np.random.default_rng(3)
    watch.add(*asked(draws, WINDOW))
    assert (watch.windows, watch.last) == (0, None)
    watch.add(*asked(draws, WINDOW, power=0.2))
    assert watch.last is not None
    assert (watch.last.reference, watch.last.alarms) == (WINDOW, ["novelty"])


def test_numbers_are_compared_by_ranks():
    draws = np.random.default_rng(4)
    reference = HeldOut.of(Labels(np.zeros(500), (), REGRESSION), draws.normal(size=500), None)
    watch = DriftWatch(dataclasses.replace(metadata(reference, ()), novelty_rate=None))
    watch.add(draws.normal(size=WINDOW).tolist(), [])
    watch.add((draws.normal(size=WINDOW) + 1).tolist(), [])
    assert watch.last is not None
    assert (watch.windows, watch.alarms, watch.last.alarms) == (2, 1, ["answers"])


def test_many_classes_share_a_counter_beyond_a_hundred():
    classes = tuple(f"class {number}" for number in range(300))
    monitor = Monitor({"m": metadata(classes=classes)}, waiting=int, alive=int, restarts=int)
    for name in classes:
        monitor.answered("m", {"labels": [name], "novelty": [], "inputs": 1}, 0.0, 0.0)
    text = monitor.text().decode()
    assert text.count("pellucid_answers_total{") == 101
    assert 'pellucid_answers_total{label="(others)",model="m"} 200.0' in text


def test_inputs_are_unfamiliar_beyond_the_rate():
    monitor = Monitor({"m": metadata()}, waiting=int, alive=int, restarts=int)  # of 5 %
    monitor.answered("m", {"labels": ["a"] * 4, "novelty": [0.3, 0.92, 0.96, 0.97], "inputs": 4}, 0.0, 0.0)
    assert 'pellucid_unfamiliar_total{model="m"} 2.0' in monitor.text().decode()


def test_answers_by_a_threshold_are_compared_with_held_out_ones_by_the_same():
    draws = np.random.default_rng(5)
    said = draws.uniform(0.0, 0.6, 1_000)
    labels = Labels(np.zeros(1_000, np.int64), ("no", "yes"), CLASSIFICATION)
    answers = HeldOut.of(labels, np.column_stack([1 - said, said]), draws.random(1_000))
    two = dataclasses.replace(metadata(answers, ("no", "yes")), threshold={"yes": 0.2})
    watch = DriftWatch(two)
    given = np.where(draws.uniform(0.0, 0.6, WINDOW) >= 0.2, "yes", "no").tolist()
    watch.add(given, draws.random(WINDOW).tolist())
    assert watch.last is not None
    assert (watch.windows, watch.last.alarms) == (1, [])
    assert abs(watch.last.shifts["answers"].effect) < 0.2
    # By the most probable class a third of these would be yes, and a window of them drift.
    watch.add(np.where(said[:WINDOW] >= 0.5, "yes", "no").tolist(), draws.random(WINDOW).tolist())
    assert watch.last.alarms == ["answers"]
