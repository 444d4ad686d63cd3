"""Labels from memory, IDX files and npz files."""

import functools
import gzip
import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pellucid.data import Listing, read_data
from pellucid.data.labels import label_texts
from pellucid.data.sources.arrays import checked_pixels, is_idx_folder, read_idx_folder, read_npz
from pellucid.data.trees import DiskFolder
from pellucid.errors import DataError
from pellucid.settings import Settings

RNG = np.random.default_rng(0)
PIXELS, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def images(count: int, side: int = 6) -> np.ndarray:
    return RNG.integers(0, 256, (count, side, side), dtype=np.uint8)


def idx_bytes(values: np.ndarray) -> bytes:
    shape = values.shape
    return struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape) + values.astype(np.uint8).tobytes()


def write_idx(
    folder: Path, part: str, images: np.ndarray, labels: np.ndarray, *, packed: bool = False
) -> None:
    ending, pack = (".gz", gzip.compress) if packed else ("", bytes)
    (folder / f"{part}-images-idx3-ubyte{ending}").write_bytes(pack(idx_bytes(images)))
    (folder / f"{part}-labels-idx1-ubyte{ending}").write_bytes(pack(idx_bytes(labels)))


def read_idx(folder: Path, classes: list[str] | None = None) -> Listing:
    return read_idx_folder(DiskFolder(folder), "DATA", classes)


def pixels_of(listing: Listing) -> np.ndarray:
    assert listing.load_pixels is not None
    return listing.load_pixels()


# Labels


def text_labels(values: object) -> list[str]:
    return label_texts(list(values), "arrays", lambda index: f"row {index + 1}")  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([np.int64(3), 10], ["3", "10"]),
        (np.array([3.0, 0.5]), ["3", "0.5"]),
        ([True, False], ["true", "false"]),
        (np.array(["NA", "null"]), ["NA", "null"]),
        (np.array(["a ", "a"], dtype=object), ["a ", "a"]),
    ],
)
def test_labels_become_text(labels: object, expected: list[str]) -> None:
    assert text_labels(labels) == expected


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([1, "1"], "labels of mixed kinds: the number 1 at row 1 and the text '1' at row 2"),
        ([True, 1], "the truth value true at row 1 and the number 1 at row 2"),
        (["a", None], "empty label at row 2; fill it in or remove the row"),
        (["  ", "a"], "empty label at row 1"),
        ([1.0, float("nan")], "empty label at row 2"),
        ([""] * 15, r"empty label at row 1, .*row 10 and 5 more"),
        (["a", {"b": 1}], "the label at row 2 is a dict; use text or a number"),
        (["a", "\ud800"], r"the label at row 2 is not valid text: '\\ud800'"),
    ],
)
def test_labels_that_are_none(labels: list[object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        text_labels(labels)


def test_arrays_must_be_images() -> None:
    for shape, message in (((3, 4), "arrays: images have the shape"), ((0, 4, 4), "arrays: holds no images")):
        with pytest.raises(DataError, match=message):
            checked_pixels(np.zeros(shape), "arrays")


# IDX


@given(arrays(np.uint8, st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4))), st.booleans())
def test_idx_round_trip(tmp_path_factory: pytest.TempPathFactory, images: np.ndarray, packed: bool) -> None:
    folder = tmp_path_factory.mktemp("idx")
    labels = np.arange(len(images))
    write_idx(folder, "train", images, labels, packed=packed)
    write_idx(folder, "t10k", images[:1], labels[:1], packed=not packed)
    listing = read_idx(folder)
    np.testing.assert_array_equal(pixels_of(listing)[..., 0], np.concatenate([images, images[:1]]))
    assert listing.labels == [*map(str, labels), "0"]
    assert listing.splits == ["train"] * len(images) + ["test"]
    assert listing.sources[0] == f"DATA/{PIXELS}{'.gz' if packed else ''}:1"


def test_training_rows_wait_for_a_validation_split(tmp_path: Path) -> None:
    assert not is_idx_folder(DiskFolder(tmp_path))
    write_idx(tmp_path, "train", images(9), np.arange(9), packed=True)
    write_idx(tmp_path, "train", images(4), np.arange(4))  # comes before what is packed
    write_idx(tmp_path, "t10k", images(2), np.arange(2))
    assert is_idx_folder(DiskFolder(tmp_path))
    assert read_data(str(tmp_path), Settings()).splits == [""] * 4 + ["test"] * 2


packed = functools.partial(gzip.compress, mtime=0)  # the same name of a test in every worker


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (PIXELS, b"", "not an IDX file of bytes with 3 dimensions; it starts with nothing"),
        (PIXELS, b"\1" + idx_bytes(images(4))[1:], "with 3 dimensions; it starts with 01 00 08 03"),
        (PIXELS, idx_bytes(images(4)[0]), "with 3 dimensions; it starts with 00 00 08 02"),
        (PIXELS, idx_bytes(images(4))[:-36], "claims 4 x 6 x 6 bytes, but the file has 124; copy it again"),
        (PIXELS, idx_bytes(np.zeros((4, 0, 6))), "the header claims images of 0 x 6 pixels"),
        (
            f"{PIXELS}.gz", packed(struct.pack(">4B3I", 0, 0, 8, 3, 2**31, 2**15, 2**15) + bytes(100)),
            "unpacks to more than 500 MB",
        ),
        (f"{PIXELS}.gz", packed(idx_bytes(images(4))[:-4]), "144 values, the file holds 140; copy"),
        (f"{PIXELS}.gz", packed(idx_bytes(images(4)) + b"x"), "144 values, the file holds more; copy"),
        (f"{PIXELS}.gz", packed(idx_bytes(images(4)))[:5], "damaged or unreadable"),
        (f"{PIXELS}.gz", packed(idx_bytes(images(4)))[:120], "damaged or unreadable"),
        (LABELS, idx_bytes(np.arange(3)), "4 images but 3 labels"),
        (LABELS, idx_bytes(np.full(4, 200)), "label 200 has no class name; there are 9 names"),
        ("t10k-images-idx3-ubyte", idx_bytes(images(1)), "has no labels; t10k-labels-idx1-ubyte is missing"),
    ],
)  # fmt: skip
def test_idx_files_that_are_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    write_idx(tmp_path, "train", images(4), np.arange(4))
    if name.endswith(".gz"):
        (tmp_path / PIXELS).unlink()
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        pixels_of(read_idx(tmp_path, list("abcdefghi")))


