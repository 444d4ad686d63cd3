"""DATA is told apart by its form, and `--test` joins a second one."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from pellucid.data import read_data
from pellucid.errors import DataError, UsageError
from pellucid.settings import Settings


def npz(path: Path, count: int, side: int = 6, **more: np.ndarray) -> str:
    pixels = np.arange(count * side * side, dtype=np.uint8).reshape(count, side, side)
    np.savez(path, x_train=pixels, y_train=np.arange(count), **more)
    return str(path)


def test_every_form_is_told_apart(class_folders: Path, tmp_path: Path) -> None:
    (tmp_path / "t.CSV").write_text("path,label\nphotos/cat/0.png,cat\n")
    assert read_data(str(class_folders), Settings()).form == "class folders"
    assert read_data(f"{class_folders}/", Settings()).form == "class folders"
    assert read_data(str(tmp_path / "t.CSV"), Settings()).form == "table"
    assert read_data(npz(tmp_path / "a.npz", 3), Settings()).form == "npz"
    assert read_data("sample:fashion", Settings()).form == "idx"


def test_data_that_is_missing_or_of_no_form(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone: no such file or folder$"):
        read_data(str(tmp_path / "gone"), Settings())
    (tmp_path / "notes.docx").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"notes.docx: not a form of DATA; give a folder of class folders"):
        read_data(str(tmp_path / "notes.docx"), Settings())


def test_a_path_that_is_missing_is_compared_with_its_neighbours(
    class_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match=r"photo: no such file or folder \(did you mean photos\?\)$"):
        read_data(str(class_folders.parent / "photo"), Settings())
    monkeypatch.chdir(class_folders)
    with pytest.raises(DataError) as refused:
        read_data("nothing/like/it", Settings())
    assert str(refused.value) == f"nothing/like/it: no such file or folder (looked in {class_folders})"


def test_training_rows_are_fixed_only_when_all_three_splits_are_given(
    tmp_path: Path, class_folders: Path
) -> None:
    for name in ("train", "test"):
        shutil.copytree(class_folders, tmp_path / "set" / name)
    assert set(read_data(str(tmp_path / "set"), Settings()).splits) == {"", "test"}
    shutil.copytree(class_folders, tmp_path / "set" / "val")
    assert set(read_data(str(tmp_path / "set"), Settings()).splits) == {"train", "validation", "test"}


def test_a_second_folder_becomes_the_test_split(tmp_path: Path, class_folders: Path) -> None:
    shutil.copytree(class_folders, tmp_path / "more")
    listing = read_data(str(class_folders), Settings(test=str(tmp_path / "more")))
    assert listing.splits == [""] * 6 + ["test"] * 6
    assert listing.paths is not None
    assert listing.paths[6] == tmp_path / "more" / "cat" / "0.png"
    assert listing.load_pixels is None


def test_arrays_join_arrays(tmp_path: Path) -> None:
    listing = read_data(npz(tmp_path / "a.npz", 3), Settings(test=npz(tmp_path / "b.npz", 2)))
    assert listing.splits == [""] * 3 + ["test"] * 2
    assert listing.array_files == (tmp_path / "a.npz", tmp_path / "b.npz")
    assert listing.load_pixels is not None
    assert listing.load_pixels().shape == (5, 6, 6, 1)


def test_what_does_not_join(tmp_path: Path, class_folders: Path) -> None:
    arrays = npz(tmp_path / "a.npz", 3)
    with pytest.raises(DataError, match=r"is of the form npz, but .* of the form class folders; give both"):
        read_data(str(class_folders), Settings(test=arrays))
    listing = read_data(arrays, Settings(test=npz(tmp_path / "b.npz", 2, side=7)))
    assert listing.load_pixels is not None
    with pytest.raises(DataError, match=r"images of \(7, 7, 1\), but those to train on are \(6, 6, 1\)"):
        listing.load_pixels()
    with pytest.raises(UsageError, match="sample:fashion has a test split of its own; leave --test out"):
        read_data("sample:fashion", Settings(test=arrays))
