"""FAULTS 21 to 23 and 25 at the save protocol: a real full disk, read-only folders, killed processes."""

import contextlib
import ctypes
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import spawning
from pellucid.errors import RunLockedError, StorageError
from pellucid.safety import files

OLD = b"the old content"
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
DISK_BYTES = 256 * 1024
MS_READ_ONLY, MS_REMOUNT, MS_BIND, DETACH = 1, 32, 4096, 2


@contextlib.contextmanager
def mounted(place: Path, kind: bytes | None, options: bytes | None, *flags: int) -> Iterator[Path]:
    """Mount something at a place, once for each of the flags; skip where that is not possible."""
    if sys.platform != "linux" or not IS_ROOT:
        pytest.skip("mounting needs Linux and root")
    libc = ctypes.CDLL(None, use_errno=True)
    name = os.fsencode(place)
    done = 0
    try:
        for flag in flags:
            if libc.mount(name, name, kind, flag, options) != 0:
                pytest.skip(f"mounting failed: {os.strerror(ctypes.get_errno())}")
            done += 1
        yield place
    finally:
        if done:
            libc.umount2(name, DETACH)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB."""
    (tmp_path / "disk").mkdir()
    with mounted(tmp_path / "disk", b"tmpfs", f"size={DISK_BYTES}".encode(), 0) as place:
        yield place


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that may not be written to: by its mode, or for root by a read-only mount."""
    place = tmp_path / "read-only"
    place.mkdir()
    (place / "file").write_bytes(OLD)
    if IS_ROOT:
        with mounted(place, None, None, MS_BIND, MS_BIND | MS_REMOUNT | MS_READ_ONLY):
            yield place
    else:
        place.chmod(0o500)
        yield place
        place.chmod(0o700)


def everything(folder: Path) -> dict[str, bytes]:
    """All files below a folder, hidden ones too."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


# A full disk


def test_a_full_disk_leaves_the_old_file(small_disk):
    files.write_file(small_disk / "file", OLD)
    with pytest.raises(
        StorageError, match="cannot write: no space left on device; free some space"
    ) as caught:
        files.write_file(small_disk / "file", bytes(2 * DISK_BYTES))
    assert caught.value.exit_code == 5
    assert everything(small_disk) == {"file": OLD}
    files.write_file(small_disk / "file", b"new")
    assert everything(small_disk) == {"file": b"new"}


def test_a_full_disk_leaves_the_old_folder(small_disk):
    files.write_folder(small_disk / "model", {"a": OLD, "b": OLD})
    with pytest.raises(StorageError, match="no space left on device"):
        files.write_folder(small_disk / "model", {"a": b"new", "b": bytes(2 * DISK_BYTES)})
    assert everything(small_disk) == {"model/a": OLD, "model/b": OLD}
    assert [path.name for path in small_disk.iterdir()] == ["model"]


def test_too_little_space_is_seen_beforehand(small_disk):
    files.require_space(small_disk, DISK_BYTES // 2)
    with pytest.raises(StorageError, match="0 MB free, about 1 MB needed; free some space"):
        files.require_space(small_disk, 1_000_000)


def fail_at(monkeypatch: pytest.MonkeyPatch, step: int) -> list[str]:
    """Let one call of fsync or replace fail, counted from 0 over both; returns the calls made."""
    calls: list[str] = []

    def failing(name: str) -> Callable[..., None]:
        real = getattr(os, name)

        def call(*given: object) -> None:
            calls.append(name)
            if len(calls) == step + 1:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            real(*given)

        return call

    for name in ("fsync", "replace"):
        monkeypatch.setattr(os, name, failing(name))
    return calls


def test_a_fault_at_every_step_of_a_folder(tmp_path, monkeypatch):
    """Each of two files is synced, renamed, its folder synced; then old goes, new comes, a last sync."""
    for step in range(9):
        place = tmp_path / str(step)
        place.mkdir()
        files.write_folder(place / "model", {"a": OLD, "b": OLD})
        with monkeypatch.context() as patch:
            calls = fail_at(patch, step)
            with pytest.raises(StorageError, match="input/output error; check the disk"):
                files.write_folder(place / "model", {"a": b"new", "b": b"new"})
            assert len(calls) > step
        kept = OLD if step < 8 else b"new"
        assert everything(place) == {"model/a": kept, "model/b": kept}


def test_an_interrupt_between_two_renames_brings_the_old_folder_back(tmp_path, monkeypatch):
    files.write_folder(tmp_path / "model", {"a": OLD})
    real = os.replace

    def replace(source: Path, target: Path) -> None:
        if source.suffix == ".tmp" and target.name == "model":
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(KeyboardInterrupt):
        files.write_folder(tmp_path / "model", {"a": b"new"})
    assert everything(tmp_path) == {"model/a": OLD}


def test_bytes_that_change_on_the_disk_are_noticed(tmp_path, monkeypatch):
    files.write_file(tmp_path / "file", OLD)
    real = os.fsync

    def damaging(descriptor: int) -> None:
        real(descriptor)
        for path in tmp_path.glob(".*.tmp"):
            path.write_bytes(b"damaged")

    monkeypatch.setattr(os, "fsync", damaging)
    with pytest.raises(StorageError, match="what was read back differs from what was written"):
        files.write_file(tmp_path / "file", b"new")
    assert everything(tmp_path) == {"file": OLD}


# Places


@pytest.mark.parametrize("name", ["a" * 255, "ü" * 120, "line\nbreak", "-rf", ".hidden"])
def test_every_name_the_system_admits_can_be_written(name, tmp_path):
    files.write_file(tmp_path / name, b"abc")
    files.write_file(tmp_path / name, b"new")
    assert everything(tmp_path) == {name: b"new"}


def test_replacing_a_linked_folder_leaves_the_other(tmp_path):
    files.write_folder(tmp_path / "one", {"a": b"1"})
    files.link_folder(tmp_path / "one", tmp_path / "two")
    files.write_folder(tmp_path / "one", {"a": b"2"})
    assert everything(tmp_path) == {"one/a": b"2", "two/a": b"1"}


def test_a_read_only_folder(read_only):
    reason = (
        r"cannot write: (permission denied; choose a folder you may|read-only file system; choose a folder)"
    )
    writers = (
        lambda: files.write_file(read_only / "file", b"new"),
        lambda: files.write_folder(read_only / "model", {"a": b"new"}),
        lambda: files.make_folder(read_only),
        lambda: files.make_folder(read_only / "run"),
        lambda: files.locked(read_only).__enter__(),
    )
    for write in writers:
        with pytest.raises(StorageError, match=reason) as caught:
            write()
        assert caught.value.exit_code == 5
    assert everything(read_only) == {"file": OLD}


def test_a_pipe_is_never_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StorageError, match="what is there is not a regular file"):
        files.write_file(tmp_path / "pipe", b"new")
    assert (tmp_path / "pipe").is_fifo()


# Killed processes

WRITER = """
import sys
from pathlib import Path
from pellucid.safety.files import write_file, write_folder
place = Path(sys.argv[1])
print("ready", flush=True)
for number in range(1_000_000):
    letter = b"ab"[number % 2 : number % 2 + 1]
    write_file(place / "file", letter * 300_000)
    write_folder(place / f"step-{number}", {"one": letter * 1000, "two": letter * 1000})
