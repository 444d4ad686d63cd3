"""Forgetting: the figures against a computation by hand, and everything that is said about them."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest

import pellucid
from pellucid.arithmetic.rounding import percent
from pellucid.bundle import load
from pellucid.data import Dataset, prepare
from pellucid.data.dataset import EarlierConstraints
from pellucid.evaluation import mcnemar
from pellucid.input_kinds import IMAGES
from pellucid.pipeline.continual import forgetting as forgetting_module
from pellucid.pipeline.continual.forgetting import OldTest, forgetting, old_test
from pellucid.pipeline.continual.starting_point import Earlier, read_earlier, starting_point
from pellucid.pipeline.continual.training import ContinualTraining
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION
from runs_to_continue import (
    GENTLE,
    NEW,
    OLD,
    home,
    old_images,
    old_numbers,
    positions,
    write_npz,
    write_texts,
)
from small_models import CLASSES, digits
from without_detector import WithoutDetector

PIXELS, LABELS = digits()


@pytest.fixture(scope="module")
def gone_on(tmp_path_factory):
    """The run on digits 0 to 6 gone on with 7 to 9, nothing rehearsed: it forgets."""
    folder = tmp_path_factory.mktemp("on")
    data = write_npz(folder / "new.npz", NEW, slice(0, 900), slice(1300, None))
    run = pellucid.train(data, out=folder / "run", from_=old_images(), rehearse=False, **GENTLE)
    return run


def right_by_hand(run):
    """Which old test digits a run's network names right, from its files and the digits alone."""
    asked = positions(OLD, slice(1300, None))
    model = load(run)
    said = np.array(model.classes)[model.predict_proba(PIXELS[asked]).argmax(axis=1)]
    return said == np.array(CLASSES)[LABELS[asked]], asked


def test_the_figures_are_those_of_a_computation_by_hand(gone_on):
    found = gone_on.metrics["continual"]["forgetting"]
    before, asked = right_by_hand(old_images())
    after, _ = right_by_hand(gone_on.folder)
    assert found["examples"] == len(asked)
    assert found["left_out"] == 0
    assert found["model"] == "mlp"
    assert found["data"] == [str(home() / "old.npz")]
    assert found["before"]["accuracy"]["value"] == pytest.approx(before.mean())
    assert found["after"]["accuracy"]["value"] == pytest.approx(after.mean())
    difference = found["accuracy_difference"]
    assert difference["value"] == pytest.approx(after.mean() - before.mean())
    assert difference["low"] < difference["value"] < difference["high"]
    only = int((after & ~before).sum()), int((before & ~after).sum())
    assert found["p_value"] == pytest.approx(mcnemar(*only))
    rows = {row["class"]: row for row in found["classes"]}
    for digit in OLD:
        of_class = LABELS[asked] == digit
        row = rows[f"digit {digit}"]
        assert row["examples"] == of_class.sum()
        assert row["before"] == pytest.approx(before[of_class].mean())
        assert row["after"] == pytest.approx(after[of_class].mean())
    losses = [row["after"] - row["before"] for row in found["classes"]]
    assert losses == sorted(losses)


def test_the_headline_is_of_all_classes_where_the_new_data_lacks_some(gone_on):
    found = gone_on.metrics["continual"]["all_classes"]
    old_right, asked = right_by_hand(gone_on.folder)
    new = positions(NEW, slice(1300, None))
    model = load(gone_on.folder)
    said = np.array(model.classes)[model.predict_proba(PIXELS[new]).argmax(axis=1)]
    right = int(old_right.sum() + (said == np.array(CLASSES)[LABELS[new]]).sum())
    assert (found["new"], found["old"], found["examples"]) == (len(new), len(asked), len(new) + len(asked))
    assert found["test"]["accuracy"]["value"] == pytest.approx(right / found["examples"])
    assert sum(count for *_, count in found["confusion"]) == found["examples"]
    assert sum(count for true, predicted, count in found["confusion"] if true == predicted) == right
    of_all = (
        f"classifies {percent(right / found['examples'])} of {found['examples']:,} test images of old and new"
    )
    assert of_all in gone_on.verdict
    assert gone_on.metrics["comparisons"] == []
    assert gone_on.metrics["contradiction"] is None


