"""How a time limit is kept: who gets how much of it, and what goes where it gets short."""

import dataclasses
import itertools
import time
from types import SimpleNamespace

import numpy as np
import pytest

from data.made import listing_of, listing_of_texts
from every_model import MODELS
from pellucid.classical import Budget, OverdueError
from pellucid.classical.training_set import Pace
from pellucid.data import Dataset, Preprocessing, prepare
from pellucid.data.wording import count_of
from pellucid.input_kinds import IMAGES, TEXTS
from pellucid.pipeline import concluding
from pellucid.pipeline.judging import refitting
from pellucid.pipeline.judging.refitting import FoldTrainings, judged_by_folds
from pellucid.pipeline.learners import classical, time_limits
from pellucid.pipeline.learners.candidates import Candidate, with_answer_time
from pellucid.pipeline.learners.classical import ClassicalLearner, fitted_within
from pellucid.pipeline.learners.evaluation_budget import Folds, folds_of
from pellucid.pipeline.learners.in_run import _following, _report_pace, part_of
from pellucid.pipeline.learners.network import learner_of
from pellucid.pipeline.learners.time_limits import (
    conclusion_seconds,
    least_of_network,
    reserve_for_conclusion,
    time_of_baselines,
)
from pellucid.pipeline.learning import _train_neural
from pellucid.pipeline.run.context import RunContext, TimeBudget, slowdown
from pellucid.pipeline.run.journal import Journal, RunFolder, notes_of
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION
from small_models import CLASSES, digits


class Clock:
    """A clock that stands still until it is told how much time has passed."""

    def __init__(self, monkeypatch):
        self.now = 1_000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr(classical, "slowdown", lambda: 1.0)
    monkeypatch.setattr(time_limits, "slowdown", lambda: 1.0)
    monkeypatch.setattr(concluding, "slowdown", lambda: 1.0)
    return Clock(monkeypatch)


def context_of(tmp_path, seconds=100.0, test=1_000, kind=IMAGES, **settings):
    nothing = np.zeros(0, np.int64)
    dataset = SimpleNamespace(
        train=np.arange(5_000), validation=nothing, test=np.arange(test), input_kind=kind, noun="image"
    )
    (tmp_path / "run").mkdir(exist_ok=True)
    folder = RunFolder(tmp_path / "run")
    settings = Settings(time_limit=f"{seconds:g}s", **settings)
    return RunContext(folder, dataset, settings, Stages(), Journal(folder), TimeBudget.of(settings))


def test_what_is_reserved_is_not_left(clock):
    budget = TimeBudget(60.0)
    clock.now += 10
    budget.reserve("test", 20.0)
    budget.reserve("folds", 5.0)
    assert budget.left() == 25.0
    assert budget.deadline == clock.now + 25.0
    budget.reserve("folds", 0.0)
    assert budget.left() == 30.0
    assert TimeBudget().left() == float("inf")
    assert not TimeBudget().is_limited


def test_a_slow_machine_is_noticed_by_its_share_of_the_clock(monkeypatch):
    assert 1.0 <= slowdown() <= 20.0
    ticks = iter(np.arange(0.0, 10.0, 0.01))
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    worked = iter([0.0, 0.025])
    monkeypatch.setattr(time, "thread_time", lambda: next(worked))
    assert slowdown() == pytest.approx(4.0, rel=0.2)


@pytest.mark.parametrize(
    ("spent", "kind", "seconds"),
    [(5.0, IMAGES, 30.0), (41.0, IMAGES, 24.5), (5.0, TEXTS, 55.0), (150, IMAGES, 0)],
)
def test_baselines_get_their_share_or_half_of_what_is_left(spent, kind, seconds, tmp_path, clock):
    context = context_of(tmp_path, kind=kind)
    clock.now += spent
    context.time.reserve("conclusion", 10.0)
    assert time_of_baselines(context, Folds(context.dataset)).left() == pytest.approx(seconds)


def test_the_conclusion_is_reserved_by_what_the_answers_took(tmp_path, clock):
    context = context_of(tmp_path)
    quick, slow = (
        Candidate("svm", MODELS["majority"](), 1, 1.0, answer_seconds=each) for each in (1e-5, 1e-2)
    )
    of_both = conclusion_seconds(context, [quick, slow])
    assert of_both > 10  # a thousand test images of a hundredth of a second
    assert conclusion_seconds(context, [quick]) < of_both - 10
    reserve_for_conclusion(context, [quick, slow])
    assert context.time.left() == pytest.approx(100 - of_both - 0.6)  # what comes before the test
    reserve_for_conclusion(context, [dataclasses.replace(slow, answer_seconds=1.0)])
    assert context.time.left() == pytest.approx(60)  # never more than two fifths of the limit


