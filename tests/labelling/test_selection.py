"""Which example is asked next, by hand-made points, and the models of few labels beside scikit-learn."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from pellucid.labelling.selection import (
    AUDIT,
    MARGIN,
    RANDOM,
    TYPICAL,
    Label,
    audit_sample,
    fit,
    is_right,
    next_policy,
    random_order,
    typical,
)
from pellucid.targets import CLASSIFICATION, MULTILABEL


def course(questions, classes=4, **state):
    """Why each of so many questions is asked."""
    asked, found = Counter(), []
    for _ in range(questions):
        found.append(next_policy(asked, classes, **{"is_ready": True, **state}))
        asked[found[-1]] += 1
    return found


def points(*clusters, seed=0):
    """Two-dimensional clusters, each of a centre, its spread and a number of points."""
    draws = np.random.default_rng(seed)
    return np.concatenate(
        [np.array(centre) + spread * draws.normal(size=(count, 2)) for centre, spread, count in clusters]
    ).astype(np.float32)


def test_every_third_question_is_of_the_audit_then_every_tenth() -> None:
    found = course(3_000)
    audits = [at for at, policy in enumerate(found, start=1) if policy == AUDIT]
    assert audits[:4] == [1, 4, 7, 10]
    assert audits[99] == 298
    assert audits[100:103] == [310, 320, 330]
    assert len(audits) == 300
    assert found[-1] != AUDIT


def test_typical_ones_until_ten_labels_a_class_then_margin_and_random_in_turns() -> None:
    taught = [policy for policy in course(200) if policy != AUDIT]
    assert taught[:40] == [TYPICAL] * 40
    assert taught[40:46] == [MARGIN, RANDOM] * 3
    assert [policy for policy in course(60, classes=0) if policy != AUDIT][:21] == [TYPICAL] * 20 + [MARGIN]


def test_before_features_and_where_selection_harms_only_random_ones() -> None:
    assert set(course(50, is_ready=False)) == set(course(50, is_harmful=True)) == {AUDIT, RANDOM}


@given(st.integers(1, 4_000), st.integers(0, 5))
def test_the_audit_is_drawn_first_and_once(pool: int, seed: int) -> None:
    audit = audit_sample(pool, seed)
    assert len(set(audit.tolist())) == len(audit) == min(300, -(-pool // 5))
    assert audit.tolist() == audit_sample(pool, seed).tolist()
    assert sorted(random_order(pool, seed).tolist()) == list(range(pool))


def test_every_example_is_as_likely_in_the_audit() -> None:
    counts = sum(np.bincount(audit_sample(20, seed), minlength=20) for seed in range(2_000))
    assert np.abs(counts / 2_000 - 0.2).max() < 0.04


def test_the_densest_point_of_the_largest_cluster_without_a_label_is_typical() -> None:
    """Thirteen clusters far apart, of which three have a label, among them the two largest."""
    sizes = [40, 35, 8, 20, 6, 18, 16, 4, 14, 12, 10, 9, 11]
    centres = [(100 * np.cos(at), 100 * np.sin(at)) for at in range(len(sizes))]
    features = points(*((centre, 1.0, size) for centre, size in zip(centres, sizes, strict=True)))
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    learned = np.searchsorted(cluster, [0, 1, 2])
    candidates = np.setdiff1d(np.arange(len(features)), learned)
    found = typical(features, candidates, learned, 0)
    without = sorted(range(3, len(sizes)), key=lambda each: -sizes[each])
    assert cluster[found].tolist() == without  # largest first, and none with a label
    for each in found:  # the point whose neighbours are nearest
        own = features[cluster == cluster[each]]
        distances = np.sort(np.linalg.norm(own[:, None] - own, axis=2), axis=1)[:, :21]
        assert (features[each] == own[distances.mean(axis=1).argmin()]).all()


def test_a_large_cluster_with_a_label_comes_after_small_ones_without() -> None:
    """Twelve clusters far apart, of which the two largest have a label each."""
    centres = [(100 * np.cos(at), 100 * np.sin(at)) for at in range(12)]
    features = points(*((centre, 1e-3, 60 if at < 2 else 5) for at, centre in enumerate(centres)))
    learned = np.array([0, 60])
    candidates = np.setdiff1d(np.arange(len(features)), learned)
    found = typical(features, candidates, learned, 0)
    assert len(found) == 10
    assert min(found) >= 120


def test_ten_points_are_their_own_clusters_and_none_is_none() -> None:
    features = points(((0, 0), 1.0, 5))
    assert sorted(typical(features, np.arange(5), np.array([], np.int64), 0)) == [0, 1, 2, 3, 4]
    assert typical(features, np.array([], np.int64), np.arange(5), 0) == []


@pytest.mark.parametrize("classes", [2, 3])
def test_a_model_of_one_label_is_scikit_learns(classes: int) -> None:
    features = points(*(((4 * at, at), 1.0, 20) for at in range(classes)))
    names = [f"class {at // 20}" for at in range(20 * classes)]
    labels = [Label(at, (name,), RANDOM) for at, name in enumerate(names)]
    model = fit(features, labels, CLASSIFICATION)
    other = LogisticRegression(C=20 / len(names), max_iter=200, tol=1e-3).fit(features, names)
    np.testing.assert_allclose(model.probabilities(features), other.predict_proba(features), atol=1e-6)
    right = is_right(model, features, labels)
    assert right.tolist() == (other.predict(features) == np.array(names)).tolist()
    ordered = np.sort(other.predict_proba(features), axis=1)
    np.testing.assert_allclose(model.margins(features), ordered[:, -1] - ordered[:, -2], atol=1e-6)


def test_several_labels_are_decided_one_by_one() -> None:
    features = points(((0, 0), 0.3, 20), ((6, 0), 0.3, 20), ((0, 6), 0.3, 20), ((6, 6), 0.3, 20))
    sets = [(), ("right",), ("top",), ("right", "top")]
    labels = [Label(at, sets[at // 20], RANDOM) for at in range(80)]
    model = fit(features, labels, MULTILABEL)
    assert model.classes == ("right", "top")
    assert is_right(model, features, labels).all()
    probabilities = model.probabilities(features)
    assert probabilities[70].sum() > 1.5  # they do not exclude each other
    assert probabilities[5].sum() < 0.5
    np.testing.assert_allclose(model.margins(features), np.abs(probabilities - 0.5).min(axis=1))


def test_a_class_or_a_set_that_was_never_learned_is_a_mistake() -> None:
    features = points(((0, 0), 0.1, 4))
    model = fit(features, [Label(0, ("a",), RANDOM)], CLASSIFICATION)
    assert is_right(model, features, [Label(1, ("a",), AUDIT), Label(2, ("b",), AUDIT)]).tolist() == [
        True,
        False,
    ]
    always = fit(features, [Label(0, ("a", "b"), RANDOM), Label(1, ("a",), RANDOM)], MULTILABEL)
    assert always.probabilities(features)[:, 0] == pytest.approx(5 / 6)
    assert not is_right(always, features, [Label(2, (), AUDIT)]).any()