def test_forgetting_is_said_plainly(gone_on):
    found = gone_on.metrics["continual"]
    sentence = found["forgetting"]["sentence"]
    was, now = (found["forgetting"][part]["accuracy"]["value"] for part in ("before", "after"))
    assert sentence.startswith("mlp has forgotten most of what it knew: of ")
    assert "Significant losses by class: 'digit " in sentence
    assert f"it classifies {percent(now)} correctly, {percent(was)} before continual training" in sentence
    assert found["missing_classes"] == [f"digit {digit}" for digit in OLD]
    assert any(said.startswith("warning: without them the network forgets") for said in found["reasons"])
    assert found["not_measured"] == []
    assert found["seen_before"] is None
    assert found["forgetting_of_recommended"] is None


def prepared(labels, pixels, known=()):
    from data.made import listing_of

    return prepare(listing_of(labels, pixels=pixels), Settings(), known=EarlierConstraints(tuple(known)))[0]


class Says(WithoutDetector):
    """A model of given classes whose answers are looked up by the first pixel."""

    input_kind, preprocessing, temperature, parameters, name = IMAGES, None, 1.0, 0, "looks it up"

    def __init__(self, classes, answers):
        self.classes, self.answers = tuple(classes), answers

    def predict_proba(self, inputs):
        codes = [self.classes.index(self.answers[int(each.flat[0])]) for each in inputs]
        return np.eye(len(self.classes))[codes]

    def predict_values(self, inputs):
        raise NotImplementedError

    def transform(self, inputs):
        raise NotImplementedError

    def at(self, temperature):
        return self


def asked(before, after, *, went_on=True, truth=("a", "b"), classes=("a", "b"), count=40):
    """Old test examples whose first pixel counts them, answered by two models that are looked up."""
    pixels = np.zeros((count, 4, 4, 1), np.uint8)
    pixels[:, 0, 0, 0] = np.arange(count)
    labels = [truth[row % len(truth)] for row in range(count)]
    old = prepared(labels, pixels)
    old = dataclasses.replace(old, test=np.arange(count))
    new = dataclasses.replace(old, classes=tuple(classes), labels=np.zeros(count, np.int64))
    candidate = Candidate("net", Says(classes, after(labels)), 1, 1.0)
    test = OldTest([(old, old.test)], ["old.csv"], 0)
    return forgetting(test, Says(("a", "b"), before(labels)), candidate, new, 0, went_on=went_on)


def test_new_classes_shift_the_order_and_change_no_answer():
    found = asked(lambda labels: labels, lambda labels: labels, classes=("A new one", "a", "a and b", "b"))
    assert found["after"]["accuracy"]["value"] == found["before"]["accuracy"]["value"] == 1.0
    assert [row["class"] for row in found["classes"]] == ["a", "b"]


def test_nothing_forgotten_gained_and_too_few_have_words_of_their_own():
    def wrong(rows):
        return lambda labels: [
            ("b" if label == "a" else "a") if row < rows else label for row, label in enumerate(labels)
        ]

    assert asked(wrong(20), wrong(0))["sentence"].startswith("net has even gained on the old data: of 40 old")
    lost = asked(wrong(0), wrong(20))["sentence"]
    assert lost.startswith(
        "net has forgotten something: of 40 old test images it classifies 50.0 % correctly, 100"
    )
    few = asked(wrong(0), wrong(2))
    assert few["sentence"].startswith("Inconclusive whether net has forgotten anything: ")
    many = asked(wrong(1), wrong(1), count=250)
    assert many["sentence"].startswith("net has forgotten nothing measurable: of 250 old test")
    other = asked(wrong(0), wrong(20), went_on=False)["sentence"]
    assert other.startswith(
        "net, the recommended model, learned from the new data alone: of 40 old test images"
    )
    assert "50.0 % correctly, 100 % the network before" in other


