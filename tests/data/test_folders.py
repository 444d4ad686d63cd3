"""Class folders and split folders, with all that lies about in real ones."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from made_images import context, encoded
from pellucid.data.data_files import IMAGE_KIND
from pellucid.data.reading import class_folders as reading
from pellucid.data.reading.dispatch import read_data
from pellucid.data.trees import DiskFolder
from pellucid.errors import DataError
from pellucid.settings import Settings

IMAGE = encoded(context())


def read_folder(path, place):
    return reading.read_folder(DiskFolder(path), place)


def put(folder: Path, *names: str, content: bytes = IMAGE) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def test_class_folders(class_folders: Path) -> None:
    listing = read_folder(class_folders, "photos")
    assert listing.form == "class folders"
    assert listing.labels == ["cat"] * 3 + ["dog"] * 3
    assert listing.sources[0] == str(class_folders / "cat" / "0.png")
    assert listing.splits == [""] * 6
    assert listing.warnings == ()


def test_names_of_every_kind_in_the_order_of_code_points(tmp_path: Path) -> None:
    names = ["Z z.png", "a\nb.png", "ä.PNG", "b.png", "é.png", "文.png", "10.png", "9.png", "deep/er/c.png"]
    put(tmp_path / "x", *names)
    put(tmp_path / "B b", "1.png")
    listing = read_folder(tmp_path, "photos")
    assert listing.paths is not None
    found = [path.relative_to(tmp_path).as_posix() for path in listing.paths]
    assert found == ["B b/1.png", *[f"x/{name}" for name in sorted(names)]]


def test_the_order_does_not_depend_on_the_locale(tmp_path: Path) -> None:
    put(tmp_path / "x", "B.png", "a.png", "ä.png", "Z.png", "文.png")
    put(tmp_path / "y", "1.png")
    script = (
        "import sys; from pathlib import Path; from pellucid.data.reading.class_folders import read_folder\n"
        "from pellucid.data.trees import DiskFolder\n"
        "sys.stdout.buffer.write(repr(read_folder(DiskFolder(Path(sys.argv[1])), 'x').sources).encode())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)],
            env={**os.environ, "LC_ALL": locale},
            capture_output=True,
            check=True,
        ).stdout
        for locale in ("C", "C.UTF-8", "POSIX")
    }
    assert len(outputs) == 1


def test_file_names_that_are_not_utf8(tmp_path: Path) -> None:
    put(tmp_path / "x", "1.png")
    put(tmp_path / "y", "1.png")
    path = os.fsencode(tmp_path / "x") + b"/\xe9.png"
    try:
        with open(path, "wb") as file:
            file.write(IMAGE)
    except OSError:
        pytest.skip("this file system admits UTF-8 only")
    listing = read_folder(tmp_path, "photos")
    assert listing.sources[1].endswith("\\udce9.png")
    assert listing.sources[1].encode()
    os.mkdir(os.fsencode(tmp_path) + b"/\xe9")
    with pytest.raises(DataError, match=r"class folder '\\udce9' is not UTF-8; rename it"):
        read_folder(tmp_path, "photos")


def test_clutter_is_passed_over_in_silence(class_folders: Path) -> None:
    put(class_folders, ".DS_Store", "cat/.DS_Store", "cat/Thumbs.db", "cat/.hidden.png", ".git/x/1.png")
    put(class_folders, "__MACOSX/cat/._0.png", "dog/desktop.ini")
    listing = read_folder(class_folders, "photos")
    assert len(listing) == 6
    assert listing.warnings == ()


def test_other_files_are_left_out_and_counted(class_folders: Path) -> None:
    put(class_folders, "cat/notes.txt", "cat/notes2.txt", "dog/labels.xml", "README", content=b"words")
    listing = read_folder(class_folders, "photos")
    assert len(listing) == 6
    assert listing.warnings == (
        "photos: 1 file outside the class folders left out: 'README'",
        "photos: 3 files left out, being no images by their names (2 .txt, 1 .xml)",
    )


def test_images_are_known_by_content_whatever_they_are_called(class_folders: Path) -> None:
    put(class_folders, "cat/photo", "cat/photo.JPG_large")
    put(class_folders, "dog/page.png", content=b"<html></html>")
    put(class_folders, "dog/empty.jpg", content=b"")
    listing = read_folder(class_folders, "photos")
    assert listing.labels == ["cat"] * 5 + ["dog"] * 5
    assert listing.warnings == ()


def test_empty_class_folders_are_named(class_folders: Path) -> None:
    (class_folders / "bird").mkdir()
    put(class_folders, "fish/notes.txt", content=b"words")
    with pytest.raises(DataError, match="photos: no image in class folder 'bird', 'fish'; put images"):
        read_folder(class_folders, "photos")


def test_images_without_class_folders(tmp_path: Path) -> None:
    put(tmp_path, "1.png", "2.png")
    with pytest.raises(DataError, match="photos: 2 images but no class folders; make one sub-folder"):
        read_folder(tmp_path, "photos")


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="photos: holds no class folders; make one sub-folder"):
        read_folder(tmp_path, "photos")


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone: cannot be read \(no such file or directory\)"):
        read_folder(tmp_path / "gone", "photos")


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train", "val", "test"), ("train", "validation", "test"), ("TRAIN", "VAL", "Test"),
        ("train", "valid", "test"), ("Training", "dev", "testing"), ("training", "Valid", "Testing"),
    ],
)  # fmt: skip
def test_split_folders(class_folders: Path, tmp_path: Path, train: str, validation: str, test: str) -> None:
    for name in (train, test, validation):
        shutil.copytree(class_folders, tmp_path / "set" / name)
    listing = read_folder(tmp_path / "set", "set")
    assert listing.form == "split folders"
    assert listing.splits == ["train"] * 6 + ["validation"] * 6 + ["test"] * 6
    assert listing.labels == (["cat"] * 3 + ["dog"] * 3) * 3
    assert listing.warnings == ()


def test_split_folders_with_something_beside_them(class_folders: Path, tmp_path: Path) -> None:
    shutil.copytree(class_folders, tmp_path / "set" / "train")
    assert set(read_folder(tmp_path / "set", "set").splits) == {"train"}
    shutil.copytree(class_folders, tmp_path / "set" / "test")
    put(tmp_path / "set", "extra/1.png")
    listing = read_folder(tmp_path / "set", "set")
    assert set(listing.splits) == {"train", "test"}
    assert listing.warnings == ("set: 'extra' beside the split folders left out",)


def test_labelled_images_beside_the_split_folders_are_never_lost(class_folders: Path, tmp_path: Path) -> None:
    for name in ("train", "test", "holdout"):
        shutil.copytree(class_folders, tmp_path / "set" / name)
    with pytest.raises(DataError, match="set: 'holdout' beside the split folders holds labelled images"):
        read_folder(tmp_path / "set", "set")


def test_two_names_for_one_split(class_folders: Path, tmp_path: Path) -> None:
    for name in ("train", "val", "validation"):
        shutil.copytree(class_folders, tmp_path / "set" / name)
    with pytest.raises(DataError, match="both val/ and validation/ stand for the validation split; keep one"):
        read_folder(tmp_path / "set", "set")


def test_a_test_folder_without_classes_is_refused(class_folders: Path, tmp_path: Path) -> None:
    shutil.copytree(class_folders, tmp_path / "set" / "train")
    put(tmp_path / "set", "test/1.png")
    with pytest.raises(DataError, match="test: 1 image but no class folders"):
        read_folder(tmp_path / "set", "set")


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    put(tmp_path, "train/1.png", "car/1.png", "test/1.png")
    assert read_folder(tmp_path, "vehicles").labels == ["car", "test", "train"]


def test_links_are_followed_once(class_folders: Path, tmp_path: Path) -> None:
    (class_folders / "cat" / "again").symlink_to(class_folders / "cat")
    (class_folders / "dog" / "linked.png").symlink_to(class_folders / "cat" / "0.png")
    (class_folders / "dog" / "broken.png").symlink_to(tmp_path / "gone.png")
    (class_folders / "bird").symlink_to(class_folders / "dog")
    images, others = DiskFolder(class_folders / "dog").files_of(IMAGE_KIND)
    assert [path.name for path in images] == ["0.png", "1.png", "2.png", "broken.png", "linked.png"]
    assert others == []
    listing = read_folder(class_folders, "photos")
    assert listing.labels.count("bird") == 5
    assert listing.labels.count("cat") == 3


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_are_not_opened(class_folders: Path) -> None:
    os.mkfifo(class_folders / "cat" / "pipe.png")
    assert len(read_folder(class_folders, "photos")) == 6


def test_a_folder_that_holds_nothing_but_another_is_looked_through(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        for name in ("cat", "dog"):
            put(tmp_path / "top" / "archive" / "pets", f"{split}/{name}/1.png")
    listing = read_data(str(tmp_path / "top"), Settings())
    assert (listing.form, set(listing.labels)) == ("split folders", {"cat", "dog"})
    assert listing.warnings[0].endswith(f"so {tmp_path / 'top' / 'archive' / 'pets'} was read")
    alone = read_data(str(tmp_path / "top" / "archive" / "pets" / "train"), Settings())
    assert alone.warnings == ()
