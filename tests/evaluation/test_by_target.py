"""Every target is scored, compared and averaged by its own row of one table."""

import numpy as np
import pytest

from evaluation.draws import drawn, drawn_labels
from pellucid.evaluation import SCORING, score
from pellucid.evaluation.changes import changes
from pellucid.evaluation.recommendation import chosen_weights
from pellucid.settings import metrics_of
from pellucid.targets import MULTILABEL, REGRESSION, TARGETS, Labels, Target


def made(target: Target) -> tuple[Labels, np.ndarray, np.ndarray]:
    """Labels of 300 examples, good answers to them, and answers that know nothing."""
    values, good = drawn_labels(300, 3) if target is MULTILABEL else drawn(300, 3)
    if target is REGRESSION:
        draws = np.random.default_rng(0)
        values = draws.normal(size=300)
        return Labels(values, (), target), values + 0.1 * draws.normal(size=300), np.zeros(300)
    return Labels(values, ("a", "b", "c"), target), good, np.full_like(good, good.mean(axis=0))


@pytest.fixture(params=sorted(TARGETS))
def target(request: pytest.FixtureRequest) -> Target:
    return TARGETS[request.param]


def test_every_target_has_a_row() -> None:
    assert {*SCORING} == {*TARGETS.values()}


def test_good_answers_score_better_by_every_metric_and_intervals_hold_them(target: Target) -> None:
    labels, good, bad = made(target)
    first, second = score(labels, good), score(labels, bad)
    assert {*first.intervals} <= {each.key for each in metrics_of(target.noun, 3)}
    for metric in metrics_of(target.noun, 3):
        value, low, high = first[metric.key]
        assert low <= value <= high
        if metric.test is not None and metric.key in second.intervals:
            assert metric.better(value) > metric.better(second[metric.key].value), metric.key
    with pytest.raises(ValueError, match="no example to score"):
        score(labels.at(slice(0)), good[:0])


def test_what_compares_decisions_is_what_values_them(target: Target) -> None:
    labels, good, bad = made(target)
    scoring = SCORING[target]
    decided = {"good": target.labels(good), "bad": target.labels(bad)}
    values = {name: scoring.value(labels, each) for name, each in decided.items()}
    (found,) = scoring.compare(labels.values, decided, None, 0)
    assert found.score == scoring.metric.key
    assert found.difference.value == pytest.approx(values["good"] - values["bad"])
    assert scoring.interval(labels, decided["good"], 0).value == pytest.approx(values["good"])
    wrong, of = scoring.errors(labels, decided["good"])
    ratio = wrong.sum() / of.sum()
    assert values["good"] == pytest.approx(ratio**0.5 if scoring.metric.is_error else 1 - ratio)


def test_a_later_model_that_is_better_is_found_so(target: Target) -> None:
    labels, good, bad = made(target)
    found = changes(labels, {"bad": target.labels(bad), "good": target.labels(good)}, 0)
    assert (found.finding, found.metric) == ("better", SCORING[target].metric)
    assert len(found.newly_right) > len(found.newly_wrong)
    assert found.became[0] in found.sentence("example")


def test_an_average_takes_what_serves(target: Target) -> None:
    labels, good, bad = made(target)
    assert chosen_weights(labels, [bad, good]).tolist() == [0, 1]


def test_thresholds_are_of_labels_alone_and_others_decide_as_they_are(target: Target) -> None:
    labels, good, _ = made(target)
    thresholds = SCORING[target].thresholds(labels, good)
    assert [*thresholds] == (["a", "b", "c"] if target is MULTILABEL else [])
    decided = SCORING[target].decide(labels, good, 0)
    assert decided.shape == labels.values.shape
    if target is not MULTILABEL:
        assert np.array_equal(decided, target.labels(good))
