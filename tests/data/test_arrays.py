"""Images from memory, IDX files and npz files."""

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

from pellucid.data import read_data
from pellucid.data.labels import label_texts
from pellucid.data.reading.array_files import checked_pixels, is_idx_folder, read_idx_folder, read_npz
from pellucid.data.trees import DiskFolder
from pellucid.errors import DataError
from pellucid.settings import Settings

RNG = np.random.default_rng(0)


def idx_bytes(values: np.ndarray) -> bytes:
    shape = values.shape
    return struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape) + values.astype(np.uint8).tobytes()


def write_idx(
    folder: Path, part: str, images: np.ndarray, labels: np.ndarray, *, packed: bool = False
) -> None:
    ending, pack = (".gz", gzip.compress) if packed else ("", bytes)
    (folder / f"{part}-images-idx3-ubyte{ending}").write_bytes(pack(idx_bytes(images)))
    (folder / f"{part}-labels-idx1-ubyte{ending}").write_bytes(pack(idx_bytes(labels)))


def images(count: int, side: int = 6) -> np.ndarray:
    return RNG.integers(0, 256, (count, side, side), dtype=np.uint8)


# --- labels


def text_labels(values: object) -> list[str]:
    return label_texts(list(values), "arrays", lambda index: f"row {index + 1}")  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.array([3, 10]), ["3", "10"]),
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
        (["a", None], "empty label at row 2"),
        (["a", ""], "empty label at row 2"),
        (["  ", "a"], "empty label at row 1"),
        ([1.0, float("nan")], "empty label at row 2"),
        ([b"a", b"b"], "the label at row 1 is a bytes; use text or a number"),
        (["a", "\ud800"], r"the label at row 2 is not valid text: '\\ud800'"),
    ],
)
def test_labels_that_are_none(labels: list[object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        text_labels(labels)


def test_many_empty_labels_are_counted() -> None:
    with pytest.raises(DataError, match=r"empty label at row 1, .*row 10 and 5 more"):
        text_labels([""] * 15)


def test_arrays_must_be_images() -> None:
    with pytest.raises(DataError, match="arrays: images have the shape"):
        checked_pixels(np.zeros((3, 4)), "arrays")
    with pytest.raises(DataError, match="arrays: holds no images"):
        checked_pixels(np.zeros((0, 4, 4)), "arrays")


# --- IDX


@given(arrays(np.uint8, st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4))), st.booleans())
def test_idx_round_trip(tmp_path_factory: pytest.TempPathFactory, images: np.ndarray, packed: bool) -> None:
    folder = tmp_path_factory.mktemp("idx")
    labels = np.arange(len(images))
    write_idx(folder, "train", images, labels, packed=packed)
    write_idx(folder, "t10k", images[:1], labels[:1], packed=not packed)
    listing = read_idx_folder(DiskFolder(folder), "DATA")
    assert listing.load_pixels is not None
    np.testing.assert_array_equal(listing.load_pixels()[..., 0], np.concatenate([images, images[:1]]))
    assert listing.labels == [*map(str, labels), "0"]
    assert listing.splits == ["train"] * len(images) + ["test"]
    ending = ".gz" if packed else ""
    assert listing.sources[0] == f"DATA/train-images-idx3-ubyte{ending}:1"


def test_training_rows_wait_for_a_validation_split(tmp_path: Path) -> None:
    write_idx(tmp_path, "train", images(4), np.arange(4))
    write_idx(tmp_path, "t10k", images(2), np.arange(2))
    assert read_data(str(tmp_path), Settings()).splits == [""] * 4 + ["test"] * 2


def test_unpacked_files_come_before_packed_ones(tmp_path: Path) -> None:
    write_idx(tmp_path, "train", images(4), np.arange(4), packed=True)
    write_idx(tmp_path, "train", images(2), np.arange(2))
    assert len(read_idx_folder(DiskFolder(tmp_path), "DATA")) == 2


def damage(path: Path, position: int, content: bytes) -> None:
    whole = bytearray(path.read_bytes())
    whole[position : position + len(content)] = content
    path.write_bytes(bytes(whole))


