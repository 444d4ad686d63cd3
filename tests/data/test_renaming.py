"""Classes by other names, and classes that are too small to keep."""

import json

import pytest

from data.made import listing_of
from pellucid.data import prepare, write_ledger
from pellucid.data.sources.labelled import as_asked
from pellucid.errors import DataError, UsageError
from pellucid.settings import Settings

LABELS = ["HAPPINESS"] * 20 + ["happiness"] * 30 + ["anger"] * 30 + ["fear"] * 4 + ["awe"] * 2


def read(**given):
    return as_asked(listing_of(LABELS), Settings(**given))


def test_named_classes_are_renamed_and_others_stay():
    listing = read(rename={"anger": "fury", "HAPPINESS": "happiness"})
    assert [listing.labels[at] for at in (0, 20, 50, 80, 84)] == [
        "happiness",
        "happiness",
        "fury",
        "fear",
        "awe",
    ]
    said = "\n".join(listing.warnings)
    assert "Renamed: 2 classes, 'anger' to 'fury', 'HAPPINESS' to 'happiness'." in said
    assert "Merged into 'happiness': 'HAPPINESS' (20 images) and 'happiness' (30 images)." in said


def test_an_unknown_old_name_is_refused_with_the_one_that_is_meant():
    with pytest.raises(UsageError, match=r"--rename: .* has no class 'angry' \(is it 'anger'\?\); it has"):
        read(rename={"angry": "fury"})
    with pytest.raises(UsageError, match=r"has no classes 'angry' .*, 'xyz'; it has"):
        read(rename={"angry": "fury", "xyz": "none"})


def test_numbers_to_predict_have_no_names():
    listing = listing_of(["1.5", "2.5"] * 20)
    with pytest.raises(UsageError, match=r"^--rename: names classes, but the labels of"):
        as_asked(listing, Settings(rename={"1.5": "2"}, target="number"))
    with pytest.raises(UsageError, match=r"^--min-examples: .* has no classes"):
        prepare(as_asked(listing, Settings(target="number")), Settings(target="number", min_examples=3))


def test_rare_classes_are_left_out_said_and_in_the_ledger(tmp_path):
    settings = Settings(min_examples=5)
    dataset, check = prepare(listing_of(LABELS), settings)
    assert dataset.classes == ("HAPPINESS", "anger", "happiness")
    assert sum(map(len, dataset.split_positions.values())) == 80
    assert check.metrics()["skipped"] == 6
    assert check.metrics()["rare_classes"] == {"awe": 2, "fear": 4}
    assert (
        "Left out for having too few images (--min-examples): 2 classes with 6 images, 'awe' (2), 'fear' (4)."
    ) in check.sentences()
    rows = [json.loads(line) for line in write_ledger(tmp_path, dataset, check).read_text().splitlines()]
    assert [row["fate"] for row in rows[79:]] == ["used"] + ["skipped"] * 6
    assert rows[85] == {
        "id": 85,
        "source": rows[85]["source"],
        "label": "awe",
        "split": "",
        "fate": "skipped",
        "reason": "class of 2 examples, fewer than --min-examples 5",
        "content": rows[85]["content"],
    }


def test_too_large_a_number_leaves_no_classes():
    with pytest.raises(DataError, match="--min-examples leaves 5 classes out, the largest with 30 images"):
        prepare(listing_of(LABELS), Settings(min_examples=100))


def test_merged_classes_count_together():
    listing = read(rename={"awe": "fear"})
    assert prepare(listing, Settings(min_examples=5))[0].classes == (
        "HAPPINESS",
        "anger",
        "fear",
        "happiness",
    )
