"""Delimiter and quote of a table: a run remembers what it was given, and reads tables of the same kind."""

import csv
import io
import json
from pathlib import Path

import pytest

import pellucid
from command_line import rows_of
from forged_folders import document_of
from pellucid.answering.evaluate import evaluate
from pellucid.answering.predict import predict
from pellucid.bundle import load
from pellucid.errors import DataError, ModelFileError
from pellucid.settings import Settings
from small_models import sealed

GOOD, BAD = "a lovely; warm film, isn't it", "a dull; cold film, 'tis awful"
ROWS = [(f"{GOOD if number % 2 else BAD} {number}", "good" if number % 2 else "bad") for number in range(60)]


def table(path: Path, delimiter: str, quote: str, rows: list[tuple[str, str]] = ROWS) -> Path:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, quotechar=quote, quoting=csv.QUOTE_ALL)
    writer.writerows([("text", "label"), *rows])
    path.write_text(file.getvalue(), encoding="utf-8", newline="")
    return path


def answers(model: Path, path: Path, out: Path, **settings: object) -> list[str]:
    predict(model, [str(path)], out, Settings(**settings))  # type: ignore[arg-type]
    return [row["label"] for row in rows_of(out)]


@pytest.mark.parametrize(
    ("delimiter", "quote", "given", "remembered"),
    [
        (";", "'", {}, {"quote": "'"}),
        ("^", "~", {"delimiter": "^", "quote": "~"}, {"delimiter": "^", "quote": "~"}),
        (";", '"', {}, {}),
    ],
)
def test_a_run_reads_tables_like_its_own(
    tmp_path: Path, delimiter: str, quote: str, given: dict[str, str], remembered: dict[str, str]
) -> None:
    path = table(tmp_path / "t.csv", delimiter, quote)
    run = tmp_path / "run"
    pellucid.train(path, out=run, model="logistic-regression", seed=1, groups=False, **given)
    assert dict(load(run).dialect) == remembered
    assert document_of(run / "model").get("dialect", {}) == remembered
    config = json.loads((run / "config.json").read_text())
    assert {name: config["settings"][name] for name in given} == given
    # Without a delimiter in any field, so that nothing could be found out.
    plain = [("a lovely film", "good"), ("a dull film", "bad")]
    same = table(tmp_path / "same.csv", delimiter, quote, plain)
    usual = table(tmp_path / "usual.csv", ",", '"', plain)
    expected = answers(run, usual, tmp_path / "usual-out.csv", delimiter=",", quote='"')
    assert answers(run, same, tmp_path / "out.csv") == expected
    assert evaluate(run, str(path), Settings()).noun == "text"
    if "delimiter" in remembered:
        with pytest.raises(
            DataError, match=r"remembered by the model, separates nothing.*give --delimiter comma"
        ):
            answers(run, usual, tmp_path / "refused.csv")
    (run / "model" / "model.json").write_bytes(
        sealed({**document_of(run / "model"), "dialect": {"delimiter": "ab"}})
    )
    with pytest.raises(ModelFileError, match="dialect: 'delimiter' is not one character of a table"):
        load(run)
