"""What the order of classes gains: which rows both models learn and answer, and by what they are compared."""

from types import SimpleNamespace

import numpy as np
import pytest

from every_model import MODELS
from pellucid.data import Dataset
from pellucid.evaluation import Groups
from pellucid.evaluation.label_comparisons import compare_ordered, kappa_value
from pellucid.pipeline.judging import testing
from pellucid.pipeline.learners.candidates import Candidate, HeldOutAnswers
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION, ORDERED

COUNT, NAMES = 240, ("low", "mid", "high")


@pytest.fixture
def dataset():
    draws = np.random.default_rng(3)
    places = np.arange(COUNT)
    return Dataset(
        draws.integers(0, 256, (COUNT, 8, 8, 1)).astype(np.uint8), draws.integers(0, 3, COUNT), places[:60],
        places[60:90], NAMES, None, test=places[90:], leaked=places[90:100], with_sibling=places[90:100],
        together=places // 4, has_groups=True, target=ORDERED,
    )  # fmt: skip


@pytest.mark.parametrize("seen", [60, 90])
def test_both_learn_from_as_many_and_are_compared_on_unseen_examples_by_groups(dataset, seen, monkeypatch):
    """The model that was trained once more, from validation too, is held against one that was as well."""
    draws, given = np.random.default_rng(4), {}

    def stated(positions, share_wrong):
        wrong = draws.random(len(positions)) < share_wrong
        codes = np.where(wrong, draws.integers(0, 3, len(positions)), dataset.labels[positions])
        return 0.6 * np.eye(3)[codes] + 0.1 + 0.1 * np.eye(3)[(codes + 1) % 3]

    class Learner:
        def __init__(self, name, settings, budget):
            given["name"] = name

        def fit(self, material):
            given["material"] = material
            return [SimpleNamespace(model="plain")]

    plain = stated(dataset.test[10:], 0.5)
    monkeypatch.setattr(testing, "ClassicalLearner", Learner)
    monkeypatch.setattr(testing, "answers", lambda model, data, some: plain if len(some) == 140 else None)
    with_order = stated(dataset.test, 0.2)
    candidates = [
        Candidate(
            name,
            MODELS["svm"](),
            seen,
            1.0,
            HeldOutAnswers(dataset.validation, stated(dataset.validation, wrong)),
            "pixels",
        )
        for name, wrong in (("logistic-regression", 0.7), ("svm", 0.1))
    ]
    tested = {each.name: testing.Tested(with_order, with_order, None, 1.0) for each in candidates}
    context = SimpleNamespace(
        dataset=dataset, settings=Settings(seed=8), affords=lambda *_: True, stages=Stages(quiet=True)
    )
    found = testing.gain_of_order(candidates, tested, context)
    assert given["name"] == found["model"] == "svm"
    assert given["material"].target is CLASSIFICATION
    assert given["material"].train.tolist() == [*range(seen)]
    labels = dataset.labels_at(dataset.test[10:])
    decided = {"a": with_order[10:].argmax(axis=1), "b": plain.argmax(axis=1)}
    by_groups, alone = (
        compare_ordered(labels.values, decided, groups, 8)[0]
        for groups in (Groups.of_sets(dataset.together[dataset.test[10:]]), None)
    )
    assert found["quadratic_weighted_kappa_difference"] == by_groups.difference._asdict()
    assert by_groups.difference != alone.difference
    assert found["examples"] == 140
    assert [found["with_order"], found["without_order"]] == [
        kappa_value(labels, each) for each in decided.values()
    ]
    assert found["with_order"] > found["without_order"]
