"""Decoders in child processes: the same answers, and files that end a decoder end nothing else."""

import csv
import gzip
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
from made_images import decode_image
from pellucid.bundle import save
from pellucid.cli.main import main
from pellucid.data.data_files import Stored, contents
from pellucid.data.images.decoding import DECODING, header_of
from pellucid.data.tables.table_files import open_table
from pellucid.errors import DataError
from pellucid.language.codes import codes
from pellucid.language.sentence import message_of
from pellucid.safety import isolation
from pellucid.safety.isolation import Worker, isolated
from small_models import trained_model, write_digits

LAYOUTS = Path(__file__).parents[2] / "data" / "layouts"
SHARD = LAYOUTS / "hub" / "data" / "train-00000-of-00002.parquet"
SAVED = LAYOUTS / "saved" / "train" / "data-00000-of-00001.arrow"
KNOWN = "{place}: empty label at {some}; fill it in or remove the row"
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
            patch.setattr("pellucid.safety.isolation.Room.inside", None)
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
    "time": [time(1, 2, 3, 4), None, time(0), time(23, 59)],
    "span": [timedelta(days=-1, microseconds=1), None, timedelta(0), timedelta(1)],
    "decimal": [Decimal("1.50"), None, Decimal("-0.01"), Decimal("0.00")],
    "category": pa.array(["a", "b", None, "a"]).dictionary_encode(),
}
BEYOND = {
    "beyond": pa.array([2**62, 0, None, 1], pa.timestamp("us")),
    "list": [[1], [], None, [2, 3]],
    "structure": [{"a": 1}, None, {"a": 2}, {"a": 3}],
}


def write_every(path, made):
    """Write a table by the ending of its name."""
    sink = pa.BufferOutputStream()
    if ".arrow" in path.name:
        with pa.ipc.new_stream(sink, made.schema) as out:
            out.write_table(made)
    else:
        parquet.write_table(made, sink)
    content = sink.getvalue().to_pybytes()
    path.write_bytes(gzip.compress(content) if path.name.endswith("gz") else content)


@pytest.mark.parametrize("name", ["t.parquet", "t.parquet.gz", "t.arrow"])
def test_the_worker_hands_back_what_arrow_reads(name, tmp_path):
    made = pa.table({**EVERY, **BEYOND})
    write_every(tmp_path / name, made)
    table = open_table(tmp_path / name, "t")
    (block,) = table.read(table.names)
    for column in EVERY:
        expected = made[column].to_pylist()
        assert list(map(_shown, block.columns[column])) == list(map(_shown, expected)), column
    assert block.columns["beyond"][1:] == [datetime(1970, 1, 1), None, datetime(1970, 1, 1, 0, 0, 0, 1)]
    assert block.columns["beyond"][0] == "timestamp[us] out of range"
    assert list(block.columns["list"]) == made["list"].to_pylist()
    assert list(block.columns["structure"]) == [[]] * 4
    assert list(block.numbers) == [1, 2, 3, 4]


def _shown(cell):
    """A moment of Berlin has its offset apart, and the name of its zone here: they are written alike."""
    return [type(cell), cell.isoformat() if isinstance(cell, datetime) else repr(cell)]


def test_one_worker_serves_all_files_and_is_started_afresh_after_a_refusal(tmp_path):
    for number in range(3):
        parquet.write_table(pa.table({"a": ["b"] * 30_000}), tmp_path / f"{number}.parquet")
    worker = Worker.of("columns")
    tables = [open_table(tmp_path / f"{number}.parquet", "t") for number in range(2)]
    first = worker._child
    blocks = list(map(iter, (table.read(["a"]) for table in tables)))
    assert [len(next(each).numbers) for each in blocks for _ in range(2)] == [10_000] * 4
    assert worker._child is first
    (tmp_path / "2.parquet").write_bytes(b"PAR1 none PAR1")
    with pytest.raises(DataError, match="t: not a readable Parquet file"):
        open_table(tmp_path / "2.parquet", "t")
    # The others go on where they were, in another process.
    assert [list(next(each).numbers) for each in blocks] == [list(range(20_001, 30_001))] * 2
    assert worker._child is not first
    assert first.is_closed


