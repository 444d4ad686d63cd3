"""Intervals, tests and design effects where examples share groups."""

import numpy as np
import pytest
from scipy import stats

from labelled import labelled
from pellucid.evaluation import (
    Groups,
    score,
    score_slices,
    worth,
)
from pellucid.evaluation.calibration import calibration_error
from pellucid.evaluation.comparisons import compare_all, compare_numbers, flip_p_values, mean_difference
from pellucid.evaluation.intervals import _student, resample, share_interval


def groups_of(count, size):
    return Groups.of_sets(np.repeat(np.arange(count), size))


def hits_of(generator, groups, share, correlation):
    """Hits whose share differs from group to group (beta-binomial), of that intra-group correlation."""
    if correlation == 0:
        return generator.random(len(groups.of)) < share
    precision = 1 / correlation - 1
    shares = generator.beta(share * precision, (1 - share) * precision, groups.count)
    return generator.random(len(groups.of)) < shares[groups.of]


def test_by_hand():
    # residuals of two groups of two, all right and all wrong: sums 1 and -1, squares 4 * 0.25; V = 2 * 2 = 4
    # correlation (4 / 1 - 1) / (2 - 1) = 3, at most 1; with one more of 1/2: (2 * 1 + 1/2) / 3
    groups = groups_of(2, 2)
    assert groups.size == 2
    assert groups.correlation(np.array([1.0, 1, 0, 0]), 2) == pytest.approx(2.5 / 3)
    assert groups.design_effect(np.array([1.0, 1, 0, 0]), 2) == pytest.approx(1 + 2.5 / 3)


def test_numbers_of_groups_are_any():
    groups = Groups.of_sets(np.array([7, 3, 7, 900]))
    assert groups.of.tolist() == [1, 0, 1, 2]
    assert groups.sums(np.array([1.0, 2, 3, 4])).tolist() == [2, 4, 4]
    assert groups.within(np.array([True, False, True, False])).count == 1


@pytest.mark.parametrize("degrees", [1, 1.5, 3.3, 12, 400, 9_999])
def test_quantile_of_student(degrees):
    assert _student(degrees) == pytest.approx(stats.t.ppf(0.975, degrees), rel=2e-5)


def test_whole_groups_are_drawn():
    groups = Groups.of_sets(np.array([0, 0, 0, 1, 2, 2]))
    drawn = resample(lambda weights: weights, 6, 0, resamples=50, groups=groups)
    assert (drawn[:, 0] == drawn[:, 2]).all()
    assert (drawn[:, 4] == drawn[:, 5]).all()
    assert (drawn[:, [0, 3, 4]].sum(axis=1) == 3).all()


def test_the_interval_of_groups_covers_where_the_plain_one_does_not():
    generator, groups, share = np.random.default_rng(0), groups_of(14, 40), 0.8
    covered = np.zeros(2)
    for _ in range(300):
        hits = hits_of(generator, groups, share, 0.2)
        for place, found in enumerate((share_interval(hits, None), share_interval(hits, groups))):
            covered[place] += found.low <= share <= found.high
    plain, grouped = covered / 300
    assert plain < 0.65
    assert 0.91 < grouped <= 0.99


def test_bootstrap_of_groups_covers_where_the_plain_one_does_not():
    generator, groups = np.random.default_rng(1), groups_of(15, 30)
    covered = np.zeros(2)
    for _ in range(150):
        differences = generator.normal(size=15)[groups.of] + generator.normal(size=450)
        for place, of in enumerate((None, groups)):
            found = mean_difference(differences, 0, of)
            covered[place] += found.low <= 0 <= found.high
    plain, grouped = covered / 150
    assert plain < 0.5
    assert 0.9 < grouped <= 0.99


def test_two_models_that_are_equal_on_the_whole_are_rarely_told_apart():
    generator, groups = np.random.default_rng(2), groups_of(14, 40)
    found = np.zeros(2)
    for trial in range(60):
        leaning = generator.normal(size=14)[groups.of]
        labels = np.zeros(560, np.int64)
        answers = {"a": (generator.normal(size=560) < leaning).astype(np.int64)}
        answers["b"] = (generator.normal(size=560) < -leaning).astype(np.int64)
        for place, of in enumerate((None, groups)):
            found[place] += compare_all(labels, answers, of, trial)[0].p_value <= 0.05
    plain, grouped = found / 60
    assert plain > 0.4
    assert grouped <= 0.12


