import json
import unicodedata

import numpy as np
import pytest
from PIL import Image

from data.made import images_of, listing_of, write_class_folders
from pellucid.data import Check, prepare
from pellucid.data.label_findings import look_alikes
from pellucid.data.wording import count_of, fitted, quoted, visible, width
from pellucid.settings import Settings


def check_of(*arguments, settings: Settings | None = None, **more) -> Check:
    return prepare(listing_of(*arguments, **more), settings or Settings())[1]


def said(check: Check) -> str:
    return "\n".join(check.sentences())


def test_counts_per_class_and_split():
    check = check_of(["a", "b", "b"] * 40)
    assert check.counts == {"train": (25, 51), "validation": (7, 13), "test": (8, 16)}
    assert check.metrics() == {
        "train": 76,
        "validation": 20,
        "test": 24,
        "skipped": 0,
        "duplicates": 0,
        "near_duplicates": 0,
        "leaked": 0,
        "siblings": 0,
        "siblings_by_rule": {
            rule: {"sets": 0, "examples": 0}
            for rule in ("near_copies", "turned_copies", "near_turned_copies")
        },
        "test_siblings": 0,
    }


def test_json_has_the_counts_of_metrics_and_survives_json():
    check = check_of(["a", "b"] * 20)
    document = json.loads(json.dumps(check.to_json()))
    assert document == check.to_json()
    assert check.metrics().items() <= document.items()
    assert document["counts"]["a"] == {"train": 12, "validation": 4, "test": 4}


def test_copies_conflicts_and_leaks_are_counted_and_named():
    pixels = images_of(40)
    pixels[4] = pixels[3] = pixels[0]
    pixels[39] = pixels[8]
    splits = ["train"] * 25 + ["validation"] * 5 + ["test"] * 10
    check = check_of(["a", "b"] * 20, splits=splits, pixels=pixels)
    assert check.duplicates == 3
    assert check.copies == (("table.csv:1", "table.csv:4", "table.csv:5"), ("table.csv:9", "table.csv:40"))
    assert check.leaked == ("table.csv:40",)
    assert check.related == (("exact copies", 5, 2, 1),)
    assert [[each.label for each in conflict] for conflict in check.conflicts] == [
        ["a", "b", "a"],
        ["a", "b"],
    ]
    assert "Exact copies of other images: 3, in 2 sets" in said(check)
    assert "also given without them: 1, for instance table.csv:40" in said(check)
    assert "table.csv:9 ('a'), table.csv:40 ('b')" in said(check)


def test_copies_stay_on_one_side_where_we_split():
    pixels = np.repeat(images_of(30), 2, axis=0)
    check = check_of(["a", "a", "b", "b"] * 15, pixels=pixels)
    assert check.duplicates == 30
    assert check.leaked == ()
    assert not check.own_splits
    assert check.related == (("exact copies", 60, 30, 0),)


def test_near_copies_are_counted_but_not_moved():
    smooth = np.kron(images_of(40, side=8), np.ones((1, 4, 4, 1), np.uint8))
    smooth[39] = np.clip(smooth[0].astype(int) + 3, 0, 255)
    splits = ["train"] * 30 + ["test"] * 10
    check = check_of(["a", "b"] * 20, splits=splits, pixels=smooth)
    assert check.near_copies == (("table.csv:1", "table.csv:40"),)
    assert (check.near_duplicates, check.leaked, check.own_splits) == (1, (), True)
    assert check.related == (("near duplicates", 2, 1, 1),)
    assert (
        "Near duplicates: 2 images in 1 set, for instance table.csv:1 and table.csv:40; 1 of the test has one"
        in said(check)
    )


def test_mixed_sizes_and_modes_are_said(tmp_path):
    folder = write_class_folders(tmp_path / "photos", {"cat": 8, "dog": 8})
    Image.new("RGB", (40, 20), (200, 30, 90)).save(folder / "cat" / "wide.png")
    check = prepare(str(folder), Settings())[1]
    assert check.sizes == ((16, 16, 16), (20, 40, 1))
    assert dict(check.modes) == {"grey": 16, "colour": 1}
    assert check.training_size == (32, 32, 3)
    words = said(check)
    assert "2 sizes, 16 to 20 pixels high and 16 to 40 wide" in words
    assert "fitted into 32 x 32 pixels in colour with its aspect kept" in words
    assert "stored as: 16 grey, 1 colour" in words


def test_one_size_trained_at_another_is_said():
    assert "All are 12 x 12 pixels; each is fitted into 10 x 14 pixels in grey" in said(
        check_of(["a", "b"] * 20, settings=Settings(image_size="10x14"))
    )


@pytest.mark.parametrize(
    ("first", "second", "difference"),
    [
        ("cat", "cat ", "spaces"),
        ("hot dog", "hot  dog", "spaces"),
        ("Cat", "cat", "upper and lower case"),
        ("Straße", "STRASSE", "upper and lower case"),
        ("café", unicodedata.normalize("NFD", "café"), "the way their accents are encoded"),
        ("Cat", "cat\u200b", "spaces, case or the way their characters are encoded"),
    ],
)
def test_look_alike_classes_are_warned_of_with_both_names(first, second, difference):
    assert [each.difference for each in look_alikes([first, "other", second])] == [difference]
    check = check_of([first, second, "other"] * 10)
    names = sorted([first, second])
    assert f"Classes {quoted(names[0])} and {quoted(names[1])} differ only in {difference}" in said(check)


