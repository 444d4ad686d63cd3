import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from pellucid.evaluation import judge_label_issues


def of_two_classes(clear: int, wrong: int):
    """Labels as probable as the judge says, and behind them some that it gives 0.001."""
    generator = np.random.default_rng(0)
    of_one = generator.beta(0.3, 0.3, clear)
    labels = np.concatenate([generator.random(clear) < of_one, np.arange(wrong) % 2]).astype(np.int64)
    of_one = np.concatenate([of_one, np.where(np.arange(wrong) % 2, 0.001, 0.999)])
    return labels, np.stack([1 - of_one, of_one], axis=1)


def test_bayes_rule_by_hand():
    labels, probabilities = of_two_classes(clear=1000, wrong=30)
    found = judge_label_issues(labels, probabilities)
    assert {each.position for each in found.found[:30]} == {*range(1000, 1030)}
    assert all(0.4 < each.probability_wrong <= 1 for each in found.found)
    first = found.found[0]
    wrong, right = (
        found.share * (1 - first.probability_of_label),
        (1 - found.share) * first.probability_of_label,
    )
    assert first.probability_wrong == pytest.approx(wrong / (wrong + right))
    assert first.suggested == 1 - labels[first.position]
    assert first.probability + first.probability_of_label == pytest.approx(1)
    agreed = int((probabilities.argmax(axis=1) == labels).sum())
    assert (found.examined, found.agreed) == (1030, agreed)


def test_a_judge_whose_probabilities_hold_finds_nothing():
    labels, probabilities = of_two_classes(clear=1000, wrong=0)
    found = judge_label_issues(labels, probabilities)
    assert found.is_able
    assert (found.found, found.share) == ([], 0.0)


def test_a_judge_that_is_no_better_than_one_answer_lists_nothing():
    labels = np.array([0] * 150 + [1] * 50)
    probabilities = np.tile([0.9, 0.1], (200, 1))
    probabilities[:3] = [1e-6, 1.0]
    found = judge_label_issues(labels, probabilities)
    assert not found.is_able
    assert (found.found, found.accuracy) == ([], 0.735)


def test_a_judge_closes_more_than_three_fifths_of_the_gap_to_all_labels():
    """Half of 200 labels is what one answer agrees with; of the other hundred 60 are too few."""
    labels = np.repeat([0, 1], 100)
    for agreed, is_able in ((160, False), (161, True)):
        said = np.where(np.arange(200) < agreed, labels, 1 - labels)
        found = judge_label_issues(labels, np.where(np.eye(2)[said] == 1, 0.8, 0.2))
        assert (found.agreed, found.is_able) == (agreed, is_able)


def test_too_few_examples_and_none():
    labels, probabilities = of_two_classes(clear=90, wrong=9)
    assert not judge_label_issues(labels, probabilities).is_able
    nothing = judge_label_issues(np.zeros(0, np.int64), np.zeros((0, 3)))
    assert (nothing.found, nothing.accuracy, nothing.is_able) == ([], 0.0, False)


def test_what_the_judge_holds_for_impossible_can_still_be_told():
    labels, probabilities = of_two_classes(clear=1000, wrong=30)
    probabilities[1000:] = np.where(probabilities[1000:] < 0.5, 0.0, 1.0)
    found = judge_label_issues(labels, probabilities)
    assert {each.position for each in found.found} >= {*range(1000, 1030)}
    assert all(np.isfinite(each.probability_wrong) for each in found.found)


@pytest.mark.parametrize("planted", [0, 54])
def test_planted_errors_among_digits(planted):
    """Three per cent wrong labels are found, counted and promised; where there are none nothing is listed."""
    pixels, truth = load_digits(return_X_y=True)
    generator = np.random.default_rng(0)
    wrong = generator.choice(len(truth), planted, replace=False)
    labels = truth.astype(np.int64)
    labels[wrong] = (labels[wrong] + generator.integers(1, 10, planted)) % 10
    model = LogisticRegression(C=0.1, max_iter=200)
    probabilities = cross_val_predict(model, pixels / 16, labels, cv=3, method="predict_proba")
    for temperature in (0.5, 2.0):
        tempered = probabilities ** (1 / temperature)
        judged = judge_label_issues(labels, tempered / tempered.sum(axis=1, keepdims=True))
        chances = [each.probability_wrong for each in judged.found]
        if not planted:
            assert len(chances) <= 0.002 * len(labels)
            continue
        hits = [each for each in judged.found if each.position in set(wrong.tolist())]
        assert len(hits) / len(chances) >= 0.85
        assert len(hits) / planted >= 0.75
        assert abs(np.mean(chances) - len(hits) / len(chances)) < 0.1
        assert abs(judged.share - 0.03) < 0.01
        assert sum(each.suggested == truth[each.position] for each in hits) >= 0.9 * len(hits)
        assert chances == sorted(chances, reverse=True)