def test_without_old_examples_there_is_nothing_to_say():
    new = prepared(["a", "b"] * 20, None)
    candidate = Candidate("net", Says(("a", "b"), []), 1, 1.0)
    assert forgetting(OldTest([], [], 3), candidate.model, candidate, new, 0, went_on=True) is None


def test_numbers_are_compared_by_their_errors(tmp_path):
    data = write_texts(tmp_path / "new.csv", range(5), slice(900, 1500), numbers=True)
    run = pellucid.train(data, out=tmp_path / "run", from_=old_numbers(), **GENTLE)
    found = run.metrics["continual"]["forgetting"]
    old = read_earlier(record_of(run)[0]).dataset
    labels = old.labels[old.test]
    for part, folder in (("before", old_numbers()), ("after", run.folder)):
        errors = load(folder).predict_values(old.inputs[old.test]) - labels
        assert found[part]["root_mean_squared_error"]["value"] == pytest.approx(np.sqrt((errors**2).mean()))
        assert found[part]["mean_absolute_error"]["value"] == pytest.approx(np.abs(errors).mean())
    difference = found["root_mean_squared_error_difference"]["value"]
    expected = [found[part]["root_mean_squared_error"]["value"] for part in ("after", "before")]
    assert difference == pytest.approx(expected[0] - expected[1])
    assert found["classes"] == []
    assert "its root mean squared error is" in found["sentence"]


def record_of(run):
    return json.loads((run.folder / "config.json").read_text())["continual"]["earlier"]


def test_old_test_examples_in_the_new_data_are_left_out_and_counted():
    """New training data that holds 30 of the old test digits."""
    start = starting_point(str(old_images()))
    earlier = [read_earlier(record) for record in start.records]
    continual = ContinualTraining(start, start.records, earlier)
    fit = np.concatenate([positions(NEW, slice(0, 400)), positions(OLD, slice(1300, None))[:30]])
    new = prepared([CLASSES[label] for label in LABELS[fit]], PIXELS[fit], known=continual.known.classes)
    new = dataclasses.replace(new, train=np.arange(len(new.labels)), validation=new.validation[:0])
    found, whole = old_test(continual, new), len(positions(OLD, slice(1300, None)))
    assert (found.left_out, found.examples) == (30, whole - 30)


def test_new_test_examples_that_the_network_knows_are_counted(tmp_path):
    """New data that is the old training data, with some of it as its test split."""
    data = write_npz(tmp_path / "new.npz", OLD, slice(900, 1300), slice(0, 100))
    run = pellucid.train(data, out=tmp_path / "run", from_=old_images(), rehearse=False, **GENTLE)
    seen = run.metrics["continual"]["seen_before"]
    assert seen["test"] == len(positions(OLD, slice(0, 100)))
    assert seen["validation"] == 0
    assert seen["test_without"] is None


def test_a_model_folder_alone_leaves_nothing_to_measure(tmp_path):
    data = write_npz(tmp_path / "new.npz", OLD, slice(900, 1300), slice(0, 100))
    run = pellucid.train(data, out=tmp_path / "run", from_=old_images() / "model", **GENTLE)
    found = run.metrics["continual"]
    assert found["forgetting"] is None
    assert found["rehearsal"] is None
    assert found["not_measured"][0].endswith(
        "is a model folder alone and does not say what it was trained on"
    )


def test_changed_data_leaves_nothing_to_measure(tmp_path):
    place = write_npz(tmp_path / "old.npz", OLD, slice(0, 320), slice(1300, None))
    (record,) = starting_point(str(old_images())).records
    record = {**record, "data": {**record["data"], "place": str(place)}}
    assert read_earlier(record).reason == f"{place} is not what it was trained on: it has changed since"
    place.unlink()
    found = read_earlier(record)
    assert found.dataset is None
    assert found.reason.startswith("the data it was trained on cannot be read: ")
    assert found.reason.endswith("no such file or folder")


