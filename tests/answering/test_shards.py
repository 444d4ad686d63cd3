"""Shards of a prediction: together they are the whole, byte for byte, and a merge refuses anything else."""

import json
import shutil
import tarfile
import zipfile

import pyarrow as pa
import pytest
from pyarrow import parquet

from models_with_detectors import with_detector
from pellucid import TextClassifier
from pellucid.answering import incoming, resumable_output
from pellucid.answering.decisions import PredictOptions
from pellucid.answering.incoming import Shard
from pellucid.answering.predict import Listener, predict
from pellucid.answering.shards import merge, part_of, shard_of
from pellucid.bundle import save
from pellucid.data.sources import blocks
from pellucid.errors import DataError, StorageError, UsageError
from pellucid.settings import Settings
from small_models import trained_model, untrained_model, write_digits

FORMS = ("csv", "jsonl", "parquet")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "_MOST_IN_BLOCK", 8)
    monkeypatch.setattr(incoming, "_MOST_IN_BLOCK", 8)
    monkeypatch.setattr(resumable_output, "_SECONDS_BETWEEN", 0.0)
    monkeypatch.setattr("pellucid.answering.answers._ROWS_PER_GROUP", 13)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run, and its inputs in every form; one image cannot be read."""
    folder = tmp_path_factory.mktemp("shards")
    save(with_detector(trained_model(), train=1000, validation=300), folder / "model", {})
    paths = write_digits(folder / "images", range(60))
    paths[3].write_bytes(b"")
    (folder / "images" / "notes.txt").write_text("no image")
    (folder / "paths.csv").write_text("image\n" + "".join(f"images/{path.name}\n" for path in paths))
    names = [f"images/{path.name}" for path in paths]
    parquet.write_table(pa.table({"image": names}), folder / "paths.parquet", row_group_size=7)
    cells = {"number": range(60), "image": [path.read_bytes() for path in paths]}
    parquet.write_table(pa.table(cells), folder / "cells.parquet", row_group_size=7)
    with zipfile.ZipFile(folder / "packed.zip", "w") as packed:
        for path in paths:
            packed.write(path, f"inside/{path.stem}" if path.stem.endswith("7") else f"inside/{path.name}")
    with tarfile.open(folder / "packed.tar.gz", "w:gz") as archive:
        archive.add(folder / "images", "inside")
    return folder


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """A model of texts, and a folder and a table of them."""
    folder = tmp_path_factory.mktemp("texts")
    said = ["good film", "nice film", "bad film", "awful film"]
    TextClassifier(model="bag", epochs=2).fit(said * 10, ["pos", "pos", "neg", "neg"] * 10).save(
        folder / "model"
    )
    rows = [f"{said[n % 4]} of {n} words" + " and more" * (n % 5) for n in range(60)]
    (folder / "mails").mkdir()
    for number, text in enumerate(rows):
        (folder / "mails" / f"{number:02}.txt").write_text(text)
    (folder / "table.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in rows))
    parquet.write_table(pa.table({"text": rows}), folder / "table.parquet", row_group_size=7)
    return folder


def ask(folder, places, out, *, shard=None, resume=False, **more):
    options = PredictOptions(probabilities=True)
    given = [str(folder / place) for place in places]
    return predict(
        folder / "model", given, out, Settings(), options=options, shard=shard, resume=resume, **more
    )


def in_shards(folder, places, out, number):
    return [ask(folder, places, out, shard=Shard(each, number)) for each in range(1, number + 1)]


IMAGES = [
    ["images"],
    ["paths.csv"],
    ["paths.parquet"],
    ["cells.parquet"],
    ["packed.zip"],
    ["images/0000.png", "packed.zip", "images", "images/0001.png", "cells.parquet", "paths.csv"],
    ["images/*1.png"],
]


@pytest.mark.parametrize("places", IMAGES, ids=lambda places: " ".join(places))
def test_shards_of_images_merge_into_the_bytes_of_one(places, folder, tmp_path):
    ask(folder, places, tmp_path / "whole.csv")
    for number in (1, 3, 4):
        parts = in_shards(folder, places, tmp_path / "out.csv", number)
        merged = merge(tmp_path / "out.csv")
        assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
        assert merged.parts == number
        assert merged.rows == sum(part.labelled + part.unreadable for part in parts)
        for path in tmp_path.glob("out.*-of-*"):
            path.unlink()


@pytest.mark.parametrize(
    "places", [["mails"], ["table.jsonl"], ["table.parquet"], ["table.parquet", "mails"]]
)
@pytest.mark.parametrize("form", FORMS)
def test_shards_of_texts_merge_into_the_bytes_of_one(form, places, texts, tmp_path):
    whole, out = tmp_path / f"whole.{form}", tmp_path / f"out.{form}"
    ask(texts, places, whole, typed=("a nice one", "an awful one"))
    for number in (1, 2, 3):
        ask(texts, places, out, shard=Shard(number, 3), typed=("a nice one", "an awful one"))
    merge(out)
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("form", FORMS)
def test_more_shards_than_inputs(form, folder, tmp_path):
    whole, out = tmp_path / f"whole.{form}", tmp_path / f"out.{form}"
    ask(folder, ["images"], whole)
    parts = in_shards(folder, ["images"], out, 70)
    assert sum(part.labelled for part in parts) == 59
    assert sum(part.labelled == 0 for part in parts) == 62
    assert merge(out) == (70, 60)
    assert out.read_bytes() == whole.read_bytes()


def test_a_part_is_a_file_by_itself_and_sorted_by_name(folder, tmp_path):
    in_shards(folder, ["images"], tmp_path / "out.csv", 10)
    parts = sorted(tmp_path.glob("out.*-of-10.csv"))
    assert [path.name for path in parts] == [f"out.{number:02}-of-10.csv" for number in range(1, 11)]
    texts = [path.read_text().splitlines() for path in parts]
    assert {lines[0] for lines in texts} == {texts[0][0]}
    assert texts[0][0].startswith("input,label,probability,error,novelty,digit 0,")
    assert sum(len(lines) - 1 for lines in texts) == 60


def test_what_lies_before_a_shard_is_not_read(folder, tmp_path, monkeypatch):
    opened = []
    real = blocks.fit_inputs

    def noted(block, *more, **named):
        opened.extend(block)
        return real(block, *more, **named)

    monkeypatch.setattr(incoming, "fit_inputs", noted)
    ask(folder, ["cells.parquet"], tmp_path / "out.csv", shard=Shard(2, 4))
    assert [each.name.rpartition(":")[2] for each in opened] == [str(row) for row in range(17, 33)]


class Killed(BaseException):
    """Ends a predict as a kill would, as far as one process can."""


@pytest.mark.parametrize("form", FORMS)
def test_a_shard_that_was_killed_goes_on(form, folder, tmp_path):
    whole, out = tmp_path / f"whole.{form}", tmp_path / f"out.{form}"
    ask(folder, ["images"], whole)

    def die(done, total):
        assert total == 28
        if done >= 16:
            raise Killed

    for number in (2, 1):
        shard = Shard(number, 2)
        if number == 2:
            with pytest.raises(Killed):
                ask(folder, ["images"], out, shard=shard, listener=Listener(progress=die))
            assert not part_of(out, shard).exists()
            state = json.loads((resumable_output.folder_of(part_of(out, shard)) / "state.json").read_text())
            assert state["inputs"] == 16
        ask(folder, ["images"], out, shard=shard, resume=True)
    merge(out)
    assert out.read_bytes() == whole.read_bytes()
    assert not list(tmp_path.glob("*.partial"))


def test_a_finished_shard_is_left_as_it_is(folder, tmp_path, monkeypatch):
    out, shard = tmp_path / "out.csv", Shard(1, 2)
    first = ask(folder, ["images"], out, shard=shard)
    before = part_of(out, shard).stat().st_mtime_ns
    with monkeypatch.context() as patched:
        patched.setattr(type(trained_model()), "answer", None)  # it is not asked
        assert ask(folder, ["images"], out, shard=shard, resume=True) == first
    assert part_of(out, shard).stat().st_mtime_ns == before
    save(untrained_model("mlp"), tmp_path / "model", {})
    places = [str(folder / "images")]
    predict(tmp_path / "model", places, out, Settings(), shard=shard, resume=True)
    assert part_of(out, shard).stat().st_mtime_ns != before


def test_a_finished_shard_whose_inputs_changed_is_refused(folder, tmp_path):
    shutil.copytree(folder / "images", tmp_path / "images")
    shutil.copytree(folder / "model", tmp_path / "model")
    ask(tmp_path, ["images"], tmp_path / "out.csv", shard=Shard(1, 2))
    (tmp_path / "images" / "0001.png").rename(tmp_path / "images" / "0001a.png")
    with pytest.raises(DataError, match="--resume: among the first 32 inputs"):
        ask(tmp_path, ["images"], tmp_path / "out.csv", shard=Shard(1, 2), resume=True)


# What a merge refuses.


@pytest.fixture
def parts(folder, tmp_path):
    """Three parts of a prediction, beside a former file."""
    out = tmp_path / "out.csv"
    out.write_text("former")
    in_shards(folder, ["images"], out, 3)
    return out


def refused(out, error, message):
    with pytest.raises(error, match=message):
        merge(out)
    assert out.read_text() == "former"


def test_a_missing_part(parts):
    for number in (1, 3):
        part_of(parts, Shard(number, 3)).unlink()
    refused(parts, UsageError, r"--merge: .*out\.csv lacks 2 of its 3 parts; .* --shard 1/3, 3/3")


def test_no_part_at_all(parts, tmp_path):
    message = r"--merge: there is no part of .*other\.csv, such as other\.1-of-8\.csv; write parts by predict"
    with pytest.raises(UsageError, match=message):
        merge(tmp_path / "other.csv")
    with pytest.raises(UsageError, match="there is no part of"):
        merge(tmp_path / "nowhere" / "out.csv")
    with pytest.raises(UsageError, match=r"--out: .*out\.txt does not end in"):
        merge(tmp_path / "out.txt")


def test_parts_of_several_numbers_of_shards(folder, parts):
    ask(folder, ["images"], parts, shard=Shard(2, 4))
    message = r"--merge: .*out\.csv has parts of different numbers of shards, 3, 4; keep those of one number"
    refused(parts, UsageError, message)


@pytest.mark.parametrize("damage", ["byte", "short", "no record", "record"])
def test_a_damaged_part(damage, parts):
    part = part_of(parts, Shard(2, 3))
    record = part.with_name(f"{part.name}.json")
    if damage == "byte":
        content = bytearray(part.read_bytes())
        content[100] ^= 1
        part.write_bytes(content)
    elif damage == "short":
        part.write_bytes(part.read_bytes()[:100])
    elif damage == "no record":
        record.unlink()
    else:
        record.write_text('{"format": 1}')
    refused(parts, DataError, r"out\.2-of-3\.csv: is not what its shard wrote.*--shard 2/3 again")


def test_a_part_of_another_model(folder, parts, tmp_path):
    save(untrained_model("mlp"), tmp_path / "model", {})
    predict(
        tmp_path / "model", [str(folder / "images")], parts, Settings(), shard=Shard(3, 3),
        options=PredictOptions(probabilities=True),
    )  # fmt: skip
    refused(parts, UsageError, "--merge: part 3 differs from part 1 in the model; run .* --shard 3/3 as")


def test_a_part_of_another_question(folder, parts):
    ask(folder, ["images", "images/0001.png"], parts, shard=Shard(2, 3))
    refused(parts, UsageError, "--merge: part 2 differs from part 1 in INPUT")
    predict(folder / "model", [str(folder / "images")], parts, Settings(), shard=Shard(2, 3))
    refused(parts, UsageError, "--merge: part 2 differs from part 1 in the columns")


@pytest.mark.parametrize("change", ["gone", "new", "moved", "at the end"])
def test_inputs_that_changed_between_two_shards(change, folder, tmp_path):
    shutil.copytree(folder / "images", tmp_path / "images")
    shutil.copytree(folder / "model", tmp_path / "model")
    out = tmp_path / "out.csv"
    out.write_text("former")
    ask(tmp_path, ["images"], out, shard=Shard(1, 2))
    if change == "gone":
        (tmp_path / "images" / "0001.png").unlink()
    elif change == "new":
        (tmp_path / "images" / "0001a.png").write_bytes(b"")
    elif change == "moved":
        (tmp_path / "images" / "0001.png").rename(tmp_path / "images" / "9.png")
    else:
        (tmp_path / "images" / "9.png").write_bytes(b"")
    ask(tmp_path, ["images"], out, shard=Shard(2, 2))
    refused(out, DataError, "--merge: part 2 does not begin where part 1 ends, so the inputs changed")


def test_copies_with_other_times_are_the_same_inputs(folder, tmp_path):
    whole, out = tmp_path / "whole.csv", tmp_path / "out.csv"
    table = tmp_path / "cells.parquet"
    shutil.copytree(folder / "model", tmp_path / "model")
    for number in (1, 2):
        shutil.copyfile(folder / "cells.parquet", table)
        ask(tmp_path, ["cells.parquet"], out, shard=Shard(number, 2))
    ask(tmp_path, ["cells.parquet"], whole)
    merge(out)
    assert out.read_bytes() == whole.read_bytes()


def test_a_file_that_cannot_be_written(parts):
    parts.unlink()
    parts.mkdir()
    with pytest.raises(StorageError, match=r"out\.csv: cannot write"):
        merge(parts)


# What --shard refuses.


@pytest.mark.parametrize(
    "words", ["0/8", "9/8", "1/0", "3", "3/", "a/b", "-1/8", "1/8/2", "1.0/2", "1/9999999", ""]
)
def test_what_is_no_shard(words):
    with pytest.raises(UsageError, match=r"--shard: .* is no shard; give I/N with I from 1 to N, such as"):
        shard_of(words)


def test_what_is_a_shard():
    assert shard_of("3/8") == (3, 8)
    assert str(shard_of("1/1")) == "1/1"


def test_standard_output_has_no_parts(folder):
    with pytest.raises(UsageError, match=r"--shard: a part is a file, .*; give --out"):
        ask(folder, ["images"], None, shard=Shard(1, 2))


def test_what_cannot_be_counted_is_refused(folder, tmp_path):
    message = r"--shard: how many inputs standard input or a \.tar\.gz holds shows only at its end; write it"
    with pytest.raises(UsageError, match=message):
        ask(folder, ["images", "packed.tar.gz"], tmp_path / "out.csv", shard=Shard(1, 2))
    assert list(tmp_path.iterdir()) == []
