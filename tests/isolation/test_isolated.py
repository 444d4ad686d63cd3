"""Decoders in child processes: the same answers, and files that end a decoder end nothing else."""

import csv
import random
import subprocess
import sys
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from fuzz.mutating import mutate_bytes
from fuzz.targets.images import IMAGE_FORMATS, images
from pellucid import isolation
from pellucid.bundle import save
from pellucid.cli.main import main
from pellucid.data.data_files import Stored, contents
from pellucid.data.images.decoding import decode_image, header_of
from pellucid.data.images.decoding_threads import DECODING
from pellucid.data.tables.table_files import open_table
from pellucid.encoding.vector_files import read_vectors
from pellucid.errors import DataError
from pellucid.isolation import isolated
from small_models import trained_model, write_digits

LAYOUTS = Path(__file__).parents[1] / "data" / "layouts"
SHARD = LAYOUTS / "hub" / "data" / "train-00000-of-00002.parquet"
SAVED = LAYOUTS / "saved" / "train" / "data-00000-of-00001.arrow"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs limits of processes")


@pytest.fixture(scope="module", autouse=True)
def _one_room():
    """Children for the whole file: each takes half a second to start."""
    with isolated():
        yield


@pytest.fixture
def here(monkeypatch):
    """Run something in this process."""

    def run(ask, *given):
        with monkeypatch.context() as patch:
            patch.setattr("pellucid.isolation.Room.inside", None)
            return outcome(ask, *given)

    return run


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """An empty cache, so that every image is read."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def outcome(ask, *given):
    try:
        return ask(*given)
    except DataError as error:
        return f"refused: {error}"


def assert_same(one, other):
    if isinstance(one, tuple) and isinstance(one[0], np.ndarray):
        np.testing.assert_array_equal(one[0], other[0])
        assert one[1:] == other[1:]
    else:
        assert one == other


@pytest.mark.parametrize("form", IMAGE_FORMATS)
def test_images_of_every_format_and_damaged_ones(form, here):
    draw = random.Random(form)
    whole = images(form)
    for content in [*whole, *(mutate_bytes(draw, draw.choice(whole)) for _ in range(20))]:
        assert_same(here(decode_image, content), outcome(decode_image, content))
        assert here(header_of, content) == outcome(header_of, content)


def test_a_large_image_waits_for_its_share_of_the_memory(tmp_path, here, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 255, (1100, 1200, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "large.png", compress_level=0)
    taken = []
    monkeypatch.setattr(DECODING, "asked", taken.append)
    assert_same(here(decode_image, tmp_path / "large.png"), decode_image(tmp_path / "large.png"))
    assert taken == [9 * 1100 * 1200] * 2


EVERY = {
    "text": ["a", "\x00", None, "\U0010ffff\u202e"],
    "bytes": [b"\xff", b"", None, b"a"],
    "number": [1.5, float("nan"), float("inf"), None],
    "whole": pa.array([2**64 - 1, 0, None, 1], pa.uint64()),
    "truth": [True, False, None, True],
    "day": [date(2024, 2, 29), None, date(1, 1, 1), date(9999, 12, 31)],
    "moment": [datetime(2024, 3, 1, 14, 5, 0, 7), None, datetime(1970, 1, 1), datetime(2000, 1, 1)],
    "zoned": pa.array([0, 10**15, None, -1], pa.timestamp("us", "Europe/Berlin")),
    "beyond": pa.array([2**62, 0, None, 1], pa.timestamp("us")),
    "time": [time(1, 2, 3, 4), None, time(0), time(23, 59)],
    "span": [timedelta(days=-1, microseconds=1), None, timedelta(0), timedelta(1)],
    "decimal": [Decimal("1.50"), None, Decimal("-0.01"), Decimal("0.00")],
    "list": [[1], [], None, [2, 3]],
    "structure": [{"a": 1}, None, {"a": 2}, {"a": 3}],
}


@pytest.mark.parametrize("ending", [".parquet", ".parquet.gz"])
def test_tables_of_every_type(ending, tmp_path, here):
    path = tmp_path / f"t{ending}"
    if ending == ".parquet":
        parquet.write_table(pa.table(EVERY), path)
    else:
        import gzip

        sink = pa.BufferOutputStream()
        parquet.write_table(pa.table(EVERY), sink)
        path.write_bytes(gzip.compress(sink.getvalue().to_pybytes()))

    def read():
        table = open_table(path, "t")
        return [
            [(name, [type(each), _shown(each)]) for name, cells in block.columns.items() for each in cells]
            for block in table.read(list(EVERY))
        ]

    assert here(read) == read()


def _shown(cell):
    """A moment of Berlin has its offset apart, and the name of its zone here: they are written alike."""
    return cell.isoformat() if isinstance(cell, datetime) else repr(cell)


def test_a_damaged_table_has_the_same_reason(tmp_path, here):
    parquet.write_table(pa.table({"a": ["b"] * 100}), tmp_path / "t.parquet")
    content = bytearray((tmp_path / "t.parquet").read_bytes())
    content[20:40] = b"\xff" * 20
    (tmp_path / "t.parquet").write_bytes(content)
    reason = here(open_table, tmp_path / "t.parquet", "t.parquet")
    assert reason.startswith("refused: t.parquet: not a readable Parquet file")
    assert outcome(open_table, tmp_path / "t.parquet", "t.parquet") == reason


@pytest.mark.slow
def test_long_texts_come_in_parts_of_the_same_blocks(tmp_path, here):
    texts = [f"{row}, " + "a,b,[c] " * (row % 7) * 60_000 for row in range(20)]
    parquet.write_table(pa.table({"text": texts, "label": [1] * 20}), tmp_path / "t.parquet")

    def read():
        table = open_table(tmp_path / "t.parquet", "t")
        return [table.head, *table.read(["text", "label"])]

    assert read() == here(read)


def test_columns_with_images_and_named_classes(here, monkeypatch):
    def read():
        found = []
        for path in (SHARD, SAVED):
            table = open_table(path, path.name)
            rows = len(table.head.numbers)
            blocks = [(dict(block.columns), list(block.numbers)) for block in table.read(table.names)]
            images = table.images["image"]
            names = [images.name_of(row) for row in range(rows)]
            stored = [Stored(images, row) for row in (*range(rows), 0, rows)]
            found.append((table.head, table.classes, blocks, names, list(map(outcome_of, contents(stored)))))
        return found

    whole = here(read)
    monkeypatch.setattr("pellucid.data.tables.columnar_files.ColumnsHere", None)  # nothing is read here
    assert read() == whole
    assert all(found[1] == {"label": ["cat", "dog"]} for found in whole)
    assert all(found[4][-1] == "holds no image in this row" for found in whole)


def outcome_of(content):
    return content if isinstance(content, bytes) else str(content)


@pytest.mark.parametrize("path", [SHARD, SAVED])
def test_damaged_files_of_images_have_the_same_reasons(path, tmp_path, here):
    draw = random.Random(path.name)
    damaged = tmp_path / path.name

    def read():
        images = open_table(damaged, "t").images.values()
        stored = [Stored(each, row) for each in images for row in range(6)]
        return list(map(outcome_of, contents(stored)))

    for _ in range(4):
        damaged.write_bytes(mutate_bytes(draw, path.read_bytes()))
        assert here(read) == outcome(read)


@pytest.mark.parametrize("is_apart", [False, True])
def test_behind_a_damaged_page_no_image_stands_for_another(is_apart, tmp_path, here):
    cells = [b"\x89PNG\r\n\x1a\n" + row.to_bytes(2) * 10_000 for row in range(1000)]
    path = tmp_path / "t.parquet"
    parquet.write_table(
        pa.table({"image": [{"bytes": cell} for cell in cells]}), path,
        compression="none", use_dictionary=False, row_group_size=800, data_page_size=20_000,
        write_batch_size=2,
    )  # fmt: skip
    content = bytearray(path.read_bytes())
    at = content.index(cells[600])
    content[at - 4 : at] = b"\xff" * 4
    path.write_bytes(content)

    def read():
        images = open_table(path, "t").images["image"]
        return list(map(outcome_of, contents(Stored(images, row) for row in range(len(cells)))))

    found = read() if is_apart else here(read)
    wrong = [row for row, (one, other) in enumerate(zip(found, cells, strict=True)) if one != other]
    assert 600 in wrong
    assert wrong == list(range(wrong[0], 800))
    assert all(isinstance(found[row], str) and found[row].startswith("cannot be read (") for row in wrong)


@pytest.mark.slow
def test_arrow_stays_out_of_the_parent(own_cache):
    script = """if True:
        import sys
        from pellucid.cli.main import main
        assert main(["inspect", sys.argv[1], "--isolate"]) == main(["inspect", sys.argv[2], "--isolate"]) == 0
        assert "pyarrow" not in sys.modules
    """
    done = subprocess.run([sys.executable, "-c", script, SHARD, SAVED], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_vocabulary_in_parquet_is_refused(tmp_path):
    np.save(tmp_path / "v.npy", np.zeros((1, 2), np.float32))
    parquet.write_table(pa.table({"word": ["a"]}), tmp_path / "v.parquet")
    with pytest.raises(DataError, match=r"v.parquet: a vocabulary in Parquet is not read under --isolate"):
        read_vectors(str(tmp_path / "v.npy"), ["a"])


# Decoders with holes


@pytest.fixture(scope="module")
def holes():
    """A room whose children do what a file says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(isolation, "PROGRAM", "broken_decoder")
        patch.syspath_prepend(str(Path(__file__).parent))
        patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=":")
        with isolated():
            yield


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("segv", "the process that decodes it ended by SIGSEGV; use an undamaged copy"),
        ("exit", "the process that decodes it ended with 3; use an undamaged copy"),
        ("spin", "the process that decodes it ended by SIGXCPU; use an undamaged copy"),
        ("lie", "its decoder says what it never would; use an undamaged copy"),
        ("memory", "too large for this machine's memory"),
        ("open", "corrupt image ([Errno 24] Too many open files: "),
        ("write", "corrupt image ([Errno 24] Too many open files: "),
    ],
)
def test_an_image_that_ends_its_decoder_is_one_that_cannot_be_read(what, reason, holes, tmp_path):
    (tmp_path / "secret").write_text("secret")
    place = tmp_path if what == "write" else tmp_path / "secret"
    with pytest.raises(DataError) as caught:
        decode_image(f"\x89PNG do {what} {place}".encode("latin-1"))
    assert str(caught.value).startswith(reason)
    assert not (tmp_path / "written").exists()
    good = write_digits(tmp_path, range(1))[0]
    assert decode_image(good).pixels.shape == (8, 8, 1)