def test_idx_files_that_do_not_fit_together(tmp_path: Path) -> None:
    write_idx(tmp_path, "train", np.zeros((0, 6, 6)), np.arange(0))
    with pytest.raises(DataError, match="the IDX files hold no images"):
        read_idx(tmp_path)
    write_idx(tmp_path, "train", images(4), np.arange(4))
    write_idx(tmp_path, "t10k", images(4, side=7), np.arange(4))
    with pytest.raises(DataError, match="are 6 x 6, those of t10k-images-idx3-ubyte 7 x 7; they must agree"):
        read_idx(tmp_path)
    (tmp_path / PIXELS).unlink()
    with pytest.raises(DataError, match="has no train-images-idx3-ubyte"):
        read_idx(tmp_path)
    with pytest.raises(DataError, match=r"cannot be read \(no such file or directory\)"):
        read_idx(tmp_path / "gone")


# npz


def write_npz(path: Path, **members: np.ndarray) -> Path:
    np.savez_compressed(path, **members)
    return path


def test_npz_round_trip(tmp_path: Path) -> None:
    train, validation, test = images(4), images(2), images(3)
    path = write_npz(
        tmp_path / "set.npz",
        x_train=train, y_train=np.arange(4)[:, None], x_test=test, y_test=np.arange(3),
        x_val=validation, y_val=np.arange(2),
    )  # fmt: skip
    listing = read_data(str(path), Settings())
    assert listing.labels == ["0", "1", "2", "3", "0", "1", "0", "1", "2"]
    assert listing.splits == ["train"] * 4 + ["validation"] * 2 + ["test"] * 3
    assert listing.sources[4] == f"{path}:x_val:1"
    np.testing.assert_array_equal(pixels_of(listing)[..., 0], np.concatenate([train, validation, test]))
    for labels, expected in (([b"cat", b"dog"], ["cat", "dog"]), (["ü", "NA"], ["ü", "NA"])):
        write_npz(path, x_train=RNG.random((2, 4, 5, 3)), y_train=np.array(labels))
        assert read_npz(str(path), needs_labels=True).labels == expected


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"x": images(2)}, "has no x_train; it holds 'x'"),
        ({}, "has no x_train; it holds nothing"),
        ({"x_train": images(2)}, "x_train has no labels; y_train is missing"),
        ({"x_train": images(2), "y_train": np.arange(3)}, "2 images but 3 labels in y_train"),
        ({"x_train": images(2), "y_train": np.eye(2)}, r"y_train has the shape \(2, 2\); give one label"),
        ({"x_train": np.zeros((2, 36)), "y_train": np.arange(2)}, "x_train: images have the shape"),
        ({"x_train": images(2), "y_train": np.array([0.0, np.nan])}, "empty label at y_train row 2"),
        ({"x_train": images(2), "y_train": np.array([b"a", b"\xff"])}, "y_train row 2 is not valid text"),
        ({"x_train": images(2), "y_train": np.array([1, "a"], object)}, "holds Python objects, which may"),
        (
            {"x_train": images(2), "y_train": [0, 1], "x_test": images(1, 9), "y_test": [0]},
            r"x_train holds images of \(6, 6\), x_test of \(9, 9\); they must agree",
        ),
    ],
)  # fmt: skip
def test_npz_files_that_do_not_fit(tmp_path: Path, members: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_npz(str(write_npz(tmp_path / "set.npz", **members)), needs_labels=True)


def npy_bytes(shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return buffer.getvalue() + bytes(10)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (npy_bytes((10**6, 10**4, 10**4)), r"claims 100,000,000,000,\d+ bytes, but \d+ are there"),
        (b"no array at all", r"'x_train.npy' is not an array"),
    ],
)
def test_npz_members_that_lie_allocate_nothing(tmp_path: Path, content: bytes, message: str) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w") as archive:
        archive.writestr("x_train.npy", content)
    with pytest.raises(DataError, match=message):
        read_npz(str(tmp_path / "bomb.npz"), needs_labels=True)


def test_npz_files_that_are_damaged(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "set.npz", x_train=images(400), y_train=np.arange(400))
    whole = path.read_bytes()
    latin, name = bytearray(whole), whole.rindex(b"y_train.npy")  # 46 bytes behind its entry's signature
    latin[name], latin[name - 37] = 0xF9, latin[name - 37] | 0x08  # marked as UTF-8
    flipped = whole[:300] + bytes([whole[300] ^ 0xFF]) + whole[301:]
    without_start = whole[:1] + b"Q" + whole[2:]  # an archive by its end alone
    for content in (whole[: len(whole) // 2], flipped, without_start, bytes(latin)):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"damaged or unreadable .*; copy it again") as caught:
            pixels_of(read_npz(str(path), needs_labels=True))
        assert "pickle" not in str(caught.value)
