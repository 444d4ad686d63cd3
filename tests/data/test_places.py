"""INPUT as globs and standard input, and that nothing is listed before it is asked for."""

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from made_images import context, encoded
from pellucid.data.sources import pipe
from pellucid.data.sources.places import open_places
from pellucid.data.sources.source import Cell, Row
from pellucid.errors import DataError
from pellucid.input_kinds import IMAGES, TEXTS, InputKind
from pellucid.settings import Settings


def images(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"\x89PNG")


def opened(*places: str, stdin: bytes | None = None, kind: InputKind = IMAGES) -> list[Row]:
    pipe = None if stdin is None else io.BufferedReader(io.BytesIO(stdin))
    return list(open_places(places, Settings(), kind, pipe))


def names(*places: str, **more: object) -> list[str]:
    return [each.name for each in opened(*places, **more)]


def test_a_glob_stands_for_what_it_matches_by_the_order_of_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    images(tmp_path, "b.png", "a.png", "B.png", "c.txt", "d/e.png", "d/f/g.png", "d.x/h.png")
    assert names("*.png") == ["B.png", "a.png", "b.png"]
    assert names("./[ab].png") == ["./a.png", "./b.png"]
    assert names("**/*.png") == ["B.png", "a.png", "b.png", "d/e.png", "d/f/g.png", "d.x/h.png"]
    assert names("d*") == ["d/e.png", "d/f/g.png", "d.x/h.png"]
    with pytest.raises(DataError, match=r"\*\.gif: nothing matches this pattern; choose another INPUT"):
        names("*.gif")


def test_a_file_whose_name_looks_like_a_glob_is_that_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    images(tmp_path, "[a].png", "a.png", "-")
    assert names("[a].png") == ["[a].png"]
    assert names("-") == ["-"]


def test_the_order_of_a_folder_is_that_of_its_paths(tmp_path: Path) -> None:
    images(tmp_path, "a/z.png", "a.png", "a-b/c.png", "A.png", "a/b/c.png", "ä.png")
    found = [Path(name).relative_to(tmp_path) for name in names(str(tmp_path))]
    assert found == sorted(found, key=lambda path: path.parts)
    assert len(found) == 6


def test_paths_on_standard_input() -> None:
    assert names("-", stdin=b"one.png\n\nfolder/two.png\r\nthree.png") == [
        "one.png", "folder/two.png", "three.png",
    ]  # fmt: skip
    assert names("-", stdin=b"one.png\0with\nnewline.png\0") == ["one.png", "with\nnewline.png"]
    assert names("-", stdin=b"") == []
    assert names("-", stdin=b"caf\xe9.png\n") == [os.fsdecode(b"caf\xe9.png")]


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF"])
def test_an_image_on_standard_input_is_that_image(form: str) -> None:
    content = encoded(context(300, 300), form)
    (one,) = opened("-", stdin=content)
    assert (one.name, one.content, one.error) == ("stdin", content, "")


def test_texts_on_standard_input_are_lines() -> None:
    content = "good film\r\n\nschlechter Film: üble Sache\n".encode() + b"\xff\xfe bad\n" + b"last"
    found = opened("-", stdin=content, kind=TEXTS)
    assert [each.name for each in found] == [f"stdin:{row}" for row in range(1, 6)]
    assert [each.content for each in found if not each.error] == [
        Cell("good film"), Cell(""), Cell("schlechter Film: üble Sache"), Cell("last"),
    ]  # fmt: skip
    assert found[3].error.startswith("byte 0: not UTF-8")


def test_a_line_without_end_is_a_row_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipe, "_MOST_LINE", 100_000)
    found = opened("-", stdin=b"a" * 1_000_000 + b"\nfine\n", kind=TEXTS)
    assert [bool(each.error) for each in found] == [True, False]
    assert found[1].content == Cell("fine")


def test_standard_input_beside_other_places_and_only_once(tmp_path: Path) -> None:
    images(tmp_path, "a.png")
    assert names(str(tmp_path), "-", stdin=b"x.png\n") == [f"{tmp_path}/a.png", "x.png"]
    with pytest.raises(DataError, match="standard input can be read only once"):
        opened("-", "-", stdin=b"")


def test_a_folder_is_listed_while_it_is_asked_for(tmp_path: Path) -> None:
    images(tmp_path, "a/1.png", "b/2.png")
    found = iter(open_places([str(tmp_path)], Settings(), IMAGES))
    assert next(found).name.endswith("a/1.png")
    images(tmp_path, "b/3.png")
    assert [each.name[-7:] for each in found] == ["b/2.png", "b/3.png"]


@pytest.mark.parametrize("place", [".", "./", "a", "a/", "./a", "a/../a"])
def test_names_join_the_place_as_it_was_given(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    images(tmp_path, "a/a/1.png")
    inside = "a/a/1.png" if place in (".", "./") else "a/1.png"
    assert names(place) == [os.path.join(place, inside)]


def test_one_example_of_several_by_its_name(tmp_path: Path) -> None:
    texts = tmp_path / "t.csv"
    texts.write_text("text\ngood\nbad\n", encoding="utf-8")
    packed = tmp_path / "a.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for name, side in (("cat/1.png", 3), ("cat/2.png", 4)):
            archive.writestr(name, encoded(context(side, side), "PNG"))
    np.savez(tmp_path / "n.npz", x_train=np.arange(8, dtype=np.uint8).reshape(2, 2, 2), y_train=[0, 1])
    for whole, kind in (
        (texts, TEXTS),
        (packed, IMAGES),
        (tmp_path / "n.npz", IMAGES),
        ("sample:fashion", IMAGES),
    ):
        there = opened(str(whole), kind=kind)
        (one,) = opened(there[1].name, kind=kind)
        assert one.name == there[1].name
        assert np.array_equal(np.asarray(one.content), np.asarray(there[1].content))
        assert open_places([there[1].name], Settings(), kind).count() == 1
    with pytest.raises(DataError, match=r"t\.csv:9: .*t\.csv has no such example; the first is .*t\.csv:2"):
        opened(f"{texts}:9", kind=TEXTS)
    with pytest.raises(
        DataError, match=r"a\.zip/3\.png: .*a\.zip has no such example; the first is .*cat/1\.png"
    ):
        opened(f"{packed}/3.png")


def test_how_many(tmp_path: Path) -> None:
    images(tmp_path, "a/1.png", "a/2.png")
    (tmp_path / "a" / "x.txt").write_text("no image")
    (tmp_path / "t.csv").write_text("image\na/1.png\na/2.png\n")
    places = [str(tmp_path / "a"), str(tmp_path / "t.csv"), str(tmp_path / "a/1.png"), "sample:fashion"]
    assert open_places(places, Settings(), IMAGES).count() == 5 + 12_000
    pipe = io.BufferedReader(io.BytesIO(b""))
    assert open_places([*places, "-"], Settings(), IMAGES, pipe).count() is None