def test_a_raised_budget_starts_another_worker(tmp_path, monkeypatch):
    parquet.write_table(
        pa.table({"a": ["b" * (40 << 20)], "b": ["c"]}), tmp_path / "t.parquet", compression="zstd"
    )
    monkeypatch.setenv("PELLUCID_UNPACKED_GB", "0.01")
    with pytest.raises(DataError, match=r"t: unpacks to more than 10 MB; if you trust it"):
        open_table(tmp_path / "t.parquet", "t")
    monkeypatch.setenv("PELLUCID_UNPACKED_GB", "0.1")
    assert len(open_table(tmp_path / "t.parquet", "t").head.columns["a"][0]) == 40 << 20


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of memory")
def test_a_batch_that_takes_too_much_memory_is_read_with_fewer_rows(tmp_path, monkeypatch):
    """A thousand rows of a megabyte in a dictionary of a few: a gigabyte at once, but not a few at a time."""
    monkeypatch.setenv("PELLUCID_MEMORY_GB", "0.1")
    texts = [str(number) * (1 << 20) for number in range(3)]
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 1] * 100, pa.int8()), pa.array(texts))
    parquet.write_table(pa.table({"text": column.dictionary_decode()}), tmp_path / "t.parquet")
    table = open_table(tmp_path / "t.parquet", "t")
    found = [text[:3] for block in table.read(["text"]) for text in block.columns["text"]]
    assert found == ["000", "111", "222", "111"] * 100


@pytest.mark.slow
def test_long_texts_come_in_blocks_of_some_megabytes(tmp_path):
    texts = [f"{row}, " + "a,b,[c] " * (row % 7) * 600_000 for row in range(20)]
    parquet.write_table(pa.table({"text": texts, "label": [1] * 20}), tmp_path / "t.parquet")
    blocks = list(open_table(tmp_path / "t.parquet", "t").read(["text", "label"]))
    assert [text for block in blocks for text in block.columns["text"]] == texts
    assert len(blocks) > 2


def outcome_of(content):
    return content if isinstance(content, bytes) else str(content)


def test_columns_with_images_and_named_classes():
    found = []
    for path in (SHARD, SAVED):
        table = open_table(path, path.name)
        rows = len(table.head.numbers)
        (block,) = table.read(table.names)
        images = table.images["image"]
        cells = stored_cells(path)
        order = (*range(rows), 0, 2, 1)
        read = list(map(outcome_of, contents(Stored(images, row) for row in (*order, rows))))
        assert read == [*(cells[row] for row in order), "holds no image in this row"]
        assert table.classes == {"label": ["cat", "dog"]}
        assert set(block.columns["label"]) == {"cat", "dog"}
        found.append([images.name_of(row) for row in range(2)])
    assert found == [[f"{path.name}:1", f"{path.name}:2"] for path in (SHARD, SAVED)]


def test_images_have_the_names_of_their_files_where_these_stand_beside_them(tmp_path):
    cells = [{"bytes": b"\x89PNG", "path": None if row == 1 else f"{row}.png"} for row in range(3)]
    parquet.write_table(pa.table({"image": cells}), tmp_path / "t.parquet")
    images = open_table(tmp_path / "t.parquet", "t").images["image"]
    assert [images.name_of(row) for row in range(4)] == ["t/0.png", "t:2", "t/2.png", "t:4"]


def stored_cells(path):
    """Bytes of the images in a file, as Arrow reads them."""
    made = parquet.read_table(path) if path is SHARD else pa.ipc.open_stream(path.read_bytes()).read_all()
    return [cell["bytes"] for cell in made["image"].to_pylist()]


@pytest.mark.parametrize("path", [SHARD, SAVED])
def test_damaged_files_of_images_give_the_same_bytes_or_a_reason(path, tmp_path):
    draw = random.Random(path.name)
    damaged = tmp_path / path.name
    whole = path.read_bytes()
    for _ in range(4):
        damaged.write_bytes(mutate_bytes(draw, whole))
        table = outcome(open_table, damaged, "t")
        if isinstance(table, str):
            assert table.startswith("refused: t: ")
            continue
        found = contents(Stored(each, row) for each in table.images.values() for row in range(6))
        assert all(isinstance(each, (bytes, DataError)) for each in found)


def test_behind_a_damaged_page_no_image_stands_for_another(tmp_path):
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
    images = open_table(path, "t").images["image"]
    found = list(map(outcome_of, contents(Stored(images, row) for row in range(len(cells)))))
    wrong = [row for row, (one, other) in enumerate(zip(found, cells, strict=True)) if one != other]
    assert 600 in wrong
    assert wrong == list(range(wrong[0], 800))
    assert all(isinstance(found[row], str) and found[row].startswith("cannot be read (") for row in wrong)