"""

HOLDER = """
import sys, time
from pathlib import Path
from pellucid.safety.files import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


@contextlib.contextmanager
def running(code: str, place: Path) -> Iterator[subprocess.Popen[str]]:
    """Code in a process of its own, once it has printed a line; killed at the end."""
    with spawning.Process("-c", code, place, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def test_a_killed_writer_leaves_nothing_half(tmp_path):
    folders_seen = 0
    for attempt in range(8):
        place = tmp_path / str(attempt)
        place.mkdir()
        with running(WRITER, place):
            time.sleep(0.03 + 0.017 * attempt)
        for name, content in everything(place).items():
            if name.startswith("."):
                continue
            assert len(content) == (300_000 if name == "file" else 1000)
            assert len(set(content)) == 1
        folders = list(place.glob("step-*"))
        assert all(sorted(path.name for path in folder.iterdir()) == ["one", "two"] for folder in folders)
        folders_seen += len(folders)
    assert folders_seen > 8


def test_a_second_process_is_refused_at_once_and_told_who(tmp_path):
    with running(HOLDER, tmp_path) as holder:
        began = time.monotonic()
        with pytest.raises(RunLockedError, match=f"process {holder.pid} is writing here; wait for it"):
            files.locked(tmp_path).__enter__()
        assert time.monotonic() - began < 1


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_of_a_dead_process_is_free(how, tmp_path):
    with running(HOLDER, tmp_path) as holder:
        holder.send_signal(how)
        holder.wait()
        assert (tmp_path / ".lock").exists()
        with files.locked(tmp_path):
            assert (tmp_path / ".lock").read_text() == str(os.getpid())


def test_the_same_process_is_refused_too(tmp_path):
    with files.locked(tmp_path), pytest.raises(RunLockedError, match=f"process {os.getpid()} is writing"):
        files.locked(tmp_path).__enter__()


def test_a_child_process_does_not_keep_the_lock(tmp_path):
    with files.locked(tmp_path):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"])
    try:
        with files.locked(tmp_path):
            assert child.poll() is None
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize("name", ["ftruncate", "pwrite"])
def test_a_lock_that_cannot_be_written_is_a_fault_of_the_disk(name, tmp_path, monkeypatch):
    """Found by failing every call of a run one by one: it was told as a fault of Pellucid."""
    real = getattr(os, name)

    def failing(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, name, failing)
    with pytest.raises(StorageError, match=r"\.lock: cannot write: no space left on device"):
        files.locked(tmp_path).__enter__()
    monkeypatch.setattr(os, name, real)
    with files.locked(tmp_path):
        monkeypatch.setattr(os, name, failing)  # what was done under the lock is not lost by its end
