"""FAULTS 36, 37, 39, 40, 42: links, depth, pipes, many pages, large images together, control characters."""

import io
import os
import pty
import select
import socket
import struct
import threading
import time
import zlib

import numpy as np
import pytest
from PIL import Image

import spawning
from command_line import within
from limited import quickly, within_limits
from made_images import decode_image
from pellucid.bundle import load, save
from pellucid.data.data_files import IMAGE_KIND
from pellucid.data.images import decoding
from pellucid.data.images.cache import decode_all
from pellucid.data.images.decoding import MemoryShare, tiff_pages
from pellucid.data.sources.labelled import read_data
from pellucid.data.sources.places import open_places
from pellucid.data.trees import DiskFolder
from pellucid.errors import DataError, ModelFileError, PellucidError
from pellucid.input_kinds import IMAGES
from pellucid.settings import Settings
from small_models import untrained_model, write_digits

# Links, loops and depth


def test_folders_of_links_to_one_another_are_entered_once_each(tmp_path):
    """Ten folders, each with links to all of them: ten times nine times eight ... ways through."""
    folders = [tmp_path / "in" / f"folder {number}" for number in range(10)]
    for folder in folders:
        write_digits(folder, range(1))
        for other in folders:
            (folder / f"to {other.name}").symlink_to(other)
    (folders[0] / "up").symlink_to(tmp_path / "in")
    with quickly(2):
        found, _ = DiskFolder(tmp_path / "in").files_of(IMAGE_KIND)
    assert len(found) == 10


def test_links_in_circles_and_to_nothing_are_bad_examples_of_their_own(tmp_path):
    (image,) = write_digits(tmp_path / "in", range(1))
    (tmp_path / "in" / "circle.png").symlink_to("circle.png")
    (tmp_path / "in" / "nowhere.png").symlink_to("gone.png")
    (tmp_path / "in" / "loop").symlink_to(".")
    save(untrained_model(), tmp_path / "model", {})
    done = within.succeed("predict", tmp_path / "model", tmp_path / "in")
    rows = done.stdout.splitlines()[1:]
    assert [row.split(",")[0].rpartition("/")[2] for row in rows] == [image.name, "circle.png", "nowhere.png"]
    assert ["no such file" in row or "cannot be read" in row for row in rows] == [False, True, True]


def test_folders_without_end_are_refused(tmp_path):
    place = tmp_path / "in"
    for _ in range(150):
        place = place / "deeper"
    place.mkdir(parents=True)
    with pytest.raises(DataError, match="more than 100 folders lie in one another"):
        DiskFolder(tmp_path / "in").files_of(IMAGE_KIND)


# Pipes, sockets and devices


def _pipe(place):
    os.mkfifo(place)


def _socket(place):
    server = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(place.parent)  # addresses of sockets are short
    server.bind(place.name)
    os.chdir(here)
    server.close()


def _device(place):
    place.symlink_to("/dev/zero")


ODD = {"pipe": _pipe, "socket": _socket, "device": _device}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("name", ["t.csv.gz", "t.parquet", "t.npz", "x.png"])
def test_data_that_is_no_regular_file_is_refused_at_once(kind, name, tmp_path):
    ODD[kind](tmp_path / name)
    with quickly(2), pytest.raises(DataError, match=r"not a regular file|not a form of DATA"):
        read_data(str(tmp_path / name), Settings())


@pytest.mark.parametrize("kind", ODD)
def test_an_image_that_is_none_is_a_row_of_its_own(kind, tmp_path):
    ODD[kind](tmp_path / "x.png")
    save(untrained_model(), tmp_path / "model", {})
    done = within("predict", tmp_path / "model", tmp_path / "x.png")
    assert "cannot be read (not a regular file)" in done.stdout
    assert next(iter(open_places([str(tmp_path / "x.png")], Settings(), IMAGES))).name == str(
        tmp_path / "x.png"
    )


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_a_model_with_something_else_than_files(kind, name, tmp_path):
    save(untrained_model(), tmp_path / "model", {})
    (tmp_path / "model" / name).unlink()
    ODD[kind](tmp_path / "model" / name)
    with pytest.raises(ModelFileError, match=rf"{name.replace('.', '[.]')}: (not a regular file|a link)"):
        load(tmp_path / "model")
    ODD[kind](tmp_path / "alone")
    with pytest.raises(ModelFileError, match="a file, not a model folder"):
        load(tmp_path / "alone")


