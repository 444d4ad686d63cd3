"""Data as the field's tools leave it: read as it is, every labelled example, or refused with what to do."""

import io
import json
import shutil
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
import torchvision
from PIL import Image
from pyarrow import parquet

from data.made import read
from pellucid.data import Listing, Preprocessing, decode_all
from pellucid.data.archives.stored import Stored, contents
from pellucid.data.reading.containers.places import files_named
from pellucid.data.reading.dispatch import read_dataset
from pellucid.data.reading.inputs.places import open_places
from pellucid.errors import DataError, UsageError
from pellucid.settings import Settings
from pellucid.tasks import IMAGES

MADE = Path(__file__).parent / "layouts"
NAMES = ("cat", "dog")
THREE_SPLITS = {"train": 12, "validation": 4, "test": 6}
DRAWS = np.random.default_rng(1)


def image(label: int, mode: str = "RGB") -> Image.Image:
    pixels = DRAWS.integers(0, 60, (8, 8, 3))
    pixels[..., label] += 150
    return Image.fromarray(pixels.astype(np.uint8)).convert(mode)


def save_all(folder: Path, count: int, ending: str = ".png", name: str = "") -> list[str]:
    """Images of both classes in one folder; their names without the ending."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{name}{row:03}" for row in range(count)]
    for row, each in enumerate(names):
        image(row % 2).save(folder / (each + ending))
    return names


def table(path: Path, column: str, names: list[str], label: str = "label") -> None:
    pd.DataFrame({column: names, label: [NAMES[row % 2] for row in range(len(names))]}).to_csv(
        path, index=False
    )


def class_folders(place: Path) -> Path:
    for label, name in enumerate(NAMES):
        (place / name).mkdir(parents=True)
        for row in range(6):
            image(label).save(place / name / f"{name}{row}.png")
    return place


def split_folders(place: Path) -> Path:
    """As Kaggle, Roboflow and Keras name them, in letters of any case."""
    for split, count in (("Train", 12), ("valid", 4), ("TEST", 6)):
        for label, name in enumerate(NAMES):
            (place / split / name).mkdir(parents=True)
            for row in range(count // 2):
                image(label).save(place / split / name / f"{row}.jpg")
    return place


def text_folders(place: Path) -> Path:
    for name in NAMES:
        (place / name).mkdir(parents=True)
        for row in range(6):
            (place / name / f"{row}.txt").write_text(f"A {name} of number {row}.")
    return place


def image_folder(place: Path) -> Path:
    """Hugging Face's `imagefolder` with a table in each split."""
    for split, count in (("train", 12), ("test", 6)):
        table(
            _made(place / split) / "metadata.csv",
            "file_name",
            [f"{n}.png" for n in save_all(place / split, count)],
        )
    return place


def image_folder_of_lines(place: Path) -> Path:
    names = save_all(place / "train", 12, name="a") + save_all(place / "test", 6, name="b")
    with (place / "metadata.jsonl").open("w") as file:
        for row, name in enumerate(names):
            folder = "train" if name.startswith("a") else "test"
            file.write(json.dumps({"file_name": f"{folder}/{name}.png", "label": NAMES[row % 2]}) + "\n")
    return place


def contest(place: Path) -> Path:
    """As Kaggle lays out a contest: ids, images to answer without labels, and an example of answers."""
    table(_made(place) / "train.csv", "id", save_all(place / "train", 12, ".jpg", "a"))
    unknown = save_all(place / "test", 4, ".jpg", "b")
    pd.DataFrame({"id": unknown}).to_csv(place / "test.csv", index=False)
    table(place / "sample_submission.csv", "id", unknown)
    return place


def flat(place: Path) -> Path:
    table(_made(place) / "labels.csv", "id", save_all(place, 12, ".jpg"), "breed")
    return place


def idx_folder(place: Path) -> Path:
    for part, count in (("train", 12), ("t10k", 6)):
        pixels = DRAWS.integers(0, 256, (count, 8, 8)).astype(np.uint8)
        start = b"\0\0\x08\x03" + b"".join(size.to_bytes(4) for size in pixels.shape)
        (_made(place) / f"{part}-images-idx3-ubyte").write_bytes(start + pixels.tobytes())
        labels = bytes(row % 2 for row in range(count))
        (place / f"{part}-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01" + count.to_bytes(4) + labels)
    return place


def table_alone(place: Path) -> Path:
    names = [f"The review of number {row}." for row in range(12)]
    table(_made(place) / "reviews.csv", "text", names)
    return place


