"""Decode once: images at the training size in a memory-mapped cache, its entries whole or not at all.

    images/<key>/            lock file, and data/ once the entry is whole
    images/<key>/data/       pixels.npy, digests.npy, perceptual_hashes.npy, original_sizes.npy,
                               mode_codes.npy, taken.npy, entry.json (sizes and checksums of the others)

The cache is `$XDG_CACHE_HOME/pellucid/images` (`~/.cache` where that is not set), at most `PELLUCID_CACHE_GB`
(10) gigabytes; the entries not used for longest go first. An entry is found by path, size and time of change
of every file. Images given as arrays in memory are not cached.

A writer works in `data.<random>.tmp` and renames it when all is on the disk. What a killed writer left behind
is never read, and cleared away by the next one. Where the cache cannot be written to (a read-only home, for
instance), a temporary folder takes its place for this run, and a warning says so. A full disk is an error,
found before decoding starts.
"""

import contextlib
import errno
import hashlib
import io
import os
import secrets
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import __version__ as pillow_version

from pellucid.data.data_files import Container, Stored
from pellucid.data.images.decoding_plans import Plan, plan_arrays, plan_files
from pellucid.data.images.pixels import largest_side
from pellucid.data.images.preprocessing import Preprocessing, difference_hashes
from pellucid.data.listing import TEST, VALIDATION, Images, Listing, Problem
from pellucid.data.removal import of_images
from pellucid.data.wording import some, visible
from pellucid.errors import RunLockedError, StorageError, UsageError
from pellucid.language.sentence import Sentence
from pellucid.progress import report
from pellucid.safety.budgets import MEMORY, PIXELS
from pellucid.safety.files import locked, make_folder, open_regular, read_regular, sync_folder, write_file
from pellucid.safety.strict import read_sealed, sealed
from pellucid.settings import Settings, parse_ignore

_BLOCK = 1 << 24
# Of the files and of their content: whatever changes a decoded pixel takes a new number.
FORMAT = 4
_COLUMNS = ("digests", "perceptual_hashes", "original_sizes", "mode_codes", "taken")
_LOCK_PATIENCE_SECONDS = 3600.0
_LOCK_PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class CacheEntry:
    """Decoded images as they lie in the cache."""

    pixels: np.ndarray  # memory-mapped, read-only
    preprocessing: Preprocessing  # how the images were fitted
    columns: dict[str, np.ndarray]  # `_COLUMNS` of all images
    mode_names: Sequence[str]  # what the mode codes mean
    reasons: dict[int, str]  # position to why an image cannot be used
    notes: dict[int, str]  # position to a warning


def decode_all(
    listing: Listing,
    settings: Settings,
    *,
    fixed: Preprocessing | None = None,
) -> tuple[Images, Preprocessing]:
    """Decode every image of a listing to one size, or find it decoded in the cache.

    Images that cannot be used are among the `problems`; how the others were fitted is for the model to keep.
    `fixed` is the size, channels and range to fit them to; by default a rule decides.
    Decoding is reported, unless the cache has all.

    Raises: `DataError` if an IDX or npz file is damaged, `StorageError` if the disk of the cache is full, or
    neither it nor a temporary folder can be written to, `UsageError` if `PELLUCID_CACHE_GB` is no number.
    """
    warnings: tuple[str, ...] = ()
    if listing.pixels is not None:
        given, plan = listing.pixels, plan_arrays(listing.pixels, listing.splits, settings, fixed)
        parts = list[np.ndarray]()
        # Images that need no work are used as they are.
        is_ready = given.dtype == np.uint8 and given.shape == plan.shape and not plan.preprocessing.ignored
        gathered = _gathered(plan, (lambda _: None) if is_ready else parts.append)
        pixels = given.view() if is_ready else np.concatenate(parts)
        pixels.flags.writeable = False
        entry = CacheEntry(pixels, plan.preprocessing, *gathered)
    else:
        root = cache_folder()
        is_lasting = all(path.container.path for path in listing.paths or () if isinstance(path, Stored))
        try:
            if is_lasting:
                make_folder(root)
        except StorageError as error:
            how = "images were decoded into a temporary folder and will be decoded again next time"
            warnings, is_lasting = (Sentence("{error}; {how}", error, how),), False
        with contextlib.ExitStack() as stack:
            if not is_lasting:
                temporary = tempfile.TemporaryDirectory(prefix="pellucid-", ignore_cleanup_errors=True)
                root = Path(stack.enter_context(temporary))
            entry = _open_or_write(root, listing, settings, fixed)
    columns, noted = entry.columns, sorted(entry.notes.items())
    named = [Sentence("{sources} ({note})", visible(listing.sources[index]), note) for index, note in noted]
    if len(noted) == 1:
        warnings = (
            *warnings,
            Sentence("{sources}: {noted}", visible(listing.sources[noted[0][0]]), noted[0][1]),
        )
    elif noted:
        sentence = Sentence(
            "{noted:,} images have several frames or pages, and the first is used: {named}",
            len(noted),
            some(named),
        )
        warnings = (*warnings, sentence)
    problems = (
        Problem(index, listing.sources[index], reason) for index, reason in sorted(entry.reasons.items())
    )
    images = Images(
        pixels=entry.pixels,
        digests=columns["digests"],
        perceptual_hashes=columns["perceptual_hashes"],
        original_sizes=columns["original_sizes"],
        modes=[entry.mode_names[code] for code in columns["mode_codes"].tolist()],
        problems=tuple(problems),
        warnings=warnings,
        taken=None if listing.paths is None else columns["taken"],
    )
    return images, entry.preprocessing