@pytest.mark.parametrize(
    ("position", "content", "message"),
    [
        (0, b"\1", "not an IDX file of bytes with 3 dimensions; it starts with 01 00 08 03"),
        (3, b"\1", "not an IDX file of bytes with 3 dimensions; it starts with 00 00 08 01"),
        (4, b"\xff\xff\xff\xff", "the header claims 4294967295 x 6 x 6 bytes, but the file has 160"),
        (4, b"\0\0\0\3", "the header claims 3 x 6 x 6 bytes, but the file has 160"),
    ],
)
def test_damaged_idx_headers(tmp_path: Path, position: int, content: bytes, message: str) -> None:
    write_idx(tmp_path, "train", images(4), np.arange(4))
    damage(tmp_path / "train-images-idx3-ubyte", position, content)
    with pytest.raises(DataError, match=message):
        read_idx_folder(DiskFolder(tmp_path), "DATA")


def test_an_idx_file_with_nothing_in_it(tmp_path: Path) -> None:
    write_idx(tmp_path, "train", images(4), np.arange(4))
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"")
    with pytest.raises(DataError, match="not an IDX file of bytes with 3 dimensions; it starts with nothing"):
        read_idx_folder(DiskFolder(tmp_path), "DATA")


def test_images_without_an_extent(tmp_path: Path) -> None:
    write_idx(tmp_path, "train", np.zeros((4, 0, 6)), np.arange(4))
    with pytest.raises(DataError, match="the header claims images of 0 x 6 pixels"):
        read_idx_folder(DiskFolder(tmp_path), "DATA")


def test_idx_files_without_images(tmp_path: Path) -> None:
    write_idx(tmp_path, "train", np.zeros((0, 6, 6)), np.arange(0))
    with pytest.raises(DataError, match="the IDX files hold no images"):
        read_idx_folder(DiskFolder(tmp_path), "DATA")


def test_packed_claims_beyond_the_file_allocate_nothing(tmp_path: Path) -> None:
    write_idx(tmp_path, "train", images(4), np.arange(4))
    content = struct.pack(">4B3I", 0, 0, 8, 3, 2**31, 2**15, 2**15)
    (tmp_path / "train-images-idx3-ubyte").unlink()
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(content + bytes(100)))
    with pytest.raises(DataError, match="unpacks to more than 500 MB"):
        read_idx_folder(DiskFolder(tmp_path), "DATA")


@pytest.mark.parametrize(("change", "found"), [(b"", "140"), (bytes(500), "more")])
def test_packed_files_that_are_too_short_or_long(tmp_path: Path, change: bytes, found: str) -> None:
    write_idx(tmp_path, "train", images(4), np.arange(4))
    (tmp_path / "train-images-idx3-ubyte").unlink()
    content = idx_bytes(images(4)) + change
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(content if change else content[:-4]))
    listing = read_idx_folder(DiskFolder(tmp_path), "DATA")
    assert listing.load_pixels is not None
    with pytest.raises(DataError, match=f"claims 144 values, the file holds {found}"):
        listing.load_pixels()


@pytest.mark.parametrize("kept", [5, 40, 120])
def test_packed_files_cut_short(tmp_path: Path, kept: int) -> None:
    write_idx(tmp_path, "train", images(4), np.arange(4), packed=True)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match="damaged or"):  # noqa: PT012
        listing = read_idx_folder(DiskFolder(tmp_path), "DATA")
        assert listing.load_pixels is not None
        listing.load_pixels()


def test_idx_files_that_do_not_fit_together(tmp_path: Path) -> None:
    write_idx(tmp_path, "train", images(4), np.arange(3))
    with pytest.raises(DataError, match="4 images but 3 labels"):
        read_idx_folder(DiskFolder(tmp_path), "DATA")
    write_idx(tmp_path, "train", images(4), np.arange(4))
    write_idx(tmp_path, "t10k", images(4, side=7), np.arange(4))
    with pytest.raises(DataError, match="are 6 x 6, those of t10k-images-idx3-ubyte 7 x 7; they must agree"):
        read_idx_folder(DiskFolder(tmp_path), "DATA")
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="has no labels; t10k-labels-idx1-ubyte is missing"):
        read_idx_folder(DiskFolder(tmp_path), "DATA")
    (tmp_path / "train-images-idx3-ubyte").unlink()
    with pytest.raises(DataError, match="has no train-images-idx3-ubyte"):
        read_idx_folder(DiskFolder(tmp_path), "DATA")


