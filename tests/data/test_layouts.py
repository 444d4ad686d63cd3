"""Data as the field's tools leave it: read as it is, every labelled example, or refused with what to do."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from pyarrow import parquet

from data.made import read
from data.made_layouts import BY_TOOLS, MADE, ON_DISK, class_folders, contest, require_whole
from pellucid.data import Listing, Preprocessing, decode_all
from pellucid.data.data_files import Stored, contents
from pellucid.data.sources.labelled import read_dataset
from pellucid.data.sources.places import files_named, open_places
from pellucid.errors import DataError, UsageError
from pellucid.input_kinds import IMAGES
from pellucid.settings import Settings


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


def test_images_without_a_label_are_counted(tmp_path: Path, own_cache: Path) -> None:
    place = contest(tmp_path / "made")
    warnings = "\n".join(read(place).warnings)
    assert "4 images left out, having no label in any table" in warnings
    assert "'test.csv' left out, having no labels" in warnings
    require_whole(read(place / "train.csv"), {"": 12})


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
            np.testing.assert_array_equal(preprocessing.image_and_warning(content)[0], pixels[row])


def test_groups_of_rows_are_read_one_after_the_other(tmp_path: Path, own_cache: Path) -> None:
    stored = parquet.read_table(MADE / "hub/data/train-00000-of-00002.parquet")
    delta = {"use_dictionary": False, "column_encoding": {"image.bytes": "DELTA_BYTE_ARRAY"}}
    for number, options in enumerate(({"row_group_size": 2}, {"data_page_size": 64}, delta)):
        parquet.write_table(stored, tmp_path / f"{number}.parquet", **options)
        require_whole(read(tmp_path / f"{number}.parquet"), {"": 6})


def test_predict_takes_the_images_of_a_table(own_cache: Path) -> None:
    place = str(MADE / "hub/data/test-00000-of-00001.parquet")
    opened = open_places([place], Settings(), IMAGES)
    found = list(opened)
    assert [each.name for each in found] == [f"{place}:{row}" for row in range(1, 7)]
    assert opened.count() == 6
    assert all(isinstance(each.content, bytes) for each in found)
    every = open_places([str(MADE / "hub")], Settings(), IMAGES)
    assert every.count() == len(list(every)) == 22