@pytest.mark.parametrize("path", [SHARD, SAVED])
def test_a_table_that_ends_its_reader_is_refused_by_name(path, holes):
    with pytest.raises(DataError, match=r"^ends: the process that decodes it ended by SIGSEGV"):
        open_table(path, "ends")


def test_a_reader_that_lies_is_ended(holes):
    with pytest.raises(
        DataError, match=r"^lies: its decoder says what it never would \(rows that do not foll"
    ):
        open_table(SHARD, "lies")


@pytest.mark.parametrize("path", [SHARD, SAVED])
def test_a_cell_that_ends_its_reader_is_a_bad_image_and_so_are_those_behind_it(path, holes, capfd, own_cache):
    images = open_table(path, "t").images["image"]
    found = list(contents(Stored(images, row) for row in range(5)))
    assert all(isinstance(each, bytes) for each in found[:3])
    assert [str(each) for each in found[3:]] == [
        "the process that decodes it ended by SIGSEGV; use an undamaged copy"
    ] * 2
    assert main(["inspect", str(path), "--isolate"]) == 3
    said = capfd.readouterr().err
    assert path.name in said
    assert "the process that decodes it ended by SIGSEGV; use an undamaged copy" in said


def rows_of(path):
    with path.open(newline="") as file:
        return {row["input"]: row for row in csv.DictReader(file)}


