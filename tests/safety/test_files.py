"""The save protocol: what was there stays whole, whatever step fails."""

import errno
import gzip
import hashlib
import io
import json
import os
import random
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.errors import StorageError
from pellucid.safety import files
from pellucid.safety.files import Unpacking

FULL = OSError(errno.ENOSPC, "No space left on device")


def write_a_file(folder: Path) -> None:
    files.write_file(folder / "kept", b"new")


def write_bit_by_bit(folder: Path) -> None:
    with files.writing(folder / "kept") as draft:
        draft.write(b"n")
        draft.write(b"ew")


def write_a_folder(folder: Path) -> None:
    files.write_folder(folder / "whole", {"kept": b"new"})


def link_a_folder(folder: Path) -> None:
    source = folder.parent / "source"
    source.mkdir(exist_ok=True)
    (source / "kept").write_bytes(b"new")
    files.link_folder(source, folder / "whole")


WRITERS = {
    "kept": [write_a_file, write_bit_by_bit],
    "whole/kept": [write_a_folder, link_a_folder],
}
CASES = [(name, writer) for name, writers in WRITERS.items() for writer in writers]


@pytest.fixture
def former(tmp_path: Path) -> Path:
    """A folder in which both a file and a folder already stand."""
    folder = tmp_path / "run"
    (folder / "whole").mkdir(parents=True)
    for name in WRITERS:
        (folder / name).write_bytes(b"old")
    return folder


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.name.endswith((".tmp", ".old"))]


@pytest.mark.parametrize(("name", "writer"), CASES)
def test_new_content_replaces_the_former_and_leaves_nothing_else(
    former: Path, name: str, writer: Callable[[Path], None]
) -> None:
    before = sorted(former.rglob("*"))
    writer(former)
    assert (former / name).read_bytes() == b"new"
    assert sorted(former.rglob("*")) == before


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize(("name", "writer"), CASES)
def test_a_full_disk_leaves_the_former_content(
    former: Path, monkeypatch: pytest.MonkeyPatch, step: str, name: str, writer: Callable[[Path], None]
) -> None:
    def fail(*arguments: object) -> None:
        raise FULL

    if writer is link_a_folder and step == "fsync":
        monkeypatch.setattr(os, "link", fail)  # copies instead, which has to sync
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(
        StorageError, match=r"cannot write: no space left on device; free some space, then run"
    ):
        writer(former)
    monkeypatch.undo()
    assert (former / name).read_bytes() == b"old"
    assert leftovers(former) == []


def test_an_exception_while_writing_bit_by_bit_leaves_the_former_content(former: Path) -> None:
    def change_mind() -> None:
        with files.writing(former / "kept") as draft:
            draft.write(b"half")
            raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError, match="changed my mind"):
        change_mind()
    assert (former / "kept").read_bytes() == b"old"
    assert leftovers(former) == []


def test_what_is_no_regular_file_is_not_replaced(former: Path) -> None:
    with pytest.raises(
        StorageError, match="whole: cannot write: what is there is not a regular file; something"
    ):
        files.write_file(former / "whole", b"new")
    assert (former / "whole/kept").read_bytes() == b"old"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"nowhere/file: cannot write: no such file or directory"):
        files.write_file(tmp_path / "nowhere" / "file", b"")