@pytest.mark.slow
def test_arrow_stays_out_of_the_parent(own_cache):
    script = """if True:
        import sys
        from pellucid.cli.main import main
        assert main(["inspect", sys.argv[1]]) == main(["inspect", sys.argv[2]]) == 0
        assert "pyarrow" not in sys.modules
    """
    done = subprocess.run([sys.executable, "-c", script, SHARD, SAVED], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


# Decoders with holes


@pytest.fixture
def broken_worker(monkeypatch):
    """A worker of tables with holes."""
    monkeypatch.setattr(isolation, "PROGRAM", "broken_decoder")
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=":")


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
        (
            "lie",
            "its decoder answered what no decoder answers (an image that is none); use an undamaged copy",
        ),
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


@pytest.mark.usefixtures("broken_worker")
@pytest.mark.parametrize("path", [SHARD, SAVED])
def test_a_table_that_ends_the_worker_is_refused_by_name(path):
    with pytest.raises(DataError, match=r"^ends: the process that decodes it ended by SIGSEGV"):
        open_table(path, "ends")
    assert open_table(path, "t").classes


@pytest.mark.usefixtures("broken_worker")
def test_a_table_that_takes_too_much_memory_is_refused_with_the_figure():
    with pytest.raises(DataError, match=r"^takes: takes more than 1,000 MB of memory .* PELLUCID_MEMORY_GB"):
        open_table(SHARD, "takes")


@pytest.mark.usefixtures("broken_worker")
def test_a_worker_that_lies_is_ended():
    with pytest.raises(
        DataError, match=r"^lies: its decoder answered what no decoder answers \(rows that are no numbers"
    ):
        open_table(SHARD, "lies")


@pytest.mark.usefixtures("broken_worker")
@pytest.mark.parametrize("path", [SHARD, SAVED])
def test_a_cell_that_ends_the_worker_is_a_bad_image_and_so_are_those_behind_it(path, capfd, own_cache):
    images = open_table(path, "t").images["image"]
    found = list(contents(Stored(images, row) for row in range(5)))
    assert all(isinstance(each, bytes) for each in found[:3])
    assert [str(each) for each in found[3:]] == [
        "the process that decodes it ended by SIGSEGV; use an undamaged copy"
    ] * 2
    assert main(["inspect", str(path)]) == 3
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
    monkeypatch.setattr("pellucid.safety.isolation.Room.inside", None)
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


def test_the_limit_of_memory_is_beyond_what_the_process_has_mapped_before():
    """An interpreter may map gigabytes that it never touches; an honest image must still fit."""
    pytest.importorskip("resource")
    script = (
        "import mmap, resource\n"
        "from pellucid.safety.isolation import SLACK, confine\n"
        "held = mmap.mmap(-1, 2 << 30)\n"
        "missing = confine(may_open=True, memory=1 << 30)\n"
        "print(missing, resource.getrlimit(resource.RLIMIT_AS)[0] - len(held) - SLACK - (1 << 30))\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    if "the memory" in ended.stdout or sys.platform != "linux":
        pytest.skip("this system does not limit the memory of a process")
    assert 0 < int(ended.stdout.split()[-1]) < 4 << 30


def test_an_error_of_a_child_keeps_its_template(tmp_path):
    place = tmp_path / "t.csv"
    place.write_text("text,label\nhello,ham\nfree,money,now\n")
    with pytest.raises(DataError) as refused:
        open_table(place, "t.csv")
    assert message_of(refused.value.sentence.template) in codes()
    assert refused.value.sentence.values["place"] == "t.csv"


@pytest.mark.parametrize(
    "reply",
    [
        {"error": "no", "message": "{value.__class__}", "values": ["x"]},
        {"error": "no", "message": "{value:>999999999}", "values": ["x"]},
        {"error": "no", "message": ["{place}"], "values": "x"},
        {"error": "no", "message": KNOWN, "values": ["too", "many", "of", "them"]},
        {"error": "no", "message": KNOWN, "values": ["t.csv", "row 3"]},  # which says something else
    ],
)
def test_only_a_message_of_ours_is_filled_for_a_child(reply):
    error = isolation._refusal(reply)
    assert (str(error), error.sentence.values) == ("no", {})


def test_a_message_of_ours_is_filled_with_texts_alone():
    text = "t{0}.csv: empty label at row 3; fill it in or remove the row"
    error = isolation._refusal({"error": text, "message": KNOWN, "values": ["t{0}.csv", "row 3"]})
    assert (str(error), error.sentence.template) == (text, KNOWN)