def test_five_groups_never_prove_a_difference():
    ahead = np.ones((50, 1))
    assert flip_p_values(ahead, 0)[0] == pytest.approx(1 / 5000)
    assert flip_p_values(ahead, 0, groups_of(5, 10))[0] == 2 / 2**5


def test_every_score_is_wider_and_never_narrower():
    generator, groups = np.random.default_rng(3), groups_of(12, 25)
    labels = generator.integers(3, size=300)
    logits = generator.normal(size=(300, 3))
    logits[np.arange(300), labels] += 1.5 + 1.5 * generator.normal(size=12)[groups.of]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    plain, grouped = (
        score(labelled(labels), probabilities),
        score(labelled(labels), probabilities, groups=groups),
    )
    for key, each in grouped.intervals.items():
        assert each.value == plain[key].value
        assert each.with_ends_of(plain[key]) == each, key
    assert grouped["log_loss"].high - grouped["log_loss"].low > 1.5 * (
        plain["log_loss"].high - plain["log_loss"].low
    )
    alone = Groups.of_sets(np.arange(300))
    assert (
        calibration_error(labelled(labels), probabilities, 0, groups).high
        > calibration_error(labelled(labels), probabilities).high
    )
    assert score(labelled(labels), probabilities, groups=alone)["accuracy"].low == pytest.approx(
        plain["accuracy"].low, abs=2e-3
    )
    numbers = generator.normal(size=300)
    said = numbers + generator.normal(size=12)[groups.of]
    for key, each in score(labelled(numbers), said, groups=groups).intervals.items():
        found = score(labelled(numbers), said)[key]
        assert each.low < found.low, key
        assert each.high > found.high, key
    two = {"a": said, "b": numbers + generator.normal(size=300)}
    (pair,), (apart,) = compare_numbers(numbers, two), compare_numbers(numbers, two, groups=groups)
    assert apart.difference.high - apart.difference.low > pair.difference.high - pair.difference.low


def test_a_verdict_names_the_groups():
    labels = np.zeros(40, np.int64)
    answers = {"a": np.zeros(40, np.int64), "b": np.repeat([0, 1], 20)}
    (found,) = compare_all(labels, answers, groups_of(4, 10))
    assert found.verdict.startswith(
        "inconclusive: a and b disagree on 20 of 40 examples of 4 groups, a difference of"
    )


def test_slices_by_groups():
    generator, groups = np.random.default_rng(4), groups_of(10, 20)
    labels = np.zeros(200, np.int64)
    right = hits_of(generator, groups, 0.7, 0.3)
    answers = np.stack([right, ~right], axis=1).astype(np.float64)
    values = ["x"] * 100 + ["y"] * 100
    plain = score_slices("c", values, labelled(labels), answers)
    wide = score_slices("c", values, labelled(labels), answers, groups)
    for one, other in zip(plain.parts, wide.parts, strict=True):
        assert other.score.high - other.score.low > 1.3 * (one.score.high - one.score.low)


def test_what_a_test_is_worth():
    groups, labels = groups_of(5, 100), np.zeros(500, np.int64)
    right = np.repeat([1.0, 1, 1, 0.5, 0], 100)
    found = worth(groups, labelled(labels), np.stack([right, 1 - right], axis=1))
    # nearly every group is all right or all wrong: a speaker's recordings are one witness
    assert found.groups == 5
    assert found.correlation > 0.95
    assert found.independent < 8
    assert "resampling the 5 groups tested, not single images" in found.sentence("image")
    assert (
        f"these 500 images say as much as about {round(found.independent)} independent ones"
        in found.sentence("image")
    )
    alike = worth(
        groups, labelled(labels), np.stack([np.tile([1.0, 0], 250), np.tile([0.0, 1], 250)], axis=1)
    )
    assert "independent ones" not in alike.sentence("image")
