"""Folds that judge the models of a run where validation has few examples, or where they were asked for."""

import dataclasses

import numpy as np
import pytest

from data.made import listing_of, with_numbers
from pellucid.data import prepare
from pellucid.errors import DataError, UsageError
from pellucid.evaluation import corrected_interval
from pellucid.pipeline.comparing.standings import scores_of_folds
from pellucid.pipeline.judging.refitting import FoldTrainings, judged_by_folds
from pellucid.pipeline.learners.candidates import Candidate, HeldOutAnswers
from pellucid.pipeline.learners.classical import ClassicalLearner, TrainingSets, learner_at_setup
from pellucid.pipeline.learners.evaluation_budget import folds_of
from pellucid.pipeline.run.context import RunContext
from pellucid.pipeline.run.journal import Journal, RunFolder
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings
from small_models import digits

COUNT = 200
TINY = {"model": "mlp", "depth": 1, "width": 16, "epochs": 4, "threads": 1, "learning_curve": False}
SETTINGS = Settings(**TINY)


def dataset_of(*, numbers: bool = False, shuffled: bool = False, count: int = COUNT):
    pixels, labels = digits()
    pixels, labels = pixels[:count], labels[:count]
    if shuffled:
        labels = np.random.default_rng(3).permutation(labels)
    listing = listing_of([str(label) for label in labels], pixels=pixels)
    values = pixels.mean(axis=(1, 2, 3), dtype=np.float64) if numbers else None
    listing = with_numbers(listing, values)
    return prepare(listing, SETTINGS)[0]


def of_classical(dataset, folder, names, **changes):
    """Classical models trained on what is not for the test, and judged on folds."""
    settings = dataclasses.replace(SETTINGS, **changes)
    folds = folds_of(dataset, settings, is_continual=False)
    learning = folds.learning
    candidates = [ClassicalLearner(name, settings).fit(learning)[0] for name in names]
    lesson = TrainingSets().of
    trainings = [FoldTrainings(learner_at_setup(each, settings, lesson)) for each in candidates]
    place = RunFolder(folder)
    context = RunContext(place, folds.learning, settings, Stages(quiet=True), Journal(place))
    return judged_by_folds(trainings, candidates, folds, context)[0], folds


@pytest.mark.slow
def test_every_example_that_is_not_for_the_test_is_judged_once_by_a_model_that_did_not_learn_from_it(
    tmp_path,
):
    """A forest knows every label that it has seen, here without sense; of the others it knows nothing."""
    dataset = dataset_of(shuffled=True)
    (forest,), folds = of_classical(dataset, tmp_path, ["random-forest"])
    assert len(folds.parts) == 5
    positions, answers = forest.held_out.positions, forest.held_out.answers
    assert positions.tolist() == sorted([*dataset.train, *dataset.validation])
    assert forest.train_examples == len(positions)
    for part in folds.parts:
        assert not np.isin(part.validation, part.train).any()
        assert not np.isin(dataset.test, part.train).any()
        assert len(part.train) + len(part.validation) == forest.train_examples
    assert (answers.argmax(axis=1) == dataset.labels[positions]).mean() < 0.25
    learned = forest.model.predict_proba(dataset.inputs[positions])
    assert (learned.argmax(axis=1) == dataset.labels[positions]).mean() > 0.9


def test_folds_are_taken_over_and_damaged_ones_are_done_again(tmp_path, monkeypatch):
    dataset = dataset_of()
    (first,), _ = of_classical(dataset, tmp_path, ["logistic-regression"])
    kept = sorted((tmp_path / "checkpoints" / "folds").iterdir())
    kept[2].write_bytes(kept[2].read_bytes()[:-100])
    trained = []
    fit = ClassicalLearner.fit

    def counted(self, material, *rest):
        trained.append(len(material.train))
        return fit(self, material, *rest)

    monkeypatch.setattr(ClassicalLearner, "fit", counted)
    (again,), _ = of_classical(dataset, tmp_path, ["logistic-regression"])
    assert len(trained) == 2  # the model itself, and the damaged fold
    assert np.array_equal(first.held_out.answers, again.held_out.answers)
    assert np.array_equal(first.held_out.signals, again.held_out.signals)


