import csv
import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyarrow import parquet

from pellucid.answering.answers import Answer, answers_to, columns_of, rows_of
from pellucid.answering.decisions import Decisions, PredictOptions
from pellucid.answering.incoming import Block
from pellucid.bundle.held_out import Answers
from pellucid.errors import StorageError, UsageError
from pellucid.input_kinds import IMAGES
from pellucid.targets import CLASSIFICATION

ANSWERS = [
    Answer("photos/a.png", "cat", 0.75, "", 0.5, (0.75, 0.25)),
    Answer("photos/b.png", None, None, "truncated image", None, (None, None)),
]


def write(out, answers=ANSWERS, classes=("cat", "dog")):
    with answers_to(out, columns_of(classes)) as sink:
        for answer in answers:
            sink([answer])


def test_probabilities_have_the_digits_that_models_compute_with_and_decisions_all(tmp_path):
    model = with_probabilities([[1 / 3, 2 / 3], [0.49999999999, 0.50000000001], [1e-9 / 7, 1 - 1e-9 / 7]])
    rows, answers, _ = rows_of(model, Block(["a", "b", "c"], np.zeros((3, 0)), [""] * 3))
    assert [row.probability for row in rows] == [0.6666667, 0.5, 1.0]
    assert [row.probabilities for row in rows] == [(0.3333333, 0.6666667), (0.5, 0.5), (1.428571e-10, 1.0)]
    assert {row.label for row in rows} == {"dog"}
    assert answers.said[0, 0] == 1 / 3


def with_probabilities(said):
    """Decisions of a model that says these, whatever it is asked about."""
    model = SimpleNamespace(
        answer=lambda inputs: Answers(np.array(said), None),
        classes=("cat", "dog"),
        target=CLASSIFICATION,
        input_kind=IMAGES,
        threshold={},
        novelty_rate=None,
        held_out=None,
    )
    return Decisions(model, PredictOptions(probabilities=True), "a model")


def test_csv(tmp_path):
    write(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines() == [
        "input,label,probability,error,novelty,cat,dog",
        "photos/a.png,cat,0.75,,0.5,0.75,0.25",
        "photos/b.png,,,truncated image,,,",
    ]


def test_jsonl(tmp_path):
    write(tmp_path / "out.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert lines == [
        {
            "input": "photos/a.png", "label": "cat", "probability": 0.75, "error": "", "novelty": 0.5,
            "cat": 0.75, "dog": 0.25,
        },
        {
            "input": "photos/b.png", "label": None, "probability": None, "error": "truncated image",
            "novelty": None, "cat": None, "dog": None,
        },
    ]  # fmt: skip
    assert list(lines[0]) == ["input", "label", "probability", "error", "novelty", "cat", "dog"]


def test_parquet(tmp_path):
    many = ANSWERS * 5000
    with answers_to(tmp_path / "out.parquet", columns_of(("cat", "dog"))) as sink:
        for start in range(0, len(many), 256):
            sink(many[start : start + 256])
    table = parquet.read_table(tmp_path / "out.parquet")
    assert table.column_names == ["input", "label", "probability", "error", "novelty", "cat", "dog"]
    assert [str(kind) for kind in table.schema.types] == [
        "string", "string", "double", "string", "double", "double", "double",
    ]  # fmt: skip
    assert table.num_rows == 10_000
    assert table.slice(9998, 2).to_pylist() == [
        {
            "input": "photos/a.png", "label": "cat", "probability": 0.75, "error": "", "novelty": 0.5,
            "cat": 0.75, "dog": 0.25,
        },
        {
            "input": "photos/b.png", "label": None, "probability": None, "error": "truncated image",
            "novelty": None, "cat": None, "dog": None,
        },
    ]  # fmt: skip
    assert parquet.ParquetFile(tmp_path / "out.parquet").num_row_groups <= 3


NUMBERS = [Answer("a.png", -3.25, None, ""), Answer("b.png", None, None, "truncated image")]


def test_numbers_are_labels_without_a_probability(tmp_path):
    for ending in ("csv", "jsonl", "parquet"):
        with answers_to(tmp_path / f"out.{ending}", columns_of((), label=float)) as sink:
            sink(NUMBERS)
    assert (tmp_path / "out.csv").read_text().splitlines() == [
        "input,label,probability,error,novelty", "a.png,-3.25,,,", "b.png,,,truncated image,",
    ]  # fmt: skip
    first, second = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert first == {"input": "a.png", "label": -3.25, "probability": None, "error": "", "novelty": None}
    table = parquet.read_table(tmp_path / "out.parquet")
    assert [str(kind) for kind in table.schema.types] == ["string", "double", "double", "string", "double"]
    assert table.to_pylist() == [first, second]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_nothing_to_say_is_a_file_without_rows(ending, tmp_path):
    write(tmp_path / f"out.{ending}", [])
    assert (tmp_path / f"out.{ending}").exists()
    if ending == "csv":
        assert (tmp_path / "out.csv").read_text() == "input,label,probability,error,novelty,cat,dog\n"
    if ending == "parquet":
        assert parquet.read_table(tmp_path / "out.parquet").num_rows == 0


def test_standard_output_is_csv_in_utf8(capfdbinary):
    write(None, [Answer("ä\n.png", "猫", 1.0, "")], ())
    assert (
        capfdbinary.readouterr().out == 'input,label,probability,error,novelty\n"ä\n.png",猫,1.0,,\n'.encode()
    )


@pytest.mark.parametrize("start", ["=", "@", "\r"])
def test_a_spreadsheet_never_takes_a_text_for_a_formula(start, tmp_path):
    hostile = f'{start}cmd|"/C calc"!A0'
    answer = Answer(hostile, hostile, 0.5, hostile, 0.25, (0.5, 1e-9))
    write(tmp_path / "out.csv", [answer], (hostile, "dog"))
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        header, row = csv.reader(file)
    assert header == ["input", "label", "probability", "error", "novelty", "'" + hostile, "dog"]
    assert row == ["'" + hostile, "'" + hostile, "0.5", "'" + hostile, "0.25", "0.5", "1e-09"]
    write(tmp_path / "out.jsonl", [answer], (hostile, "dog"))
    assert json.loads((tmp_path / "out.jsonl").read_text())["label"] == hostile
    write(tmp_path / "out.parquet", [answer], (hostile, "dog"))
    assert parquet.read_table(tmp_path / "out.parquet")["label"].to_pylist() == [hostile]


NAUGHTY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")).filter(
    lambda text: not text.startswith(tuple("=+-@\t\r\n"))
)


