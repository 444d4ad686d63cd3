"""One tree of a forest with the path of an input: the answers are the forest's, and cut trees stay trees."""

import numpy as np
import pytest

from every_model import CLASSICAL, inputs_of
from pellucid.classical.forests import Forest
from pellucid.classical.predictors import dense
from pellucid.insight import contributions
from pellucid.insight.contributions import contributions_of, node_values, path_through

FOREST = "random-forest"


def forest_and_features(count: int = 12) -> tuple[Forest, np.ndarray, np.ndarray]:
    """A trained forest, features of some digits, and its probabilities for them."""
    model = CLASSICAL[FOREST]()
    rows = model.seen(inputs_of(model, count))
    features = dense(rows, 0, count)
    return model.predictor, features, model.predictor.predict(features)


def test_the_mean_over_all_trees_is_the_answer_of_the_forest():
    forest, features, answers = forest_and_features()
    for row, answer in zip(features, answers, strict=True):
        for target in (0, int(answer.argmax())):
            path = path_through(forest, row, *node_values(forest, target))
            assert path.forest == pytest.approx(answer[target], abs=1e-12)
            assert path.trees == len(forest.roots)


def test_questions_lead_from_the_root_to_the_leaf():
    forest, features, answers = forest_and_features()
    for row, answer in zip(features, answers, strict=True):
        path = path_through(forest, row, *node_values(forest, int(answer.argmax())))
        assert path.questions
        for question in path.questions:
            assert question.value == row[question.feature]
            assert question.is_yes == (row[question.feature] <= question.threshold)
        after = [question.after for question in path.questions]
        assert [question.before for question in path.questions[1:]] == after[:-1]
        assert after[-1] == path.answer
        # Marked are the root and a branch for each question, each below the one before.
        marked = np.flatnonzero(path.is_on_path)
        assert path.parents[marked].tolist() == [-1, *marked[:-1]]
        assert len(marked) == len(path.questions) + 1


def test_a_large_tree_is_cut_beside_the_path(monkeypatch):
    forest, features, _ = forest_and_features(1)
    values = node_values(forest, 8)
    whole = path_through(forest, features[0], *values)
    assert whole.whole == len(whole.parents)
    monkeypatch.setattr(contributions, "MOST_DRAWN", 2 * len(whole.questions) + 5)
    cut = path_through(forest, features[0], *values)
    assert 2 * len(whole.questions) + 1 <= len(cut.parents) < cut.whole == whole.whole
    assert cut.is_on_path.sum() == whole.is_on_path.sum()
    assert cut.parents[0] == -1
    assert (cut.parents[1:] < np.arange(1, len(cut.parents))).all()
    assert (cut.parents[1:] >= 0).all()


def test_contributions_of_a_forest_have_a_path_and_those_of_a_kernel_its_support_vectors():
    forest = CLASSICAL[FOREST]()
    found = contributions_of(forest, inputs_of(forest, 1), 8)
    assert found.path.forest == pytest.approx(found.total, abs=1e-9)
    assert found.kernel is None
    machine = CLASSICAL["svm"]()
    found = contributions_of(machine, inputs_of(machine, 1), 8)
    assert found.path is None
    kernel = found.kernel
    assert sum(kernel.counts) == len(machine.predictor.points)
    assert len(kernel.counts) == len(machine.predictor.classes)
    assert kernel.gamma == float(machine.predictor.gamma[0])
    assert 0 < kernel.similarity <= 1
    of_class = np.repeat(machine.predictor.classes, kernel.counts)
    projected = (
        dense(machine.seen(inputs_of(machine, 1)), 0, 1) - machine.predictor.mean
    ) @ machine.predictor.projection
    nearest = int(((machine.predictor.points - projected) ** 2).sum(axis=1).argmin())
    assert kernel.most_similar == of_class[nearest]