def test_a_model_that_takes_long_is_judged_on_fewer_folds():
    folds = folds_of(dataset_of(), SETTINGS, is_continual=False)
    assert [folds.judged_within(seconds) for seconds in (0.0, 2.0, 5.0, 10.0, 1e6)] == [5, 4, 2, 1, 1]
    asked = folds_of(dataset_of(), dataclasses.replace(SETTINGS, folds=3), is_continual=False)
    assert asked.judged_within(1e6) == 3
    assert folds.trainings(1) == pytest.approx(1.8)


def test_who_judges():
    few = dataset_of()

    def count(dataset=few, is_continual=False, **changes):
        settings = dataclasses.replace(SETTINGS, **changes)
        return len(folds_of(dataset, settings, is_continual=is_continual).parts)

    assert count() == 5
    assert count(folds=0) == count(patience=3) == count(is_continual=True) == count(time_column="taken") == 0
    assert count(folds=7) == 7
    many = dataset_of()
    many = dataclasses.replace(many, validation=np.arange(500))
    assert count(many) == 0
    single = dataclasses.replace(many, labels=many.labels.copy(), validation=many.train[:20])
    single.labels[single.labels == 3] = 4
    single.labels[single.train[30]] = 3
    assert count(single) == 0
    assert count(dataset_of(numbers=True)) == 5


def test_what_cannot_be_folded_is_refused_early():
    with pytest.raises(DataError, match="fewer than 50 examples that may be parted"):
        folds_of(dataset_of(), dataclasses.replace(SETTINGS, folds=50), is_continual=False)
    with pytest.raises(UsageError, match=r"--folds: .*--time-limit"):
        dataclasses.replace(SETTINGS, folds=3, time_limit="5m")
    with pytest.raises(UsageError, match=r"--folds: 1 leaves nothing to learn from"):
        Settings(folds=1)


def test_folds_score_each_model_on_their_own_examples_and_compare_those_judged_on_all():
    dataset = dataset_of(count=150)
    folds = folds_of(dataset, dataclasses.replace(SETTINGS, folds=3), is_continual=False)
    pool, draws = folds.learning.train, np.random.default_rng(5)
    truth = dataset.labels[pool]

    def judged(name, share_wrong, places):
        codes = np.where(draws.random(len(pool)) < share_wrong, (truth + 1) % 10, truth)
        return Candidate(name, None, 1, 1.0, HeldOutAnswers(pool[places], 0.5 * np.eye(10)[codes] + 0.05))

    every = [judged("one", 0.2, slice(None)), judged("other", 0.5, slice(None))]
    few = judged("few", 0.0, slice(None))
    some = np.isin(pool, np.concatenate([part.validation for part in folds.parts[:2]]))
    few = dataclasses.replace(few, held_out=HeldOutAnswers(pool[some], few.held_out.answers[some]))
    found = scores_of_folds([*every, few], folds, SETTINGS)
    for each in every:
        right = dict(zip(pool.tolist(), each.held_out.answers.argmax(axis=1) == truth, strict=True))
        scores = [np.mean([right[place] for place in part.validation.tolist()]) for part in folds.parts]
        assert found["models"][each.name]["scores"] == pytest.approx(scores)
    assert [*found["models"]] == ["one", "other"]
    assert found["fewer"] == {
        "few": {"examples": int(some.sum()), "of": len(pool), "scores": [1.0, 1.0, None]}
    }
    assert [(each["a"], each["b"]) for each in found["comparisons"]] == [("one", "other")]
    trained, tested = (
        np.mean([len(part) for part in parts])
        for parts in zip(*((each.train, each.validation) for each in folds.parts), strict=True)
    )
    assert (found["train"], found["test"]) == (round(trained), round(tested))
    differences = np.subtract(*(found["models"][name]["scores"] for name in ("one", "other")))
    expected = corrected_interval(differences, round(trained), round(tested))
    assert found["comparisons"][0]["accuracy_difference"] == pytest.approx(expected._asdict())
