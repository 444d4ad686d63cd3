"""Listings and real image files for the tests of checking and splitting."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.data import read_data
from pellucid.data.listing import Listing
from pellucid.data.raw_texts import Texts
from pellucid.errors import DataError
from pellucid.settings import Settings
from pellucid.targets import REGRESSION, Labels


def read(place: Path | str, **settings: object) -> Listing:
    """DATA as read with some settings."""
    return read_data(str(place), Settings(**settings))  # type: ignore[arg-type]


def require_refused(place: Path | str, match: str, **settings: object) -> None:
    """DATA is refused with some settings, and the message matches."""
    with pytest.raises(DataError, match=match):
        read(place, **settings)


def texts_of(listing: Listing) -> list[str]:
    """Texts of a listing that has some."""
    assert listing.texts is not None
    return list(listing.texts)


def written(path: Path, content: bytes | str) -> Path:
    """The path of a file with this content."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def listing_of(
    labels: Sequence[str],
    splits: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    pixels: np.ndarray | None = None,
) -> Listing:
    count = len(labels)
    return Listing(
        place="somewhere",
        form="table",
        sources=[f"table.csv:{row + 1}" for row in range(count)],
        labels=list(labels),
        splits=list(splits) if splits is not None else [""] * count,
        groups=list(groups) if groups is not None else [""] * count,
        pixels=images_of(count) if pixels is None else pixels,
    )


def with_numbers(listing: Listing, values: np.ndarray | None) -> Listing:
    """A listing with numbers to predict, if any; its texts stay."""
    return listing if values is None else replace(listing, decided=Labels(values, (), REGRESSION))


def images_of(count: int, side: int = 12, seed: int = 0) -> np.ndarray:
    """Distinct grey images of noise."""
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 1)).astype(np.uint8)


def write_class_folders(folder: Path, counts: dict[str, int], seed: int = 0) -> Path:
    """Real PNG files, all different, in one sub-folder per class."""
    images = iter(images_of(sum(counts.values()), side=16, seed=seed))
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(next(images)[:, :, 0]).save(folder / name / f"{number:03}.png")
    return folder


def listing_of_texts(
    texts: Sequence[str],
    labels: Sequence[str],
    splits: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
) -> Listing:
    count = len(texts)
    return Listing(
        place="mails.csv",
        form="table",
        sources=[f"mails.csv:{row + 2}" for row in range(count)],
        labels=list(labels),
        splits=list(splits) if splits is not None else [""] * count,
        groups=list(groups) if groups is not None else [""] * count,
        texts=Texts.of(texts),
    )


def made_texts(count: int, words: int = 40, seed: int = 0) -> list[str]:
    """Texts of made-up words, drawn as unevenly as those of a language; no two are alike."""
    generator = np.random.default_rng(seed)
    letters = np.array(list("abcdefghijklmnoprstuvw"))
    vocabulary = ["".join(generator.choice(letters, size)) for size in generator.integers(2, 9, 3000)]
    frequencies = 1 / np.arange(1, 3001)
    drawn = generator.choice(3000, (count, words), p=frequencies / frequencies.sum())
    return [" ".join(vocabulary[word] for word in row) for row in drawn.tolist()]