@given(st.binary(max_size=3000))
def test_a_written_file_has_the_digest_that_is_returned(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "written"
    assert files.write_file(path, content) == hashlib.sha256(content).hexdigest() == files.sha256(path)
    assert path.read_bytes() == content


def test_json_is_readable_and_refuses_what_json_cannot_hold(tmp_path: Path) -> None:
    files.write_json(tmp_path / "document.json", {"name": "Größe", "value": 0.1})
    text = (tmp_path / "document.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"name": "Größe", "value": 0.1}
    assert "Größe" in text
    assert text.endswith("}\n")
    with pytest.raises(ValueError, match="Out of range float values"):
        files.write_json(tmp_path / "document.json", {"value": float("nan")})
    assert json.loads((tmp_path / "document.json").read_text()) == json.loads(text)


def test_linked_files_share_their_bytes_on_disk(former: Path) -> None:
    link_a_folder(former)
    assert (former / "whole/kept").samefile(former.parent / "source/kept")


def test_folders_are_made_with_their_parents(tmp_path: Path) -> None:
    files.make_folder(tmp_path / "a" / "b")
    files.make_folder(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_file_in_the_way_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(
        StorageError, match="not a directory; there is a file where a folder is needed; choose another"
    ):
        files.make_folder(tmp_path / "a" / "b")
    with pytest.raises(StorageError, match="file exists; something of another kind is there; choose another"):
        files.make_folder(tmp_path / "a")


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EACCES, "choose a folder you may write to"),
        (errno.EROFS, "choose a folder on a disk that is not read-only"),
        (errno.EDQUOT, "free some of your quota, then run the same command again"),
        (errno.EIO, "check the disk"),
    ],
)
def test_every_cause_has_its_remedy(tmp_path: Path, number: int, remedy: str) -> None:
    error = files.storage_error(tmp_path, OSError(number, os.strerror(number)))
    assert str(error) == f"{tmp_path}: cannot write: {os.strerror(number).lower()}; {remedy}"


def test_the_remedy_fits_the_command(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert str(files.storage_error(tmp_path, full)).endswith("then run the same command again")
    with files.resumable():
        assert str(files.storage_error(tmp_path, full)).endswith("then run the same command with --resume")
    assert str(files.storage_error(tmp_path, full)).endswith("again")


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to], ids=["soft", "hard"])
def test_a_lock_that_is_a_link_leaves_what_it_points_to(
    tmp_path: Path, link: Callable[[Path, Path], None]
) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("mine")
    run = tmp_path / "run"
    run.mkdir()
    link(run / ".lock", precious)
    with pytest.raises(StorageError, match=r"\.lock: cannot write: .*; remove it"), files.locked(run):
        pass
    assert precious.read_text() == "mine"


def test_a_lock_that_is_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".lock")
    with (
        pytest.raises(StorageError, match=r"\.lock: cannot write: not a regular file"),
        files.locked(tmp_path),
    ):
        pass


# --- files packed with gzip


@given(st.lists(st.binary(max_size=3000), max_size=4), st.integers(1, 5000), st.integers(0, 8000))
def test_unpacking_gives_what_was_packed(parts: list[bytes], size: int, place: int) -> None:
    """Members one after the other, in any pieces, and from any place on."""
    packed = b"".join(map(gzip.compress, parts)) + bytes(100 if parts else 0)
    whole = b"".join(parts)
    file = Unpacking(io.BytesIO(packed))
    assert b"".join(iter(lambda: file.read(size), b"")) == whole
    assert file.seek(place) == file.tell() == min(place, len(whole))
    assert file.read() == whole[place:]


def test_unpacking_gives_what_stands_before_the_damage() -> None:
    packed = gzip.compress(random.Random(0).randbytes(100_000))
    file = Unpacking(io.BytesIO(packed[:50_000]))
    assert len(file.read()) > 49_000
    with pytest.raises(EOFError, match="ended before the end-of-stream marker"):
        file.read(1)
    with pytest.raises(OSError, match="Not a gzipped file"):
        Unpacking(io.BytesIO(b"none")).read()
    with pytest.raises(zlib.error, match="incorrect data check"):
        list(iter(Unpacking(io.BytesIO(packed[:-8] + bytes(8))).read, b""))


@pytest.mark.parametrize("kind", ["a name without end", "members without content"])
def test_gzip_without_content_is_refused_at_once(kind: str) -> None:
    empty = gzip.compress(b"")
    header = b"\x1f\x8b\x08\x08" + bytes(6)
    packed = header + b"a" * (200 << 20) if "name" in kind else empty * 1_000_000
    began = time.process_time()
    with pytest.raises(OSError, match="more than a megabyte of headers without content"):
        Unpacking(io.BytesIO(packed)).read()
    assert time.process_time() - began < 2
