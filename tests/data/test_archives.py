"""Archives as INPUT: read member by member, nothing unpacked to disk, nothing that they claim believed."""

import gzip
import io
import os
import random
import stat
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from made_images import context, encoded
from pellucid.data import archives as members_module
from pellucid.data.archives import Member
from pellucid.data.sources.places import open_places
from pellucid.data.sources.source import Row
from pellucid.data.trees import members_of
from pellucid.errors import DataError
from pellucid.input_kinds import IMAGES, TEXTS, InputKind
from pellucid.settings import Settings

FILES = {
    "cats/a.png": b"\x89PNG\r\n\x1a\nof a",
    "cats/b with spaces.jpg": b"\xff\xd8of b" + bytes(100_000),
    "猫/c.png": b"\x89PNG\r\n\x1a\nof c" + random.Random(0).randbytes(70_000),
    "d" * 120 + "/" + "e" * 120 + ".png": b"\x89PNG\r\n\x1a\nof a long name",
    "without_an_ending": b"GIF89a and more",
    "empty.png": b"",
}
OTHERS = {"notes.txt": b"no image", "cats/labels.csv": b"a,b", ".hidden.png": b"x", "__MACOSX/a.png": b"x"}


def zipped(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, files: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> Path:
    mode = "w:gz" if path.name.endswith("gz") else "w"
    with tarfile.open(path, mode, format=form) as archive:
        for name, content in files.items():
            archive.addfile(info_of(name, len(content)), io.BytesIO(content))
    return path


def info_of(name: str, size: int = 0, **more: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    for key, value in more.items():
        setattr(info, key, value)
    return info


def inputs(*places: Path | str, kind: InputKind = IMAGES) -> tuple[list[Row], list[str], int | None]:
    opened = open_places([str(place) for place in places], Settings(), kind)
    how_many = opened.count()
    return list(opened), opened.warnings, how_many


MAKERS = {
    "stored.zip": lambda path, files: zipped(path, files, zipfile.ZIP_STORED),
    "deflated.ZIP": zipped,
    "pax.tar": tarred,
    "gnu.tar": lambda path, files: tarred(path, files, tarfile.GNU_FORMAT),
    "packed.tar.gz": tarred,
    "packed.tgz": tarred,
}


@pytest.mark.parametrize("name", MAKERS)
def test_files_come_in_the_order_of_the_archive(name: str, tmp_path: Path) -> None:
    path = MAKERS[name](tmp_path / name, {**FILES, **OTHERS})
    found, warnings, how_many = inputs(path)
    assert {each.name: each.content for each in found} == {
        f"{path}/{name}": content for name, content in FILES.items()
    }
    assert [each.name for each in found] == [f"{path}/{name}" for name in FILES]
    assert [each.error for each in found] == [""] * len(FILES)
    assert warnings == [f"{path}: 2 files left out, being no images by their names"]
    assert how_many == (None if "gz" in name else len(FILES))
    assert sorted(each.name for each in tmp_path.iterdir()) == [name]


def test_names_of_folders(tmp_path: Path) -> None:
    name = "p" * 90 + "/" + "n" * 80 + ".png"
    path = tarred(tmp_path / "ustar.tar", {name: b"x"}, tarfile.USTAR_FORMAT)
    assert inputs(path)[0][0].name == f"{path}/{name}"
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.mkdir("folder.png")
        archive.writestr("folder.png/x.png", b"x")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.addfile(info_of("folder.png", type=tarfile.DIRTYPE))
        archive.addfile(info_of("./folder.png/x.png", 1), io.BytesIO(b"x"))
    for name in ("a.zip", "a.tar"):
        assert [each.name for each in inputs(tmp_path / name)[0]] == [f"{tmp_path / name}/folder.png/x.png"]


def test_texts(tmp_path: Path) -> None:
    path = zipped(tmp_path / "mails.zip", {"b.txt": b"of b", "x.png": b"x", "a.txt": b"of a"})
    found, warnings, how_many = inputs(path, kind=TEXTS)
    assert [each.content for each in found] == [b"of b", b"of a"]
    assert (warnings, how_many) == ([f"{path}: 1 file left out, not ending in .txt"], 2)


def test_nothing_of_the_kind(tmp_path: Path) -> None:
    for path in (zipped(tmp_path / "a.zip", OTHERS), tarred(tmp_path / "a.tar", OTHERS)):
        with pytest.raises(DataError, match=r"a\.(zip|tar): no image in this archive"):
            inputs(path)
    os.mkfifo(tmp_path / "pipe.tar")
    with pytest.raises(DataError, match="not a regular file"):
        inputs(tmp_path / "pipe.tar")


def test_zip64_behind_other_bytes(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(zipfile.ZipInfo("a.png"), "w", force_zip64=True) as file:
            file.write(b"large enough")
        archive.writestr("b.png", b"small")
    (tmp_path / "a.zip").write_bytes(b"#!/bin/sh\n" * 50 + (tmp_path / "a.zip").read_bytes())
    assert [each.content for each in inputs(tmp_path / "a.zip")[0]] == [b"large enough", b"small"]


def test_links_are_never_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(b"secret")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        link = zipfile.ZipInfo("link.png")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "../secret.png")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.addfile(info_of("link.png", type=tarfile.SYMTYPE, linkname="/etc/passwd"))
        archive.addfile(info_of("hard.png", type=tarfile.LNKTYPE, linkname="secret.png"))
        archive.addfile(info_of("pipe.png", type=tarfile.FIFOTYPE))
        archive.addfile(info_of("device.png", type=tarfile.CHRTYPE))
        archive.addfile(info_of("fine.png", 4), io.BytesIO(b"fine"))
    (one,) = inputs(tmp_path / "a.zip")[0]
    assert (one.content, one.error) == (b"", members_module.LINK)
    found = inputs(tmp_path / "a.tar")[0]
    assert [(each.content, each.error) for each in found] == [
        (b"", members_module.LINK), (b"", members_module.LINK), (b"fine", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["../up.png", "a/../../up.png", "/etc/up.png", "C:\\up.png", "a\\..\\up.png"]
)
def test_names_that_lead_out_are_rows_with_a_reason(name: str, tmp_path: Path) -> None:
    for path in (zipped(tmp_path / "a.zip", {name: b"x"}), tarred(tmp_path / "a.tar", {name: b"x"})):
        (one,) = inputs(path)[0]
        assert (one.content, one.error) == (b"", "its name leaves the archive; pack it under a plain name")
        assert one.name.startswith(f"{path}/")


def test_what_cannot_be_unpacked(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.png": b"a" * 1000})
    encrypted = bytearray(path.read_bytes())
    encrypted[encrypted.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(encrypted)
    assert inputs(path)[0][0].error == "encrypted in the archive; unpack it first"
    zipped(path, {"a.png": b"a" * 1000}, zipfile.ZIP_LZMA)
    assert inputs(path)[0][0].error == "packed by method 14; pack it with deflate, the usual one"

    content = bytearray(
        zipped(path, {"a.png": b"a" * 1000, "b.png": b"of b"}, zipfile.ZIP_STORED).read_bytes()
    )
    content[content.index(b"aaaa") + 500] ^= 1
    path.write_bytes(content)
    damaged, fine = inputs(path)[0]
    assert damaged.error == "damaged in the archive (its checksum is another); copy the archive again"
    assert (fine.content, fine.error) == (b"of b", "")


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
def test_no_archive_at_all(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    for content in (b"", b"no archive", b"no archive" * 200, bytes(range(256)) * 8):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"a\.\w+(\.gz)?: .*(not a|empty|cut off|cannot be read)"):
            inputs(path)


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_an_archive_that_ends_early_says_so_in_a_row(name: str, tmp_path: Path) -> None:
    path = tarred(tmp_path / name, {f"{n}.png": random.Random(n).randbytes(30_000) for n in range(9)})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = inputs(path)[0]
    assert [each.error for each in found[:3]] == [""] * 3
    assert found[-1].name == str(path)
    assert found[-1].error.startswith(f"damaged after {len(found) - 1} images: ")


# Bombs


def overlapping(path: Path, count: int) -> Path:
    """Many names for the same packed bytes, as a small archive that unpacks to petabytes has them."""
    zipped(path, {"a.png": bytes(1 << 20)})
    content = path.read_bytes()
    at = content.index(b"PK\1\2")
    entry, end = content[at : content.index(b"PK\5\6")], bytearray(content[content.index(b"PK\5\6") :])
    struct.pack_into("<2HL", end, 8, count, count, count * len(entry))
    path.write_bytes(content[:at] + entry * count + end)
    return path


def test_files_that_share_bytes_are_refused(tmp_path: Path) -> None:
    found = inputs(overlapping(tmp_path / "a.zip", 3_000))[0]
    assert found[-1].error.endswith("its files share bytes, as in a decompression bomb; refused")
    assert len(found) < 3_000


def peak_of(path: Path) -> tuple[list[int], int]:
    tracemalloc.start()
    sizes = [
        len(each.content)
        for each in open_places([str(path)], Settings(), IMAGES)
        if isinstance(each.content, bytes)
    ]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return sizes, peak


def test_a_file_larger_than_the_limit_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members_module, "MOST_MEMBER_BYTES", 1 << 20)
    files = {"a.png": bytes(30 << 20), "b.png": b"fine"}
    for name in ("deflated.ZIP", "pax.tar", "packed.tgz"):
        path = MAKERS[name](tmp_path / name, files)
        large, fine = inputs(path)[0]
        assert large.error == "31,457,280 bytes is over the limit of 1 MB in an archive"
        assert fine.content == b"fine"
        assert peak_of(path)[1] < 8 << 20


def test_a_member_that_unpacks_to_more_than_it_claims(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.png": bytes(50 << 20)})
    content = bytearray(path.read_bytes())
    struct.pack_into("<L", content, content.index(b"PK\1\2") + 24, 1000)
    path.write_bytes(content)
    sizes, peak = peak_of(path)
    assert (sizes, peak < 1 << 20) == ([0], True)


@pytest.mark.parametrize("kind", [b"L", b"x"])
def test_a_header_of_a_gigabyte_is_refused(kind: bytes, tmp_path: Path) -> None:
    info = info_of("name", 1 << 30, type=kind)
    with gzip.open(tmp_path / "a.tgz", "wb", compresslevel=1) as file:
        file.write(info.tobuf())
        file.write(bytes(4 << 20))
    with pytest.raises(DataError, match=r"a header of 1,073,741,824 bytes; a name is not that long: refused"):
        inputs(tmp_path / "a.tgz")


def test_damage_anywhere_never_raises_anything_else(tmp_path: Path) -> None:
    draws = random.Random(0)
    files = {f"{n}.png": encoded(context(4, 4)) if n % 2 else bytes(2000) for n in range(6)}
    for name, maker in MAKERS.items():
        whole = maker(tmp_path / name, files).read_bytes()
        for _ in range(60):
            content = bytearray(whole)
            for _ in range(draws.randint(1, 4)):
                content[draws.randrange(len(content))] = draws.randrange(256)
            if draws.random() < 0.3:
                del content[draws.randrange(len(content)) :]
            (tmp_path / name).write_bytes(content)
            try:
                found = inputs(tmp_path / name)[0]
            except DataError:
                continue
            assert len(found) < 50


def test_members_agree_with_the_standard_library(tmp_path: Path) -> None:
    draws = random.Random(1)
    files = {
        f"folder {n % 3}/ü{n}.bin": draws.randbytes(draws.choice([0, 1, 511, 512, 513, 40_000]))
        for n in range(40)
    }
    assert contents(members_of(zipped(tmp_path / "a.zip", files))) == files
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        assert contents(members_of(tarred(tmp_path / "a.tar", files, form))) == files


def contents(members: Iterator[Member]) -> dict[str, bytes]:
    found = {}
    for member in members:
        start = member.start()
        found[member.name] = member.content()
        assert start == found[member.name][:16]
    return found
