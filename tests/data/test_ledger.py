import gzip
import json

import numpy as np
import pytest

from data.made import images_of, listing_of, write_class_folders
from pellucid.data import ledger, prepare, write_ledger
from pellucid.errors import StorageError
from pellucid.settings import Settings


def rows_of(place, settings, folder):
    dataset, check = prepare(place, settings)
    path = write_ledger(folder, dataset, check)
    return [json.loads(line) for line in path.read_text().splitlines()], dataset


def test_one_line_per_example_read_with_its_split(tmp_path):
    rows, dataset = rows_of(listing_of(["a", "b"] * 20), Settings(), tmp_path)
    assert [row["id"] for row in rows] == list(range(40))
    assert set(rows[0]) == {"id", "source", "label", "split", "fate", "reason", "content"}
    assert rows[7]["source"] == "table.csv:8"
    assert rows[7]["label"] == "b"
    assert {row["fate"] for row in rows} == {"used"}
    for name, positions in dataset.split_positions.items():
        assert [row["id"] for row in rows if row["split"] == name] == positions.tolist()


def test_skipped_examples_keep_their_label_and_get_the_reason(tmp_path):
    folder = write_class_folders(tmp_path / "photos", {"cat": 6, "dog": 6, "hen": 1})
    (folder / "hen" / "000.png").write_bytes(b"<!DOCTYPE html><html></html>")
    rows, dataset = rows_of(str(folder), Settings(skip_bad=True), tmp_path)
    assert dataset.classes == ("cat", "dog")
    skipped = [row for row in rows if row["fate"] == "skipped"]
    assert [(row["label"], row["split"]) for row in skipped] == [("hen", "")]
    assert "HTML" in skipped[0]["reason"]


def test_copies_leaks_and_conflicts_are_said(tmp_path):
    pixels = images_of(40)
    pixels[12] = pixels[10]  # inside train
    pixels[13] = pixels[11] = pixels[2]  # conflict, inside train
    pixels[36] = pixels[30]  # leaked from validation
    splits = ["train"] * 25 + ["validation"] * 8 + ["test"] * 7
    labels = ["a", "b"] * 20
    rows, _ = rows_of(listing_of(labels, splits=splits, pixels=pixels), Settings(), tmp_path)
    assert (rows[12]["fate"], rows[12]["reason"]) == ("used", "exact copy of table.csv:11 in train")
    assert rows[13]["reason"] == "exact copy of table.csv:3 in train, labelled 'a' there"
    assert (rows[36]["fate"], rows[36]["reason"]) == ("leaked", "exact copy of table.csv:31 in validation")
    assert {row["fate"] for row in rows[:36]} == {"used"}


def test_a_leak_whose_test_example_comes_first_is_said_there(tmp_path):
    pixels = images_of(20)
    pixels[15] = pixels[0]
    splits = ["test"] * 4 + ["train"] * 12 + ["validation"] * 4
    rows, _ = rows_of(listing_of(["a", "b"] * 10, splits=splits, pixels=pixels), Settings(), tmp_path)
    assert (rows[0]["fate"], rows[0]["reason"]) == (
        "leaked",
        "exact copy of table.csv:16 in train, labelled 'b' there",
    )


def test_above_the_limit_it_is_packed_and_equal_data_gives_equal_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "LARGEST_PLAIN", 30)
    dataset, check = prepare(listing_of(["a", "b"] * 20), Settings())
    path = write_ledger(tmp_path, dataset, check)
    first = path.read_bytes()
    assert path.name == "data.jsonl.gz"
    assert len(gzip.decompress(first).splitlines()) == 40
    monkeypatch.setattr("time.time", lambda: 1e9)
    assert write_ledger(tmp_path, dataset, check).read_bytes() == first


def test_hostile_names_stay_one_line_each(tmp_path):
    labels = ["a\nb", "\x1b[31m<script>"] * 10
    dataset, check = prepare(listing_of(labels), Settings())
    lines = write_ledger(tmp_path, dataset, check).read_bytes().split(b"\n")
    assert len(lines) == 21
    assert json.loads(lines[0])["label"] == "a\nb"
    assert b"\x1b" not in b"".join(lines)


def test_missing_folder_is_a_storage_error(tmp_path):
    dataset, check = prepare(listing_of(["a", "b"] * 10), Settings())
    with pytest.raises(StorageError, match="cannot write"):
        write_ledger(tmp_path / "missing", dataset, check)


def test_twenty_thousand_lines_are_quick():
    import time

    pixels = np.arange(20_000, dtype=np.uint16).view(np.uint8).reshape(-1, 2, 1, 1)
    dataset, check = prepare(listing_of(["a", "b"] * 10_000, pixels=pixels), Settings())
    started = time.process_time()
    assert len(list(ledger.ledger_lines(dataset, check))) == 20_000
    assert time.process_time() - started < 1
