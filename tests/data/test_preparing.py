import numpy as np
import pytest

from data.made import images_of, listing_of, write_class_folders
from pellucid.data import decoded as content_room
from pellucid.data import prepare
from pellucid.data.images.cache import cache_folder
from pellucid.errors import DataError
from pellucid.progress import reporting_to
from pellucid.settings import Settings

FAULTS = {
    "empty.png": b"",
    "page.png": b"<!DOCTYPE html><html><body>not found</body></html>",
    "cut.png": None,
}


@pytest.fixture
def faulty(tmp_path):
    """Class folders with a zero-byte file, a web page and a truncated image."""
    folder = write_class_folders(tmp_path / "photos", {"cat": 8, "dog": 8})
    whole = (folder / "dog" / "000.png").read_bytes()
    for name, content in FAULTS.items():
        (folder / "cat" / name).write_bytes(whole[: len(whole) // 2] if content is None else content)
    return folder


def test_every_bad_image_is_listed_in_one_refusal(faulty):
    with pytest.raises(
        DataError,
        match="3 of 19 images cannot be used; fix or remove them, or leave them out with --skip-bad",
    ) as caught:
        prepare(str(faulty), Settings())
    lines = str(caught.value).splitlines()
    assert len(lines) == 4
    for name in FAULTS:
        assert any(name in line for line in lines[1:])
    assert "not an image (HTML)" in str(caught.value)


def test_skip_bad_leaves_them_out_and_counts_them(faulty):
    dataset, check = prepare(str(faulty), Settings(skip_bad=True))
    assert check.metrics()["skipped"] == 3
    assert {each.source.rsplit("/", 1)[1] for each in check.skipped} == set(FAULTS)
    bad = {each.position for each in check.skipped}
    assert not bad & set(np.concatenate(list(dataset.split_positions.values())).tolist())
    assert "Left out because they cannot be used: 3 images" in "\n".join(check.sentences())


def test_one_class_is_refused():
    with pytest.raises(
        DataError, match="somewhere: only one class, 'a'; give images of at least two classes"
    ):
        prepare(listing_of(["a"] * 20), Settings())


def test_one_class_left_after_skipping_is_refused(tmp_path):
    folder = write_class_folders(tmp_path / "photos", {"cat": 8, "dog": 1})
    (folder / "dog" / "000.png").write_bytes(b"")
    with pytest.raises(DataError, match="only one class, 'cat'"):
        prepare(str(folder), Settings(skip_bad=True))


def test_nothing_is_refused():
    with pytest.raises(DataError, match="no image that can be used"):
        prepare(listing_of([], pixels=np.zeros((0, 4, 4, 1), np.uint8)), Settings())


def test_a_split_that_lost_all_its_images_is_refused(tmp_path):
    for part, counts in (("train", {"cat": 5, "dog": 5}), ("test", {"cat": 1, "dog": 1})):
        write_class_folders(tmp_path / "photos" / part, counts, seed=len(part))
    for name in ("cat", "dog"):
        (tmp_path / "photos" / "test" / name / "000.png").write_bytes(b"")
    with pytest.raises(DataError, match="no image of the test split can be used"):
        prepare(str(tmp_path / "photos"), Settings(skip_bad=True))


def test_data_with_a_test_split_only_is_refused():
    with pytest.raises(DataError, match="no image is for training"):
        prepare(listing_of(["a", "b"] * 5, splits=["test"] * 10), Settings())


@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_class_that_is_scored_and_never_trained_is_refused(part):
    labels = ["a", "b"] * 20 + ["z", "a"]
    other = {"validation": "test", "test": "validation"}[part]
    splits = ["train"] * 30 + [other] * 10 + [part] * 2
    with pytest.raises(
        DataError, match=f"1 class of the {part} split never stands in train: 'z'; add training"
    ):
        prepare(listing_of(labels, splits=splits), Settings())


def test_an_untrained_class_that_looks_like_a_trained_one_is_said_so():
    labels = ["cat", "dog"] * 20 + ["Cat", "dog"]
    with pytest.raises(DataError, match=r"never stands in train: 'Cat' \(is it 'cat'\?\)"):
        prepare(listing_of(labels, splits=["train"] * 40 + ["test"] * 2), Settings())


def test_a_class_too_small_to_split_is_refused():
    with pytest.raises(DataError, match="class 'c' has 2 examples; 3 are needed"):
        prepare(listing_of(["a", "b"] * 20 + ["c"] * 2), Settings())


def test_copies_of_one_image_count_once_for_the_split():
    pixels = images_of(46)
    pixels[41:] = pixels[40]
    with pytest.raises(DataError, match="class 'c' has 6 examples in 1 set that must stay together"):
        prepare(listing_of(["a", "b"] * 20 + ["c"] * 6, pixels=pixels), Settings())


def test_an_estimator_cuts_no_test_split():
    dataset, check = prepare(listing_of(["a", "b"] * 20), Settings(), make=("validation",))
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (30, 10, 0)
    assert check.metrics()["test"] == 0


def test_the_same_in_every_locale_and_order_of_the_disk(tmp_path):
    folder = write_class_folders(tmp_path / "photos", {"Äpfel": 9, "zebra": 9, "apple": 9})
    dataset, _ = prepare(str(folder), Settings())
    assert dataset.classes == ("apple", "zebra", "Äpfel")


def test_near_copies_are_searched_once_for_the_same_images(tmp_path, monkeypatch):
    folder = write_class_folders(tmp_path / "photos", {"cat": 9, "dog": 9})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = prepare(str(folder), Settings())
    monkeypatch.setattr(content_room, "all_copies", _must_not_be_called)
    assert prepare(str(folder), Settings())[1] == first[1]


def _must_not_be_called(*_):
    raise AssertionError("the search ran again")


def test_a_damaged_memory_of_near_copies_is_searched_anew(tmp_path, monkeypatch):
    folder = write_class_folders(tmp_path / "photos", {"cat": 9, "dog": 9})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = prepare(str(folder), Settings())[1]
    (kept,) = (cache_folder().parent / "near-copies").glob("*.npy")
    for damage in (b"", b"no array", kept.read_bytes()[:-3]):
        kept.write_bytes(damage)
        assert prepare(str(folder), Settings())[1] == before


def test_memory_of_near_copies_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(content_room, "_MOST_REMEMBERED", 2)
    for number in range(4):
        folder = write_class_folders(tmp_path / f"photos{number}", {"cat": 9, "dog": 9}, seed=number)
        prepare(str(folder), Settings())
    assert len(list((cache_folder().parent / "near-copies").glob("*.npy"))) == 2


def test_a_cache_that_cannot_be_written_is_no_reason_to_stop(tmp_path, monkeypatch):
    folder = write_class_folders(tmp_path / "photos", {"cat": 9, "dog": 9})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "cache" / "pellucid").mkdir(parents=True)
    (tmp_path / "cache" / "pellucid" / "near-copies").write_text("a file stands in the way")
    assert prepare(str(folder), Settings())[1].metrics()["train"] > 0


def test_progress_is_passed_on(tmp_path):
    seen = []
    folder = str(write_class_folders(tmp_path / "photos", {"cat": 9, "dog": 9}))
    with reporting_to(lambda *said: seen.append(said)):
        prepare(folder, Settings())
    assert ("decoding images", 18, 18) in seen
    assert {"listing files", "searching for near copies of images"} <= {words for words, _, _ in seen}
