"""Decode once: the cache, what it holds, and everything that can go wrong with it."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import spawning
from data.made import listing_of
from made_images import context, encoded
from pellucid.data import Images, Listing, Preprocessing, decode_all, read_data
from pellucid.data.images import cache as cache_module
from pellucid.data.images.cache import cache_folder, cache_limit, make_room, open_entry
from pellucid.data.images.preprocessing import array_digests, difference_hashes, image_digest
from pellucid.errors import DataError, RunLockedError, StorageError, UsageError
from pellucid.progress import reporting_to
from pellucid.safety.files import locked
from pellucid.settings import Settings


def decode(place: Path | str, **settings: object) -> tuple[Listing, Images, Preprocessing]:
    chosen = Settings(**settings)  # type: ignore[arg-type]
    listing = read_data(str(place), chosen)
    return listing, *decode_all(listing, chosen)


def calls(listing: Listing, settings: Settings | None = None) -> list[tuple[int, int]]:
    """What the progress of a decoding said; empty when the cache had all."""
    said: list[tuple[int, int]] = []

    def show(words: str, done: int, total: int | None) -> None:
        if words == "decoding images":
            said.append((done, total or 0))

    with reporting_to(show):
        decode_all(listing, settings or Settings())
    return said


# --- what comes out


def test_images_come_in_order_with_all_that_is_known(class_folders: Path, own_cache: Path) -> None:
    listing, images, preprocessing = decode(class_folders)
    assert preprocessing == Preprocessing(24, 32, 3)
    assert listing.paths is not None
    for index, path in enumerate(listing.paths):
        np.testing.assert_array_equal(images.pixels[index], np.asarray(Image.open(path)))
        np.testing.assert_array_equal(images.pixels[index], preprocessing.image_and_warning(path)[0])
    assert isinstance(images.pixels, np.memmap)
    assert not images.pixels.flags.writeable
    assert images.original_sizes.tolist() == [[24, 32]] * 6
    assert images.modes == ["colour"] * 6
    assert images.problems == ()
    assert images.warnings == ()
    assert len({digest.tobytes() for digest in images.digests}) == 6
    assert images.perceptual_hashes.dtype == np.uint64
    assert len(list(own_cache.iterdir())) == 1


def test_order_is_kept_over_many_blocks_and_threads(tmp_path: Path, own_cache: Path) -> None:
    for name, values in (("a", range(100)), ("b", range(100, 200))):
        (tmp_path / "set" / name).mkdir(parents=True)
        for value in values:
            Image.new("L", (4, 4), value).save(tmp_path / "set" / name / f"{value:03}.png")
    for threads in (1, 4):
        _, images, _ = decode(tmp_path / "set", threads=threads, image_size=str(threads))
        assert images.pixels[:, 0, 0, 0].tolist() == list(range(200))


def test_grey_images_have_one_channel_until_a_colour_joins(tmp_path: Path, own_cache: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "set" / name).mkdir(parents=True)
        Image.fromarray(context()[:, :, 0]).save(tmp_path / "set" / name / "1.png")
    assert decode(tmp_path / "set")[2].channels == 1
    Image.fromarray(context()).save(tmp_path / "set" / "a" / "2.png")
    _, images, preprocessing = decode(tmp_path / "set")
    assert preprocessing.channels == 3
    assert images.modes == ["grey", "colour", "grey"]


def test_mixed_sizes_are_fitted(tmp_path: Path, class_folders: Path, own_cache: Path) -> None:
    (class_folders / "dog" / "large.png").write_bytes(encoded(context(300, 200)))
    _, images, preprocessing = decode(class_folders)
    assert preprocessing.size == (32, 32)
    assert images.original_sizes[-1].tolist() == [300, 200]
    assert decode(class_folders, image_size="8x12")[2].size == (8, 12)


def test_bad_files_become_problems_and_never_exceptions(class_folders: Path, own_cache: Path) -> None:
    good = (class_folders / "cat" / "0.png").read_bytes()
    bad = {
        "a_html.png": (b"<html></html>", "not an image (HTML)"),
        "b_empty.png": (b"", "empty file (zero bytes)"),
        "c_cut.png": (good[: len(good) // 2], "truncated image"),
    }
    for name, (content, _) in bad.items():
        (class_folders / "cat" / name).write_bytes(content)
    (class_folders / "cat" / "d_gone.png").symlink_to("nowhere.png")
    for _ in range(2):
        listing, images, preprocessing = decode(class_folders)
        reasons = {problem.source.rsplit("/", 1)[1]: problem.reason for problem in images.problems}
        assert reasons == {name: reason for name, (_, reason) in bad.items()} | {"d_gone.png": "no such file"}
        for problem in images.problems:
            assert listing.sources[problem.index] == problem.source
            assert not images.pixels[problem.index].any()
            assert not images.original_sizes[problem.index].any()
        assert preprocessing.size == (24, 32)


def test_an_image_over_the_budget_is_read_once_the_budget_is_raised(
    class_folders: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (200, 100)).save(class_folders / "cat" / "large.png")
    monkeypatch.setenv("PELLUCID_MEGAPIXELS", "0.01")
    (problem,) = decode(class_folders)[1].problems
    assert problem.reason.endswith("raise PELLUCID_MEGAPIXELS in the environment (now 0.01 megapixels)")
    monkeypatch.setenv("PELLUCID_MEGAPIXELS", "1")
    assert decode(class_folders)[1].problems == ()


def test_when_every_file_is_bad(class_folders: Path, own_cache: Path) -> None:
    for path in class_folders.glob("*/*.png"):
        path.write_bytes(b"no image")
    _, images, preprocessing = decode(class_folders)
    assert len(images.problems) == 6
    assert preprocessing == Preprocessing(32, 32, 3)


def test_animations_are_told_once(class_folders: Path, own_cache: Path) -> None:
    frames = [Image.fromarray(context(seed=seed)) for seed in (1, 2)]
    path = class_folders / "cat" / "moving.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    for _ in range(2):
        assert decode(class_folders)[1].warnings == (f"{path}: animated, 2 frames; the first is used",)
    shutil.copy(path, class_folders / "dog" / "moving.gif")
    (warning,) = decode(class_folders)[1].warnings
    assert warning.startswith("2 images have several frames or pages, and the first is used: ")
    assert "animated, 2 frames" in warning


# --- arrays


def test_arrays_in_memory_are_used_as_they_are(own_cache: Path) -> None:
    pixels = np.arange(2 * 64, dtype=np.uint8).reshape(2, 8, 8)
    images, preprocessing = decode_all(listing_of(["a", "b"], pixels=pixels[..., None]), Settings())
    assert np.shares_memory(images.pixels, pixels)
    assert not images.pixels.flags.writeable
    assert pixels.flags.writeable
    assert preprocessing == Preprocessing(8, 8, 1)
    assert images.modes == ["grey", "grey"]
    assert not own_cache.exists()


def test_float_arrays_are_scaled_by_their_training_rows(own_cache: Path) -> None:
    pixels = np.array([[[0.0, 16.0]], [[4.0, 8.0]], [[np.nan, 1.0]]])
    images, preprocessing = decode_all(listing_of(["a", "b", "c"], pixels=pixels[..., None]), Settings())
    assert (preprocessing.low, preprocessing.high) == (0.0, 16.0)
    assert images.pixels[:, 0, :, 0].tolist() == [[0, 255], [64, 128], [0, 0]]
    (problem,) = images.problems
    assert (problem.index, problem.source) == (2, "table.csv:3")
    assert problem.reason == "holds values that are not numbers (NaN or infinity)"
    assert images.original_sizes.tolist() == [[1, 2], [1, 2], [0, 0]]


def test_test_rows_of_an_npz_file_do_not_decide_the_range(tmp_path: Path, own_cache: Path) -> None:
    np.savez(
        tmp_path / "a.npz", x_train=np.array([[[0.0, 4.0]]] * 3), y_train=[0, 1, 0],
        x_test=np.array([[[0.0, 400.0]]]), y_test=[1],
    )  # fmt: skip
    _, images, preprocessing = decode(tmp_path / "a.npz")
    assert (preprocessing.low, preprocessing.high) == (0.0, 4.0)
    assert images.pixels[3, 0, :, 0].tolist() == [0, 255]


def test_the_bundled_sample_is_cached(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing, images, _ = decode("sample:fashion")
    assert listing.load_pixels is not None
    np.testing.assert_array_equal(images.pixels, listing.load_pixels())
    np.testing.assert_array_equal(images.digests, array_digests(images.pixels))
    started = time.perf_counter()
    assert calls(read_data("sample:fashion", Settings())) == []
    assert time.perf_counter() - started < 1.0


# --- finding again


def test_the_second_time_nothing_is_decoded(class_folders: Path, own_cache: Path) -> None:
    listing = read_data(str(class_folders), Settings())
    assert calls(listing)[-1] == (6, 6)
    assert calls(listing) == []
    assert calls(read_data(f"{class_folders}/", Settings())) == []
    assert calls(listing, Settings(image_size="16"))[-1] == (6, 6)
    (class_folders / "cat" / "0.png").write_bytes(encoded(context(seed=99)))
    assert calls(listing)[-1] == (6, 6)
    os.utime(class_folders / "cat" / "1.png", ns=(1, 1))
    assert calls(listing)[-1] == (6, 6)


def test_the_first_and_the_second_time_are_equal(class_folders: Path, own_cache: Path) -> None:
    first, second = decode(class_folders), decode(class_folders)
    assert first[2] == second[2]
    for name in ("pixels", "digests", "perceptual_hashes", "original_sizes", "modes"):
        np.testing.assert_array_equal(getattr(first[1], name), getattr(second[1], name))


@pytest.mark.parametrize("name", ["pixels.npy", "digests.npy", "taken.npy"])
@pytest.mark.parametrize("fault", ["cut", "gone", "longer", "flipped"])
def test_damaged_entries_are_made_again(class_folders: Path, own_cache: Path, name: str, fault: str) -> None:
    listing = read_data(str(class_folders), Settings())
    expected = np.array(decode_all(listing, Settings())[0].pixels)
    (path,) = own_cache.glob(f"*/data/{name}")
    if fault == "gone":
        path.unlink()
    else:
        content = path.read_bytes()
        damaged = {"cut": content[:-1], "longer": content + b"x"}
        path.write_bytes(damaged.get(fault, content[:-1] + bytes([content[-1] ^ 1])))
    assert calls(listing)[-1] == (6, 6)
    np.testing.assert_array_equal(decode_all(listing, Settings())[0].pixels, expected)


@pytest.mark.parametrize("document", [b"", b"{", b"[]", b'{"format": 99}', b'{"format": 2}'])
def test_damaged_descriptions_are_made_again(class_folders: Path, own_cache: Path, document: bytes) -> None:
    listing = read_data(str(class_folders), Settings())
    decode_all(listing, Settings())
    (path,) = own_cache.glob("*/data/entry.json")
    path.write_bytes(document)
    assert calls(listing)[-1] == (6, 6)


def test_an_entry_of_another_length_is_not_trusted(class_folders: Path, own_cache: Path) -> None:
    decode(class_folders)
    (home,) = own_cache.iterdir()
    assert open_entry(home, 6) is not None
    assert open_entry(home, 5) is None


# --- writing


WRITER = """
import sys, os, signal, time
from pellucid.data import read_data, decode_all
from pellucid.settings import Settings
from pellucid.progress import reporting_to
def progress(words, done, total):
    if words != "decoding images":
        return
    print(done, flush=True)
    if sys.argv[2] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(float(sys.argv[2]))