def bytes_in_parquet(place: Path) -> Path:
    """Bytes alone, as pandas writes them."""
    stored = []
    for row in range(12):
        content = io.BytesIO()
        image(row % 2).save(content, "PNG")
        stored.append(content.getvalue())
    path = place.with_suffix(".parquet")
    pd.DataFrame({"img": stored, "species": [NAMES[row % 2] for row in range(12)]}).to_parquet(path)
    return path


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


ON_DISK: dict[str, tuple[Callable[[Path], Path], dict[str, int]]] = {
    "class folders": (class_folders, {"": 12}),
    "split folders": (split_folders, THREE_SPLITS),
    "text folders": (text_folders, {"": 12}),
    "imagefolder": (image_folder, {"": 12, "test": 6}),
    "imagefolder of lines": (image_folder_of_lines, {"": 12, "test": 6}),
    "contest": (contest, {"": 12}),
    "flat": (flat, {"": 12}),
    "IDX": (idx_folder, {"": 12, "test": 6}),
    "table alone": (table_alone, {"": 12}),
    "bytes in Parquet": (bytes_in_parquet, {"": 12}),
}
BY_TOOLS = {
    "hub": ("hub", THREE_SPLITS),
    "one shard": ("hub/data/train-00000-of-00002.parquet", {"": 6}),
    "saved": ("saved", {"": 12, "test": 6}),
    "one part saved": ("saved/train", {"": 12}),
    "texts": ("texts", {"": 12}),
    "WebDataset": ("shards", {"": 12, "test": 4}),
    "WebDataset in braces": ("shards/train-{000000..000002}.tar", {"": 12}),
    "WebDataset by glob": ("shards/*.tar", {"": 12, "test": 4}),
    "WebDataset of objects": ("objects.tar", {"": 4}),
    "WebDataset packed": ("words.tar.gz", {"": 6}),
    "WebDataset of texts": ("mails.tar", {"": 4}),
    "Parquet by glob": ("hub/data/{train,test}-*.parquet", {"": 12, "test": 6}),
}


def require_whole(listing: Listing, splits: dict[str, int]) -> None:
    """Every example is there, half of them of each class, and images are those of their class."""
    assert Counter(listing.splits) == splits
    for split in splits:
        of_it = Counter(
            label for label, part in zip(listing.labels, listing.splits, strict=True) if part == split
        )
        assert len(of_it) == 2
        assert len(set(of_it.values())) == 1
    if listing.texts is not None or listing.form == "idx":
        return
    images, _ = decode_all(listing, Settings())
    assert images.problems == ()
    reddish = images.pixels[..., 0].mean((1, 2)) > images.pixels[..., 1].mean((1, 2))
    assert reddish.tolist() == [label in ("cat", "0") for label in listing.labels]
    again: list[object] = []
    decode_all(listing, Settings(), progress=lambda *done: again.append(done))
    assert not again, "the second start decodes again"


@pytest.mark.parametrize("name", BY_TOOLS)
def test_what_tools_leave_is_read(name: str, own_cache: Path) -> None:
    place, splits = BY_TOOLS[name]
    require_whole(read(MADE / place), splits)


@pytest.mark.parametrize("name", ON_DISK)
def test_folders_are_read_on_the_disk_and_in_archives(name: str, tmp_path: Path, own_cache: Path) -> None:
    make, splits = ON_DISK[name]
    place = make(tmp_path / "made")
    listing = read(place)
    require_whole(listing, splits)
    if place.is_file():
        return
    labels = {tail(source): label for source, label in zip(listing.sources, listing.labels, strict=True)}
    for form, base in (("zip", tmp_path), ("tar", place), ("gztar", tmp_path)):
        root = None if base == place else "made"
        packed = shutil.make_archive(str(tmp_path / f"packed-{form}"), form, base, root)
        found = read(packed)
        require_whole(found, splits)
        assert {
            tail(source): label for source, label in zip(found.sources, found.labels, strict=True)
        } == labels


def tail(source: str) -> str:
    """The last parts of a source, without folder or archive of all."""
    parts = source.split("/")[-2:]
    return "/".join(part for part in parts if part != "made" and not part.endswith((".zip", ".tar", ".gz")))


def test_texts_of_a_saved_data_set_have_named_labels(own_cache: Path) -> None:
    listing = read(MADE / "texts")
    assert listing.texts is not None
    assert set(listing.labels) == {"neg", "pos"}
    assert any(
        "'test-00000-of-00001.parquet' left out, having no labels" in each for each in listing.warnings
    )


