"""Decode once: images at the training size live in a memory-mapped cache.

The cache is `$XDG_CACHE_HOME/pellucid/images` (`~/.cache` where that is not set), at most
`PELLUCID_CACHE_GB` (10) gigabytes; the entries not used for longest go first. An entry is found by
path, size and time of change of every file. Images given as arrays in memory are not cached.

Where the cache cannot be written to (a read-only home, for instance), a temporary folder takes its
place for this run, and a warning says so. A full disk is an error, found before decoding starts.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import __version__ as pillow_version

from pellucid.data.archives.stored import Container, Stored
from pellucid.data.images.cached.entry import (
    FORMAT,
    Entry,
    clear_leftovers,
    entry_in_memory,
    open_entry,
    write_entry,
)
from pellucid.data.images.cached.plans import Plan, plan_arrays, plan_files
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.data.images.sizing import largest_side
from pellucid.data.listing import TEST, VALIDATION, Images, Listing, Problem
from pellucid.data.wording import some, visible
from pellucid.errors import RunLockedError, StorageError, UsageError
from pellucid.files import locked, make_folder
from pellucid.settings import Settings

Progress = Callable[[int, int], None]

_LOCK_PATIENCE_SECONDS = 3600.0
_LOCK_PAUSE_SECONDS = 0.1


def decode_all(
    listing: Listing,
    settings: Settings,
    *,
    progress: Progress | None = None,
    fixed: Preprocessing | None = None,
) -> tuple[Images, Preprocessing]:
    """Decode every image of a listing to one size, or find it decoded in the cache.

    Of `settings` it takes the image size and the number of threads. Images that cannot be used are among the
    `problems`; how the others were fitted is for the model to keep. `fixed` is the size, channels and range
    to fit them to; by default a rule decides. `progress` is told the images done and the images in all; it is
    not called when the cache has all.

    Raises: `DataError` if an IDX or npz file is damaged, `StorageError` if the disk of the cache is full, or
    neither it nor a temporary folder can be written to, `UsageError` if `PELLUCID_CACHE_GB` is no number.
    """
    if listing.pixels is not None:
        plan = plan_arrays(listing.pixels, listing.splits, settings, fixed)
        is_ready = listing.pixels.dtype == np.uint8 and listing.pixels.shape == plan.shape
        entry = entry_in_memory(plan, listing.pixels if is_ready else None, progress)
        return _images(entry, listing, ()), entry.preprocessing
    root = cache_folder()
    warnings: tuple[str, ...] = ()
    is_lasting = all(path.container.path for path in listing.paths or () if isinstance(path, Stored))
    try:
        if is_lasting:
            make_folder(root)
    except StorageError as error:
        said = f"{error}; images were decoded into a temporary folder and will be decoded again next time"
        warnings, is_lasting = (said,), False
    if not is_lasting:
        with tempfile.TemporaryDirectory(prefix="pellucid-", ignore_cleanup_errors=True) as temporary:
            entry = _open_or_write(Path(temporary), listing, settings, progress, fixed)
        return _images(entry, listing, warnings), entry.preprocessing
    entry = _open_or_write(root, listing, settings, progress, fixed)
    return _images(entry, listing, ()), entry.preprocessing


def cache_folder() -> Path:
    """Folder of decoded images, which need not exist yet."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    parent = Path(base) if os.path.isabs(base) else Path.home() / ".cache"
    return parent / "pellucid" / "images"


def cache_limit() -> int:
    """Most bytes of the cache.

    Raises: `UsageError` if `PELLUCID_CACHE_GB` is no number above zero.
    """
    text = os.environ.get("PELLUCID_CACHE_GB", "10")
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = -1.0
    if not 0.0 < gigabytes < 1e9:
        raise UsageError(f"PELLUCID_CACHE_GB: {text!r} is not a number of gigabytes above zero, such as 10")
    return int(gigabytes * 1e9)


def _open_or_write(
    root: Path,
    listing: Listing,
    settings: Settings,
    progress: Progress | None,
    fixed: Preprocessing | None,
) -> Entry:
    """Find the entry, or make it while no other process does.

    Raises: `StorageError` if the disk is full, or another process held the entry for an hour.
    """
    home = root / _key(listing, settings, fixed)
    entry = open_entry(home, len(listing))
    if entry is not None:
        return entry
    limit = cache_limit()
    with _locked_patiently(home):
        entry = open_entry(home, len(listing))
        if entry is not None:
            return entry
        clear_leftovers(home)
        plan = _plan(listing, settings, fixed)
        needed = int(np.prod(plan.shape, dtype=np.int64)) + 64 * plan.count
        make_room(root, limit - needed, keep=home)
        _require_space(root, needed)
        write_entry(home, plan, progress)
    entry = open_entry(home, len(listing))
    if entry is None:
        raise StorageError(f"{home}: what was just written cannot be read back; check the disk")
    return entry