def test_plain_names_are_not_look_alikes():
    assert look_alikes(["1", "10", "01", "cat", "cart", "NA", "null"]) == ()


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        ("balanced", "class weights in training make up for it"),
        (None, "compare the scores of each class; where rare ones matter more"),
    ],
)
def test_imbalance_and_what_is_done_about_it(weight, words):
    check = check_of(["a"] * 120 + ["b"] * 12, settings=Settings(class_weight=weight))
    assert check.imbalance > 5
    assert check.balanced == (weight is not None)
    assert f"'b': {check.imbalance:.3g} times; {words}" in said(check)


def test_mild_imbalance_is_passed_over():
    check = check_of(["a"] * 40 + ["b"] * 12)
    assert not check.balanced
    assert "times" not in said(check)


def test_a_test_split_cut_from_the_users_training_split_is_told():
    labels, words = (
        ["a", "b"] * 20,
        "Your splits name no test, so 6 images of your training split were set aside",
    )
    assert words in said(check_of(labels, splits=["train"] * 30 + ["validation"] * 10))
    assert "name no test" not in said(check_of(labels, splits=["train"] * 30 + ["test"] * 10))
    assert "name no test" not in said(check_of(labels))


def test_group_in_two_of_the_users_splits_is_warned_of():
    splits = ["train"] * 30 + ["test"] * 10
    check = check_of(["a", "b"] * 20, splits=splits, groups=["g1"] * 4 + [""] * 32 + ["g1"] * 4)
    assert "1 group is in more than one of your splits, so scores may be too good: 'g1'." in said(check)


def test_groups_that_we_divide_are_not_warned_of():
    check = check_of(["a", "b"] * 40, groups=[f"g{index // 4}" for index in range(80)])
    assert "more than one of your splits" not in said(check)
    assert check.metrics()["groups"] == {
        "train": 12,
        "validation": 4,
        "test": 4,
        "several": {
            "train": {"sets": 12, "examples": 48},
            "validation": {"sets": 4, "examples": 16},
            "test": {"sets": 4, "examples": 16},
        },
        "given": True,
        "matter": True,
    }
    assert (
        "Groups of two or more: 12 with 48 images in train, 4 with 16 images in validation, "
        "4 with 16 images in test." in said(check)
    )

    assert (
        "Groups: 12 in train, 4 in validation, 4 in test; intervals of test scores are over groups"
        in said(check)
    )
    assert "The test split has only 4 groups" in said(check)
    assert "one or two groups" not in said(check)


def test_sets_of_copies_are_counted_in_each_split_and_nothing_where_all_stand_alone():
    pixels = images_of(60)
    pixels[1::10], pixels[2::10] = pixels[::10], pixels[::10]
    check = check_of(["a"] * 60 + ["b"] * 40, pixels=np.concatenate([pixels, images_of(40, seed=1)]))
    several = check.metrics()["groups"]["several"]
    assert sum(each["sets"] for each in several.values()) == 6
    assert sum(each["examples"] for each in several.values()) == 18
    assert "groups" not in check_of(["a", "b"] * 40).metrics()


def test_small_classes_in_the_users_own_split():
    labels = ["a", "b"] * 20 + ["rare"] + ["a", "b"] * 5
    words = said(check_of(labels, splits=["train"] * 41 + ["test"] * 10))
    assert "One training example is all there is of class 'rare'" in words
    assert "The test split has no example of class 'rare'." in words
    assert "The validation split has no example of class 'rare'." in words


HOSTILE = "\x1b[2J\r\n<script>alert(1)</script>\u202egnp"


def test_hostile_names_are_harmless_in_the_terminal():
    check = check_of([HOSTILE, "plain"] * 20)
    lines = [*check.lines(), *check.sentences()]
    assert len(lines) >= 3
    for line in lines:
        assert all(character.isprintable() for character in line)
    assert r"\x1b[2J\r\n<script>alert(1)" in "\n".join(check.table())


def test_warnings_of_reading_are_made_harmless_too():
    listing = listing_of(["a", "b"] * 20)
    import dataclasses

    check = prepare(dataclasses.replace(listing, warnings=("odd file \x1b[31m",)), Settings())[1]
    assert r"odd file \x1b[31m" in check.sentences()


@pytest.mark.parametrize(
    "names",
    [
        ["a", "b"],
        [f"class number {index} {'x' * 90}" for index in range(60)],
        ["中文" * 40, "b"],
        ["long " * 20 + "A", "long " * 20 + "a"],  # look alike, and are told in a sentence of three lines
    ],
)
def test_lines_fit_into_80_columns(names):
    check = check_of(names * 4)
    lines = check.lines()
    assert set(check.table()) <= set(lines)
    words = " ".join(" ".join(lines).split())
    assert all(" ".join(sentence.split()) in words for sentence in check.sentences())
    for line in lines:
        assert width(line) <= 80, line


def test_table_of_many_classes_shows_the_largest_and_counts_the_rest():
    labels = [f"c{index:02}" for index in range(60) for _ in range(4 + index)]
    table = check_of(labels).table()
    assert len(table) == 1 + 15 + 1 + 1
    assert table[1].startswith("c45")
    assert table[-2].startswith("and 45 more")
    assert len({len(line) for line in table}) == 1
    shown = np.array([[int(cell.replace(",", "")) for cell in line.split()[-3:]] for line in table[1:]])
    assert shown[:-1].sum(axis=0).tolist() == shown[-1].tolist()


def test_words():
    assert [count_of(1, "class"), count_of(2, "class"), count_of(1234, "image"), count_of(0, "copy")] == [
        "1 class",
        "2 classes",
        "1,234 images",
        "0 copies",
    ]
    assert quoted("x" * 100) == f"'{'x' * 30}...{'x' * 27}'"
    assert fitted("中文字符", 6) == "中... "
    assert fitted("abc", 5) == "abc  "
    assert visible("a b\u00a0ü") == "a b\u00a0ü"
    assert visible("\ud800") == r"\ud800"