def test_labels_beyond_the_class_names(tmp_path: Path) -> None:
    write_idx(tmp_path, "train", images(2), np.array([0, 2]))
    with pytest.raises(DataError, match="label 2 has no class name; there are 2 names"):
        read_idx_folder(DiskFolder(tmp_path), "DATA", ["zero", "one"])


def test_idx_folders_are_told_apart(tmp_path: Path) -> None:
    assert not is_idx_folder(DiskFolder(tmp_path))
    write_idx(tmp_path, "train", images(1), np.arange(1), packed=True)
    assert is_idx_folder(DiskFolder(tmp_path))
    with pytest.raises(DataError, match=r"cannot be read \(no such file or directory\)"):
        is_idx_folder(DiskFolder(tmp_path / "gone"))


# --- npz


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
    assert listing.load_pixels is not None
    np.testing.assert_array_equal(listing.load_pixels()[..., 0], np.concatenate([train, validation, test]))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [(np.array([b"cat", b"dog"]), ["cat", "dog"]), (np.array(["ü", "NA"]), ["ü", "NA"])],
)
def test_npz_with_text_labels_and_floats(tmp_path: Path, labels: np.ndarray, expected: list[str]) -> None:
    path = write_npz(tmp_path / "set.npz", x_train=RNG.random((2, 4, 5, 3)), y_train=labels)
    assert read_npz(path, "DATA").labels == expected


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
    path = write_npz(tmp_path / "set.npz", **members)
    with pytest.raises(DataError, match=message):
        read_npz(path, "DATA")


def npy_bytes(shape: tuple[int, ...], content: bytes) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return buffer.getvalue() + content


def test_npz_shape_bombs_allocate_nothing(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train.npy", npy_bytes((10**6, 10**4, 10**4), bytes(10)))
    with pytest.raises(DataError, match=r"'x_train.npy' claims 100,000,000,000,\d+ bytes, but \d+ are there"):
        read_npz(path, "DATA")


def test_npz_files_that_are_damaged(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "set.npz", x_train=images(40), y_train=np.arange(40))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="damaged or unreadable"):
        read_npz(path, "DATA")
    flipped = bytearray(whole)
    flipped[300] ^= 0xFF
    path.write_bytes(bytes(flipped))
    with pytest.raises(DataError, match=r"damaged or unreadable .* copy it again"):
        read_npz(path, "DATA")


def test_npz_files_with_headers_that_cannot_be_read(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "set.npz", x_train=images(40), y_train=np.arange(40))
    whole = path.read_bytes()
    start = whole[:1] + b"Q" + whole[2:]  # an archive by its end alone
    path.write_bytes(start)
    with pytest.raises(DataError, match=r"DATA: damaged or unreadable .*; copy it again") as caught:
        read_npz(path, "DATA")
    assert "pickle" not in str(caught.value)
    latin = bytearray(whole)
    name = whole.rindex(b"y_train.npy")  # in the directory, 46 bytes behind its signature
    latin[name], latin[name - 37] = 0xF9, latin[name - 37] | 0x08  # said to be UTF-8
    path.write_bytes(bytes(latin))
    with pytest.raises(DataError, match=r"DATA: damaged or unreadable \(a header that cannot be read\)"):
        read_npz(path, "DATA")


def test_npz_files_that_are_damaged_later(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "set.npz", x_train=images(400), y_train=np.arange(400))
    content = bytearray(path.read_bytes())
    content[9000] ^= 0xFF
    path.write_bytes(bytes(content))
    listing = read_npz(path, "DATA")
    assert listing.load_pixels is not None
    with pytest.raises(DataError, match=r"damaged .* copy it again"):
        listing.load_pixels()


def test_members_that_are_no_arrays(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train.npy", b"no array at all")
    with pytest.raises(DataError, match=r"'x_train.npy' is not an array"):
        read_npz(path, "DATA")