def test_a_table_of_ids_is_data_by_itself(tmp_path: Path, own_cache: Path) -> None:
    require_whole(read(contest(tmp_path / "made") / "train.csv"), {"": 12})


def test_images_without_a_label_are_counted(tmp_path: Path) -> None:
    said = "\n".join(read(contest(tmp_path / "made")).warnings)
    assert "4 images left out, having no label in any table" in said
    assert "'test.csv' left out, having no labels" in said


# --- in Python


def test_data_sets_of_torchvision_are_read(tmp_path: Path, own_cache: Path) -> None:
    folder = torchvision.datasets.ImageFolder(str(class_folders(tmp_path / "made")))
    require_handed(read_dataset(folder, Settings()), ["cat"] * 6 + ["dog"] * 6)
    part = torch.utils.data.Subset(folder, [0, 11])
    require_handed(read_dataset(part, Settings()), ["cat", "dog"])
    fake = torchvision.datasets.FakeData(6, (3, 8, 8), 2, transform=torchvision.transforms.ToTensor())
    both = read_dataset({"train": folder, "val": fake, "test": part}, Settings())
    assert Counter(both.splits) == {"train": 12, "validation": 6, "test": 2}
    assert both.sources[12].startswith("builtins.dict/val:")
    pixels = decode_all(read_dataset(fake, Settings()), Settings())[0].pixels
    np.testing.assert_array_equal(pixels[3], np.round(np.moveaxis(fake[3][0].numpy(), 0, -1) * 255))


def require_handed(listing: Listing, labels: list[str]) -> None:
    assert list(listing.labels) == labels
    pixels = decode_all(listing, Settings())[0].pixels
    assert ((pixels[..., 0] > pixels[..., 1]).mean((1, 2)) > 0.5).tolist() == [
        each == "cat" for each in labels
    ]


