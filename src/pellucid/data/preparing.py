"""From DATA to a finished data set: read, decode, check, split."""

import contextlib
import hashlib
import io
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Int64

from pellucid.data import duplicates
from pellucid.data.cache import cache_folder, decode_all
from pellucid.data.checking import Check
from pellucid.data.class_findings import look_alikes
from pellucid.data.dataset import Dataset, build_dataset
from pellucid.data.duplicates import NearCopies, first_with_content, near_copies
from pellucid.data.examining import Copies, examine
from pellucid.data.listing import TEST, TRAIN, UNDECIDED, VALIDATION, Listing, Pictures
from pellucid.data.preprocessing import Preprocessing
from pellucid.data.reading import read_images
from pellucid.data.splitting import split
from pellucid.data.targets import require_spread
from pellucid.data.wording import count_of, quoted, some, visible
from pellucid.errors import DataError
from pellucid.files import make_folder, write_file
from pellucid.settings import Settings

_MOST_REMEMBERED = 100


def prepare(
    place: str | Listing,
    settings: Settings,
    *,
    make: Sequence[str] = (VALIDATION, TEST),
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Dataset, Check]:
    """Make data ready for training, or say all that is wrong with it.

    Args:
        place: DATA, or what was already read of it.
        settings: the data settings, the seed and the class weights.
        make: splits to cut where the user gave none; an estimator cuts no test.
        progress: told the pictures decoded and the pictures in all.

    Returns:
        The data set, and what is known about it.

    Raises:
        DataError: pictures cannot be used (and `skip_bad` is off), fewer than two classes, a class
            too small for the splits to be made, or a class that is tested and never trained on; or
            numbers to predict that are all the same.
    """
    listing = place if isinstance(place, Listing) else read_images(place, settings)
    _require_targets(listing, np.ones(len(listing), bool))
    pictures, preprocessing = decode_all(listing, settings, progress=progress)
    usable = np.ones(len(listing), bool)
    usable[[problem.index for problem in pictures.problems]] = False
    if pictures.problems and not settings.skip_bad:
        raise _unusable(listing, pictures)
    _require_targets(listing, usable)
    first = first_with_content(pictures.digests, usable)
    division = split(listing, first, usable, settings.seed, make)
    dataset = build_dataset(listing, pictures, preprocessing, division.splits, first, usable)
    if dataset.is_numbers:
        require_spread(dataset.labels[dataset.train], f"{listing.place}, {TRAIN} split")
    else:
        _require_trained_classes(listing, dataset)
    alone = np.flatnonzero(usable & (first == np.arange(len(first)))).astype(np.int64)
    near = _remembered_near_copies(listing, pictures, preprocessing, alone)
    return dataset, examine(listing, pictures, dataset, Copies(first, near), settings.class_weight)


def _require_targets(listing: Listing, usable: Bool[np.ndarray, " n"]) -> None:
    """Refuse data with nothing to tell apart, or a split of the user's that lost all it had.

    Raises:
        DataError: with what was found.
    """
    if not usable.any():
        raise DataError(f"{listing.place}: no picture that can be used; give labelled pictures")
    if listing.values is not None:
        require_spread(listing.values[usable], listing.place)
    classes = {listing.labels[index] for index in np.flatnonzero(usable).tolist()}
    if len(classes) == 1:
        raise DataError(
            f"{listing.place}: only one class, {quoted(classes.pop())}; give pictures of at least two classes"
        )
    splits = np.array(listing.splits, dtype="<U10")
    for part in (TRAIN, VALIDATION, TEST):
        if (splits == part).any() and not (usable & (splits == part)).any():
            raise DataError(f"{listing.place}: no picture of the {part} split can be used; mend them")
    if not np.isin(splits, (TRAIN, UNDECIDED)).any():
        raise DataError(f"{listing.place}: no picture is for training; mark some as {TRAIN}")


def _unusable(listing: Listing, pictures: Pictures) -> DataError:
    """The error that lists every picture that cannot be used."""
    listed = "".join(f"\n  {visible(f'{problem.source}: {problem.reason}')}" for problem in pictures.problems)
    number = len(pictures.problems)
    return DataError(
        f"{listing.place}: {number:,} of {count_of(len(listing), 'picture')} cannot be used; "
        f"mend or remove {'it' if number == 1 else 'them'}, or leave {'it' if number == 1 else 'them'} "
        f"out with --skip-bad{listed}"
    )


def _require_trained_classes(listing: Listing, dataset: Dataset) -> None:
    """Refuse classes that are scored and can never be answered.

    Raises:
        DataError: naming them.
    """
    trained = set(dataset.labels[dataset.train].tolist())
    for part in (VALIDATION, TEST):
        scored = set(dataset.labels[dataset.split_positions[part]].tolist())
        names = [dataset.classes[code] for code in sorted(scored - trained)]
        if not names:
            continue
        alike = {
            name: other
            for one, two, _ in look_alikes(dataset.classes)
            for name, other in ((one, two), (two, one))
        }
        shown = [
            quoted(name) + (f" (is it {quoted(alike[name])}?)" if name in alike else "") for name in names
        ]
        raise DataError(
            f"{listing.place}: {count_of(len(names), 'class')} of the {part} split never "
            f"{'stands' if len(names) == 1 else 'stand'} in {TRAIN}: {some(shown, 10)}; "
            f"add training examples or remove {'it' if len(names) == 1 else 'them'}"
        )


def _remembered_near_copies(
    listing: Listing,
    pictures: Pictures,
    preprocessing: Preprocessing,
    positions: Int64[np.ndarray, " m"],
) -> NearCopies:
    """Search for near copies once; what was found for the same pictures is remembered."""
    if listing.pixels is not None:
        return near_copies(pictures.pixels, pictures.perceptual_hashes, positions)
    key = hashlib.sha256(repr((duplicates.RULE, preprocessing)).encode())
    key.update(positions.astype("<i8").tobytes())
    key.update(np.ascontiguousarray(pictures.digests).tobytes())
    path = cache_folder().parent / "near-copies" / f"{key.hexdigest()[:40]}.npy"
    with contextlib.suppress(OSError, ValueError, EOFError):
        rows = np.load(path, allow_pickle=False)
        if rows.dtype == np.int64 and rows.shape[1:] == (2,) and len(rows):
            return NearCopies(rows[1:], bool(rows[0, 0]))
    near = near_copies(pictures.pixels, pictures.perceptual_hashes, positions)
    content = io.BytesIO()
    # The first row says whether the search was complete, the others are the pairs.
    np.save(content, np.concatenate([np.array([[near.complete, 0]], np.int64), near.pairs]))
    # A cache that cannot be written to costs seconds next time, and is no reason to stop.
    with contextlib.suppress(OSError):
        make_folder(path.parent)
        write_file(path, content.getvalue())
        kept_files = sorted(path.parent.glob("*.npy"), key=lambda file: file.stat().st_mtime)
        for old in kept_files[:-_MOST_REMEMBERED]:
            old.unlink(missing_ok=True)
    return near