def within(clock, seconds, whole, fixed=0.0, **given):
    """Train something whose whole takes some seconds on this machine; the shares that were tried."""
    tried = []

    def fit(share, deadline):
        took = fixed + whole * share
        if clock.now + took > deadline:
            clock.now = max(clock.now, deadline)
            raise OverdueError
        tried.append(share)
        clock.now += took
        return share

    return fitted_within(seconds, 10.0, lambda share: share, fit, **given), tried


@pytest.mark.parametrize("whole", [1.0, 10.0, 30.0, 100.0])
def test_a_model_learns_from_what_fits_on_this_machine(whole, clock):
    began = clock.now
    found, tried = within(clock, 10.0, whole)
    assert clock.now - began <= 10.0
    assert found == tried[-1]
    if whole <= 8:
        assert found == 1.0
    else:
        assert 0.5 * 10 / whole < found <= 10 / whole  # most of the time is used


def test_a_model_of_which_no_part_fits_is_given_up(clock):
    began = clock.now
    assert within(clock, 2.0, 1.0, fixed=50.0) == (None, [])
    assert clock.now - began < 3 * 2.0


def paced(clock, seconds, whole, most=0.0):
    """Train something that is given up early where its pace says that it will not end in time."""
    tried = []

    def fit(share, deadline):
        took, given = whole * share, deadline - clock.now
        if took > given:
            clock.now += took / 20
            raise OverdueError(took / given)
        tried.append(share)
        clock.now += took
        return share

    return fitted_within(seconds, 10.0, lambda share: share, fit, enough=0.2, most=most), tried


def test_a_model_that_falls_behind_learns_from_as_much_as_its_pace_allows(clock):
    began = clock.now
    found, tried = paced(clock, 10.0, 100.0)  # ten times longer than expected
    assert found == tried[-1]
    assert 0.06 < found <= 0.1
    assert clock.now - began <= 11.0


def test_one_set_up_on_all_texts_comes_before_any_are_compared(clock):
    found, tried = paced(clock, 10.0, 8.0)
    assert tried[0] == 0.2
    assert found > 0.2
    assert paced(clock, 4.0, 18.0) == (0.2, [0.2])


