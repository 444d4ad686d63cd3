"""Several labels of one example, in every form in which they come."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.made import listing_of, read
from made_images import context, encoded
from pellucid.data import prepare
from pellucid.data.label_sets import array_in, as_array, parts_of, separator_in
from pellucid.data.splitting import folds, split
from pellucid.errors import DataError, UsageError
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION, MULTILABEL, labels_of_states

NAMES = st.text(st.characters(whitelist_categories=("Ll", "Lu", "Nd")), min_size=1, max_size=6)


def table(path: Path, rows: list[str], heading: str = "text,label") -> Path:
    path.write_text("\n".join([heading, *rows]) + "\n")
    return path


def sets_of(listing) -> list[set[str]]:
    labels = listing.coded
    return [{labels.names[code] for code in np.flatnonzero(row == 1)} for row in labels.values]


# Rules.


@pytest.mark.parametrize(
    ("cells", "separator"),
    [
        (["a;b", "a", "b;c", "c"], ";"),
        (["red|blue", "blue", "red"], "|"),
        (["a;b", "a;c", "b;c"], ";"),
        (["salt; pepper", "sugar; milk"], None),  # two classes, whose names hold the sign
        (["a;b", "a;b", "c;d"], None),
        (["a,b", "a", "b"], None),  # names have commas
        (["a", "b", "c"], None),
        (["a;b", "c"], None),
    ],
)
def test_a_separator_is_detected_where_parts_recur(cells, separator):
    assert separator_in(cells) == separator


@given(st.lists(st.lists(NAMES, max_size=4), max_size=8))
def test_arrays_are_read_back(lists):
    for each in lists:
        assert array_in(as_array(each)) == each
        assert array_in(str(each)) == each  # as pandas writes lists into CSV


@pytest.mark.parametrize("text", ["[", "[a, b]", "{}", '["a", ["b"]]', "a;b", "", "[None]", "[" * 90_000])
def test_what_is_no_array(text):
    assert array_in(text) is None


def test_space_and_nothing_between_separators_count_for_nothing():
    assert parts_of(" a ;; b;", ";") == ["a", "b"]


# Forms of data.


def test_a_column_with_separators(tmp_path):
    listing = read(table(tmp_path / "t.csv", ["one,a;b", "two,b", "three,a;c", "four,c"]))
    assert sets_of(listing) == [{"a", "b"}, {"b"}, {"a", "c"}, {"c"}]
    assert listing.labels == ["a;b", "b", "a;c", "c"]
    assert listing.target is MULTILABEL
    assert any("several labels, as in 'a;b'" in each for each in listing.warnings)


def test_the_user_may_take_them_as_classes(tmp_path):
    place = table(tmp_path / "t.csv", ["one,a;b", "two,b", "three,a;b", "four,a"])
    assert read(place, target="class").target is CLASSIFICATION


def test_a_comma_separates_where_the_user_says_so(tmp_path):
    place = table(tmp_path / "t.tsv", ['one\t"a,b"', "two\tb"], "text\tlabel")
    assert read(place).target is CLASSIFICATION
    assert sets_of(read(place, label_separator=",")) == [{"a", "b"}, {"b"}]


def test_single_labels_are_taken_as_several_where_that_is_asked_for(tmp_path):
    place = table(tmp_path / "t.csv", ["one,a", "two,b", "three,"])
    listing = read(place, target="labels", unlabelled="none")
    assert sets_of(listing) == [{"a"}, {"b"}, set()]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_lists_of_json_and_parquet(tmp_path, ending):
    rows = [
        {"text": "one", "tags": ["b", "a"]},
        {"text": "two", "tags": []},
        {"text": "three", "tags": ["b"]},
    ]
    place = tmp_path / f"t.{ending}"
    if ending == "jsonl":
        place.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        import pyarrow as pa
        from pyarrow import parquet

        parquet.write_table(pa.Table.from_pylist(rows), place)
    listing = read(place)
    assert sets_of(listing) == [{"a", "b"}, set(), {"b"}]  # an empty list is no question


def test_fasttext_lines_with_several_labels(tmp_path):
    place = tmp_path / "t.txt"
    place.write_text("__label__a __label__b one two\n__label__a three\n__label__b four\n")
    listing = read(place)
    assert sets_of(listing) == [{"a", "b"}, {"a"}, {"b"}]
    assert listing.texts is not None
    assert listing.texts[0] == "one two"


COLUMNS = "text,cat,dog,owl"


def test_columns_of_0_and_1_are_found(tmp_path):
    rows = ["a long enough text,1,0,0", "another long text,0,1,1", "a third text here,0,0,0"]
    listing = read(table(tmp_path / "t.csv", rows, COLUMNS))
    assert sets_of(listing) == [{"cat"}, {"dog", "owl"}, set()]
    assert any("labels from columns 'cat', 'dog', 'owl'" in each for each in listing.warnings)


def test_columns_of_0_and_1_are_named(tmp_path):
    rows = ["a long enough text,yes,0,0", "another long text,no,1,1", "a third text here,no,0,0"]
    listing = read(table(tmp_path / "t.csv", rows, COLUMNS), label_column="cat,owl")
    assert sets_of(listing) == [{"cat"}, {"owl"}, set()]


def test_another_value_in_a_column_of_0_and_1_is_refused_with_its_row(tmp_path):
    place = table(tmp_path / "t.csv", ["some text,1,0,0", "more text,0,2,1"], COLUMNS)
    with pytest.raises(DataError, match=r"column 'dog' has '2' at row 3"):
        read(place, label_column="cat,dog,owl")


def test_an_empty_cell_is_a_question(tmp_path):
    place = table(tmp_path / "t.csv", ["one,a;b", "two,b", "three,a", "four,"])
    with pytest.raises(DataError, match=r"t.csv:5; give --unlabelled none .*--unlabelled unknown"):
        read(place)
    assert sets_of(read(place, unlabelled="none"))[3] == set()
    assert not read(place, unlabelled="unknown").coded.is_known()[3]


def test_an_empty_cell_of_a_column_is_unknown_alone(tmp_path):
    rows = ["a long enough text,1,,0", "another long text,0,1,1", "a third text here,0,0,"]
    listing = read(table(tmp_path / "t.csv", rows, COLUMNS), unlabelled="unknown")
    assert listing.coded.values.tolist() == [[1, -1, 0], [0, 1, 1], [0, 0, -1]]
    assert listing.coded.is_known().all()


def test_settings_of_several_labels_are_refused_elsewhere(tmp_path):
    place = table(tmp_path / "t.csv", ["one,a", "two,b"])
    with pytest.raises(UsageError, match="--unlabelled: belongs to examples with several labels"):
        read(place, unlabelled="none")


def test_a_label_that_answers_could_not_give_back_is_refused(tmp_path):
    place = tmp_path / "t.jsonl"
    place.write_text('{"text": "one", "labels": ["a;b", "c"]}\n{"text": "two", "labels": ["c"]}\n')
    with pytest.raises(DataError, match=r"the label 'a;b' at .*t.jsonl:1 has ';' in it"):
        read(place)


def test_renaming_makes_one_label_of_two(tmp_path):
    place = table(tmp_path / "t.csv", ["one,a;b", "two,b;c", "three,c", "four,a"])
    listing = read(place, rename={"a": "x", "b": "x"})
    assert sets_of(listing) == [{"x"}, {"x", "c"}, {"c"}, {"x"}]


# Class folders.


def fill(folder: Path, classes: dict[str, list[int]]) -> None:
    for name, numbers in classes.items():
        (folder / name).mkdir(parents=True)
        for number in numbers:
            (folder / name / f"{number}.png").write_bytes(encoded(context(seed=number)))


def test_an_image_in_several_class_folders_has_several_labels(tmp_path):
    fill(tmp_path / "all", {"beach": [*range(12)], "sunset": [*range(8, 20)], "boat": [1, 9, 19, 20]})
    listing = read(tmp_path / "all")
    assert len(listing) == 21
    by_name = dict(zip([Path(each).name for each in listing.sources], sets_of(listing), strict=True))
    assert by_name["9.png"] == {"beach", "sunset", "boat"}
    assert by_name["20.png"] == {"boat"}
    assert any("an example in several class folders" in each for each in listing.warnings)


def test_texts_in_several_class_folders(tmp_path):
    for name, numbers in {"a": range(6), "b": range(3, 9)}.items():
        (tmp_path / name).mkdir()
        for number in numbers:
            (tmp_path / name / f"{number}.txt").write_text(f"text number {number}")
    listing = read(tmp_path)
    assert len(listing) == 9
    assert sets_of(listing)[3] == {"a", "b"}


def test_two_copies_by_mistake_are_a_conflict_and_no_labels(tmp_path):
    fill(tmp_path / "all", {"cat": [*range(30)], "dog": [*range(28, 60)]})
    assert read(tmp_path / "all").target is CLASSIFICATION
    _, check = prepare(str(tmp_path / "all"), Settings())
    assert any("give --target labels" in each for each in check.sentences())
    assert len(read(tmp_path / "all", target="labels")) == 60


# What becomes of them.


def test_a_data_set_of_several_labels(tmp_path):
    rows = [f"text number {n} is here,{'a;b' if n % 3 else 'b' if n % 2 else 'c'}" for n in range(90)]
    rows += [f"nobody looked at {n},," for n in range(4)]
    place = table(tmp_path / "t.csv", [row.removesuffix(",") if row.endswith(",,") else row for row in rows])
    dataset, check = prepare(str(place), Settings(unlabelled="unknown", groups=False))
    assert dataset.classes == ("a", "b", "c")
    assert dataset.target is MULTILABEL
    assert len(np.concatenate([dataset.train, dataset.validation, dataset.test])) == 90
    assert len(check.left_out) == 4
    assert check.metrics()["skipped"] == 4
    assert dataset.label_text(int(np.flatnonzero(dataset.labels[:, 0] == 1)[0])) == "a;b"
    assert any("1.7 labels on average" in each for each in check.sentences())
    assert check.to_json()["labels"]["pairs"][0] == {"first": "a", "second": "b", "examples": 60}


def test_rare_labels_are_left_out_and_their_examples_stay(tmp_path):
    rows = [f"text number {n} is here,{'a;rare' if n == 3 else 'a' if n % 2 else 'b'}" for n in range(60)]
    dataset, check = prepare(str(table(tmp_path / "t.csv", rows)), Settings(min_examples=5))
    assert dataset.classes == ("a", "b")
    assert sum(check.examples.values()) == 60
    assert any("'rare' (1)" in each for each in check.sentences())


def test_labels_that_all_have_leave_nothing_to_learn(tmp_path):
    rows = [f"text number {n} is here,a;b" for n in range(30)]
    with pytest.raises(DataError, match="nothing to learn"):
        prepare(str(table(tmp_path / "t.csv", rows)), Settings(target="labels"))


def labelled(states: np.ndarray):
    names = tuple(f"label {code:02}" for code in range(states.shape[1]))
    labels = labels_of_states(states.astype(np.int8), names)
    listing = listing_of(labels.texts())
    object.__setattr__(listing, "decided", labels)
    return listing


@given(seed=st.integers(0, 1000), labels=st.integers(1, 12), count=st.integers(60, 400))
def test_splits_are_of_exact_size_and_every_label_gives_its_share(seed, labels, count):
    draws = np.random.default_rng(seed)
    states = draws.random((count, labels)) < draws.uniform(0.02, 0.5, labels)
    listing = labelled(states)
    splits = split(listing, np.arange(count), np.ones(count, bool), seed)
    test = splits == "test"
    assert test.sum() == round(0.2 * count)
    left = count - int(test.sum())
    assert (splits == "validation").sum() == max(round(0.1 * left), min(20, left // 4))
    for label in states.T:
        examples = int(label.sum())
        assert abs(int((label & test).sum()) - test.mean() * examples) <= max(6.0, 0.25 * examples)
        if examples >= 3:
            assert all((label & (splits == part)).any() for part in ("train", "validation", "test"))
        elif examples:
            assert (label & (splits == "train")).any()


def test_groups_stay_whole_and_the_draw_is_repeated():
    draws = np.random.default_rng(3)
    states = draws.random((300, 6)) < 0.2
    first = np.arange(300) // 3 * 3
    listing = labelled(states)
    splits = split(listing, first, np.ones(300, bool), 5)
    assert all(len(set(splits[first == leader])) == 1 for leader in set(first.tolist()))
    assert (splits == split(listing, first, np.ones(300, bool), 5)).all()
    assert abs((splits == "test").sum() - 60) <= 2


def test_folds_share_every_label(tmp_path):
    draws = np.random.default_rng(0)
    rows = []
    for n in range(200):
        present = [name for name, share in (("a", 0.5), ("b", 0.3), ("c", 0.1)) if draws.random() < share]
        rows.append(json.dumps({"text": f"text number {n} is here", "labels": present}))
    place = tmp_path / "t.jsonl"
    place.write_text("\n".join(rows))
    dataset, _ = prepare(str(place), Settings(groups=False))
    parts = folds(dataset, 5, 0)
    judged = np.concatenate([part.test for part in parts])
    assert sorted(judged.tolist()) == sorted([*dataset.train.tolist(), *dataset.validation.tolist()])
    shares = np.array([(dataset.labels[part.test] == 1).mean(axis=0) for part in parts])
    assert np.ptp(shares, axis=0).max() < 0.06


@pytest.mark.parametrize(
    ("splits", "words"),
    [
        (["train", "validation", "test", "test"], "no text of the test split can be used"),
        (["test", "validation", "test", "test"], "no text is for training; mark some as train"),
    ],
)
def test_each_split_needs_examples_whose_labels_are_known(tmp_path, splits, words):
    cells = ["a;b", "a", "", "b"] if "train" not in splits else ["a;b", "b", "", ""]
    rows = [f"text {at} of some words,{cells[at % 4]},{splits[at % 4]}" for at in range(40)]
    place = table(tmp_path / "t.csv", rows, "text,label,split")
    with pytest.raises(DataError, match=words):
        prepare(str(place), Settings(target="labels", unlabelled="unknown"))