_Gathered = tuple[dict[str, np.ndarray], list[str], dict[int, str], dict[int, str]]


def _gathered(plan: Plan, take: Callable[[np.ndarray], object]) -> _Gathered:
    """Hand on the pixels of every block, and gather the rest; an interruption stops the threads."""
    parts: dict[str, list[np.ndarray]] = {name: [] for name in _COLUMNS}
    mode_codes: dict[str, int] = {}
    reasons: dict[int, str] = {}
    notes: dict[int, str] = {}
    done = 0
    with contextlib.closing(plan.blocks):
        for block in plan.blocks:
            take(block.pixels)
            codes = [mode_codes.setdefault(mode, len(mode_codes)) for mode in block.modes]
            hashes = difference_hashes(block.pixels)
            found = (block.digests, hashes, block.sizes, np.array(codes, np.uint8), block.taken)
            for name, part in zip(_COLUMNS, found, strict=True):
                parts[name].append(part)
            reasons |= {done + index: reason for index, reason in block.reasons.items()}
            notes |= {done + index: note for index, note in block.notes.items()}
            done += len(block.pixels)
            report("decoding images", done, plan.count)
    return {name: np.concatenate(part) for name, part in parts.items()}, list(mode_codes), reasons, notes


def write_entry(home: Path, plan: Plan) -> None:
    """Carry a plan out and write the entry, whole or not at all.

    `home` is an existing folder that this process has locked.

    Raises: `StorageError` if the disk is full or not to be written to; nothing is left behind.
    """
    clear_leftovers(home)
    temporary = home / f"data.{secrets.token_hex(4)}.tmp"
    try:
        temporary.mkdir()
        with (temporary / "pixels.npy").open("xb") as file:
            checked = _Checked(file)
            header = {"descr": "|u1", "fortran_order": False, "shape": plan.shape}
            np.lib.format.write_array_header_1_0(checked, header)
            columns, mode_names, reasons, notes = _gathered(
                plan, lambda pixels: checked.write(np.ascontiguousarray(pixels).data)
            )
            file.flush()
            os.fsync(file.fileno())
            length = file.tell()
        if _checksums(temporary / "pixels.npy") != checked.checksums():
            raise OSError(errno.EIO, "what was read back differs from what was written")
        checksums = {}
        for name, column in columns.items():
            buffer = io.BytesIO()
            np.save(buffer, column, allow_pickle=False)
            checksums[name] = write_file(temporary / f"{name}.npy", buffer.getvalue())
        document = {
            "format": FORMAT,
            "pixel_bytes": length,
            "pixel_checksums": checked.checksums(),
            "checksums": checksums,
            "mode_names": mode_names,
            "reasons": list(reasons.items()),
            "notes": list(notes.items()),
            "preprocessing": plan.preprocessing.to_json(),
        }
        write_file(temporary / "entry.json", sealed(document))
        os.replace(temporary, home / "data")
        sync_folder(home)
    except StorageError:
        raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(
            "{home}: cannot write decoded images: {reason}; free some space there, or name another "
            "folder in XDG_CACHE_HOME",
            home,
            reason,
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


class _Checked:
    """Bytes on their way to a file, with the CRC-32 of every block of them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._done: list[int] = []
        self._current = self._filled = 0

    def write(self, content: Any) -> None:
        """Write bytes."""
        view = memoryview(content).cast("B")
        self._file.write(view)
        while len(view):
            part, view = view[: _BLOCK - self._filled], view[_BLOCK - self._filled :]
            self._current = zlib.crc32(part, self._current)
            self._filled += len(part)
            if self._filled == _BLOCK:
                self._done.append(self._current)
                self._current = self._filled = 0

    def checksums(self) -> list[int]:
        """CRC-32 of every block, the last one perhaps shorter."""
        return [*self._done, self._current] if self._filled else self._done


def _checksums(path: Path) -> list[int]:
    """CRC-32 of every block of a file: whoever opens an entry reads all of it once."""
    with open_regular(path) as file:
        return [zlib.crc32(block) for block in iter(lambda: file.read(_BLOCK), b"")]


def clear_leftovers(home: Path) -> None:
    """Remove what killed writers left, and data that failed its check, from a locked folder."""
    for leftover in home.glob("data*"):
        shutil.rmtree(leftover, ignore_errors=True)


def open_entry(home: Path, count: int) -> CacheEntry | None:
    """Open an entry of `count` images and check it; `None` when there is none or it is damaged."""
    data = home / "data"
    try:
        document = read_sealed(data / "entry.json", MEMORY.value())
        if document["format"] != FORMAT or (data / "pixels.npy").stat().st_size != document["pixel_bytes"]:
            return None
        if _checksums(data / "pixels.npy") != document["pixel_checksums"]:
            return None
        columns = {}
        for name in _COLUMNS:
            content = read_regular(data / f"{name}.npy", MEMORY.value())
            if hashlib.sha256(content).hexdigest() != document["checksums"][name]:
                return None
            columns[name] = np.load(io.BytesIO(content), allow_pickle=False)
        preprocessing = Preprocessing.from_json(document["preprocessing"])
        pixels = np.load(data / "pixels.npy", mmap_mode="r", allow_pickle=False)
        shape = (count, *preprocessing.size, preprocessing.channels)
        if pixels.shape != shape or any(len(column) != count for column in columns.values()):
            return None
        os.utime(data / "entry.json")
    except (OSError, ValueError, LookupError, TypeError):
        return None
    reasons, notes = dict(document["reasons"]), dict(document["notes"])
    return CacheEntry(pixels, preprocessing, columns, document["mode_names"], reasons, notes)


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
        raise UsageError(
            "PELLUCID_CACHE_GB: {text!r} is not a number of gigabytes above zero, such as 10", text
        )
    return int(gigabytes * 1e9)


def _open_or_write(
    root: Path, listing: Listing, settings: Settings, fixed: Preprocessing | None
) -> CacheEntry:
    """Find the entry, or make it while no other process does."""
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
        if listing.paths is not None:
            plan = plan_files(listing.paths, settings, fixed)
        else:
            assert listing.load_pixels is not None, "a listing has paths, pixels or load_pixels"
            plan = plan_arrays(listing.load_pixels(), listing.splits, settings, fixed)
        needed = int(np.prod(plan.shape, dtype=np.int64)) + 64 * plan.count
        make_room(root, limit - needed, keep=home)
        free = shutil.disk_usage(root).free
        if free < needed:
            raise StorageError(
                "{root}: {free:,.0f} MB free, decoded images need {needed:,.0f} MB; "
                "free some space, choose a smaller --image-size, or name another folder in XDG_CACHE_HOME",
                root,
                free / 1000000.0,
                needed / 1000000.0,
            )
        write_entry(home, plan)
    entry = open_entry(home, len(listing))
    if entry is None:
        raise StorageError("{home}: what was just written cannot be read back; check the disk", home)
    return entry


def _key(listing: Listing, settings: Settings, fixed: Preprocessing | None) -> str:
    """Name of an entry: a digest of everything that decides its content."""
    digest = hashlib.blake2b(digest_size=20)
    fitted = (settings.image_size or largest_side(settings)) if fixed is None else fixed
    if fixed is None and settings.resize != "fit":
        fitted = Sentence("{fitted} {resize}", fitted, settings.resize)
    if fixed is None and (ignored := of_images(parse_ignore(settings.ignore))):
        fitted = Sentence("{fitted} {ignored}", fitted, ignored)
    # An image that the budget of pixels refused is read anew where the budget was raised.
    digest.update(repr((FORMAT, pillow_version, fitted, len(listing), PIXELS.value())).encode())
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
    """Lock an entry; while another process writes it, wait."""
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
    """Remove the entries not used for longest, except `keep`, until the rest fits into `allowed` bytes."""
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