with reporting_to(progress):
    decode_all(read_data(sys.argv[1], Settings()), Settings())
print("whole", flush=True)
"""


def writer(place: Path, manner: str) -> "subprocess.Popen[str]":
    return spawning.Process("-c", WRITER, place, manner, stdout=subprocess.PIPE, text=True)


def test_what_a_killed_writer_left_is_neither_trusted_nor_kept(class_folders: Path, own_cache: Path) -> None:
    with writer(class_folders, "die") as process:
        process.wait(60)
    assert process.returncode == -signal.SIGKILL
    assert [path.name for path in own_cache.glob("*/data*")] != ["data"]
    assert len(list(own_cache.glob("*/data.*.tmp"))) == 1
    assert calls(read_data(str(class_folders), Settings()))[-1] == (6, 6)
    assert [path.name for path in own_cache.glob("*/data*")] == ["data"]


def test_a_second_writer_waits_and_takes_what_the_first_made(class_folders: Path, own_cache: Path) -> None:
    with writer(class_folders, "1.5") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "6\n"
        assert calls(read_data(str(class_folders), Settings())) == []
        assert process.stdout.readline() == "whole\n"
    assert process.returncode == 0


def test_an_interruption_stops_the_work_and_leaves_nothing(tmp_path: Path, own_cache: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for value in range(400):
            Image.new("L", (4, 4), value % 256).save(tmp_path / "set" / name / f"{value:03}.png")
    listing = read_data(str(tmp_path / "set"), Settings())
    before = threading.active_count()
    filters = list(warnings.filters)

    def interrupt(words: str, done: int, total: int | None) -> None:
        if words == "decoding images":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as raised, reporting_to(interrupt):
        decode_all(listing, Settings())
    assert raised.tb is not None
    assert threading.active_count() == before
    assert warnings.filters == filters
    assert list(own_cache.glob("*/data*")) == []


def test_patience_with_another_writer_ends(
    class_folders: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode(class_folders)
    (home,) = own_cache.iterdir()
    shutil.rmtree(home / "data")
    monkeypatch.setattr(cache_module, "_LOCK_PATIENCE_SECONDS", 0.2)
    with locked(home), pytest.raises(RunLockedError, match="is writing here"):
        decode(class_folders)


def test_a_cache_that_cannot_be_written_to_is_replaced_for_this_run(
    class_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    _, images, _ = decode(class_folders)
    (warning,) = images.warnings
    assert "cannot write: not a directory" in warning
    assert "decoded into a temporary folder and will be decoded again next time" in warning
    np.testing.assert_array_equal(images.pixels[0], np.asarray(Image.open(class_folders / "cat" / "0.png")))
    assert list((tmp_path / "temporary").iterdir()) == []


def test_too_little_space_is_said_before_decoding(
    class_folders: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StorageError, match=r"0 MB free, decoded images need 0 MB; free some space, choose"):
        decode(class_folders)
    assert list(own_cache.glob("*/data*")) == []


def test_a_disk_that_fills_while_writing(class_folders: Path, own_cache: Path) -> None:
    """A limit on the size of files makes the system refuse the write, as a full disk does."""
    script = (
        "import resource, signal, sys\n"
        "from pellucid.data import read_data, decode_all\n"
        "from pellucid.settings import Settings\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "try:\n"
        "    decode_all(read_data(sys.argv[1], Settings()), Settings())\n"
        "except OSError as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    command = [sys.executable, "-c", script, str(class_folders)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert output.startswith("StorageError ")
    assert "cannot write decoded images: file too large; free some space there, or name another" in output
    assert list(own_cache.glob("*/data*")) == []


# --- room


def test_the_oldest_entries_make_room(
    class_folders: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = []
    for size in ("20", "21", "22"):
        decode(class_folders, image_size=size)
        (home,) = set(own_cache.iterdir()) - set(homes)
        homes.append(home)
    times = {homes[0]: 300, homes[1]: 100, homes[2]: 200}
    for home, seconds in times.items():
        os.utime(home / "data" / "entry.json", (seconds, seconds))
    decode(class_folders, image_size="20")
    kept = sum(path.stat().st_size for path in homes[0].rglob("*"))
    needed = 6 * (23 * 23 * 3 + 64)
    monkeypatch.setenv("PELLUCID_CACHE_GB", str((kept + needed + 100) / 1e9))
    decode(class_folders, image_size="23")
    left = set(own_cache.iterdir())
    assert homes[1] not in left
    assert homes[2] not in left
    assert homes[0] in left


def test_leftovers_go_and_locked_entries_stay(class_folders: Path, own_cache: Path) -> None:
    decode(class_folders)
    (home,) = own_cache.iterdir()
    leftover = own_cache / "other"
    (leftover / "data.1234.tmp").mkdir(parents=True)
    with locked(home):
        make_room(own_cache, 0, keep=own_cache / "none")
    assert home.exists()
    assert not leftover.exists()
    make_room(own_cache, 0, keep=own_cache / "none")
    assert not home.exists()


@pytest.mark.parametrize("text", ["many", "-1", "0", "nan", "inf"])
def test_a_limit_that_is_no_number(
    class_folders: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("PELLUCID_CACHE_GB", text)
    with pytest.raises(
        UsageError, match=f"PELLUCID_CACHE_GB: '{text}' is not a number of gigabytes above zero"
    ):
        decode(class_folders)


def test_limit_and_place_of_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PELLUCID_CACHE_GB", raising=False)
    assert cache_limit() == 10_000_000_000
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/paths/are/ignored")
    assert cache_folder() == Path.home() / ".cache" / "pellucid" / "images"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "pellucid" / "images"


def test_damaged_idx_files_raise(tmp_path: Path, own_cache: Path) -> None:
    sample = Path(cache_module.__file__).parents[1] / "fashion"
    shutil.copytree(sample, tmp_path / "idx")
    path = tmp_path / "idx" / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte.gz: damaged or unreadable"):
        decode(tmp_path / "idx")


# --- fingerprints


def test_a_grey_image_saved_as_colour_has_the_same_digest() -> None:
    grey = context()[:, :, :1]
    assert image_digest(grey) == image_digest(np.repeat(grey, 3, axis=2))
    assert image_digest(grey) != image_digest(context())
    assert image_digest(grey) != image_digest(grey.reshape(32, 24, 1))
    changed = grey.copy()
    changed[-1, -1] ^= 1
    assert image_digest(grey) != image_digest(changed)


def test_float_arrays_are_told_apart_by_their_own_values() -> None:
    pixels = np.zeros((2, 4, 4, 1))
    pixels[1, 0, 0] = 1e-9
    first, second = array_digests(pixels)
    assert first.tolist() != second.tolist()


def test_difference_hash_by_hand() -> None:
    """Brightness falls along the upper four rows of areas and rises along the lower four."""
    falling = np.broadcast_to(np.arange(90, 0, -10, dtype=np.uint8), (4, 9))
    pixels = np.concatenate([falling, falling[:, ::-1]])[None, :, :, None]
    assert difference_hashes(pixels).tolist() == [0xFFFFFFFF00000000]


def test_difference_hash_of_flat_images_of_any_size_is_zero() -> None:
    for height, width in ((28, 28), (32, 32), (5, 3), (13, 128)):
        flat = np.full((2, height, width, 3), 201, np.uint8)
        assert difference_hashes(flat).tolist() == [0, 0]


def test_difference_hash_hardly_changes_with_brightness_and_noise() -> None:
    image = context(64, 64).astype(int)
    noise = np.random.default_rng(0).integers(-2, 3, image.shape)
    changed = np.clip(image * 0.9 + 10 + noise, 0, 255)
    pair = np.stack([image, changed]).astype(np.uint8)
    one, two = difference_hashes(pair).tolist()
    assert (one ^ two).bit_count() <= 4
