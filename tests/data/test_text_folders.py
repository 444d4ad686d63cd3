"""Class folders of `.txt` files, with all that lies about in real ones."""

import shutil
from pathlib import Path

import pytest

from data.made import read, require_refused, texts_of
from made_images import context, encoded
from pellucid.data import Listing
from pellucid.errors import UsageError


@pytest.fixture
def mails(tmp_path: Path) -> Path:
    """Two texts in each of two class folders."""
    put(tmp_path / "mails", "ham/1.txt", "ham/2.txt", "spam/1.txt", "spam/deep/er/2.TXT")
    return tmp_path / "mails"


def put(folder: Path, *names: str, content: bytes | None = None) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"text of {name}".encode() if content is None else content)


def reasons(listing: Listing) -> dict[str, str]:
    return {Path(problem.source).name: problem.reason for problem in listing.problems}


def test_class_folders(mails: Path) -> None:
    listing = read(mails)
    assert listing.form == "class folders"
    assert listing.noun == "text"
    assert listing.labels == ["ham", "ham", "spam", "spam"]
    assert texts_of(listing) == [
        f"text of {name}" for name in ("ham/1.txt", "ham/2.txt", "spam/1.txt", "spam/deep/er/2.TXT")
    ]
    assert listing.sources[0] == str(mails / "ham" / "1.txt")
    assert listing.splits == [""] * 4
    assert listing.warnings == (f"{mails}: read as texts, one in each .txt file",)
    assert listing.paths is None
    assert listing.problems == ()


def test_split_folders_and_a_test_folder(mails: Path, tmp_path: Path) -> None:
    for name in ("train", "test"):
        shutil.copytree(mails, tmp_path / "set" / name)
    listing = read(tmp_path / "set")
    assert listing.form == "split folders"
    assert listing.splits == [""] * 4 + ["test"] * 4
    shutil.copytree(mails, tmp_path / "set" / "val")
    assert read(tmp_path / "set").splits == ["train"] * 4 + ["validation"] * 4 + ["test"] * 4
    put(mails, "ham/3.txt", content=b"\xff")
    listing = read(mails, test=str(mails))
    assert listing.splits == [""] * 5 + ["test"] * 5
    assert texts_of(listing)[:5] == texts_of(listing)[5:]
    assert [problem.index for problem in listing.problems] == [2, 7]
    assert listing.sources[7] == listing.problems[1].source
    with pytest.raises(UsageError, match="has a test split of its own; leave --test out"):
        read(tmp_path / "set", test=str(mails))


def test_a_table_may_test_folders_but_images_may_not(mails: Path, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,label\none mail,ham\ntwo mails,spam\n")
    listing = read(mails, test=str(tmp_path / "t.csv"))
    assert texts_of(listing)[4:] == ["one mail", "two mails"]
    assert listing.sources[5] == f"{tmp_path / 't.csv'}:3"
    put(tmp_path / "photos", "a/1.png", "b/1.png", content=encoded(context()))
    require_refused(
        mails,
        r"photos: holds images, but .*mails texts; give both as images or",
        test=str(tmp_path / "photos"),
    )


def test_files_that_cannot_be_read_are_problems_of_their_own(mails: Path, tmp_path: Path) -> None:
    put(mails, "ham/broken.txt", content=b"caf\xe9")
    put(mails, "ham/blank.txt", content=b" \r\n")
    put(mails, "ham/empty.txt", content=b"")
    put(mails, "ham/image.txt", content=encoded(context()))
    (mails / "ham" / "link.txt").symlink_to(tmp_path / "gone.txt")
    listing = read(mails, task="text")
    assert reasons(listing) == {
        "broken.txt": "byte 3: not UTF-8 (found 0xe9); name the encoding, such as --encoding cp1252",
        "blank.txt": "holds no text",
        "empty.txt": "holds no text",
        "image.txt": "is an image and no text",
        "link.txt": "cannot be read (no such file or directory)",
    }
    assert len(listing) == 9
    assert reasons(read(mails, task="text", encoding="cp1252"))["blank.txt"] == "holds no text"
    assert "café" in texts_of(read(mails, task="text", encoding="cp1252"))


def test_encodings_are_detected_file_by_file_and_said(mails: Path) -> None:
    put(mails, "ham/3.txt", content="schön".encode("utf-16"))
    put(mails, "ham/4.txt", content=b"\xef\xbb\xbfmarked")
    put(mails, "spam/3.txt", "spam/4.txt", content="so\r\nplain\rand long".encode("utf-16-le"))
    listing = read(mails)
    assert [text for text in texts_of(listing) if "text of" not in text] == [
        "schön",
        "marked",
        "so\nplain\nand long",
        "so\nplain\nand long",
    ]
    assert listing.warnings[:2] == (
        f"{mails}: 1 file read as UTF-16",
        f"{mails}: 2 files read as UTF-16-LE",
    )
    require_refused(
        mails, "mails: --encoding 'klingon' is not known; try utf-8, utf-16 or cp1252", encoding="klingon"
    )


def test_other_files_are_counted(mails: Path) -> None:
    put(mails, "README.txt", "ham/notes.md", "spam/data", "ham/._1.txt", content=b"words")
    listing = read(mails)
    assert len(listing) == 4
    assert listing.warnings[:2] == (
        f"{mails}: 1 file outside the class folders left out: 'README.txt'",
        f"{mails}: 2 files left out, not ending in .txt (1 .md, 1 no ending)",
    )


def test_images_with_texts_beside_them_stay_images(mails: Path) -> None:
    put(mails, "ham/1.png", "spam/1.png", content=encoded(context()))
    listing = read(mails)
    assert listing.noun == "image"
    assert listing.labels == ["ham", "spam"]
    assert read(mails, task="text").labels == ["ham", "ham", "spam", "spam"]


def test_the_other_kind_is_refused(mails: Path, tmp_path: Path) -> None:
    require_refused(mails, "mails: holds text files only; leave --task image out to read texts", task="image")
    require_refused(mails / "ham", "2 texts but no class folders; make one sub-folder for each class")
    put(tmp_path / "photos", "a/1.png", "b/1.png", content=encoded(context()))
    require_refused(
        tmp_path / "photos",
        r"photos: class folders without a \.txt file: 'a', 'b'",
        task="text",
    )
