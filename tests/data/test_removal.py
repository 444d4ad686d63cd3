"""What `--ignore` takes out of texts and images, once and again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.made import listing_of_texts, made_texts, read, require_refused, texts_of
from pellucid.data import Preprocessing, prepare
from pellucid.data.removal import image_without, text_without
from pellucid.errors import UsageError
from pellucid.settings import Settings, parse_ignore


@pytest.mark.parametrize(
    ("text", "rule", "expected"),
    [
        ("Intermediate\nThe text", "token:intermediate", "The text"),
        ("Intermediate The text", "token:intermediate", "The text"),
        ("An INTERMEDIATE text", "token:intermediate", "An text"),
        ("Intermediates stay", "token:intermediate", "Intermediates stay"),
        ("so sent  from afar.", "token:sent from afar", "so ."),
        ("first\nsecond\nthird", "first-line", "\nsecond\nthird"),
        ("first\nsecond\nthird", "last-line", "first\nsecond\n"),
        ("only", "first-line", "only"),
        ("标签 文本", "token:标签", "文本"),
    ],
)
def test_texts_lose_what_is_named(text, rule, expected):
    assert text_without(text, [rule]) == expected


@given(st.text("ab \nA", max_size=30), st.sampled_from(["token:a", "token:a b", "first-line", "last-line"]))
def test_twice_is_once(text, rule):
    once = text_without(text, [rule])
    assert text_without(once, [rule]) == once


def test_borders_and_corners_become_grey():
    image = np.zeros((10, 20, 3), np.uint8)
    bordered = image_without(image, ["border:10%"])
    assert (bordered[0] == 128).all()
    assert (bordered[:, :2] == 128).all()
    assert not bordered[1:-1, 2:-2].any()
    cornered = image_without(image, ["corner:top-right:25%"])
    assert (cornered[:3, -5:] == 128).all()
    assert cornered.astype(int).sum() == 128 * 3 * 5 * 3
    assert not image.any()  # the image itself stays


def test_preprocessing_keeps_it_for_files_and_arrays():
    kept = Preprocessing(8, 8, 1, ignored=("border:10%",))
    assert Preprocessing.from_json(kept.to_json()) == kept
    assert "ignored" not in Preprocessing(8, 8, 1).to_json()
    arrays = kept.arrays(np.full((2, 8, 8, 1), 7, np.uint8))
    assert (arrays[:, 0] == 128).all()
    assert (arrays[0] == kept.fitted(np.full((8, 8, 1), 7, np.uint8))).all()
    with pytest.raises(ValueError, match="ignored: not every"):
        Preprocessing.from_json({**kept.to_json(), "ignored": ["token:x"]})


def test_settings_refuse_other_forms():
    assert parse_ignore("token:a, b,first-line") == ("token:a, b", "first-line")
    for wrong in ("word", "border:60%", "corner:middle:5%", "token:", "border:5"):
        with pytest.raises(UsageError, match=r"--ignore: .* is none of token:WORD"):
            Settings(ignore=wrong)


def test_rules_of_other_inputs_are_refused():
    with pytest.raises(UsageError, match="--ignore border:4%: the data holds texts"):
        prepare(listing_of_texts(made_texts(40), ["a", "b"] * 20), Settings(ignore="border:4%"))


def test_a_joined_column_is_left_out_and_another_changes_nothing(tmp_path):
    path = tmp_path / "mails.csv"
    rows = [f"title {n},{text},{'ab'[n % 2]},x\n" for n, text in enumerate(made_texts(40))]
    path.write_text("title,body,label,batch\n" + "".join(rows))
    both = read(path, input_column="title,body")
    one = read(path, input_column="title,body", ignore="column:title")
    assert "title 3" in texts_of(both)[3]
    assert "title 3" not in texts_of(one)[3]
    assert one.joined_columns == ()
    unused = read(path, input_column="title,body", ignore="column:batch")
    assert texts_of(unused) == texts_of(both)
    assert any("--ignore changes nothing there" in each for each in unused.warnings)
    require_refused(path, "--ignore column:titel is not there", ignore="column:titel")
    require_refused(path, "leaves no inputs", input_column="body", ignore="column:body")
