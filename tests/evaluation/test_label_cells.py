"""Cells of several labels that are likely wrong: planted ones are found, counted and promised."""

import numpy as np
import pytest

from evaluation.draws import drawn_labels
from pellucid.evaluation import judge_cells


def planted(missing, extra, seed=0, stated=1.0, examples=1000):
    """Labels of which some are forgotten and some given wrongly, where these are, and a judge of them."""
    labels, probabilities = drawn_labels(examples, 8, stated, seed, unknown=0.1, spread=5)
    draws = np.random.default_rng(seed + 1).random(labels.shape)
    wrong = ((labels == 1) & (draws < missing)) | ((labels == 0) & (draws < extra))
    return np.where(wrong, 1 - labels, labels).astype(np.int8), wrong, probabilities


@pytest.mark.parametrize(("missing", "extra"), [(0.1, 0.005), (0.03, 0.03), (0.0, 0.03)])
@pytest.mark.parametrize("stated", [0.7, 1.5])
def test_planted_errors_are_found_counted_and_promised(missing, extra, stated):
    labels, wrong, probabilities = planted(missing, extra, stated=stated)
    judged = judge_cells(labels, probabilities)
    hits = [each for each in judged.found if wrong[each.position, each.label]]
    chances = [each.probability_wrong for each in judged.found]
    assert len(hits) > 0.4 * wrong[:, judged.able].sum()
    assert np.mean(chances) == pytest.approx(len(hits) / len(chances), abs=0.1)
    assert chances == sorted(chances, reverse=True)
    assert min(chances) > 0.4
    assert judged.missing == pytest.approx(missing, abs=0.02)
    assert judged.extra == pytest.approx(extra, abs=0.01)
    for each in judged.found:
        assert each.is_present == (labels[each.position, each.label] == 1)
        assert judged.able[each.label]
        assert (each.probability < 0.5) == each.is_present
    assert {each.is_present for each in hits} == ({True} if missing == 0 else {True, False})


def test_bayes_rule_by_hand():
    labels, _, probabilities = planted(0.08, 0.02)
    judged = judge_cells(labels, probabilities)
    lacking = next(each for each in judged.found if not each.is_present)
    of_missing = judged.missing * lacking.probability
    of_absent = (1 - judged.extra) * (1 - lacking.probability)
    assert lacking.probability_wrong == pytest.approx(of_missing / (of_missing + of_absent))
    unfounded = next(each for each in judged.found if each.is_present)
    of_extra = judged.extra * (1 - unfounded.probability)
    of_present = (1 - judged.missing) * unfounded.probability
    assert unfounded.probability_wrong == pytest.approx(of_extra / (of_extra + of_present))


def test_labels_that_are_right_are_left_alone():
    found = [judge_cells(*planted(0, 0, seed)[::2]) for seed in range(10)]
    assert all(each.is_able for each in found)
    assert sum(bool(each.found) for each in found) <= 1
    assert next(each for each in found if not each.found)[-2:] == (0.0, 0.0)


def test_a_judge_that_knows_too_little_of_a_label_lists_none_of_it():
    labels, _, probabilities = planted(0.05, 0.05)
    probabilities[:, 2] = np.random.default_rng(0).random(len(labels))
    labels[95:, 5] = -1
    judged = judge_cells(labels, probabilities)
    assert (judged.able[2], judged.able[5]) == (False, False)
    assert judged.is_able
    assert not {2, 5} & {each.label for each in judged.found}
    known = labels >= 0
    assert judged.examined == known.sum()
    agreed = int(((probabilities >= 0.5) == (labels == 1))[known].sum())
    assert (judged.agreed, judged.accuracy) == (agreed, agreed / judged.examined)
    few = judge_cells(labels[:99], probabilities[:99])
    assert (few.found, few.is_able) == ([], False)
    nothing = judge_cells(labels[:0], probabilities[:0])
    assert (nothing.found, nothing.accuracy) == ([], 0.0)


def test_what_the_judge_holds_for_impossible_can_still_be_wrong():
    labels, _, probabilities = planted(0.05, 0.05)
    certain = np.where(np.abs(probabilities - 0.5) > 0.45, np.round(probabilities), probabilities)
    judged = judge_cells(labels, certain)
    assert len(judged.found) > 0
    assert all(np.isfinite(each.probability_wrong) for each in judged.found)
