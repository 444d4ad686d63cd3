"""Rehearsal: which old examples are learned again, and that none of them is a new one."""

import numpy as np
import pytest

from data.made import images_of, listing_of, listing_of_texts, with_numbers
from pellucid.data import prepare
from pellucid.data.dataset import EarlierConstraints
from pellucid.data.raw_texts import Texts
from pellucid.pipeline.continual import starting_point
from pellucid.pipeline.continual.starting_point import contents, rehearsed
from pellucid.settings import Settings

PIXELS = images_of(700, seed=1)


@pytest.fixture(autouse=True)
def small_least(monkeypatch):
    monkeypatch.setattr(starting_point, "LEAST", 40)


def dataset_of(labels, pixels, known=()):
    return prepare(listing_of(labels, pixels=pixels), Settings(), known=EarlierConstraints(tuple(known)))[0]


def old_and_new(old_count=400, new_count=100):
    old = dataset_of(["a", "a", "a", "b"] * (old_count // 4), PIXELS[:old_count])
    new = dataset_of(["b", "c"] * (new_count // 2), PIXELS[500 : 500 + new_count], known=("a", "b"))
    return old, new


def names(found, dataset):
    return [dataset.classes[code] for code in found.material.labels[found.material.train].tolist()]


def test_new_examples_come_first_and_keep_their_places():
    old, new = old_and_new()
    found = rehearsed(new, [old], seed=3)
    material, count = found.material, len(new.labels)
    np.testing.assert_array_equal(material.inputs[:count], new.inputs)
    np.testing.assert_array_equal(material.labels[:count], new.labels)
    np.testing.assert_array_equal(material.train[: len(new.train)], new.train)
    np.testing.assert_array_equal(material.validation[: len(new.validation)], new.validation)
    assert material.classes == new.classes == ("a", "b", "c")
    assert len(material.labels) == count + found.train + found.validation
    behind = np.concatenate([material.train[len(new.train) :], material.validation[len(new.validation) :]])
    assert sorted(behind.tolist()) == list(range(count, len(material.labels)))


def test_what_is_rehearsed_is_old_training_data_under_its_own_label():
    old, new = old_and_new()
    material = rehearsed(new, [old], seed=3).material
    known = {
        old.inputs[position].tobytes(): (old.classes[old.labels[position]], part)
        for part, positions in old.split_positions.items()
        for position in positions.tolist()
    }
    for part, of_new in (("train", new.train), ("validation", new.validation)):
        again = getattr(material, part)[len(of_new) :].tolist()
        assert again
        for position in again:
            name = material.classes[material.labels[position]]
            assert known[material.inputs[position].tobytes()] == (name, part)


def test_classes_give_their_shares():
    old, new = old_and_new()
    found = rehearsed(new, [old], seed=3)
    again = names(found, new)[len(new.train) :]
    assert again.count("a") == pytest.approx(3 * again.count("b"), abs=3)


def test_the_draw_depends_on_the_seed_alone():
    old, new = old_and_new()
    first, same, other = (rehearsed(new, [old], seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.material.inputs, same.material.inputs)
    assert not np.array_equal(first.material.inputs, other.material.inputs)


def test_copies_of_new_examples_are_left_out():
    old, _ = old_and_new()
    copies = np.concatenate([PIXELS[:60], PIXELS[500:560]])
    new = dataset_of(["b", "c"] * 60, copies, known=("a", "b"))
    found = rehearsed(new, [old], seed=0)
    fresh = contents(found.material.inputs, np.arange(len(new.labels), len(found.material.labels)))
    assert not set(fresh) & set(contents(new.inputs, np.arange(len(new.labels))))
    assert found.of == len(old.train)


def test_no_test_example_is_learned_by_way_of_an_old_copy(monkeypatch):
    """Every new test example has a copy in the old training data, all the rest of which is rehearsed."""
    monkeypatch.setattr(starting_point, "LEAST", 1000)
    splits = ["train"] * 40 + ["validation"] * 10 + ["test"] * 10
    listing = listing_of(["b", "c"] * 30, splits=splits, pixels=PIXELS[500:560])
    new = prepare(listing, Settings(), known=EarlierConstraints(("a", "b")))[0]
    pixels = np.concatenate([PIXELS[:70], PIXELS[550:560]])
    old_splits = (["train"] * 5 + ["validation"] + ["test"]) * 10 + ["train"] * 10
    old = prepare(listing_of(["a", "b"] * 40, splits=old_splits, pixels=pixels), Settings())[0]
    tested = set(contents(new.inputs, new.test))
    assert len(tested) == 10
    assert tested <= set(contents(old.inputs, old.train))
    found = rehearsed(new, [old], seed=0)
    assert (len(old.train), found.train, found.validation) == (60, 50, 10)
    learned = np.concatenate([found.material.train, found.material.validation])
    assert not tested & set(contents(found.material.inputs, learned))


def test_several_data_sets_are_drawn_from_together():
    old, new = old_and_new(200)
    other = dataset_of(["d", "e"] * 60, PIXELS[200:320])
    new = dataset_of(["b", "c"] * 50, PIXELS[500:600], known=("a", "b", "d", "e"))
    found = rehearsed(new, [old, other], seed=0)
    assert {"a", "b", "c", "d", "e"} == set(names(found, new))
    assert found.fingerprints == (old.fingerprint, other.fingerprint)
    assert found.to_json() == {
        "train": found.train,
        "of": len(old.train) + len(other.train),
        "validation": found.validation,
        "fingerprints": [old.fingerprint, other.fingerprint],
    }


def test_texts_are_rehearsed_as_they_are():
    texts = [f"text number {row}" for row in range(120)]
    old = prepare(listing_of_texts(texts[:80], ["a", "b"] * 40), Settings())[0]
    new = prepare(
        listing_of_texts(texts[70:], ["b", "c"] * 25), Settings(), known=EarlierConstraints(("a", "b"))
    )[0]
    found = rehearsed(new, [old], seed=0)
    assert isinstance(found.material.inputs, Texts)
    assert list(found.material.inputs)[:50] == texts[70:]
    assert found.train > 0
    assert set(list(found.material.inputs)[50:]) <= set(texts[:70])


def test_numbers_are_drawn_from_their_whole_range():

    def numbers(start, count):
        listing = listing_of([str(row) for row in range(count)], pixels=PIXELS[start : start + count])
        return prepare(with_numbers(listing, np.arange(float(count))), Settings())[0]

    found = rehearsed(numbers(500, 60), [numbers(0, 400)], seed=0)
    again = found.material.labels[60:]
    assert found.material.classes == ()
    assert again.min() < 60
    assert again.max() > 340
