"""Archives, tables and folders refused with what to do, and images in them that are bad or left out."""

import io
import shutil
import tarfile
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from data.made import read, require_refused
from data.made_layouts import MADE, NAMES, class_folders, flat, image, require_whole, save_all, table
from pellucid.data import decode_all
from pellucid.settings import Settings


def zipped(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"\x89PNG\r\n\x1a\nof nothing")
    return path


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (("a/1.png", "../b/1.png"), "leaves the archive; pack it under a plain name"),
        (("a/1.png", "/etc/1.png"), "leaves the archive"),
        (("a/1.png", "b/1.png", "b/1.png/2.png"), "lies in a file"),
        (("a/1.png", "b/1.png", "./b/1.png"), "twice; pack it once"),
        (("a/" * 120 + "1.png", "b/1.png"), "folders lie in one another"),
        (("__MACOSX/a.png", ".DS_Store"), "holds no files"),
    ],
)
def test_archives_that_no_honest_tool_packs_are_refused(
    names: tuple[str, ...], reason: str, tmp_path: Path
) -> None:
    require_refused(zipped(tmp_path / "x.zip", *names), reason)


def test_a_bomb_is_refused_before_it_unpacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_UNPACKED_GB", "0.001")
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a/1.png", "b/1.png"):
            archive.writestr(name, bytes(8 << 20))
    require_refused(tmp_path / "x.zip", r"unpacks to more than 1 MB; if you trust it")