@given(st.lists(NAUGHTY, min_size=1, max_size=5))
@example(["0\r", "a\r\nb"])
def test_any_name_comes_back_from_csv(tmp_path_factory, names):
    out = tmp_path_factory.mktemp("names") / "out.csv"
    write(out, [Answer(name, name, 0.5, "") for name in names], ())
    rows = list(csv.DictReader(io.StringIO(out.read_bytes().decode(), newline="")))
    assert [row["input"] for row in rows] == names
    assert [row["label"] for row in rows] == names


def test_a_name_that_is_no_unicode_shows_its_bytes(tmp_path):
    answer = Answer("caf\udce9.png", "cat", 0.5, "")
    for ending in ("csv", "jsonl", "parquet"):
        write(tmp_path / f"out.{ending}", [answer], ())
    assert "caf\\xe9.png,cat" in (tmp_path / "out.csv").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))["input"] == "caf\\xe9.png"
    assert parquet.read_table(tmp_path / "out.parquet")["input"].to_pylist() == ["caf\\xe9.png"]


def test_no_two_columns_share_a_name():
    assert list(columns_of(["cat", "dog"]))[5:] == ["cat", "dog"]
    assert list(columns_of(["label", "novelty"]))[5:] == ["class label", "class novelty"]
    assert list(columns_of(["label", "class label"]))[5:] == ["class class label", "class label"]


@pytest.mark.parametrize("name", ["out.txt", "out.csv.gz"])
def test_another_ending(name, tmp_path):
    with pytest.raises(UsageError, match=r"--out: .* does not end in \.csv, \.jsonl, \.parquet"):
        write(tmp_path / name)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_an_error_half_way_leaves_the_former_file(ending, tmp_path):
    out = tmp_path / f"out.{ending}"
    out.write_text("former")

    def break_off():
        with answers_to(out, columns_of(("cat", "dog"))) as sink:
            sink(ANSWERS * 3000)
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        break_off()
    assert out.read_text() == "former"
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_missing_folder(ending, tmp_path):
    with pytest.raises(StorageError, match="create the folder first"):
        write(tmp_path / "no" / f"out.{ending}")
