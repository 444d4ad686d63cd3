"""Class folders and split folders of images, with all that lies about in real ones."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from made_images import context, encoded
from pellucid.data import Listing
from pellucid.data.data_files import IMAGE_KIND
from pellucid.data.sources import class_folders as reading
from pellucid.data.sources.labelled import read_data
from pellucid.data.trees import DiskFolder
from pellucid.errors import DataError, UsageError
from pellucid.settings import Settings

IMAGE = encoded(context())


def read_folder(path: Path) -> Listing:
    return reading.read_folder(DiskFolder(path), "photos")


def put(folder: Path, *names: str, content: bytes = IMAGE) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def test_class_folders_with_clutter_and_other_files(class_folders: Path) -> None:
    put(class_folders, ".DS_Store", "cat/Thumbs.db", "cat/.hidden.png", ".git/x/1.png", "dog/desktop.ini")
    put(class_folders, "__MACOSX/cat/._0.png")
    listing = read_folder(class_folders)
    assert listing.form == "class folders"
    assert listing.labels == ["cat"] * 3 + ["dog"] * 3
    assert listing.sources[0] == str(class_folders / "cat" / "0.png")
    assert listing.splits == [""] * 6
    assert listing.warnings == ()
    put(class_folders, "cat/notes.txt", "cat/notes2.txt", "dog/labels.xml", "README", content=b"words")
    assert read_folder(class_folders).warnings == (
        "photos: 1 file outside the class folders left out: 'README'",
        "photos: 3 files left out, being no images by their names (2 .txt, 1 .xml)",
    )


def test_names_of_every_kind_in_the_order_of_code_points_whatever_the_locale(tmp_path: Path) -> None:
    names = ["Z z.png", "a\nb.png", "ä.PNG", "b.png", "é.png", "文.png", "10.png", "9.png", "deep/er/c.png"]
    put(tmp_path / "x", *names)
    put(tmp_path / "B b", "1.png")
    script = (
        "import sys; from pathlib import Path; from pellucid.data.sources.class_folders import read_folder\n"
        "from pellucid.data.trees import DiskFolder\n"
        "sys.stdout.buffer.write(repr(read_folder(DiskFolder(Path(sys.argv[1])), 'x').sources).encode())"
    )
    found = [f"{tmp_path}/{name}" for name in ("B b/1.png", *[f"x/{name}" for name in sorted(names)])]
    for locale in ("C", "C.UTF-8"):
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)], env={**os.environ, "LC_ALL": locale},
            capture_output=True, check=True,
        )  # fmt: skip
        assert done.stdout.decode() == repr(found)


def test_file_names_that_are_not_utf8(tmp_path: Path) -> None:
    put(tmp_path / "x", "1.png")
    put(tmp_path / "y", "1.png")
    try:
        with open(os.fsencode(tmp_path / "x") + b"/\xe9.png", "wb") as file:
            file.write(IMAGE)
    except OSError:
        pytest.skip("this file system admits UTF-8 only")
    assert read_folder(tmp_path).sources[1].endswith("\\udce9.png")
    os.mkdir(os.fsencode(tmp_path) + b"/\xe9")
    with pytest.raises(DataError, match=r"class folder '\\udce9' is not UTF-8; rename it"):
        read_folder(tmp_path)


def test_images_are_known_by_content_whatever_they_are_called(class_folders: Path) -> None:
    put(class_folders, "cat/photo", "cat/photo.JPG_large")
    put(class_folders, "dog/page.png", content=b"<html></html>")
    put(class_folders, "dog/empty.jpg", content=b"")
    listing = read_folder(class_folders)
    assert listing.labels == ["cat"] * 5 + ["dog"] * 5
    assert listing.warnings == ()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["cat/1.png", "bird/notes.txt", "fish/2.txt"], "class folders without an image: 'bird', 'fish'"),
        (["1.png", "2.png"], "photos: 2 images but no class folders; make one sub-folder"),
        ([], "photos: holds no class folders; make one sub-folder"),
        (None, r"set: cannot be read \(no such file or directory\)"),
        (["train/cat/1.png", "test/1.png"], "test: 1 image but no class folders"),
        (
            ["train/cat/1.png", "test/cat/1.png", "holdout/cat/1.png"],
            "photos: 'holdout' beside the split folders holds labelled images",
        ),
        (
            ["train/cat/1.png", "val/cat/1.png", "validation/cat/1.png"],
            "both val/ and validation/ stand for the validation split; keep one",
        ),
    ],
)  # fmt: skip
def test_folders_that_are_refused(names: list[str] | None, message: str, tmp_path: Path) -> None:
    if names is not None:
        (tmp_path / "set").mkdir()
        for name in names:
            put(tmp_path / "set", name, content=IMAGE if name.endswith(".png") else b"words")
    with pytest.raises(DataError, match=message):
        read_folder(tmp_path / "set")


@pytest.mark.parametrize(
    ("train", "validation", "test"), [("train", "val", "test"), ("Training", "Valid", "TESTING")]
)
def test_split_folders(class_folders: Path, tmp_path: Path, train: str, validation: str, test: str) -> None:
    shutil.copytree(class_folders, tmp_path / "set" / train)
    assert set(read_folder(tmp_path / "set").splits) == {"train"}
    for name in (test, validation):
        shutil.copytree(class_folders, tmp_path / "set" / name)
    listing = read_folder(tmp_path / "set")
    assert listing.form == "split folders"
    assert listing.splits == ["train"] * 6 + ["validation"] * 6 + ["test"] * 6
    assert listing.labels == (["cat"] * 3 + ["dog"] * 3) * 3
    assert listing.warnings == ()
    put(tmp_path / "set", "extra/1.png")
    assert read_folder(tmp_path / "set").warnings == ("photos: 'extra' beside the split folders left out",)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    put(tmp_path, "train/1.png", "car/1.png", "test/1.png")
    assert read_folder(tmp_path).labels == ["car", "test", "train"]


def test_links_are_followed_once_and_pipes_not_opened(class_folders: Path, tmp_path: Path) -> None:
    (class_folders / "cat" / "again").symlink_to(class_folders / "cat")
    (class_folders / "dog" / "linked.png").symlink_to(class_folders / "cat" / "0.png")
    (class_folders / "dog" / "broken.png").symlink_to(tmp_path / "gone.png")
    (class_folders / "bird").symlink_to(class_folders / "dog")
    if hasattr(os, "mkfifo"):
        os.mkfifo(class_folders / "cat" / "pipe.png")
    images, others = DiskFolder(class_folders / "dog").files_of(IMAGE_KIND)
    assert [path.name for path in images] == ["0.png", "1.png", "2.png", "broken.png", "linked.png"]
    assert others == []
    listing = read_folder(class_folders)
    assert listing.labels.count("bird") == 5
    assert listing.labels.count("cat") == 3


def test_a_folder_that_holds_nothing_but_another_is_read_for_it(tmp_path: Path) -> None:
    pets = tmp_path / "top" / "archive" / "pets"
    put(pets, *(f"{split}/{name}/1.png" for split in ("train", "valid") for name in ("cat", "dog")))
    listing = read_data(str(tmp_path / "top"), Settings())
    assert (listing.form, set(listing.labels)) == ("split folders", {"cat", "dog"})
    assert listing.warnings[0].endswith(f"so {pets} was read")
    assert read_data(str(pets / "train"), Settings()).warnings == ()


def test_a_folder_of_texts_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "ham/1.txt", "ham/2.txt", "spam/1.txt", content=b"words")
    scan, scanned = os.scandir, list[str]()

    def counted(path: Path) -> object:
        scanned.append(path.name)
        return scan(path)

    monkeypatch.setattr(os, "scandir", counted)
    assert len(read_data(str(tmp_path), Settings())) == 3
    assert scanned.count("ham") == scanned.count("spam") == 1


def test_class_folders_have_no_column_of_labels(class_folders: Path) -> None:
    with pytest.raises(UsageError, match=r"--label-column 'kind': .* has no columns; leave it out"):
        read_data(str(class_folders), Settings(label_column="kind"))