class Pairs(torch.utils.data.Dataset):
    """A data set of whatever it is given."""

    def __init__(self, *items: object) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, row: int) -> object:
        return self.items[row]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (Pairs(3), "item 0 is no pair"),
        (Pairs(), "holds no examples"),
        (Pairs((torch.zeros(5), 0)), "item 0 is no image"),
        (Pairs((torch.full((3, 4, 4), -2.0), 0)), "leave Normalize out"),
        (Pairs((np.full((4, 4), 300), 0)), "outside of 0 to 255"),
        (Pairs((torch.zeros(1, 4, 4), 0), ("a text", 1)), "images and texts"),
        ({"night": Pairs((torch.zeros(1, 4, 4), 0))}, "'night' is no split"),
    ],
)
def test_what_is_no_data_set_of_pairs_is_refused(data: object, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        read_dataset(data, Settings())


def test_texts_of_a_data_set_are_texts() -> None:
    listing = read_dataset(Pairs(("one text", "x"), ("another", "y")), Settings())
    assert list(listing.texts or ()) == ["one text", "another"]
    with pytest.raises(UsageError, match="holds texts"):
        read_dataset(Pairs(("one text", "x"), ("another", "y")), Settings(task="image"))


# --- refused, with what to do


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
    with pytest.raises(DataError, match=reason):
        read(zipped(tmp_path / "x.zip", *names))


def test_a_bomb_is_refused_before_it_unpacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_UNPACKED_GB", "0.001")
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a/1.png", "b/1.png"):
            archive.writestr(name, bytes(8 << 20))
    with pytest.raises(DataError, match=r"unpacks to more than 1 MB; if you trust it"):
        read(tmp_path / "x.zip")


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


def test_a_label_without_a_name_is_refused(tmp_path: Path) -> None:
    stored = parquet.read_table(MADE / "texts/train-00000-of-00001.parquet")
    labels = pa.array([0, 1, 2, *[0] * 9], pa.int64())
    parquet.write_table(stored.set_column(1, "label", labels), tmp_path / "x.parquet")
    with pytest.raises(
        DataError, match=r"row 3 has the label 2 in column 'label', which has names for 0 to 1"
    ):
        read(tmp_path / "x.parquet")


def test_tables_of_images_that_unpack_to_too_much_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [{"bytes": b"\x89PNG" + bytes(1 << 20), "path": None} for _ in range(4)]
    path = tmp_path / "x.parquet"
    pd.DataFrame({"image": cells, "label": ["a", "b"] * 2}).to_parquet(
        path, use_dictionary=False, compression="zstd"
    )
    monkeypatch.setenv("PELLUCID_UNPACKED_GB", "0.001")
    with pytest.raises(DataError, match=r"x\.parquet: unpacks to more than \d+ MB; if you trust it"):
        read(path)
    monkeypatch.setenv("PELLUCID_MEMORY_GB", "0.001")
    with pytest.raises(
        DataError, match=r"x\.parquet: a page of 4 MB, .* groups of 100 rows, or if you trust"
    ):
        read(path)


def test_an_empty_cell_is_a_bad_image(tmp_path: Path, own_cache: Path) -> None:
    stored = parquet.read_table(MADE / "hub/data/train-00000-of-00002.parquet")
    cells = stored["image"].to_pylist()
    cells[2] = None
    kept = stored.set_column(0, "image", pa.array(cells, stored.schema.field("image").type))
    parquet.write_table(kept, tmp_path / "x.parquet")
    images, _ = decode_all(read(tmp_path / "x.parquet"), Settings())
    assert [(each.index, each.reason) for each in images.problems] == [(2, "holds no image in this row")]


@pytest.mark.parametrize(
    ("options", "kind", "reason"),
    [
        (pa.ipc.IpcWriteOptions(compression="zstd"), pa.string(), "with compressed batches"),
        (pa.ipc.IpcWriteOptions(), pa.dictionary(pa.int32(), pa.string()), "with dictionaries"),
    ],
)
def test_arrow_streams_that_stand_for_more_than_they_hold_are_refused(
    options: pa.ipc.IpcWriteOptions, kind: pa.DataType, reason: str, tmp_path: Path
) -> None:
    made = pa.table({"text": ["a b c"] * 20, "label": pa.array(["x", "y"] * 10).cast(kind)})
    with (
        pa.OSFile(str(tmp_path / "x.arrow"), "wb") as file,
        pa.ipc.new_stream(file, made.schema, options=options) as out,
    ):
        out.write_table(made)
    with pytest.raises(DataError, match=reason):
        read(tmp_path / "x.arrow")


def test_damaged_arrow_streams_are_refused(tmp_path: Path) -> None:
    whole = (MADE / "saved/train/data-00000-of-00001.arrow").read_bytes()
    for length in (0, 5, 700, len(whole) // 2):
        (tmp_path / "x.arrow").write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"x\.arrow"):
            read(tmp_path / "x.arrow")


def test_labelled_examples_are_never_lost_in_silence(tmp_path: Path) -> None:
    shutil.copytree(MADE / "hub", tmp_path / "hub")
    (tmp_path / "hub/data/validation-00000-of-00001.parquet").rename(tmp_path / "hub/data/more.parquet")
    with pytest.raises(DataError, match=r"'data/more\.parquet' beside tables of splits"):
        read(tmp_path / "hub")
    (tmp_path / "hub/other").mkdir()
    (tmp_path / "hub/data/more.parquet").rename(tmp_path / "hub/other/train.parquet")
    with pytest.raises(DataError, match=r"holds several data sets, '\.', 'other'; give the folder of one"):
        read(tmp_path / "hub")
    folder = flat(tmp_path / "flat")
    (folder / "003.jpg").unlink()
    with pytest.raises(DataError, match=r"no such image, or more than one, at row 5 \('003'\)"):
        read(folder)
    shutil.copy(folder / "labels.csv", folder / "others.csv")
    with pytest.raises(DataError, match=r"which table has the labels, 'labels\.csv', 'others\.csv'"):
        read(folder)


def test_shards_without_an_image_are_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for name in ("1.png", "1.cls", "2.png", "2.cls", "3.cls"):
            archive.addfile(tarfile.TarInfo(name))
    with pytest.raises(DataError, match=r"1 example without a \.png file"):
        read(tmp_path / "x.tar")


@pytest.mark.parametrize("place", ["{0..9999999}.tar", "{1,2}.tar", "none/*.parquet"])
def test_patterns_that_name_no_file_are_refused(place: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"names more than 100,000 files|no such file"):
        read(tmp_path / place)


def test_braces_count_and_list(tmp_path: Path) -> None:
    for name in ("08a", "09a", "10a", "09b"):
        (tmp_path / name).touch()
    found = files_named(f"{tmp_path}/{{08..10}}{{a,}}{{,}}".replace("{a,}{,}", "a"))
    assert [path.name for path in found] == ["08a", "09a", "10a"]
    assert [path.name for path in files_named(f"{tmp_path}/09{{b,a}}")] == ["09b", "09a"]


def test_a_changed_archive_is_decoded_anew(tmp_path: Path, own_cache: Path) -> None:
    found = []
    for name in ("one", "two"):
        class_folders(tmp_path / name)
        listing = read(shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / name))
        found.append(decode_all(listing, Settings())[0].pixels.copy())
    assert found[0].shape == found[1].shape
    assert not np.array_equal(*found)