@pytest.mark.parametrize("kind", ODD)
def test_settings_that_are_no_file(kind, tmp_path):
    place = tmp_path / "settings.toml"
    ODD[kind](place)
    done = within(
        "train", "sample:fashion", "--out", tmp_path / "run", "--config", tmp_path / "settings.toml"
    )
    assert done.returncode == 2
    assert "not a regular file" in done.stderr


def test_a_pipe_in_the_place_of_metrics_changes_nothing(tmp_path):
    (image,) = write_digits(tmp_path / "in", range(1))
    (tmp_path / "run").mkdir()
    save(untrained_model(), tmp_path / "run" / "model", {})
    os.mkfifo(tmp_path / "run" / "metrics.json")
    within.succeed("predict", tmp_path / "run", image)


# Pages, frames and large images


def tiff_of(pages):
    """A TIFF of one grey pixel, said by so many directories."""
    entries = [(256, 3, 1), (257, 3, 1), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1),
               (278, 3, 1), (279, 4, 1)]  # fmt: skip
    content = bytearray(b"II*\0" + struct.pack("<I", 10) + b"\x80\0")
    for page in range(pages):
        following = 0 if page + 1 == pages else len(content) + 2 + 12 * len(entries) + 4
        content += struct.pack("<H", len(entries))
        for tag, kind, value in entries:
            content += struct.pack("<HHII", tag, kind, 1, value)
        content += struct.pack("<I", following)
    return bytes(content)


@pytest.mark.parametrize("pages", [1, 2, 40, 1000])
def test_pages_are_counted_as_pillow_does(pages):
    content = tiff_of(pages)
    assert Image.open(io.BytesIO(content)).n_frames == pages == tiff_pages(io.BytesIO(content))
    assert decode_image(content).warning == (f"{pages} pages; the first is used" if pages > 1 else None)


def test_a_tiff_of_many_pages_takes_no_time():
    content = tiff_of(150_000)
    with quickly(1):
        assert decode_image(content).warning == "more than 1,000 pages; the first is used"


def test_a_tiff_whose_pages_go_in_a_circle():
    content = bytearray(tiff_of(3))
    content[-4:] = struct.pack("<I", 10)
    with quickly(1):
        assert decode_image(bytes(content)).warning == "3 pages; the first is used"


def test_a_gif_of_many_frames_takes_no_time():
    image = b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0"
    head = b"GIF89a\x01\0\x01\0\x80\0\0" + b"\0\0\0\xff\xff\xff"
    with quickly(2):
        warning = decode_image(head + image * 300_000 + b";").warning
    assert warning == "animated, more than 1,000 frames; the first is used"