def test_a_fit_is_given_up_once_its_pace_is_far_behind(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("pellucid.classical.training_set.time", SimpleNamespace(monotonic=lambda: now[0]))
    pace = Pace(100, 50.0)
    for _ in range(7):
        now[0] += 1.0
        pace.piece_done()
    now[0] += 1.0
    with pytest.raises(OverdueError) as late:
        pace.piece_done()
    assert late.value.times == pytest.approx(2.0)
    of_one = Pace(2, 50.0)  # two classes: the first half tells of the second
    now[0] += 48.0
    with pytest.raises(OverdueError):
        of_one.piece_done()


def test_columns_of_a_linear_model_tell_its_pace(monkeypatch):
    labels = np.arange(120) % 12
    texts = [f"word{label} other{number} more" for number, label in enumerate(labels)]
    listing = listing_of_texts(texts, [f"c{each}" for each in labels])
    dataset, _ = prepare(listing, Settings())
    learner, ticks = ClassicalLearner("svm", Settings(threads=1)), itertools.count()
    assert learner._fitted(dataset, Budget(configurations=1), time.monotonic() + 60).train_examples
    monkeypatch.setattr(
        "pellucid.classical.training_set.time", SimpleNamespace(monotonic=lambda: next(ticks))
    )
    with pytest.raises(OverdueError) as late:
        learner._fitted(dataset, Budget(configurations=1), 60)
    assert late.value.times > 1.25
    assert next(ticks) < 60  # given up before the deadline


def test_enough_of_the_texts_may_take_longer(clock):
    assert within(clock, 2.0, 20.0, enough=0.2, most=9.0)[0] == 0.2
    assert within(clock, 2.0, 20.0)[0] < 0.1


def test_fewer_set_ups_come_before_fewer_texts():
    whole, texts = Budget(), 1_440
    of_all = whole.for_all(texts)
    assert 0.1 < of_all < 0.2  # six set-ups are compared otherwise
    for share in (of_all, 0.3, 0.6, 1.0):
        assert whole.shrunk_to_all(share, texts).examples >= texts
    compared = [whole.shrunk_to_all(share, texts).configurations for share in (of_all, 0.3, 0.6, 1.0)]
    assert compared == sorted(compared)
    assert (compared[0], compared[-1]) == (1, 6)
    few = whole.shrunk_to_all(of_all / 2, texts)
    assert (few.examples, few.configurations) == (720, 1)
    with pytest.raises(ValueError, match="share: 0 is not above 0"):
        whole.shrunk_to_all(0, texts)


def test_a_forest_keeps_the_trees_that_it_has_grown_in_time(monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 255, (300, 8, 8, 1)).astype(np.uint8)
    labels, everything = np.arange(300) % 3, np.arange(300)
    material = Dataset(
        pixels,
        labels,
        everything[:250],
        everything[250:],
        tuple("abc"),
        Preprocessing(8, 8, 1),
        target=CLASSIFICATION,
    )
    learner = ClassicalLearner("random-forest", Settings(threads=1))
    whole = learner._fitted(material, Budget(trees=40, configurations=1))
    looks = iter([0.0] * 30 + [1e9] * 1_000)
    with monkeypatch.context() as patch:
        patch.setattr("pellucid.classical.training_set.time", SimpleNamespace(monotonic=lambda: next(looks)))
        stopped = learner._fitted(material, Budget(trees=40, configurations=1), 1e8)
        with pytest.raises(OverdueError):
            learner._fitted(material, Budget(trees=40, configurations=1), 1e8)
    trees = stopped.budget.trees
    assert 10 <= trees < 40
    roots, all_roots = (each.model.predictor.roots for each in (stopped, whole))
    assert len(roots) == trees
    assert len(all_roots) == 40
    same = learner._fitted(material, stopped.budget)
    np.testing.assert_array_equal(same.held_out.answers, stopped.held_out.answers)


def following(tmp_path, clock, decided=None, **given):
    """Function that follows a training of 1,000 steps in 90 s, and the context of its run.

    `decided` is what the journal has of an earlier process.
    """
    pixels, labels = digits()
    everything = np.arange(400)
    material = Dataset(pixels, labels, everything[:300], everything[300:], CLASSES, target=CLASSIFICATION)
    network = learner_of(Settings(model="mlp", epochs=100, batch_size=30, **given), material).planned(
        material
    )
    assert network.plan.recipe.total_steps == 1_000
    context = context_of(tmp_path)
    context.time.reserve("conclusion", 10.0)
    context.journal.save(decided or {})
    checkpointer = SimpleNamespace(total_steps=1_000)
    return _following(network, checkpointer, context), network.plan.recipe, context, checkpointer


def steps_until_the_end(follow, recipe, clock, pace):
    step = 0
    while step < recipe.total_steps:
        clock.now += pace(step)
        step += 1
        recipe = follow(step, recipe)
    return recipe


def test_training_that_keeps_its_pace_is_left_as_it_is(tmp_path, clock):
    follow, recipe, context, _ = following(tmp_path, clock)
    assert steps_until_the_end(follow, recipe, clock, lambda step: 0.085) == recipe
    assert notes_of(context.journal.content) == []


@pytest.mark.parametrize("slower", [2, 6])
def test_training_beside_programs_that_begin_in_the_middle_ends_in_time(slower, tmp_path, clock):
    follow, recipe, context, checkpointer = following(tmp_path, clock)
    found = steps_until_the_end(follow, recipe, clock, lambda step: 0.085 if step < 500 else 0.085 * slower)
    assert context.time.left() >= -0.1 * 90
    assert 500 < found.total_steps < 1_000
    assert found.planned_steps == 1_000
    assert checkpointer.total_steps == found.total_steps
    kept = context.journal.content["plan"]["recipe"]
    assert kept["total_steps"] == found.total_steps
    assert [tuple(each) for each in kept["shortened"]] == list(found.shortened)
    _report_pace("mlp", found, context)
    (note,) = notes_of(context.journal.content)
    assert note.startswith("mlp fell behind its time")


def test_training_that_is_ahead_of_its_time_gets_more_steps_up_to_the_whole_plan(tmp_path, clock):
    follow, recipe, context, checkpointer = following(tmp_path, clock)
    short = dataclasses.replace(recipe, total_steps=400)
    found = steps_until_the_end(follow, short, clock, lambda step: 0.1)
    assert 0.9 * 90 < clock.now - context.time.began < 90
    assert 800 < found.total_steps <= 1_000
    assert found.planned_steps == 400
    assert found.epochs * 10 >= found.total_steps == checkpointer.total_steps
    assert notes_of(context.journal.content) == []
    follow, recipe, _, _ = following(tmp_path, clock)
    short = dataclasses.replace(recipe, total_steps=900)
    assert steps_until_the_end(follow, short, clock, lambda step: 0.01).total_steps == 1_000


def test_a_resumed_training_leaves_the_time_that_was_kept_for_later(tmp_path, clock):
    follow, recipe, context, _ = following(tmp_path, clock, {"seconds_after_training": 30.0})
    found = steps_until_the_end(follow, recipe, clock, lambda step: 0.085)
    assert 25 < context.time.left() < 35
    assert found.total_steps < 1_000


def test_without_a_limit_nothing_is_shortened(tmp_path, clock):
    context = context_of(tmp_path)._replace(time=TimeBudget())
    assert _following(SimpleNamespace(), SimpleNamespace(), context) is None


class Judge:
    """A learner that takes some seconds of a clock."""

    def __init__(self, name, clock, seconds):
        self.name, self.clock, self.seconds = name, clock, seconds

    def cost(self, material):
        return 1.0

    def fit(self, material, time=None):
        self.clock.now += self.seconds
        return [Candidate(self.name, MODELS["majority"](), len(material.train), self.seconds)]


def judged(tmp_path, clock, seconds, limit):
    """Models of some seconds a training, judged on five folds of a small set."""
    pixels, labels = (each[:200] for each in digits())
    dataset = prepare(listing_of([str(label) for label in labels], pixels=pixels), Settings())[0]
    folds = folds_of(dataset, Settings(), is_continual=False)
    context = context_of(tmp_path, seconds=limit)._replace(dataset=folds.learning)
    trainings = [
        FoldTrainings(Judge(name, clock, each), seconds=each / 0.8) for name, each in seconds.items()
    ]
    candidates = [Candidate(name, MODELS["majority"](), 1, each) for name, each in seconds.items()]
    return judged_by_folds(trainings, candidates, folds, context)[0], context


def test_models_are_judged_on_as_many_folds_as_there_is_time_for(tmp_path, clock):
    found, context = judged(tmp_path, clock, {"svm": 2.0, "forest": 50.0, "cnn": 3.0}, 14.0)
    counts = context.journal.content["judged_on_folds"]
    assert [each.name for each in found] == ["svm", "cnn"]
    assert counts["forest"] == 0
    assert 1 <= counts["svm"] < 5
    assert counts["cnn"] >= 1
    assert context.time.left() >= 0
    (note,) = notes_of(context.journal.content)
    assert note == "forest: skipped, no time left to judge it on a fold (limit 14s)."


def test_the_cheapest_are_judged_first_and_the_best_on_further_folds(tmp_path, clock, monkeypatch):
    scores = {"svm": 0.8, "forest": 0.9, "cnn": 0.7}
    monkeypatch.setattr(refitting, "held_out_score", lambda metric, each, *_: scores[each.name])
    order = []
    monkeypatch.setattr(Judge, "fit", recorded(Judge.fit, order))
    found, context = judged(tmp_path, clock, {"cnn": 8.0, "svm": 1.0, "forest": 2.0}, 18.0)
    assert order[:6] == ["svm", "forest", "cnn", "forest", "svm", "forest"]
    assert [each.name for each in found] == ["cnn", "svm", "forest"]
    counts = context.journal.content["judged_on_folds"]
    assert (counts["cnn"], counts["forest"]) == (1, 3)
    assert context.time.left() >= 0


def recorded(fit, order):
    def fitted(self, material, time=None):
        order.append(self.name)
        return fit(self, material, time)

    return fitted


def test_one_model_is_judged_even_where_the_time_is_over(tmp_path, clock):
    found, context = judged(tmp_path, clock, {"svm": 20.0, "cnn": 20.0}, 5.0)
    assert [each.name for each in found] == ["svm"]
    assert context.journal.content["judged_on_folds"] == {"svm": 1, "cnn": 0}


def test_the_dearest_models_are_left_out_of_the_test_but_never_what_the_recommended_one_needs(
    tmp_path, clock
):
    context = context_of(tmp_path, seconds=30.0, test=1_000)
    seconds = {"majority": 0.0, "svm": 9e-3, "random-forest": 2e-3, "bag": 1e-3}
    candidates = [
        Candidate(name, MODELS["majority"](), 1, 1.0, answer_seconds=each) for name, each in seconds.items()
    ]
    kept = concluding.with_time_for_test(candidates, "bag", context)
    assert [each.name for each in kept] == [*seconds]
    clock.now += 16.5
    kept = concluding.with_time_for_test(candidates, "bag", context)
    assert [each.name for each in kept] == ["majority", "random-forest", "bag"]
    assert notes_of(context.journal.content) == ["svm: skipped, no time left to test it."]
    clock.now += 100.0
    kept = concluding.with_time_for_test(candidates, "svm", context)
    assert [each.name for each in kept] == ["majority", "svm"]


def test_models_whose_test_takes_moments_are_tested_even_a_little_late(tmp_path, clock):
    context = context_of(tmp_path, seconds=60.0, test=100)
    candidates = [Candidate(name, MODELS["majority"](), 1, 1.0, answer_seconds=1e-5) for name in ("a", "b")]
    clock.now += 59.9
    assert concluding.with_time_for_test(candidates, "a", context) == candidates
    clock.now += 5.0
    assert [each.name for each in concluding.with_time_for_test(candidates, "a", context)] == ["a"]


def test_answers_are_timed_before_folds_judge():
    pixels, labels = digits()
    own = Preprocessing(*pixels.shape[1:])
    material = Dataset(
        pixels, labels, np.arange(300), np.zeros(0, np.int64), CLASSES, own, target=CLASSIFICATION
    )
    candidate = ClassicalLearner("majority", Settings(threads=1)).fit(material)[0]
    assert candidate.answer_seconds == 0
    timed = with_answer_time(candidate, material)
    assert 0 < timed.answer_seconds < 1
    assert with_answer_time(timed, material) is timed


def test_a_part_of_a_run_gets_the_smaller_of_its_shares(clock):
    budget = TimeBudget(100.0)
    assert budget.share("backbones") == pytest.approx(50.0)
    clock.now += 60.0
    assert budget.share("backbones") == pytest.approx(0.65 * 40)
    assert budget.share("classical", besides=30.0) == pytest.approx(5.0)
    assert budget.share("classical", besides=80.0) == 0.0
    assert budget.share("network") == pytest.approx(10.0)


def test_an_unnamed_network_needs_time_for_the_models_on_it_and_for_a_fold(clock, tmp_path, monkeypatch):
    monkeypatch.setattr(time_limits, "drawn_for_simple_models", lambda dataset, settings: dataset.train)
    context = context_of(tmp_path)
    alone = least_of_network(Folds(context.dataset), context)
    assert alone == pytest.approx(10.0 + 5.0)  # a tenth, and a thousandth of a second an example
    judged = Folds(context.dataset, (context.dataset,) * 5)
    assert least_of_network(judged, context) == pytest.approx(alone * (1 + 1.25 * 0.8))
    without = context._replace(settings=dataclasses.replace(context.settings, baselines=False))
    assert least_of_network(Folds(context.dataset), without) == pytest.approx(10.0)


def test_what_a_run_before_a_kill_left_out_stays_left_out(tmp_path, clock):
    context = context_of(tmp_path)
    context.journal.begin()
    assert context.affords(99.0, "No curve.")
    assert not context.affords(101.0, "No labels.")
    again = context._replace(journal=Journal(context.folder, resume=True), time=TimeBudget(10_000.0))
    assert not again.affords(1.0, "No labels.")
    assert notes_of(again.journal.content) == ["No labels."]


def test_a_recommended_model_that_learned_from_a_part_is_reported_as_such():
    everything = np.arange(400)
    images = np.zeros((400, 8, 8, 1), np.uint8)
    dataset = Dataset(
        images, everything % 2, everything[:300], everything[300:], ("a", "b"), target=CLASSIFICATION
    )
    part = Candidate("svm", MODELS["svm"](), 200, 1.0)
    assert part_of(part, dataset) == f" from 200 of {count_of(300, 'image')}"
    whole = dataclasses.replace(part, train_examples=300)
    assert part_of(whole, dataset) == ""


def test_a_network_leaves_the_seconds_that_tuning_the_backbones_takes(tmp_path, clock):
    pixels, labels = digits()
    material = Dataset(pixels, labels, np.arange(300), np.arange(300, 400), CLASSES, target=CLASSIFICATION)
    context = context_of(tmp_path)._replace(dataset=material)
    context.journal.revised("plan", 0, lambda steps: steps)  # the steps that fit are settled
    left = []
    learner = SimpleNamespace(trained=lambda network, material: left.append(context.time.left()) or [])
    network = SimpleNamespace(as_trained=lambda: None)
    planned = SimpleNamespace(learner=learner, network=network, continual=None, folds=None)
    limits = [*(SimpleNamespace(seconds_after=seconds) for seconds in (20.0, 5.0)), None]
    built = [SimpleNamespace(choice=SimpleNamespace(limits=each)) for each in limits]
    _train_neural(planned, built, context)
    assert left == [75.0]