@pytest.mark.parametrize("record", [{}, {"data": {"place": "x"}}, {"data": 3, "settings": 4, "known": None}])
def test_records_that_make_no_sense_are_not_at_hand(record):
    found = read_earlier({"run": "old", **record})
    assert (found.dataset, found.reason) == (None, "config.json of old does not say how its data is read")


def test_old_data_without_a_test_split_has_nothing_to_ask():
    start = starting_point(str(old_images()))
    old = prepared([*CLASSES[:7]] * 10, np.random.default_rng(0).integers(0, 255, (70, 8, 8, 1), np.uint8))
    bare = dataclasses.replace(old, test=old.test[:0])
    continual = ContinualTraining(start, [{}], [Earlier("a", bare), Earlier("b", None, "gone")])
    assert old_test(continual, old).examples == 0
    assert continual.not_at_hand == ["gone"]


def made(labels, classes, target=CLASSIFICATION):
    """A data set of such labels, its images all different, the last six for the test."""
    images = np.random.default_rng(len(labels)).integers(0, 256, (len(labels), 4, 4, 1)).astype(np.uint8)
    places = np.arange(len(labels))
    return Dataset(
        images, np.array(labels), places[:-6], places[:0], classes, None, test=places[-6:], target=target
    )


def test_old_examples_are_answered_before_and_after_and_classes_go_by_name(monkeypatch):
    """The old data and the earlier network have their classes in other orders than the new data."""
    old = OldTest(
        [(made([0, 1, 1, 0, 1, 0, 1, 0], ("b", "a")), np.array([2, 3, 4, 5, 6, 7]))], ["old.npz"], 4
    )
    tables = {
        "before": (("b", "a"), np.eye(2)[[0, 0, 1, 0, 1, 0, 1, 1]] * 0.8 + 0.1),
        "after": (("a", "b", "c"), np.eye(3)[[0, 0, 2, 2, 0, 0, 2, 1]] * 0.7 + 0.1),
    }
    before, after = (SimpleNamespace(classes=classes, table=table) for classes, table in tables.values())
    monkeypatch.setattr(forgetting_module, "answers", lambda model, _, some: model.table[some])
    new = made([0, 1, 2, 0, 1, 2, 0], ("a", "b", "c"))
    found = forgetting(old, before, Candidate("net", after, 1, 1.0), new, 3, went_on=True)
    # True a b a b a b: before a b a b a a, after c c a a c b.
    assert [found[part]["accuracy"]["value"] for part in ("before", "after")] == [5 / 6, 2 / 6]
    assert found["accuracy_difference"]["value"] == pytest.approx(-1 / 2)
    assert (found["examples"], found["left_out"], found["data"]) == (6, 4, ["old.npz"])
    rows = [(row["class"], row["before"], row["after"]) for row in found["classes"]]
    assert rows == [("a", 1.0, pytest.approx(1 / 3)), ("b", pytest.approx(2 / 3), pytest.approx(1 / 3))]


def test_what_the_network_learned_from_since_says_nothing_of_forgetting():
    old = made([0, 1] * 10, ("a", "b"))
    learned = made([1, 0] * 8, ("a", "b"))
    learned.inputs[[3, 5]] = old.inputs[[15, 18]]
    learned = dataclasses.replace(learned, train=np.arange(5), validation=np.arange(5, 8))
    gone = Earlier("gone.npz", None, "gone.npz is gone")
    continual = SimpleNamespace(learned=lambda _: learned, earlier=[gone, Earlier("old.npz", old)])
    found = old_test(continual, learned)
    ((data, kept),) = found.data
    assert data is old
    assert kept.tolist() == [14, 16, 17, 19]
    assert (found.places, found.left_out, found.examples) == (["old.npz"], 2, 4)
