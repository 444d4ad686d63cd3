"""Tables: CSV, TSV, JSONL and Parquet, some of them packed."""

import gzip
import io
import json
import random
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from fuzz.mutating import NAUGHTY, ODD_WHOLES, mutate_bytes, mutate_json
from fuzz.targets.written import FORMS
from pellucid.data.sources.labelled import read_data
from pellucid.settings import Settings


def _table(draw: random.Random) -> dict[str, list]:
    count = draw.choice((4, 30, 60))
    texts = [f"text number {row} of them" for row in range(count)]
    columns = {"text": texts, "label": [draw.choice(["a", "b"]) for _ in range(count)]}
    if draw.random() < 0.3:
        columns["split"] = [draw.choice(["train", "test", ""]) for _ in range(count)]
    if draw.random() < 0.3:
        columns["when"] = [f"2024-03-{1 + row % 28:02}" for row in range(count)]
    for _ in range(draw.choice((0, 1, 3))):
        column = draw.choice(sorted(columns))
        columns[column][draw.randrange(count)] = draw.choice([*NAUGHTY, 1, 1.5, None, True, 10**20])
    return columns


def _settings(draw: random.Random, columns: Mapping[str, list]) -> Settings:
    given: dict[str, object] = {}
    if "when" in columns and draw.random() < 0.5:
        given["time_column"] = "when"
    if draw.random() < 0.2:
        given["target"] = draw.choice(("number", "class"))
    if draw.random() < 0.2:
        given["skip_bad"] = True
    if draw.random() < 0.2:
        given["label_column"] = draw.choice(sorted(columns))
    return Settings(**given)


def table_trial(form: str) -> Callable[[random.Random, Path], str]:
    """Trial of tables of one form, some of them packed."""

    def trial(draw: random.Random, place: Path) -> str:
        columns = _table(draw)
        content = _written(form, columns, draw)
        if draw.random() < 0.8:
            content = mutate_bytes(draw, content)
        name = f"t.{form}"
        if draw.random() < 0.2:
            content, name = gzip.compress(content), f"{name}.gz"
            if draw.random() < 0.3:
                content = mutate_bytes(draw, content)
        (place / name).write_bytes(content)
        listing = read_data(str(place / name), _settings(draw, columns))
        assert len(listing.sources) == len(listing.labels) == len(listing.splits)
        for label in listing.labels:
            label.encode()
        return "read"

    return trial


def pair_trial(draw: random.Random, place: Path) -> str:
    """Trial of texts and labels line by line, with names of the classes, in a folder or an archive."""
    columns = _table(draw)
    names = {str(label): draw.choice([*NAUGHTY, "a", "b"]) for label in range(2)}
    files = {
        "train_text.txt": "\n".join(map(str, columns["text"])),
        "train_labels.txt": "\n".join(map(str, columns["label"])).replace("a", "0").replace("b", "1"),
        "mapping.txt": "".join(f"{number}\t{name}\n" for number, name in names.items()),
    }
    if draw.random() < 0.3:
        files = {"t.jsonl": _written("jsonl", columns, draw).decode("utf-8", "replace")}
        files["categories.json"] = json.dumps(draw.choice((names, list(names.values()), [names], 10**30)))
    folder = place / "wrapped" / "data"
    folder.mkdir(parents=True)
    (place / "wrapped" / "README.md").write_text("about it")
    changed = draw.choice(sorted(files))
    for name, text in files.items():
        content = text.encode(draw.choice(("utf-8", "utf-8", "utf-16")), "replace")
        (folder / name).write_bytes(mutate_bytes(draw, content) if name == changed else content)
    whole = place / "wrapped"
    if draw.random() < 0.3:
        whole = Path(shutil.make_archive(str(place / "packed"), draw.choice(("zip", "gztar")), whole))
    listing = read_data(str(whole), _settings(draw, {"label": []}))
    assert len(listing.sources) == len(listing.labels) == len(listing.texts or ())
    for label in listing.labels:
        label.encode()
    return "read"


def _written(form: str, columns: Mapping[str, list], draw: random.Random) -> bytes:
    if form in FORMS:
        return FORMS[form](draw, columns)
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if form == "jsonl":
        return "\n".join(
            json.dumps(mutate_json(draw, row) if draw.random() < 0.02 else row) for row in rows
        ).encode()
    if form in ("csv", "tsv"):
        import csv

        text = io.StringIO()
        writer = csv.writer(text, delimiter="," if form == "csv" else "\t")
        writer.writerow(columns)
        writer.writerows(row.values() for row in rows)
        return text.getvalue().encode(
            draw.choice(("utf-8", "utf-8", "utf-16", "cp1252", "utf-32")), "replace"
        )
    arrays = {}
    for name, values in columns.items():
        kind = draw.choice((pa.string(), pa.large_string(), pa.binary()))
        cells = [None if each is None else str(each).encode("utf-8", "replace") for each in values]
        arrays[name] = pa.array(cells, pa.binary()).cast(kind)
    if draw.random() < 0.3:
        count = len(rows)
        arrays["odd"] = draw.choice([
            pa.array([draw.choice(ODD_WHOLES) for _ in range(count)], pa.int64()).cast(pa.timestamp("us")),
            pa.array([2**31 - 1] * count, pa.int32()).cast(pa.date32()), pa.array([[1.0]] * count),
            pa.array([{"a": 1}] * count), pa.array([1.5] * count), pa.nulls(count),
        ])  # fmt: skip
    sink = io.BytesIO()
    given = {"use_dictionary": draw.random() < 0.7, "data_page_version": draw.choice(("1.0", "2.0"))}
    packing = draw.choice(("none", "snappy", "zstd", "gzip"))
    parquet.write_table(pa.table(arrays), sink, compression=packing, **given)
    return sink.getvalue()