def png_of_one_byte_a_pixel(width, height):
    row = zlib.compressobj(1)
    pixels = b"".join(row.compress(bytes((width + 1) * (height // 100))) for _ in range(100)) + row.flush()
    head = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    chunks = (head, (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )


def jpeg_of_scans(side, scans):
    """A progressive image whose last scan, of no change, is repeated."""
    content = io.BytesIO()
    Image.new("L", (side, side), 128).save(content, "JPEG", progressive=True)
    whole = content.getvalue()
    last, end = whole.rindex(b"\xff\xda"), whole.rindex(b"\xff\xd9")
    return whole[:end] + whole[last:end] * (scans - whole.count(b"\xff\xda")) + whole[end:]


@pytest.mark.parametrize("isolate", [(), ("--isolate",)])
def test_rows_and_scans_without_end_take_neither_memory_nor_time(tmp_path, isolate):
    """99 million rows of one pixel took 2.1 GB, for as many pointers; 20,000 scans took a minute."""
    for name, content in (
        ("tall.png", png_of_one_byte_a_pixel(1, 99_000_000)),
        ("wide.png", png_of_one_byte_a_pixel(99_000_000, 1)),
        ("scans.jpg", jpeg_of_scans(2000, 20_000)),
    ):
        (tmp_path / "in" / name[0]).mkdir(parents=True)
        (tmp_path / "in" / name[0] / name).write_bytes(content)
    ended = within_limits("inspect", tmp_path / "in", *isolate, memory=300 << 20)
    assert ended.code == 3, ended
    assert ended.seconds < 8
    for expected in (
        "tall.png: 99,000,000 x 1 pixels, with 1,582,951,440 for the memory of so long a side, is over the",
        "wide.png: 1 x 99,000,000 pixels, with 1,582,951,440 for the memory of so long a side, is over the",
        "scans.jpg: JPEG of more than 100 scans, where images have about ten; save it anew",
    ):
        assert expected in ended.errors


def test_as_many_rows_and_scans_as_are_read_are_read_quickly():
    tall, scans = png_of_one_byte_a_pixel(1, 5_000_000), jpeg_of_scans(4000, 100)
    with quickly(5):
        assert decode_image(tall).size == (5_000_000, 1)
        assert decode_image(scans).size == (4000, 4000)


def test_threads_share_what_there_is():
    share, running, most = MemoryShare(100), [], []

    def work(needed):
        with share.of(needed):
            running.append(needed)
            most.append(sum(running))
            time.sleep(0.01)
            running.remove(needed)

    threads = [threading.Thread(target=work, args=(needed,)) for needed in [40, 60, 250, 50, 50, 30, 300, 20]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 8
    assert max(total for total in most if total not in (250, 300)) <= 100


@pytest.mark.slow
def test_large_images_are_decoded_one_after_the_other(tmp_path):
    content = io.BytesIO()
    Image.new("RGB", (9000, 9000), "red").save(content, "PNG", compress_level=1)
    for name in ("a", "b"):
        (tmp_path / "in" / name).mkdir(parents=True)
        for number in range(2):
            (tmp_path / "in" / name / f"{number}.png").write_bytes(content.getvalue())
    ended = within_limits("inspect", tmp_path / "in", memory=2 << 30, seconds=120, OMP_NUM_THREADS="4")
    assert ended.code in (0, 3), ended
    assert "memory" not in ended.errors


def test_an_image_over_the_budget_names_how_to_raise_it(monkeypatch):
    monkeypatch.setenv("PELLUCID_MEGAPIXELS", "0.00001")
    content = io.BytesIO()
    Image.new("L", (8, 8)).save(content, "PNG")
    with pytest.raises(DataError, match=r"8 x 8 pixels is over the limit of 10 .* PELLUCID_MEGAPIXELS"):
        decode_image(content.getvalue())


# Cached pixels


def test_a_flipped_bit_in_cached_pixels_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_digits(tmp_path / "in", range(30), by_class=True)
    listing = read_data(str(tmp_path / "in"), Settings())
    before = np.array(decode_all(listing, Settings())[0].pixels)
    (path,) = (tmp_path / "cache").rglob("pixels.npy")
    content = bytearray(path.read_bytes())
    content[-100] ^= 4
    path.write_bytes(content)
    decoded = []
    real = decoding.decode_content
    monkeypatch.setattr(
        "pellucid.data.images.decoding_plans.decode_content", lambda *given: decoded.append(1) or real(*given)
    )
    assert np.array_equal(decode_all(listing, Settings())[0].pixels, before)
    assert len(decoded) == 30
    assert np.array_equal(decode_all(listing, Settings())[0].pixels, before)
    assert len(decoded) == 30


# Control characters


def seen_in_a_terminal(*words):
    """What a command writes to a terminal."""
    ours, theirs = pty.openpty()
    process = spawning.Process("-m", "pellucid", *words, stdout=theirs, stderr=theirs, stdin=theirs)
    os.close(theirs)
    content = b""
    while select.select([ours], [], [], 60)[0]:
        try:
            part = os.read(ours, 65_536)
        except OSError:  # the other end is closed
            break
        content += part
    process.wait()
    os.close(ours)
    return content


EVIL = "a\x1b]0;owned\x07\x1b[31mred\u202e"


def test_control_characters_of_names_do_not_reach_the_terminal(tmp_path):
    write_digits(tmp_path / "in" / EVIL, range(6))
    write_digits(tmp_path / "in" / "b", range(6, 12))
    shown = seen_in_a_terminal("inspect", tmp_path / "in")
    assert b"\\x1b]0;owned\\x07" in shown
    for raw in (b"\x1b]", b"\x07", b"\x1b[31m", "\u202e".encode()):
        assert raw not in shown
    save(untrained_model(), tmp_path / "model", {})
    shown = seen_in_a_terminal("predict", tmp_path / "model", tmp_path / "in" / EVIL)
    assert b"\\x1b[31mred" in shown
    for raw in (b"\x1b]", b"\x07", b"\x1b[31m", "\u202e".encode()):
        assert raw not in shown


def test_a_file_and_a_pipe_get_names_as_they_are(tmp_path):
    write_digits(tmp_path / EVIL, range(1))
    save(untrained_model(), tmp_path / "model", {})
    done = within("predict", tmp_path / "model", tmp_path / EVIL)
    assert EVIL in done.stdout


def test_a_message_of_any_length_is_cut(tmp_path):
    done = within("inspect", tmp_path / ("x" * 200) / ("y" * 3000))
    assert done.returncode == 3
    assert len(done.stderr) < 2_100
    assert "characters left out" in done.stderr
    assert issubclass(DataError, PellucidError)