def _plan(listing: Listing, settings: Settings, fixed: Preprocessing | None) -> Plan:
    if listing.paths is not None:
        return plan_files(listing.paths, settings, fixed)
    assert listing.load_pixels is not None, "a listing has paths, pixels or load_pixels"
    return plan_arrays(listing.load_pixels(), listing.splits, settings, fixed)


def _key(listing: Listing, settings: Settings, fixed: Preprocessing | None) -> str:
    """Name of an entry: a digest of everything that decides its content."""
    digest = hashlib.blake2b(digest_size=20)
    fitted = (settings.image_size or largest_side(settings)) if fixed is None else fixed
    if fixed is None and settings.resize != "fit":
        fitted = f"{fitted} {settings.resize}"
    digest.update(repr((FORMAT, pillow_version, fitted, len(listing))).encode())
    folder = os.getcwd()
    known: dict[Container, bytes] = {}
    for path in listing.array_files if listing.paths is None else listing.paths:
        if isinstance(path, Stored):
            if path.container not in known:
                file = path.container.path
                known[path.container] = b"" if file is None else _identity(os.path.join(folder, file))
            digest.update(b"%d of %s" % (path.position, known[path.container]))
        else:
            digest.update(_identity(os.path.join(folder, path)))
    if listing.paths is None:
        digest.update(bytes(split in (VALIDATION, TEST) for split in listing.splits))
    return digest.hexdigest()


def _identity(absolute: str) -> bytes:
    """Marks of a file that change with it: its path, size and time."""
    try:
        status = os.stat(absolute)
        identity = (status.st_size, status.st_mtime_ns)
    except OSError:
        identity = (-1, -1)
    return f"{absolute!r}{identity}".encode()


@contextlib.contextmanager
def _locked_patiently(home: Path) -> Iterator[None]:
    """Lock an entry; while another process writes it, wait.

    Raises: `RunLockedError` after an hour.
    """
    deadline = time.monotonic() + _LOCK_PATIENCE_SECONDS
    with contextlib.ExitStack() as stack:
        while True:
            make_folder(home)
            try:
                stack.enter_context(locked(home))
                break
            except RunLockedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_LOCK_PAUSE_SECONDS)
            except StorageError:
                if home.exists():  # otherwise another process just cleared it away
                    raise
        yield


def make_room(root: Path, allowed: int, keep: Path) -> None:
    """Remove the entries not used for longest until the rest fits into `allowed` bytes.

    `keep` is the entry that is being written.
    """
    entries = []
    for home in root.iterdir():
        if home == keep or not home.is_dir():
            continue
        size = sum(file.stat().st_size for file in home.rglob("*") if file.is_file())
        used = home / "data" / "entry.json"
        entries.append((used.stat().st_mtime if used.exists() else 0.0, home, size))
    total = sum(size for _, _, size in entries)
    for used_at, home, size in sorted(entries):
        if total <= allowed and used_at > 0.0:
            continue
        with contextlib.suppress(RunLockedError), locked(home):
            clear_leftovers(home)
            shutil.rmtree(home, ignore_errors=True)
            total -= size


def _require_space(root: Path, needed: int) -> None:
    """Refuse before decoding when the disk cannot hold the entry.

    Raises: `StorageError` with what is free and what is needed.
    """
    free = shutil.disk_usage(root).free
    if free < needed:
        raise StorageError(
            f"{root}: {free / 1e6:,.0f} MB free, decoded images need {needed / 1e6:,.0f} MB; "
            "free some space, choose a smaller --image-size, or name another folder in XDG_CACHE_HOME"
        )


def _images(entry: Entry, listing: Listing, warnings: tuple[str, ...]) -> Images:
    problems = tuple(
        Problem(index, listing.sources[index], reason) for index, reason in sorted(entry.reasons.items())
    )
    return Images(
        pixels=entry.pixels,
        digests=entry.columns["digests"],
        perceptual_hashes=entry.columns["perceptual_hashes"],
        original_sizes=entry.columns["original_sizes"],
        modes=entry.modes,
        problems=problems,
        warnings=(*warnings, *_notes(entry, listing)),
        taken=None if listing.paths is None else entry.columns["taken"],
    )


def _notes(entry: Entry, listing: Listing) -> tuple[str, ...]:
    """Warnings about single images, at most one sentence for many of them."""
    if not entry.notes:
        return ()
    named = [f"{visible(listing.sources[index])} ({note})" for index, note in sorted(entry.notes.items())]
    if len(named) == 1:
        index, note = next(iter(entry.notes.items()))
        return (f"{visible(listing.sources[index])}: {note}",)
    return (f"{len(named):,} images have several frames or pages, and the first is used: {some(named)}",)