def test_loose_images_beside_archives_are_not_passed_over(tmp_path: Path) -> None:
    zipped(tmp_path / "x.zip", "a/1.png", "b/1.png")
    save_all(tmp_path, 2)
    with pytest.raises(DataError, match="2 images but no class folders"):
        read(tmp_path)


def test_splits_without_labels_are_no_classes(tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        save_all(tmp_path / "made" / split, 4)
    with pytest.raises(
        DataError, match="'test', 'train', 'valid' are named as splits, but hold images without"
    ):
        read(tmp_path / "made")


def test_a_file_beside_images_that_is_no_table_does_not_stop_them(tmp_path: Path, own_cache: Path) -> None:
    folder = flat(tmp_path / "made")
    (folder / "notes.jsonl").write_text("none\n")
    listing = read(folder)
    require_whole(listing, {"": 12})
    assert any("left out: " in each and "notes.jsonl: row 1 is not JSON" in each for each in listing.warnings)
    (folder / "labels.csv").unlink()
    with pytest.raises(DataError, match=r"notes\.jsonl: row 1 is not JSON"):
        read(folder)


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


# --- read by position


def test_members_are_read_in_any_order(tmp_path: Path) -> None:
    place = class_folders(tmp_path / "made")
    for form in ("zip", "tar", "gztar"):
        listing = read(shutil.make_archive(str(tmp_path / form), form, tmp_path, "made"))
        assert listing.paths is not None
        for row in (7, 0, 11, 3):
            stored = listing.paths[row]
            assert isinstance(stored, Stored)
            assert stored.content() == (place / "/".join(listing.sources[row].split("/")[-2:])).read_bytes()


def test_rows_in_cells_are_read_in_any_order(own_cache: Path) -> None:
    for place in ("hub", "saved"):
        listing = read(MADE / place)
        pixels = decode_all(listing, Settings())[0].pixels
        preprocessing = Preprocessing(8, 8, 3)
        rows = [9, 2, 15, 0]
        found = contents(listing.paths[row] for row in rows)  # type: ignore[index]
        for row, content in zip(rows, found, strict=True):
            assert isinstance(content, bytes)
            np.testing.assert_array_equal(preprocessing.image(content), pixels[row])


def test_groups_of_rows_are_read_one_after_the_other(tmp_path: Path, own_cache: Path) -> None:
    stored = parquet.read_table(MADE / "hub/data/train-00000-of-00002.parquet")
    for number, options in enumerate(
        ({"row_group_size": 2}, {"use_dictionary": False}, {"data_page_size": 64}, {"column_encoding": "x"})
    ):
        if "column_encoding" in options:
            options = {
                "use_dictionary": False,
                "column_encoding": {"image.bytes": "DELTA_BYTE_ARRAY"},
            }
        parquet.write_table(stored, tmp_path / f"{number}.parquet", **options)
        require_whole(read(tmp_path / f"{number}.parquet"), {"": 6})


def test_predict_takes_the_images_of_a_table(own_cache: Path) -> None:
    place = str(MADE / "hub/data/test-00000-of-00001.parquet")
    opened = open_places([place], Settings(), IMAGES)
    found = list(opened.inputs)
    assert [each.name for each in found] == [f"{place}:{row}" for row in range(1, 7)]
    assert opened.how_many() == 6
    assert all(isinstance(each.source, bytes) for each in found)
    every = open_places([str(MADE / "hub")], Settings(), IMAGES)
    assert every.how_many() == len(list(every.inputs)) == 22


def test_a_packed_archive_that_is_cut_short_is_refused_where_a_text_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "words.tar.gz"
    whole = (MADE / "words.tar.gz").read_bytes()
    for length in range(30, len(whole), 5):
        path.write_bytes(whole[:length])
        if length < len(whole) - 40:
            with pytest.raises(DataError, match=r"words\.tar\.gz: "):
                read(path)
    assert len(read(path)) == 6  # nothing but zeros and the checksum is missing
