"""What labels have brought: counted by hand, and honest over many draws."""

import numpy as np
import pytest

from pellucid.evaluation.comparisons import paired_interval
from pellucid.evaluation.intervals import wilson
from pellucid.labelling.judging import Judgement, judge
from pellucid.labelling.selection import AUDIT, MARGIN, RANDOM, TYPICAL, Label, fit, is_right
from pellucid.targets import CLASSIFICATION, MULTILABEL


def made(count=400, seed=0, gap=2.0):
    """Two classes that overlap, and their true labels."""
    draws = np.random.default_rng(seed)
    truth = draws.integers(2, size=count)
    features = draws.normal(size=(count, 5)).astype(np.float32)
    features[:, 0] += gap * truth
    return features, truth


def labelled(truth, positions, policy):
    return [Label(int(at), (str(truth[at]),), policy) for at in positions]


def judged(features, labels, target=CLASSIFICATION):
    learned = [each for each in labels if each.policy != AUDIT]
    return judge(features, labels, fit(features, learned, target))


def test_accuracy_is_that_of_the_other_labels_on_the_audit() -> None:
    features, truth = made()
    learned, audit = labelled(truth, range(60), RANDOM), labelled(truth, range(60, 100), AUDIT)
    found = judged(features, [*audit[:20], *learned, *audit[20:]])
    hits = int(is_right(fit(features, learned, CLASSIFICATION), features, audit).sum())
    assert (found.learned, found.audited, found.accuracy) == (60, 40, wilson(hits, 40))
    assert judged(features, [*learned, *audit[:9]]).accuracy is None
    # A class that only the audit has is a mistake, not something to learn.
    other = [each._replace(labels=("new",)) for each in audit]
    assert judged(features, [*learned, *other]).accuracy == wilson(0, 40)


def test_last_labels_are_judged_in_pairs_and_bounded_by_what_changed() -> None:
    features, truth = made()
    learned, audit = labelled(truth, range(60), RANDOM), labelled(truth, range(60, 160), AUDIT)
    found = judged(features, [*learned, *audit]).last
    models = [fit(features, some, CLASSIFICATION) for some in (learned, learned[:30])]
    right = [is_right(model, features, audit) for model in models]
    tango = paired_interval(int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum()), 100)
    changed = float((models[0].decided(features) != models[1].decided(features)).any(axis=1).mean())
    assert found is not None
    assert found.labels == 30
    assert found.interval == (tango.value, max(tango.low, -changed), min(tango.high, changed))
    assert judged(features, [*labelled(truth, range(39), RANDOM), *audit]).last is None


def test_labels_that_change_nothing_will_hardly_help_more() -> None:
    features, truth = made(gap=30.0)
    learned, audit = labelled(truth, range(200), RANDOM), labelled(truth, range(200, 300), AUDIT)
    found = judged(features, [*learned, *audit])
    assert found.last is not None
    assert found.last.labels == 100
    assert found.last.interval.high <= 0.01
    assert any(
        "100 labels brought 0" in each and "hardly help" in each for each in found.sentences(CLASSIFICATION)
    )


def test_selection_is_compared_with_as_many_random_labels() -> None:
    features, truth = made()
    order = [*labelled(truth, range(30), TYPICAL)]
    for at in range(30):
        order += labelled(truth, [30 + 2 * at], MARGIN) + labelled(truth, [31 + 2 * at], RANDOM)
    audit = labelled(truth, range(100, 200), AUDIT)
    found = judged(features, [*order, *audit]).selected
    assert found is not None
    random = [each for each in order if each.policy == RANDOM]
    right = [is_right(fit(features, some, CLASSIFICATION), features, audit) for some in (order[:30], random)]
    assert found.labels == 30
    assert found.interval.value == pytest.approx((right[0].sum() - right[1].sum()) / 100)
    only = [each for each in order if each.policy != RANDOM]
    assert judged(features, [*only, *audit]).selected is None


@pytest.mark.parametrize("selected_well", [True, False])
def test_help_and_harm_of_selection_are_said(selected_well: bool) -> None:
    features, truth = made(2_000, gap=3.0)
    good, bad = labelled(truth, range(40), TYPICAL), labelled(1 - truth, range(40, 80), RANDOM)
    first, second = (good, bad) if selected_well else (bad, good)
    labels = [each._replace(policy=TYPICAL) for each in first] + [
        each._replace(policy=RANDOM) for each in second
    ]
    found = judged(features, [*labels, *labelled(truth, range(100, 300), AUDIT)])
    said = found.sentences(CLASSIFICATION)[-1]
    assert found.is_harmful == (not selected_well)
    assert said.startswith(
        "Selection helps here: 40 selected" if selected_well else "Selection does harm here"
    )


def test_several_labels_are_right_all_together() -> None:
    features, truth = made(gap=8.0)
    sets = [("a",) if one else () for one in truth]
    labels = [Label(at, sets[at], RANDOM if at < 60 else AUDIT) for at in range(100)]
    found = judged(features, labels, MULTILABEL)
    assert found.accuracy is not None
    assert found.accuracy.value > 0.9
    assert "right in every label" in found.sentences(MULTILABEL)[0]


def test_nothing_yet() -> None:
    assert Judgement().sentences(CLASSIFICATION) == [
        "The accuracy appears once 10 examples of the random audit are labelled."
    ]


def test_the_interval_contains_the_true_accuracy() -> None:
    """Over 300 draws of an audit of 60, at least 93 % of the intervals contain the accuracy on all."""
    features, truth = made(6_000, gap=1.5)
    learned = labelled(truth, range(40), TYPICAL)
    model = fit(features, learned, CLASSIFICATION)
    true = float(is_right(model, features, labelled(truth, range(40, 6_000), AUDIT)).mean())
    inside = 0
    for seed in range(300):
        audit = labelled(truth, 40 + np.random.default_rng(seed).choice(5_960, 60, replace=False), AUDIT)
        found = judge(features, [*learned, *audit], model).accuracy
        assert found is not None
        inside += found.low <= true <= found.high
    assert inside >= 0.93 * 300