def test_a_link_in_an_archive_is_a_bad_image(tmp_path: Path, own_cache: Path) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as archive:
        for name in NAMES:
            content = io.BytesIO()
            image(0).save(content, "PNG")
            info = tarfile.TarInfo(f"{name}/1.png")
            info.size = len(content.getvalue())
            archive.addfile(info, io.BytesIO(content.getvalue()))
        link = tarfile.TarInfo("cat/2.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    images, _ = decode_all(read(path), Settings())
    assert [(each.source, each.reason) for each in images.problems] == [
        (f"{path}/cat/2.png", "a link in an archive is not followed; pack the file itself")
    ]


def test_rows_of_parquet_that_are_refused_or_bad(tmp_path: Path, own_cache: Path) -> None:
    stored = parquet.read_table(MADE / "texts/train-00000-of-00001.parquet")
    labels = pa.array([0, 1, 2, *[0] * 9], pa.int64())
    parquet.write_table(stored.set_column(1, "label", labels), tmp_path / "x.parquet")
    require_refused(tmp_path / "x.parquet", "row 3 has the label 2 in column 'label', which has names for 0")
    stored = parquet.read_table(MADE / "hub/data/train-00000-of-00002.parquet")
    cells = stored["image"].to_pylist()
    cells[2] = None
    kept = stored.set_column(0, "image", pa.array(cells, stored.schema.field("image").type))
    parquet.write_table(kept, tmp_path / "x.parquet")
    images, _ = decode_all(read(tmp_path / "x.parquet"), Settings())
    assert [(each.index, each.reason) for each in images.problems] == [(2, "holds no image in this row")]


def test_tables_of_images_that_unpack_to_too_much_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [{"bytes": b"\x89PNG" + bytes(1 << 20), "path": None} for _ in range(4)]
    path = tmp_path / "x.parquet"
    pd.DataFrame({"image": cells, "label": ["a", "b"] * 2}).to_parquet(
        path, use_dictionary=False, compression="zstd"
    )
    monkeypatch.setenv("PELLUCID_UNPACKED_GB", "0.001")
    require_refused(path, r"x\.parquet: unpacks to more than \d+ MB; if you trust it")


@pytest.mark.parametrize("name", ["x.arrow", "x.feather"])
@pytest.mark.parametrize(
    ("compression", "kind"), [("zstd", pa.string()), (None, pa.dictionary(pa.int32(), pa.string()))]
)
def test_arrow_that_stands_for_more_than_it_holds_is_refused(
    compression: str | None, kind: pa.DataType, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [letter * (1 << 16) for letter in "ab"] * 100
    made = pa.table({"text": pa.array(texts).cast(kind), "label": ["x", "y"] * 100})
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with (
        pa.OSFile(str(tmp_path / name), "wb") as file,
        (pa.ipc.new_stream if name == "x.arrow" else pa.ipc.new_file)(
            file, made.schema, options=options
        ) as out,
    ):
        out.write_table(made)
    assert read(tmp_path / name).labels == ["x", "y"] * 100
    monkeypatch.setenv("PELLUCID_UNPACKED_GB", "0.001")
    require_refused(tmp_path / name, r"x\.\w+: unpacks to more than \d+ MB; if you trust it")


@pytest.mark.parametrize("name", ["x.arrow", "x.feather"])
def test_damaged_arrow_is_refused(name: str, tmp_path: Path) -> None:
    whole = (MADE / "saved/train/data-00000-of-00001.arrow").read_bytes()
    if name == "x.feather":
        pd.DataFrame({"text": ["some text"] * 200, "label": ["a", "b"] * 100}).to_feather(tmp_path / name)
        whole = (tmp_path / name).read_bytes()
    for length in (0, 700, len(whole) // 2):
        (tmp_path / name).write_bytes(whole[:length])
        require_refused(tmp_path / name, r"x\.\w+: ")


def test_labelled_examples_are_never_lost_in_silence(tmp_path: Path) -> None:
    shutil.copytree(MADE / "hub", tmp_path / "hub")
    (tmp_path / "hub/data/validation-00000-of-00001.parquet").rename(tmp_path / "hub/data/more.parquet")
    require_refused(tmp_path / "hub", r"'data/more\.parquet' beside tables of splits")
    (tmp_path / "hub/other").mkdir()
    (tmp_path / "hub/data/more.parquet").rename(tmp_path / "hub/other/train.parquet")
    require_refused(tmp_path / "hub", r"holds several data sets, '\.', 'other'; give the folder of one")
    folder = flat(tmp_path / "flat")
    (folder / "003.jpg").unlink()
    require_refused(folder, r"no such image, or more than one, at row 5 \('003'\)")
    shutil.copy(folder / "labels.csv", folder / "others.csv")
    require_refused(folder, r"which table has the labels, 'labels\.csv', 'others\.csv'")


def test_shards_without_an_image_are_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for name in ("1.png", "1.cls", "2.png", "2.cls", "3.cls"):
            archive.addfile(tarfile.TarInfo(name))
    require_refused(tmp_path / "x.tar", r"1 example without a \.png file")


@pytest.mark.parametrize("place", ["{0..9999999}.tar", "{1,2}.tar", "none/*.parquet"])
def test_patterns_that_name_no_file_are_refused(place: str, tmp_path: Path) -> None:
    require_refused(tmp_path / place, r"names more than 100,000 files|no such file")


def test_images_without_classes_are_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "loose").mkdir()
    zipped(tmp_path / "loose" / "x.zip", "a/1.png", "b/1.png")
    save_all(tmp_path / "loose", 2)
    require_refused(tmp_path / "loose", "2 images but no class folders")
    for split in ("train", "valid", "test"):
        save_all(tmp_path / "made" / split, 4)
    require_refused(tmp_path / "made", "'test', 'train', 'valid' are named as splits, but hold images with")


def test_a_file_beside_images_that_is_no_table_does_not_stop_them(tmp_path: Path, own_cache: Path) -> None:
    folder = flat(tmp_path / "made")
    (folder / "notes.jsonl").write_text("none\n")
    listing = read(folder)
    require_whole(listing, {"": 12})
    assert any("left out: " in each and "notes.jsonl: row 1 is not JSON" in each for each in listing.warnings)
    (folder / "labels.csv").unlink()
    require_refused(folder, r"notes\.jsonl: row 1 is not JSON")


def test_labels_that_could_be_names_are_labels(tmp_path: Path, own_cache: Path) -> None:
    names = save_all(tmp_path / "made", 12)
    for row, name in enumerate(names):
        (tmp_path / "made" / f"{name}.png").rename(tmp_path / "made" / f"{row}.png")
    rows = {"label": [row % 2 for row in range(12)], "id": range(12)}
    pd.DataFrame(rows).to_csv(tmp_path / "made/labels.csv", index=False)
    require_whole(read(tmp_path / "made"), {"": 12})


def test_class_folders_come_before_a_table_beside_them(tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "made")
    table(folder / "labels.csv", "name", [f"{name}/{name}{row}.png" for row in range(6) for name in NAMES])
    listing = read(folder)
    assert listing.form == "class folders"
    assert "left out: 'labels.csv'; to read labels from 'labels.csv', give it as DATA" in listing.warnings[0]
    assert read(folder / "labels.csv").labels.count("cat") == 6


def test_a_packed_archive_that_is_cut_short_is_refused_where_a_text_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "words.tar.gz"
    whole = (MADE / "words.tar.gz").read_bytes()
    for length in range(30, len(whole), 11):
        path.write_bytes(whole[:length])
        if length < len(whole) - 40:
            require_refused(path, r"words\.tar\.gz: ")
    assert len(read(path)) == 6  # nothing but zeros and the checksum is missing
