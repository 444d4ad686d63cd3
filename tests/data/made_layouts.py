"""Data as the field's tools leave it, made on the disk, and what those tools made themselves."""

import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from pellucid.data import Listing, decode_all
from pellucid.progress import reporting_to
from pellucid.settings import Settings

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
    with reporting_to(lambda *done: again.append(done)):
        decode_all(listing, Settings())
    assert not again, "the second start decodes again"