def test_commands_go_on_behind_it(tmp_path, capfd, monkeypatch):
    (tmp_path / "run").mkdir()
    save(trained_model(), tmp_path / "run" / "model", {})
    paths = write_digits(tmp_path / "images", range(12), by_class=True)
    words = ["predict", str(tmp_path / "run"), str(tmp_path / "images"), "--out"]
    monkeypatch.setattr("pellucid.isolation.Room.inside", None)
    assert main([*words, str(tmp_path / "here.csv")]) == 0
    monkeypatch.setattr(isolation, "PROGRAM", "broken_decoder")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=":")
    paths[3].write_bytes(b"\x89PNG do segv")
    assert main([*words, str(tmp_path / "apart.csv"), "--isolate"]) == 0
    here, apart = (rows_of(tmp_path / name) for name in ("here.csv", "apart.csv"))
    bad = here.pop(str(paths[3]))
    assert bad["label"]
    assert (
        apart.pop(str(paths[3]))["error"]
        == "the process that decodes it ended by SIGSEGV; use an undamaged copy"
    )
    assert apart == here
    capfd.readouterr()
    assert main(["inspect", str(tmp_path / "images"), "--isolate"]) == 3
    assert f"{paths[3]}: the process that decodes it ended by SIGSEGV" in capfd.readouterr().err


def test_what_the_system_does_not_limit_is_said_once(monkeypatch, tmp_path):
    said = []
    monkeypatch.setattr(isolation, "PROGRAM", "broken_decoder")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=":")
    monkeypatch.setenv("UNLIMITED", "RLIMIT_AS")
    with isolated(said.append):
        decode_image(write_digits(tmp_path, range(1))[0])
    assert said == ["warning: --isolate: this system does not limit the memory"]
